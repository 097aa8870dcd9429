"""A model recognises the images it was trained on, and never claims to know what it cannot tell."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.two_folds import model_of_two_folds

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.inference.comparison import exposure_of_fold
from brainseg.inference.prediction import predict
from brainseg.models import Model, open_model
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from brainseg.models.training_images import FILE, training_images_of
from brainseg.volume import FLAIR, SEQUENCES, Volume


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory) -> Path:
    """Return the folder of a model of two folds, each trained on what the other holds out."""
    return model_of_two_folds(tiny_model, tmp_path_factory.mktemp("models") / "two")


@pytest.fixture
def model(folder) -> Model:
    return open_model(str(folder))


@pytest.fixture
def trained(taught, model) -> Volume:
    """Return a case that fold 0 was trained on and fold 1 was not."""
    return taught.case(model.folds[0].trained_on[0]).volume()


def test_a_published_model_knows_the_slices_of_all_of_its_cases(taught, model):
    assert model.training_images.names == set(taught.cases)
    for name in taught.cases:
        hashes = taught.case(name).slices["image_hash"]
        assert model.training_images.cases_by_hash(hashes) == {name}


def test_an_upload_of_a_training_image_goes_to_the_fold_that_was_not_trained_on_it(model, trained):
    for volume in (trained, Volume(trained.pixels[2:3])):
        assert model.exposure(None, volume) == CaseExposure(HELD_OUT, (1,), (0,))
    assert model.exposure(None, trained).in_words() == (
        "This image was in the training data of fold 0. "
        "Held-out prediction: fold 1 was not trained on this patient."
    )


def test_the_simplest_call_averages_no_fold_that_was_trained_on_the_images(model, trained):
    held_out = predict(trained, model, (1,))
    assert np.array_equal(predict(trained, model), held_out)
    assert not np.array_equal(predict(trained, model, (0, 1)), held_out)


def test_another_study_of_a_patient_goes_to_the_fold_that_was_not_trained_on_the_patient(
    model, taught
):
    known = taught.case(model.folds[0].trained_on[0])
    study = replace(known, name=f"{known.patient_id}_19991231")
    assert model.exposure(study) == CaseExposure(HELD_OUT, (1,))


def test_flair_alone_of_a_training_image_is_recognised(model, trained):
    flair = trained.sequence(FLAIR)
    alone = Volume(np.repeat(flair[..., np.newaxis], len(SEQUENCES), axis=-1))
    assert model.exposure(None, alone) == CaseExposure(HELD_OUT, (1,), (0,))
    assert not model.training_images.holds_all_of(alone)
    assert model.training_images.holds_all_of(trained)


def test_a_stack_that_only_holds_a_training_slice_is_recognised_but_is_not_all_known(
    model, trained
):
    others = 255 - trained.pixels[:2]
    mixed = Volume(np.concatenate([others, trained.pixels[2:3]]))
    assert model.exposure(None, mixed).trained_on_image == (0,)
    assert not model.training_images.holds_all_of(mixed)


def test_whether_a_stranger_was_in_the_training_data_is_unknown(model, trained):
    for volume in (Volume(255 - trained.pixels), Volume(np.zeros_like(trained.pixels)), None):
        exposure = model.exposure(None, volume)
        assert exposure == CaseExposure(UNKNOWN, (0, 1))
        assert "It is unknown" in exposure.in_words()


def test_a_renamed_copy_of_a_training_case_does_not_pass_for_a_new_patient(
    model, taught_root, tmp_path
):
    name = model.folds[0].trained_on[0]
    for path in (taught_root / name).iterdir():
        renamed = tmp_path / "MY_PATIENT" / path.name.replace(name, "MY_PATIENT")
        renamed.parent.mkdir(exist_ok=True)
        shutil.copy(path, renamed)
    case = Cohort.open(tmp_path).case("MY_PATIENT")
    assert model.exposure(case) == CaseExposure(HELD_OUT, (1,), (0,))
    assert exposure_of_fold(model, 0, case) == CaseExposure(SEEN, (0,), (0,))


def test_one_fold_alone_is_told_what_it_was_trained_on(model, trained):
    assert exposure_of_fold(model, 0, None, trained) == CaseExposure(SEEN, (0,), (0,))
    assert exposure_of_fold(model, 1, None, trained) == CaseExposure(HELD_OUT, (1,), (0,))
    assert exposure_of_fold(model, 1, None, None) == CaseExposure(UNKNOWN, (1,))


def test_where_every_fold_was_trained_on_an_image_its_dice_is_said_to_mean_nothing(
    tiny_model, taught
):
    model = open_model(str(tiny_model))
    exposure = model.exposure(None, taught.case(model.folds[0].trained_on[0]).volume())
    assert exposure == CaseExposure(SEEN, (0,), (0,))
    assert exposure.in_words() == (
        "This image was in the training data of fold 0. "
        "Fold 0 was trained on this patient; the Dice is not meaningful."
    )


def test_three_folds_in_a_row_are_a_range_and_others_a_list():
    assert "data of folds 1 to 4." in CaseExposure(HELD_OUT, (0,), (1, 2, 3, 4)).in_words()
    assert "data of folds 0, 2 and 3." in CaseExposure(HELD_OUT, (1,), (0, 2, 3)).in_words()
    assert CaseExposure(NEW, (0,)).in_words() == "This patient was not in the training data."


def test_a_model_published_without_the_hashes_opens_and_keeps_its_scores(
    folder, model, trained, tmp_path
):
    old = Path(shutil.copytree(folder, tmp_path / "old"))
    facts = json.loads((old / "manifest.json").read_text())
    del facts["training_images"]
    (old / "manifest.json").write_text(json.dumps(facts))
    (old / FILE).unlink()
    opened = open_model(str(old))
    assert opened.digest == model.digest
    assert opened.training_images is None
    assert opened.exposure(None, trained).relation == UNKNOWN


def test_the_file_holds_no_pixels_and_the_same_cases_give_the_same_bytes(taught, model):
    again = training_images_of(taught, reversed(taught.cases))
    assert again.as_bytes() == (model.folder / FILE).read_bytes()
    with np.load(model.folder / FILE) as stored:
        slices = len(taught.slices)
        assert stored["image_hash"].shape == stored["flair_hash"].shape == (slices, 16)


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x")]
)
def test_hashes_that_are_missing_or_another_file_are_refused(folder, trained, damage, tmp_path):
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    damage(damaged / FILE)
    with pytest.raises(ModelError, match="restore the files of"):
        open_model(str(damaged)).exposure(None, trained)


@pytest.mark.parametrize(
    "named",
    [{"file": "../x.npz", "sha256": "0"}, {"file": 7, "sha256": "0"}, {"file": "x.npz"}, "x"],
)
def test_a_manifest_that_names_no_file_of_its_own_is_refused(folder, named, tmp_path):
    wrong = Path(shutil.copytree(folder, tmp_path / "wrong"))
    facts = json.loads((wrong / "manifest.json").read_text())
    (wrong / "manifest.json").write_text(json.dumps(facts | {"training_images": named}))
    with pytest.raises(ModelError, match=r"outside of its folder|cannot be used"):
        open_model(str(wrong))


def test_the_shipped_model_recognises_every_slice_of_the_real_cohort_by_its_fold(real_cohort):
    model = open_model("lgg-unet")
    for record in model.folds:
        name = next(name for name in record.held_out if name in real_cohort.cases)
        exposure = model.exposure(None, real_cohort.case(name).volume())
        assert (exposure.relation, exposure.folds) == (HELD_OUT, (record.number,))
        assert exposure.trained_on_image == tuple(n for n in range(5) if n != record.number)
