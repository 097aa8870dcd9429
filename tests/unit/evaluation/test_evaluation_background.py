"""Scoring in the background: one at a time, stoppable, and never half a result."""

import dataclasses

import pytest
from support.evaluations import evaluation_of, outlined

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, ModelError
from brainseg.evaluation import Leakage, background, leakage_path, load_leakage, load_scores
from brainseg.evaluation import scoring as scoring_module
from brainseg.evaluation.leakage import Recipe
from brainseg.models import open_model

WAIT_S = 60

pytestmark = pytest.mark.usefixtures("scoring_ends")


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


def test_the_result_is_saved_at_the_end(model, taught):
    scoring = background.start(taught, model)
    scoring.join(WAIT_S)
    assert scoring.state == background.FINISHED
    assert (scoring.done, scoring.total) == (5, 5)
    assert len(load_scores(taught, model).scores) == 5
    assert background.running() is None
    assert background.latest(taught) is scoring


def test_the_effect_of_a_split_by_slice_is_measured_in_the_background_too(
    model, taught, monkeypatch
):
    scores = evaluation_of([outlined(0.5), outlined(0.8)])
    found = Leakage(*[dataclasses.replace(scores, digest=model.digest)] * 2, Recipe())
    monkeypatch.setattr(background, "measure_leakage", lambda *arguments: found)
    scoring = background.start(taught, model, leakage=True)
    scoring.join(WAIT_S)
    assert scoring.state == background.FINISHED
    assert load_leakage(leakage_path(taught, model), model).table.equals(found.table)
    assert load_scores(taught, model) is None


def test_the_same_scoring_started_twice_runs_once(model, taught, gate):
    scoring = background.start(taught, model)
    assert background.start(taught, model) is scoring
    assert background.running() is scoring


def test_one_model_at_a_time_is_scored(model, other_model, taught, gate):
    background.start(taught, model)
    with pytest.raises(BrainsegError, match=r"tiny is being scored on .*: wait until it is done"):
        background.start(taught, open_model(str(other_model)))
    for other in ({"allow_seen": True}, {"leakage": True}):
        with pytest.raises(BrainsegError, match="is being scored"):
            background.start(taught, model, **other)


def test_a_stopped_scoring_saves_nothing(model, taught, gate):
    scoring = background.start(taught, model)
    scoring.stop()
    assert scoring.stops
    gate.set()
    scoring.join(WAIT_S)
    assert scoring.state == background.STOPPED
    assert load_scores(taught, model) is None
    again = background.start(taught, model)
    again.join(WAIT_S)
    assert again.state == background.FINISHED


def test_a_failure_is_a_sentence(model, taught, monkeypatch):
    def fails(case, model):
        raise ModelError("the weights are gone: restore them.")

    monkeypatch.setattr(scoring_module, "score_case", fails)
    scoring = background.start(taught, model)
    scoring.join(WAIT_S)
    assert (scoring.state, scoring.error) == (
        background.FAILED,
        "the weights are gone: restore them.",
    )
    background.forget()
    assert background.latest(taught) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_program_error_ends_the_scoring(model, taught, monkeypatch):
    def breaks(case, model):
        raise RuntimeError("a mistake in the code")

    monkeypatch.setattr(scoring_module, "score_case", breaks)
    scoring = background.start(taught, model)
    scoring.join(WAIT_S)
    assert scoring.state == background.FAILED
    assert "server's log" in scoring.error


def test_the_remaining_time_is_known_after_the_first_case(model, taught, gate):
    scoring = background.start(taught, model)
    assert scoring.seconds_left is None
    gate.set()
    scoring.join(WAIT_S)
    assert scoring.seconds_left == 0


def test_the_scoring_of_another_cohort_is_not_reported(model, taught, tiny_cohort):
    background.start(taught, model).join(WAIT_S)
    assert background.latest(Cohort.open(tiny_cohort)) is None
