"""Cohorts of NIfTI and DICOM files on the pages: each opens, with sizes in ml and mm."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.pages import open_page, texts
from support.volume_cohorts import NIFTI_LAYOUTS, OEDEMA_VX, VOXEL_ML, dicom_study, save, volume

from brainseg.cohort import Cohort
from brainseg.cohort import case as reading
from brainseg.reviews import open_measurements
from brainseg.volume import FLAIR
from dashboard.shared import cache, widgets

PAGES = ("overview", "case", "browser", "dataset", "similar", "tour", "checks", "evaluation")


def write(root: Path, layout: str) -> Path:
    if layout == "DICOM":
        dicom_study(root / "P01", 0, "P01")
        dicom_study(root / "P02", 1, "P02")
    else:
        NIFTI_LAYOUTS[layout](root)
    return root


@pytest.mark.parametrize("layout", ["nnU-Net", "BIDS", "DICOM"])
def test_the_worklist_shows_the_cases_with_their_volume_in_ml(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, layout: str
) -> None:
    app = open_page(monkeypatch, write(tmp_path / "data", layout), "worklist")
    assert not app.exception and not app.error
    rows = app.dataframe[0].value
    assert rows["tumour_ml"].dropna().tolist() == pytest.approx([OEDEMA_VX * VOXEL_ML] * 2)
    assert "tumour_vx" not in rows


@pytest.mark.parametrize("page", PAGES)
def test_each_page_opens_a_cohort_of_volumes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str
) -> None:
    app = open_page(monkeypatch, write(tmp_path / "data", "BraTS 2023"), page)
    assert not app.exception
    assert not app.error, app.error[0].value


def test_the_case_page_names_spacing_and_volume(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = open_page(monkeypatch, write(tmp_path / "data", "BraTS 2023"), "case")
    tables = " ".join(str(table.value) for table in app.table)
    assert "5 x 0.9 x 0.8 mm" in tables + texts(app)
    assert "1.3 ml" in tables + texts(app)


def test_measurements_on_a_case_of_dicom_files_are_offered_as_a_dicom_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offered: dict = {}
    monkeypatch.setattr(
        widgets, "download", lambda label, content, *_, **__: offered.update({label: content})
    )
    label, root = "Measurements (DICOM SR, ZIP)", tmp_path / "data"
    dicom_study(root / "P01", 0, "P01")
    open_page(monkeypatch, root, "case")
    assert label not in offered
    ruler = {"id": "a1", "kind": "ruler", "normal": 2, "name": "edge", "sequence": "FLAIR"}
    cohort = Cohort.open(root)
    drawn = [{**ruler, "points": [[1, 2, 1.5], [4, 6, 1.5]]}]
    open_measurements(cohort).change(cohort.cases[0], "AB", drawn)
    open_page(monkeypatch, root, "case")
    with zipfile.ZipFile(io.BytesIO(offered[label]())) as packed:
        (report,) = (name for name in packed.namelist() if name.endswith("_measurements.dcm"))
        assert pydicom.dcmread(io.BytesIO(packed.read(report))).Modality == "SR"


def test_all_pictures_of_a_case_of_volumes_cost_one_reading_of_images_and_one_of_masks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = Cohort.open(write(tmp_path / "data", "BraTS 2023"))
    name = opened.cases[0]
    whole, (masks, _) = opened.case(name).volume(), opened.case(name).masks()
    read: list[str] = []

    def counted(kind: str, run: Callable, root: Path, *given: object) -> object:
        if root == opened.root:  # a page of an earlier test may still prepare its next case
            read.append(kind)
        return run(root, *given)

    for kind in ("read_volume", "read_labels", "read_plane"):
        monkeypatch.setattr(reading, kind, partial(counted, kind, getattr(reading, kind)))
    for number in (8, 3):
        assert np.array_equal(cache.slice_pixels(opened, name, number), whole.pixels[number - 1])
        assert np.array_equal(cache.slice_mask(opened, name, number), masks[number - 1])
    cache.grey_windows(opened, name)
    assert sorted(read) == ["read_labels", "read_volume"]


def test_the_overview_asks_once_which_series_is_flair(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    for seed, case in enumerate(("P01", "P02")):
        for channel in range(2):
            save(root / f"{case}_{channel:04}.nii.gz", volume(seed)[..., channel])
    app = open_page(monkeypatch, root)
    assert app.expander[-1].label == "3 questions about this folder"
    app.selectbox(f"answer about {FLAIR}").select("0001.nii.gz")
    app.button("save_answers").click().run()
    assert not app.exception
    assert not app.error
    assert app.expander[-1].label == "Answers about this folder"
    shown = Cohort.open(root)[0].volume().sequence(FLAIR).ravel()
    assert np.corrcoef(shown, volume(0)[..., 1].ravel())[0, 1] > 0.999
