"""Scoring in the background: one at a time, stoppable, and it keeps what is done."""

import dataclasses
import time

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


def wait_until(true) -> None:
    until = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


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


def test_a_stopped_scoring_keeps_its_scores_and_the_next_continues(model, taught, gate):
    scoring = background.start(taught, model)
    wait_until(lambda: scoring.total)
    scoring.stop()
    assert scoring.stops
    gate.set()
    scoring.join(WAIT_S)
    assert scoring.state == background.STOPPED
    stopped = load_scores(taught, model)
    assert (len(stopped.scores), len(stopped.unscored)) == (1, 4)
    again = background.start(taught, model)
    again.join(WAIT_S)
    assert again.state == background.FINISHED
    assert load_scores(taught, model).unscored == []


def test_a_short_scoring_starts_unasked_once(model, taught, monkeypatch):
    cases = [taught.case(name) for name in model.folds[0].held_out]
    background.start_if_short(taught, model, cases)
    assert background.running() is None, "five cases take longer than the limit of this test"
    monkeypatch.setattr(background, "STARTS_UNASKED_S", 60.0)
    background.start_if_short(taught, model, cases)
    assert background.running() is None, "decided once: pages ask at each of their runs"
    monkeypatch.setattr(background, "_decided", set())
    background.start_if_short(taught, model, [])
    assert background.running() is None
    background.start_if_short(taught, model, cases)
    background.latest(taught).join(WAIT_S)
    assert background.latest(taught).state == background.FINISHED
    background.forget()
    background.start_if_short(taught, model, cases)
    assert background.latest(taught) is None


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
