"""Labels of uploaded masks: numbers, colours or segments, named as the files name them."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.cohorts import head
from support.pictures import png
from support.volume_cohorts import (
    brats,
    dicom_study,
    labels,
    nnunet,
    save,
    three_labels,
)

from brainseg.batch.inputs import find_inputs
from brainseg.batch.run import predict_all
from brainseg.inference.record import CaseRecord, record_of_upload
from brainseg.io import InputFile, Upload, assemble, guess_assignment, open_inputs
from brainseg.io.label_maps import LabelMap, merged
from brainseg.models import open_model


def files_below(folder: Path) -> list[InputFile]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [InputFile(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


def sizes(upload: Upload) -> dict[str, int]:
    """Return the voxels of each label, as the records of the upload have them."""
    assert upload.labels is not None
    return {name: int(record_of(upload, name).masks.sum()) for name in upload.labels.labels}


def record_of(upload: Upload, label: str | None = None) -> CaseRecord:
    assignment = guess_assignment(upload)
    volume = assemble(upload, assignment)
    return record_of_upload(upload, assignment, volume, label=label)


def test_a_case_folder_of_brats_has_its_regions(tmp_path: Path) -> None:
    brats(tmp_path, values=three_labels, suffix=".nii", count=1)
    upload = open_inputs(files_below(next(tmp_path.iterdir())))
    assert sizes(upload) == {"whole tumour": 360, "tumour core": 40, "enhancing tumour": 20}
    record = record_of(upload, "tumour core")
    assert record.labels is not None and record.mask_label == "tumour core"
    assert record_of(upload).mask_label == "union of whole tumour, tumour core, enhancing tumour"
    assert int(record_of(upload).masks.sum()) == 360


def test_a_model_is_compared_with_the_label_that_it_learned(
    tmp_path: Path, tiny_model: Path
) -> None:
    brats(tmp_path / "data", values=three_labels, suffix=".nii", count=1)
    learned = replace(open_model(str(tiny_model)), target="tumour core")
    for model, label in ((learned, "tumour core"), (replace(learned, target="oedema"), None)):
        out = tmp_path / str(label)
        (found,) = predict_all(tmp_path / "data", out, model)
        core = label or "union of whole tumour, tumour core, enhancing tumour"
        texts = [path.read_text() for path in out.rglob("*_about.txt")]
        assert found["error"] is None and any(core in text for text in texts), texts


def test_dataset_json_and_labels_json_name_the_values(tmp_path: Path) -> None:
    save(tmp_path / "P_FLAIR.nii", np.stack([head(n)[..., 1] for n in range(10)]).astype("u2") * 7)
    save(tmp_path / "P_seg.nii", labels())
    plain = files_below(tmp_path)
    assert sizes(open_inputs(plain)) == {"label 1": 40, "label 2": 320}
    for name, content, expected in (
        ("labels.json", {"1": "core"}, {"core": 40, "label 2": 320}),
        ("x/dataset.json", {"labels": {"whole": [1, 2], "core": 1}}, {"whole": 360, "core": 40}),
        ("dataset.json", {"labels": {"core": 1, "rest": 2, "lost": 9}}, {"core": 40, "rest": 320}),
        ("labels.json", [1], {"label 1": 40, "label 2": 320}),
    ):
        table = InputFile(name, json.dumps(content).encode())
        upload = open_inputs([*plain, table])
        assert (sizes(upload), upload.refused) == (expected, ()), name
    ignoring = InputFile("dataset.json", b'{"labels": {"core": 1, "ignore": 2}}')
    upload = open_inputs([*plain, ignoring])
    assert upload.labels is None and upload.masks is not None
    assert int(upload.masks.sum()) == 40


def test_segments_of_a_dicom_segmentation_are_labels(tmp_path: Path) -> None:
    dicom_study(tmp_path / "P01", 0, "P01")
    assert sizes(open_inputs(files_below(tmp_path))) == {"core": 40, "oedema": 320}


@pytest.mark.parametrize("in_colour", [False, True])
def test_masks_of_pictures_have_labels_by_number_or_colour(in_colour: bool) -> None:
    files = []
    for number in range(1, 4):
        mask = np.zeros((64, 64), np.uint8)
        mask[20:24, 20:30] = 1
        if number > 1:
            mask[30:34, 30:33] = 2
        shown = np.zeros((64, 64, 3), np.uint8)
        shown[mask == 1], shown[mask == 2] = (255, 0, 0), (0, 0, 255)
        files.append(
            InputFile(f"x_{number}_mask.png", png(shown[..., ::-1] if in_colour else mask))
        )
        files.append(InputFile(f"x_{number}.png", png(head(number)[..., 1])))
    upload = open_inputs(files)
    names = ("label #0000ff", "label #ff0000") if in_colour else ("label 2", "label 1")
    assert (sizes(upload), upload.refused) == ({names[0]: 24, names[1]: 120}, ())
    assert upload.has_mask is not None and upload.has_mask.all()
    plain = [file for file in files if "_1" in file.name]  # one label alone is a mask
    assert open_inputs(plain).labels is None


def test_a_folder_that_is_predicted_keeps_the_names_of_its_labels(tmp_path: Path) -> None:
    nnunet(tmp_path)
    first = find_inputs(tmp_path)[0].open().record.labels
    assert first is not None and list(first.labels) == ["whole tumour", "core"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda mask: np.where(mask > 0, 0.3, 0.0).astype("f4"), "fractions such as 0.3"),
        (lambda mask: (mask > 0).astype("i2") - 1, "its least value is -1"),
    ],
    ids=["probabilities", "below 0"],
)
def test_a_mask_whose_values_are_no_labels_is_refused_with_the_reason(change, told: str) -> None:
    image = np.zeros((48, 40, 6), "f4")
    image[8:40, 8:32] = np.linspace(50, 200, 24)[:, None]
    mask = np.zeros(image.shape, "u1")
    mask[20:24, 20:24, 2:4] = 1
    files = [
        InputFile("p1_flair.nii", nib.Nifti1Image(image, np.eye(4)).to_bytes()),
        InputFile("p1_seg.nii", nib.Nifti1Image(change(mask), np.eye(4)).to_bytes()),
    ]
    upload = open_inputs(files)
    assert upload.masks is None
    (refused,) = upload.refused
    assert refused.startswith("p1_seg.nii was not used: ") and told in refused


@pytest.mark.parametrize(("first", "second"), [(255, 1), (128, 128), (255, 255)])
def test_two_masks_of_large_values_keep_both_their_regions(first: int, second: int) -> None:
    one, other = np.zeros((2, 1, 4, 4), np.uint8)
    one[0, 0], other[0, 2] = first, second
    found = merged([LabelMap(one, {"core": (first,)}), LabelMap(other, {"edema": (second,)})])
    assert (found.values > 0).sum() == 8
    for name, region in (("core", one), ("edema", other)):
        assert np.array_equal(np.isin(found.values, found.labels[name]), region > 0)
