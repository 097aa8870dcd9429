"""A run is renamed, annotated and deleted; one in training is left alone."""

import shutil

import pytest
from support.runs import make_run

from brainseg.errors import BrainsegError, RunError
from brainseg.training.run_actions import LONGEST_NOTE, annotate, delete, rename
from brainseg.training.runs import Run, find_run, list_runs, runs_table


@pytest.fixture
def run(home) -> Run:
    """Return a stopped run in the state folder of a cohort."""
    run = make_run(home / "cohorts" / "abc" / "runs", "first")
    run.set_status("stopped", epoch=4, best_epoch=2, best_dice=0.7)
    return run


def test_a_renamed_run_keeps_its_time_and_is_found_by_its_new_name(run):
    renamed = rename(run, "second")
    assert renamed.name == f"{run.name[:16]}second"
    assert find_run(renamed.name) == renamed
    assert renamed.config()["name"] == "second"
    assert rename(renamed, "second") == renamed
    with pytest.raises(RunError, match="is not a run"):
        find_run(run.name)


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 61, "a b"])
def test_an_invalid_name_is_refused(run, name):
    if name == "..":
        name = "../.."
    with pytest.raises(RunError, match="use 1 to 60 letters"):
        rename(run, name)
    assert run.path.is_dir()


def test_a_taken_name_is_refused(run):
    other = run.path.with_name(f"{run.name[:16]}taken")
    shutil.copytree(run.path, other)
    with pytest.raises(RunError, match="there is already a run"):
        rename(run, "taken")


def test_a_note_is_shown_in_the_table_of_runs(run):
    annotate(run, " first try with small slices ")
    assert runs_table([run])["note"].tolist() == ["first try with small slices"]
    annotate(run, "")
    assert run.note == ""
    with pytest.raises(RunError, match=f"at most {LONGEST_NOTE:,}"):
        annotate(run, "x" * (LONGEST_NOTE + 1))
    shutil.rmtree(run.path)
    with pytest.raises(RunError, match="no longer exists"):
        annotate(run, "late")
    assert not run.path.exists()


def test_a_deleted_run_is_gone_at_once_and_what_a_kill_left_goes_with_the_next(run, monkeypatch):
    runs, other = run.path.parent, run.path.with_name("20200101-000000-other")
    shutil.copytree(run.path, other)
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)
        delete(run)
    assert [one.name for one in list_runs(runs)] == [other.name]
    assert len(list(runs.iterdir())) == 2
    delete(Run(other))
    assert list(runs.iterdir()) == []
    delete(run)  # another tab was faster


def test_a_run_in_training_is_neither_renamed_nor_deleted(run):
    run.set_status("training", epoch=4)
    run.set_process()
    for act in (delete, lambda run: rename(run, "other")):
        with pytest.raises(RunError, match="is being trained: stop it before"):
            act(run)
    assert list_runs(run.path.parent) == [run]


def test_a_damaged_run_can_be_deleted(run):
    (run.path / "status.json").write_text("{")
    delete(run)
    assert not run.path.exists()


def test_a_folder_that_cannot_be_renamed_is_one_sentence(run, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(BrainsegError, match="could not be removed"):
        delete(run)
