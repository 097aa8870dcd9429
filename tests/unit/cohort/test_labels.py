"""Labels of masks: a cohort of one label has exactly the masks and measures of that label."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.cohorts import blob, head, write_pair
from support.volume_cohorts import CORE_VX, OEDEMA_VX, brats, named, save, three_labels, volume

from brainseg.cohort import Cohort
from brainseg.cohort.case_names import FLAIR_ABNORMALITY
from brainseg.cohort.label_layers import label_layers
from brainseg.cohort.label_measures import OF_LABEL
from brainseg.errors import CohortError
from brainseg.inference.record import record_of_case
from brainseg.statistics.labels import label_sizes
from brainseg.worklist import case_rows

REGIONS = {"whole tumour": (1, 2, 3), "tumour core": (1, 3), "enhancing tumour": (3,)}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    root = tmp_path_factory.mktemp("brats")
    brats(root, values=three_labels, suffix=".nii")
    return Cohort.open(root)


def pictures(root: Path, seed: int = 0) -> None:
    """Write a case of pictures with labels 1, 2 and both on three slices, and an empty mask."""
    for number in range(1, 5):
        mask = np.zeros((64, 64), np.uint8)
        mask[20:30, 20:40] = 1 if number in (1, 3) else 0
        mask[30:34, 20:40] = 2 if number in (2, 3) else 0
        for kind, pixels in (("images", head(seed + number)), ("masks", mask)):
            path = root / kind / f"c_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)


def test_the_regions_of_brats_are_labels_in_their_order(cohort: Cohort) -> None:
    assert cohort.labels == tuple(REGIONS)
    assert cohort.of_label("tumour core").labels == tuple(REGIONS)


@pytest.mark.parametrize("label", REGIONS)
def test_the_cohort_of_a_label_has_its_masks(cohort: Cohort, label: str) -> None:
    of_label = cohort.of_label(label)
    expected = np.isin(three_labels(), REGIONS[label])
    for case in of_label:
        masks, has_mask = case.masks()
        assert has_mask.all()
        assert (masks == expected).all()
        assert (case.slice_mask(8) == expected[7]).all()
        assert case.slices["area_px"].tolist() == expected.sum(axis=(1, 2)).tolist()
    assert of_label.slices.dtypes.equals(cohort.slices.dtypes)
    assert of_label.of_label(None) is cohort


def test_the_measures_of_a_label_are_those_of_a_cohort_that_has_this_label_alone(
    cohort: Cohort, tmp_path: Path
) -> None:
    brats(tmp_path, values=lambda: (three_labels() == 3).astype(np.uint8) * 3, suffix=".nii")
    alone = Cohort.open(tmp_path)
    found = cohort.of_label("enhancing tumour").slices[list(OF_LABEL)]
    assert found.equals(alone.slices[list(OF_LABEL)])


def test_the_layers_of_a_case_have_all_labels_and_the_chosen_one(cohort: Cohort) -> None:
    of_core = cohort.of_label("tumour core")
    for opened, chosen in ((cohort, None), (of_core, "tumour core")):
        layers = label_layers(opened, opened[0])
        assert layers.chosen == chosen
        assert [*layers.labels] == [*REGIONS]
        for name, values in REGIONS.items():
            assert (layers.mask(name) == np.isin(three_labels(), values)).all()


def test_an_unknown_label_is_refused_with_the_known_ones(cohort: Cohort) -> None:
    with pytest.raises(CohortError, match="no label “oedema”: choose among whole tumour, tumour"):
        cohort.of_label("oedema")


def test_results_of_a_label_have_a_folder_of_their_own(cohort: Cohort) -> None:
    core = cohort.of_label("tumour core")
    assert core.state_dir == cohort.state_dir == cohort.results_dir
    assert core.results_dir not in (cohort.results_dir, cohort.of_label("whole tumour").results_dir)


def test_masks_with_one_label_have_none_to_choose(tmp_path: Path) -> None:
    save(tmp_path / "P01.nii", volume(0)[..., 1])
    save(tmp_path / "P01_seg.nii", (three_labels() > 0).astype(np.uint8) * 2)
    cohort = Cohort.open(tmp_path)
    assert cohort.labels == ()
    assert label_layers(cohort, cohort[0]) is None
    with pytest.raises(CohortError, match="its masks have one label"):
        cohort.of_label("2")


def test_labels_without_a_name_are_numbered(tmp_path: Path) -> None:
    named(tmp_path)
    cohort = Cohort.open(tmp_path)
    assert [*map(cohort.label_words, cohort.labels)] == ["label 1", "label 2"]
    assert cohort.of_label("label 1").slices["area_px"].sum() == 2 * CORE_VX
    assert cohort.of_label("2").slices["area_px"].sum() == 2 * (OEDEMA_VX - CORE_VX)


def test_a_picture_on_which_one_label_occurs_counts_for_that_label(tmp_path: Path) -> None:
    pictures(tmp_path)
    cohort = Cohort.open(tmp_path)
    assert cohort.labels == ("1", "2")
    sizes, unit = label_sizes(cohort.slices)
    assert (unit, sizes["1"].tolist(), sizes["2"].tolist()) == ("voxels", [400], [160])
    for label, areas in {"1": [200, 0, 200, 0], "2": [0, 80, 80, 0]}.items():
        of_label = cohort.of_label(label)
        assert of_label.slices["area_px"].tolist() == areas
        (case,) = of_label
        assert case.masks()[0].sum(axis=(1, 2)).tolist() == areas
        assert [int(case.slice_mask(number).sum()) for number in range(1, 5)] == areas
        layers = label_layers(of_label, case)
        assert (layers.mask(f"label {label}") == case.masks()[0]).all()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", '{"1": "core", "2": "oedema"}'),
        ("labels.json", '{"background": 0, "core": 1, "oedema": 2}'),
        (
            "sub-1_desc-manual_dseg.tsv",
            "index\tname\tcolor\n0\tair\t#000\n1\tcore\t\n2\toedema\t\n",
        ),
    ],
)
def test_a_code_book_names_the_labels(tmp_path: Path, name: str, text: str) -> None:
    pictures(tmp_path)
    (tmp_path / name).write_text(text)
    cohort = Cohort.open(tmp_path)
    assert [*map(cohort.label_words, cohort.labels)] == ["core", "oedema"]
    assert cohort.of_label("core").slices["area_px"].sum() == 400
    assert case_rows(cohort)["label: oedema (voxels)"].tolist() == [160]


@pytest.mark.parametrize("text", ["[1]", json.dumps({"core": "x", "y": None}), "\xff"])
def test_a_damaged_code_book_is_noted_and_names_nothing(tmp_path: Path, text: str) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.json").write_text(text, encoding="latin-1")
    cohort = Cohort.open(tmp_path)
    assert cohort.label_words("1") == "label 1"
    assert any("labels.json names no labels" in note for note in cohort.notes)


def test_masks_outline_flair_abnormality_only_where_that_is_known(
    cohort: Cohort, tiny_cohort: Path, sample_root: Path, tmp_path: Path
) -> None:
    for root in (tiny_cohort, sample_root):
        known = Cohort.open(root)
        assert known.outlines_flair
        assert known.target == FLAIR_ABNORMALITY
    assert "FLAIR abnormality" in record_of_case(known[0]).mask_means
    assert not cohort.outlines_flair
    assert cohort.target == "union of whole tumour, tumour core, enhancing tumour"
    write_pair(tmp_path / "mine" / "case", "case", 1, head(1), blob(20, 20))
    other = Cohort.open(tmp_path / "mine")
    assert not other.labels
    assert other.target == "region outlined in the masks"
    assert record_of_case(other[0]).mask_means == f"the {other.target}, which the files do not name"
