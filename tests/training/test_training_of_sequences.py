"""A training on chosen sequences: any number, by name, in the run, its model and its predictions."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.trainings import tiny_training
from support.volume_cohorts import affine, as_file, brats, volume

from brainseg.__main__ import main
from brainseg.cohort import Cohort
from brainseg.errors import CohortError, ModelError, RunError
from brainseg.evaluation import evaluate
from brainseg.inference.prediction import predict_timed
from brainseg.models import open_model
from brainseg.preprocessing import Preprocessing, prepare
from brainseg.training import new_run, train
from brainseg.training.command import settings_of
from brainseg.training.config import TrainingConfig
from brainseg.training.data import draw_batch, prepare_case
from brainseg.training.publishing import publish
from brainseg.training.run_models import as_model
from brainseg.training.runs import Run
from dashboard.views.prediction.result import CODE, OF_FILES

FIVE = ("T1", "FLAIR", "T1ce", "T2", "ADC")
CHOSEN = ("FLAIR", "T2", "post-contrast", "pre-contrast")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("brats")
    brats(root, suffix=".nii", count=4)
    return root


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = tiny_training(root, sequences=CHOSEN, epochs=1, augmentation=1.0)
    return train(new_run(config, tmp_path_factory.mktemp("runs")))


def nnunet_of(root: Path, names: tuple[str, ...]) -> Path:
    """Write a raw dataset of nnU-Net whose channels are named, with two cases."""
    for seed, case in enumerate(("P01", "P02")):
        shown = volume(seed)
        for channel in range(len(names)):
            plane = shown[..., channel % 3] // (1 + channel)
            path = root / "imagesTr" / f"{case}_{channel:04}.nii"
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(as_file(plane), affine()), path)
        path = root / "labelsTr" / f"{case}.nii"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(as_file((shown[..., 1] > 800).astype(np.uint8)), affine()), path)
    facts = {"channel_names": dict(enumerate(names)), "labels": {"background": 0, "tumour": 1}}
    (root / "dataset.json").write_text(json.dumps(facts | {"file_ending": ".nii"}))
    return root


def test_run_and_model_name_their_sequences_and_the_held_out_cases_are_scored(
    root: Path, trained: Run, tmp_path: Path
) -> None:
    assert trained.config()["sequences"] == [*CHOSEN]
    for model in (as_model(trained), publish(trained, tmp_path / "model")):
        manifest = json.loads((model.folder / "manifest.json").read_text())
        assert manifest["input"]["sequences"] == [*CHOSEN]
        assert model.preprocessing.sequences == CHOSEN
        assert model.preprocessing.channels == manifest["arguments"]["channels"] == 6
    scores = evaluate(Cohort.open(root), as_model(trained)).scores
    assert sorted(scores["case"]) == sorted(trained.fold()["held_out"])
    assert scores["dice"].notna().all()


def test_a_folder_is_predicted_with_the_sequences_of_the_model(
    root: Path, trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    as_model(trained)
    words = ["predict", str(root), "--model", str(trained.path), "--out", str(tmp_path / "out")]
    code, lines = main([*words, "--json"]), capsys.readouterr().out.splitlines()
    assert (code, [json.loads(line)["slices"] for line in lines]) == (0, [10] * 4), lines


def test_a_case_without_a_sequence_is_refused_by_name(
    trained: Run, taught_root: Path, tmp_path: Path
) -> None:
    model, case = as_model(trained), Cohort.open(taught_root)[0]
    with pytest.raises(
        ModelError, match=r"trained on FLAIR, T2, post-contrast, pre-contrast, and there is no T2"
    ):
        predict_timed(case.volume(), model, model.exposure(case))
    with pytest.raises(
        CohortError, match="there is no T2, only pre-contrast, FLAIR, post-contrast"
    ):
        new_run(tiny_training(taught_root, sequences="FLAIR,T2"), tmp_path)


@pytest.mark.parametrize(
    "sequences", [("FLAIR",), ("pre-contrast", "FLAIR", "post-contrast", "T2", "ADC")]
)
def test_a_cohort_of_one_and_of_five_named_channels_is_prepared_channel_by_channel(
    tmp_path: Path, sequences: tuple[str, ...]
) -> None:
    names = FIVE if len(sequences) > 1 else sequences
    cohort = Cohort.open(nnunet_of(tmp_path / "Dataset001_Any", names))
    config = tiny_training(tmp_path, sequences=sequences, context_slices=1, augmentation=1.0)
    how, case = config.preprocessing, cohort[0]
    prepared = prepare_case(case, how)
    assert prepared.stack.shape == (10, 64, 64, len(sequences))
    whole = prepare(case.volume(with_others=True), how)
    assert np.allclose(prepared.inputs(how), whole, atol=0.01)
    assert case.volume(with_others=True).names == tuple(
        dict.fromkeys(("pre-contrast", "FLAIR", "post-contrast", *sequences))
    )
    slices, _ = draw_batch([prepared], config, 0)
    assert slices.shape == (4, 64, 64, how.channels)


def test_neighbours_add_flair_or_the_first_sequence_without_it(root: Path) -> None:
    shown = Cohort.open(root)[0].volume(with_others=True)
    for sequences, context in ((CHOSEN, 0), (("T2", "FLAIR"), 1), (("T2", "pre-contrast"), 0)):
        found = prepare(shown, Preprocessing(size=64, sequences=sequences))
        count = len(sequences)
        assert np.array_equal(found[1, ..., count], found[0, ..., context])
        assert np.array_equal(found[1, ..., count + 1], found[2, ..., context])


def test_a_pixel_that_is_not_square_is_trained_on_as_it_is_predicted(root: Path) -> None:
    case, how = Cohort.open(root)[0], Preprocessing(size=64)
    assert case.spacing_mm is not None and case.spacing_mm[1] != case.spacing_mm[2]
    assert np.allclose(prepare_case(case, how).inputs(how), prepare(case.volume(), how), atol=0.01)


def test_the_setting_is_a_list_of_names_that_commas_may_separate() -> None:
    class Options:
        config, set = None, ["sequences=FLAIR, T2", "data=here"]

    config = TrainingConfig.from_settings(settings_of(Options()))
    assert config.sequences == ("FLAIR", "T2")
    assert replace(config, sequences="T2").preprocessing.channels == 3
    assert TrainingConfig(data="here").preprocessing == Preprocessing()
    for wrong in (("T2", "T2"), (7,), ("",), ("x" * 41,)):
        with pytest.raises(RunError, match="must be up to 16 different names"):
            TrainingConfig(data="here", sequences=wrong)
    with pytest.raises(RunError, match="must be 0, as synthetic cases have only pre-contrast"):
        TrainingConfig(data="here", sequences="T2", synthetic_cases=2)


def test_the_usual_sequences_leave_a_manifest_as_it_was(tiny_model: Path) -> None:
    model = open_model(str(tiny_model))
    assert model.preprocessing.sequences == ("pre-contrast", "FLAIR", "post-contrast")
    assert "sequences" not in json.loads((tiny_model / "manifest.json").read_text())["input"]


def test_the_code_on_the_page_of_an_upload_reads_the_sequences_of_the_model(
    root: Path, trained: Run
) -> None:
    model = as_model(trained)
    code = (OF_FILES + CODE.format(model=str(trained.path), mode="")).replace(
        '"your-files"', repr(str(root / "BraTS-GLI-00000-000"))
    )
    names: dict = {}
    exec(code, names)
    assert names["case"].names == ("pre-contrast", "FLAIR", "post-contrast", "T2")
    assert names["prediction"].probability.shape == names["mask"].shape
    assert names["model"].digest == model.digest
