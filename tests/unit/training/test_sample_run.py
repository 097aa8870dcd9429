"""The run and the review that come with the synthetic sample cohort."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from brainseg.cohort import Cohort
from brainseg.models import list_run_models, open_model
from brainseg.models.files import read_verified
from brainseg.reviews import open_reviews
from brainseg.training import TrainingConfig
from brainseg.training.run_actions import delete
from brainseg.training.run_models import ready_model
from brainseg.training.runs import Run, list_runs
from brainseg.training.sample_run import ARCHIVE, READER, add_sample_run

MOST_BYTES = 2**20


@pytest.fixture
def sample(sample_root) -> Cohort:
    """Return the sample of two cases."""
    return Cohort.open(sample_root)


@pytest.fixture
def archive(sample, tmp_path) -> Path:
    """Return an archive with the files of the shipped run, as if it were of this cohort."""
    changed = tmp_path / "run.zip"
    with zipfile.ZipFile(ARCHIVE) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("about.json"):
                about = json.loads(content)
                about["data"]["identity"] = sample.identity
                content = json.dumps(about).encode()
            if name.endswith("folds.json"):
                content = json.dumps(json.loads(content) | {"held_out": sample.cases}).encode()
            new.writestr(name, content)
    return changed


def test_the_sample_has_a_finished_run_that_is_a_model_and_one_review(sample, archive):
    run = add_sample_run(sample, archive)
    assert list_runs(sample.state_dir / "runs") == [run]
    assert run.state() == "finished" and "synthetic-data" in run.name
    assert "Synthetic data" in run.note
    assert run.config()["data"] == str(sample.root)
    assert ready_model(run).name == run.name
    assert list_run_models(sample.identity) == [run.name]
    reviews = open_reviews(sample).table()
    assert reviews["reader"].tolist() == [READER]
    assert "Synthetic" in reviews["comment"].iloc[0]


def test_another_cohort_neither_gets_the_run_nor_lists_it_as_a_model(sample, archive, taught):
    assert add_sample_run(sample) is None, "two cases are not the sample of twelve"
    assert add_sample_run(taught, archive) is None
    add_sample_run(sample, archive)
    assert list_run_models() == list_run_models(taught.identity) == []


def test_what_was_deleted_does_not_come_back(sample, archive):
    delete(add_sample_run(sample, archive))
    open_reviews(sample).delete(sample.cases[0], READER)
    assert add_sample_run(sample, archive) is None
    assert list_runs(sample.state_dir / "runs") == []
    assert open_reviews(sample).table().empty


def test_nothing_is_added_to_runs_of_the_users_own(sample, archive, tiny_run):
    runs = sample.state_dir / "runs"
    shutil.copytree(tiny_run, runs / "20260101-120000-mine")
    assert add_sample_run(sample, archive) is None
    assert [run.name for run in list_runs(runs)] == ["20260101-120000-mine"]


def test_a_state_that_cannot_be_written_has_no_example(sample, archive, home):
    (home / "cohorts").mkdir(exist_ok=True)
    shutil.rmtree(sample.state_dir, ignore_errors=True)
    sample.state_dir.write_text("a file in place of the folder")
    assert add_sample_run(sample, archive) is None


def test_the_shipped_run_is_whole_small_and_not_of_this_machine(tmp_path):
    assert ARCHIVE.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(ARCHIVE) as files:
        files.extractall(tmp_path)
    (run,) = list_runs(tmp_path)
    model = open_model(str(run.path))
    (record,) = model.folds
    assert record.engine is not None, "without Keras, OpenVINO runs it"
    for name, sha256 in record.files.items():
        assert read_verified(run.path, name, sha256)
    assert run.about()["data"]["synthetic"] is True
    assert replace(TrainingConfig.from_settings(run.config()), data="").base_features == 6
    assert run.status()["best_dice"] > 0.7
    held_out = json.loads((run.path / "scores.json").read_text())["scores"]
    assert sorted(row["case"] for row in held_out) == sorted(run.fold()["held_out"])
    assert Run(run.path).process() == {}
    for path in run.path.rglob("*.json*"):
        assert "/home/" not in path.read_text() and "/tmp/" not in path.read_text()


@pytest.mark.slow
def test_the_shipped_run_is_of_the_sample_of_twelve_cases(tmp_path):
    from brainseg.sample import write_sample

    cohort = Cohort.open(write_sample(tmp_path / "sample"))
    assert ready_model(add_sample_run(cohort)) is not None
