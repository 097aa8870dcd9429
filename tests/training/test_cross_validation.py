"""Cross-validation: every case is held out once, and no fold is trained on its held-out cases."""

import gc
import json
import tomllib
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from weakref import ref

import pytest
from support.trainings import tiny_training

from brainseg.cohort import Cohort
from brainseg.cohort.case_names import patient_of
from brainseg.errors import RunError
from brainseg.executors import open_executor
from brainseg.models import list_models, open_model
from brainseg.training import TrainingConfig, new_run
from brainseg.training.command import run_training
from brainseg.training.cross_validation import cross_validate
from brainseg.training.data import PreparedCase
from brainseg.training.runs import Run, list_runs


@pytest.fixture(scope="module")
def settings(taught_root):
    return tiny_training(taught_root, name="cv", epochs=1, steps_per_epoch=2)


@pytest.fixture(scope="module")
def runs(settings, tmp_path_factory) -> tuple[Path, list[Run], list[tuple[int, int]]]:
    """Return a folder of runs, those of each fold, and the epochs that were reported."""
    folder, reported = tmp_path_factory.mktemp("cv") / "runs", []
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("cv_home")))
        found = cross_validate(
            settings, folder, lambda fold, epoch: reported.append((fold, epoch["epoch"]))
        )
    return folder, found, reported


def test_each_fold_is_trained_once_and_each_case_held_out_once(runs, taught_root):
    _, found, reported = runs
    assert reported == [(0, 1), (1, 1)]
    assert [run.config()["name"] for run in found] == ["cv-fold0", "cv-fold1"]
    held = [case for run in found for case in run.fold()["held_out"]]
    assert sorted(held) == sorted(Cohort.open(taught_root).cases)


@pytest.mark.slow
def test_folds_trained_at_once_have_the_weights_of_folds_trained_in_turn(
    runs, settings, tmp_path, monkeypatch
):
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path / "home"))
    reported = []
    with open_executor("processes", 2) as executor:
        found = cross_validate(
            settings,
            tmp_path / "runs",
            lambda fold, epoch: reported.append((fold, epoch["epoch"], epoch["state"])),
            executor,
        )
    assert reported == [(0, 1, "finished"), (1, 1, "finished")]
    for one, other in zip(runs[1], found, strict=True):
        assert one.process()["pid"] != other.process()["pid"]
        columns = ["loss", "validation_dice", "validation_loss"]
        assert one.history()[columns].equals(other.history()[columns])


def test_the_cases_of_a_fold_are_released_before_the_next_fold(
    settings, tmp_path, monkeypatch, compiled
):
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path / "home"))

    made: list[ref[PreparedCase]] = []
    make = PreparedCase.__init__

    def noted(case: PreparedCase, *arguments: object, **named: object) -> None:
        make(case, *arguments, **named)
        made.append(ref(case))

    def cases_in_memory() -> int:
        gc.collect()
        return sum(one() is not None for one in made)

    monkeypatch.setattr(PreparedCase, "__init__", noted)
    during: list[int] = []
    cross_validate(settings, tmp_path / "runs", lambda fold, _: during.append(cases_in_memory()))
    # Each fold reads five of ten cases, and those of the first are released in the second.
    assert during == [5, 5]
    assert cases_in_memory() == 0


def test_the_same_call_reuses_finished_runs_and_resumes_others(runs, settings, tmp_path):
    folder, found, _ = runs
    reported: list[int] = []
    again = cross_validate(settings, folder, lambda fold, _: reported.append(fold))
    assert (again, reported) == (found, [])
    begun = new_run(replace(settings, fold=0, name="cv-fold0"), tmp_path)
    assert cross_validate(settings, tmp_path)[0].path == begun.path
    assert len(list_runs(tmp_path)) == 2


def test_other_settings_are_another_training(runs, settings):
    folder, found, _ = runs
    other = replace(settings, seed=5)
    before = len(list_runs(folder))
    assert not {run.path for run in cross_validate(other, folder)} & {run.path for run in found}
    assert len(list_runs(folder)) == before + 2


def test_changeable_settings_take_their_latest_values(runs, settings):
    folder, found, _ = runs
    assert cross_validate(replace(settings, mirrored=1), folder) == found
    assert [run.config()["mirrored"] for run in found] == [1, 1]
    cross_validate(settings, folder)
    assert [run.config()["mirrored"] for run in found] == [0, 0]


def test_the_command_trains_all_folds_and_publishes_one_model(runs, settings, tmp_path):
    folder, found, _ = runs
    stored = json.loads(json.dumps(asdict(settings)))
    words = [f"{key}={value}" for key, value in stored.items() if key != "data"]
    options = Namespace(
        data=Path(settings.data),
        config=None,
        set=words,
        resume=None,
        all_folds=True,
        runs=folder,
        publish=tmp_path / "models" / "cv",
        pool=None,
    )
    facts = run_training(options, lambda: Path(), lambda line: None)
    assert facts["runs"] == [str(run.path) for run in found]
    model = open_model(str(tmp_path / "models" / "cv"))
    assert [record.number for record in model.folds] == [0, 1]
    for record, run in zip(model.folds, found, strict=True):
        assert list(record.held_out) == run.fold()["held_out"]
        assert record.threshold == run.status()["threshold"]
    with pytest.raises(RunError, match="without --resume"):
        run_training(Namespace(**vars(options) | {"resume": found[0].path}), Path, print)


def test_no_fold_of_a_published_model_is_scored_on_a_patient_it_was_trained_on():
    for name in list_models():
        for record in open_model(name).folds:
            held = {patient_of(case)[0] for case in record.held_out}
            learned = {patient_of(case)[0] for case in (*record.trained_on, *record.selected_on)}
            assert held and learned and not held & learned


def test_each_case_of_the_cohort_is_held_out_once_by_the_published_model(real_root):
    held = [case for record in open_model().folds for case in record.held_out]
    assert sorted(held) == sorted(Cohort.open(real_root).cases)


def test_the_settings_file_of_the_published_model_matches_it():
    model = open_model()
    settings = tomllib.loads((model.folder / "training.toml").read_text())
    config = TrainingConfig.from_settings({"data": "."} | settings)
    assert (config.network, config.architecture_arguments) == (model.architecture, model.arguments)
    assert (config.preprocessing, config.inference) == (model.preprocessing, model.inference)
    assert config.folds == len(model.folds)


def test_no_fold_was_trained_on_a_slice_of_its_held_out_cases(real_root):
    slices = Cohort.open(real_root).slices
    there = set(slices["case"])
    for record in open_model().folds:
        learned = slices[slices["case"].isin([*record.trained_on, *record.selected_on])]
        held = slices[slices["case"].isin(record.held_out)]
        assert len(held) and set(record.held_out) <= there
        # By the pixels, so that a renamed copy would be found, too.
        assert not set(learned["image_hash"]) & set(held["image_hash"])
        assert not set(learned["image_path"]) & set(held["image_path"])
