"""Prediction over folders: what is done is kept, what is bad is reported and passed over."""

import gzip
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.cohorts import CHECKOUT, FIRST, blob, head, write_pair
from support.dicom_series import written_series
from support.files import dicom
from support.jobs import fatal_tiff, use_fatal_files

from brainseg import RESEARCH_USE
from brainseg.batch.run import LOCK, RESULT, Wanted, in_words, predict_all
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, CohortError, ModelError
from brainseg.inference.prediction import FULL, predict
from brainseg.models import open_model
from brainseg.storage.locking import held
from brainseg.volume import FLAIR, POST_CONTRAST

MASKS_ALONE = Wanted(kinds=("masks",))


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


def pngs(result: dict) -> list[Path]:
    return [Path(path) for path in result["outputs"] if path.endswith("_prediction.png")]


def times(folder: Path) -> dict[Path, int]:
    """Return when each file below a folder was written, which a file that is kept does not change."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != LOCK]
    return {path: path.stat().st_mtime_ns for path in files}


def test_each_case_gets_its_masks_and_a_result(model, tiny_cohort, tmp_path):
    results = list(predict_all(tiny_cohort, tmp_path / "out", model))
    assert [result["case"] for result in results] == Cohort.open(tiny_cohort).cases
    for result in results:
        assert result["error"] is None
        paths = pngs(result)
        assert len(paths) == result["slices"]
        masks = np.stack([np.asarray(Image.open(path)) for path in paths])
        assert set(np.unique(masks)) <= {0, 255}
        assert np.count_nonzero(masks) == result["area_px"] == result["measures"]["volume_vx"]
        json.dumps(result)
        written = {path.name for path in (tmp_path / "out" / result["case"]).iterdir()}
        assert written == {Path(path).name for path in result["outputs"]} | {RESULT}
        assert {name.removeprefix(result["case"]) for name in written} > {
            "_prediction.nii.gz",
            "_probability.nii.gz",
            "_slices.csv",
            "_measures.csv",
            "_about.txt",
        }


def test_files_that_end_their_decoder_are_named_and_the_others_are_predicted(
    model, tiny_cohort, tmp_path, monkeypatch
):
    use_fatal_files(monkeypatch)
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(fatal_tiff(head(2)))
    results = {r["case"]: r for r in predict_all(tiny_cohort, tmp_path / "out", model, None)}
    assert len(results) == 3 and all(result["slices"] for result in results.values())
    assert results[FIRST]["slices"] == 2
    assert "no prediction (2): `brainseg check`" in results[FIRST]["error"]
    assert in_words(results[FIRST]).count("no prediction (2)") == 1
    alone = tmp_path / "alone.tif"
    alone.write_bytes(fatal_tiff(head(2)))
    (result,) = predict_all(alone, tmp_path / "other", model, wanted=MASKS_ALONE)
    assert result["error"].startswith("alone.tif was not used: decoding it ended its process")


def test_the_masks_are_the_prediction_in_the_order_and_corner_of_the_slices(
    model, taught_root, tmp_path
):
    case = Cohort.open(taught_root).case(model.folds[0].held_out[0])
    result = next(
        result
        for result in predict_all(taught_root, tmp_path / "out", model)
        if result["case"] == case.name
    )
    expected = predict(case.volume(), model, (0,)) >= model.threshold
    assert expected.any()
    written = [np.asarray(Image.open(path)) > 0 for path in pngs(result)]
    np.testing.assert_array_equal(written, expected)
    assert pngs(result)[1].name == f"{case.name}_2_prediction.png"
    assert (result["relation"], result["folds"]) == ("held out", [0])
    assert result["engine"]
    assert result["agreement"] is None


def test_every_file_says_what_it_is_not(model, tiny_cohort, tmp_path):
    result = next(predict_all(tiny_cohort, tmp_path / "out", model))
    assert Image.open(result["outputs"][0]).text["Comment"] == RESEARCH_USE


def test_a_second_run_writes_nothing_that_is_done(model, tiny_cohort, tmp_path):
    out = tmp_path / "out"
    first = list(predict_all(tiny_cohort, out, model))
    before = times(out)
    assert list(predict_all(tiny_cohort, out, model)) == first
    assert times(out) == before

    Path(first[1]["outputs"][0]).unlink()
    again = list(predict_all(tiny_cohort, out, model))
    assert [r["area_px"] for r in again] == [r["area_px"] for r in first]
    assert changed(before, out) == {first[1]["case"]}, "only the case whose file is gone"

    before = times(out)
    image = tiny_cohort / FIRST / f"{FIRST}_1.tif"
    image.write_bytes(next(tiny_cohort.glob("*/*_3.tif")).read_bytes())
    list(predict_all(tiny_cohort, out, model))
    assert changed(before, out) == {FIRST}, "and the case whose pixels changed"

    before = times(out)
    list(predict_all(tiny_cohort, out, model, wanted=Wanted(threshold=0.9)))
    assert len(changed(before, out)) == 3, "and all of them where something else is wanted"


def changed(before: dict[Path, int], out: Path) -> set[str]:
    """Return the cases of which a file was written since."""
    return {path.parent.name for path, time in times(out).items() if before.get(path) != time}


def test_a_bad_case_is_reported_and_the_others_are_predicted(model, tiny_cohort, tmp_path):
    for path in (tiny_cohort / FIRST).glob("*.tif"):
        path.write_bytes(b"II*\0 but nothing more")
    results = list(predict_all(tiny_cohort, tmp_path / "out", model))
    assert [result["error"] is None for result in results] == [False, True, True]
    assert "no slice that can be read" in results[0]["error"]
    assert results[0]["outputs"] == []


def test_a_case_with_a_damaged_slice_gets_the_others_and_says_so(model, tiny_cohort, tmp_path):
    damaged = tiny_cohort / FIRST / f"{FIRST}_2.tif"
    damaged.write_bytes(damaged.read_bytes()[:500])
    for _ in range(2):  # a kept result says it again
        result = next(predict_all(tiny_cohort, tmp_path / "out", model))
        assert "1 of 3 slices" in result["error"]
        names = [path.name for path in pngs(result)]
        assert names == [f"{FIRST}_1_prediction.png", f"{FIRST}_10_prediction.png"]


def test_an_image_alone_is_predicted_and_a_bad_one_is_one_sentence(model, taught_root, tmp_path):
    image = next(taught_root.glob("*/*_2.tif"))
    (result,) = predict_all(image, tmp_path / "out", model)
    assert (result["slices"], result["error"]) == (1, None)
    bad = tmp_path / "bad.tif"
    bad.write_bytes(image.read_bytes()[:3000])
    (result,) = predict_all(bad, tmp_path / "out", model)
    assert result["error"] == "bad.tif was not used: file is incomplete or damaged."


def test_the_dataset_is_never_written_into(model, tiny_cohort):
    before = sorted(tiny_cohort.rglob("*"))
    for out in (tiny_cohort, tiny_cohort / "predictions"):
        with pytest.raises(CohortError, match="never written"):
            list(predict_all(tiny_cohort, out, model))
    assert sorted(tiny_cohort.rglob("*")) == before


def test_what_is_wanted_is_what_is_written(model, taught_root, tmp_path):
    case = model.folds[0].held_out[0]
    wanted = Wanted(mode=FULL, threshold=0.2, kinds=("nifti", "overlay", "pdf"))
    (result,) = predict_all(taught_root / case, tmp_path / "out", model, wanted=wanted)
    endings = [Path(path).name.removeprefix(case) for path in result["outputs"]]
    assert endings == [
        "_prediction.nii.gz",
        "_probability.nii.gz",
        "_uncertainty.nii.gz",
        endings[3],
        "_report.pdf",
        "_about.txt",
    ]
    assert endings[3].endswith("_overlay.png")
    assert (result["threshold"], result["members"], result["effort"]) == (0.2, 2, "full")
    assert result["uncertainty"][0].startswith("The two passes (original and mirrored)")
    probability = np.asarray(nib.load(result["outputs"][1]).dataobj)
    assert np.count_nonzero(probability >= np.float32(0.2)) == result["area_px"]
    assert in_words(result).startswith(f"{case}: {result['area_px']:,} px in ")
    assert 0 < result["agreement"] <= 1
    assert result["uncertainty"][0] in (tmp_path / "out" / case / f"{case}_about.txt").read_text()
    for wrong in ({"mode": "much"}, {"threshold": 1.5}, {"kinds": ("mp4",)}):
        with pytest.raises(ModelError, match=r"choose|expected"):
            Wanted(**wrong)


def test_two_files_of_one_slice_number_keep_an_output_each(model, tmp_path):
    root = tmp_path / "cohort"
    for number, seed in (("7", 1), ("07", 2), ("8", 3)):
        write_pair(root / "A", "A", number, head(seed), blob(20, 20))
    (result,) = predict_all(root, tmp_path / "out", model)
    names = [path.name for path in pngs(result)]
    assert names == ["A_7_k0_prediction.png", "A_7_k1_prediction.png", "A_8_prediction.png"]
    assert result["slices"] == 3
    table = pd.read_csv(tmp_path / "out" / "A" / "A_slices.csv", comment="#")
    assert table["slice_number"].tolist() == [7, 7, 8]
    assert table["voxel_k"].tolist() == [0, 1, 2]


def test_hundreds_of_cases_have_a_line_each_and_the_bad_ones_are_passed_over(model, tmp_path):
    root = tmp_path / "many"
    for number in range(150):
        write_pair(root / f"C{number:03}", f"C{number:03}", 1, head(number, 32, 40), None)
    for bad in (3, 77, 149):
        (root / f"C{bad:03}" / f"C{bad:03}_1.tif").write_bytes(b"II*\0 and no more")
    told = []
    results = [
        *predict_all(
            root, tmp_path / "out", model, lambda done, n: told.append((done, n)), MASKS_ALONE
        )
    ]
    assert [result["case"] for result in results] == [f"C{number:03}" for number in range(150)]
    assert [i for i, result in enumerate(results) if result["error"]] == [3, 77, 149]
    assert told == [(done, 150) for done in range(151)]
    folders = {path.name for path in (tmp_path / "out").iterdir()} - {LOCK}
    assert len(folders) == 147


def test_volumes_studies_and_pictures_are_predicted_on_their_own_grid(model, tmp_path):
    root, out = tmp_path / "sent", tmp_path / "out"
    (root / "study").mkdir(parents=True)
    voxels = np.random.default_rng(0).integers(0, 900, (40, 48, 4)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([-1, 1, 5, 1.0])), root / "scan.nii.gz")
    for file in written_series()[1]:
        (root / "study" / file.name).write_bytes(file.data)
    Image.fromarray(head(1)).save(root / "photo.jpg", quality=95)
    (root / "bad.nii.gz").write_bytes(gzip.compress(b"no volume"))
    results = {result["case"]: result for result in predict_all(root, out, model)}
    errors = {name: result["error"] for name, result in results.items() if result["error"]}
    assert list(errors) == ["bad"]
    assert "bad.nii.gz was not used" in errors["bad"]
    assert not (out / "bad").exists()
    assert {name: result["slices"] for name, result in results.items()} == {
        "bad": None,
        "photo": 1,
        "scan": 4,
        "study": 5,
    }
    mask = nib.load(out / "scan" / "scan_prediction.nii.gz")
    assert mask.shape == (40, 48, 4)
    np.testing.assert_array_equal(mask.affine, np.diag([-1, 1, 5, 1.0]))
    assert results["scan"]["measures"]["volume_ml"] is not None
    assert (out / "study" / "study_prediction.dcm").exists()
    told = json.dumps(results)
    written = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert not [s for s in ("Secret", "SECRET") if s in told or s.encode() in written]


def test_two_at_once_in_one_folder_are_refused(model, tiny_cohort, tmp_path):
    with (
        held(tmp_path / "out" / LOCK, "another"),
        pytest.raises(CohortError, match="another `brainseg predict` is writing"),
    ):
        list(predict_all(tiny_cohort, tmp_path / "out", model))


def test_an_output_folder_below_a_file_is_refused_with_the_option_to_change(
    model, tiny_cohort, tmp_path
):
    (tmp_path / "report.txt").write_text("x")
    with pytest.raises(BrainsegError, match=r"report\.txt is a file, not a folder.*--out"):
        list(predict_all(tiny_cohort, tmp_path / "report.txt" / "out", model))


def opens(path: Path) -> bool:
    """Return whether a file is whole."""
    content = path.read_bytes()
    if path.suffix == ".png":
        Image.open(path).load()
    elif path.suffix == ".gz":
        nib.Nifti1Image.from_bytes(gzip.decompress(content)).dataobj.get_unscaled()
    elif path.suffix == ".json":
        json.loads(content)
    return bool(content)


def test_a_kill_leaves_whole_files_and_the_next_run_goes_on_where_it_was(
    model, tiny_model, tmp_path, home
):
    root, out = tmp_path / "many", tmp_path / "out"
    for number in range(40):
        for place in (1, 2):
            write_pair(root / f"C{number:02}", f"C{number:02}", place, head(number + place), None)
    command = [sys.executable, "-m", "brainseg", "predict", root, "--out", out, "--json"]
    command += ["--model", tiny_model]
    environment = os.environ | {"BRAINSEG_HOME": str(home)}
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        told = [json.loads(running.stdout.readline()) for _ in range(3)]
        os.kill(running.pid, signal.SIGKILL)
    assert [line["case"] for line in told] == ["C00", "C01", "C02"]
    whole = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert all(opens(path) for path in whole)
    assert 3 <= len(list(out.rglob(RESULT))) < 40

    (out / "C39").mkdir()
    (out / "C39" / ".C39_1_prediction.png.1-2.part").write_bytes(b"half")
    before = times(out)
    done = {path.parent.name for path in out.rglob(RESULT)}
    results = list(predict_all(root, out, model))
    assert [result["error"] for result in results] == [None] * 40
    assert not changed(before, out) & done
    assert all(opens(path) for path in times(out))
    assert not list(out.rglob("*.part"))


def test_a_chosen_series_is_predicted_and_named(model, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    for number, words in enumerate(("FLAIR", "FLAIR", "T1 nach KM"), start=4):
        uid = f"1.2.3.{number}"
        plane = np.full((64, 64), 40 * number, np.uint8)
        plane[20:40, 20:40] = 7
        for place in range(3):
            tags = {"SeriesInstanceUID": uid, "SeriesNumber": number, "SeriesDescription": words}
            (study / f"{number}_{place}").write_bytes(dicom(plane, 5.0 * place, **tags))
    (asked,) = predict_all(study, tmp_path / "out", model, wanted=MASKS_ALONE)
    assert asked["slices"] is None
    assert "series 4 and series 5 look equally like it; choose with --sequences" in asked["error"]
    chosen = replace(MASKS_ALONE, sequences={FLAIR: "5"})
    (result,) = predict_all(study, tmp_path / "out", model, wanted=chosen)
    assert result["error"] is None
    assert result["sequences"] == {
        FLAIR: "series 5 (chosen with --sequences)",
        POST_CONTRAST: "series 6 (description: T1, nach km)",
    }
    assert "FLAIR: series 5" in in_words(result)
    # Another choice is another result.
    other = replace(MASKS_ALONE, sequences={FLAIR: "4"})
    (second,) = predict_all(study, tmp_path / "out", model, wanted=other)
    assert second["sequences"][FLAIR].startswith("series 4")
