"""Background work: its progress, its place in line, and visitors who leave."""

import time
from pathlib import Path
from threading import Event

import pytest
from support import jobs as functions

from brainseg.errors import BrainsegError, DecodeError
from brainseg.jobs import Job, Jobs
from dashboard.shared import background
from dashboard.shared.background import Work
from dashboard.shared.budget import Budget

PATIENCE_S = 60.0


@pytest.fixture
def jobs():
    made = Jobs("a test", workers=1)
    yield made
    made.shutdown(cancel_futures=True)


def blocked(jobs: Jobs, tmp_path: Path) -> tuple[Job, Path]:
    """Return a job that runs until a file exists, and that file."""
    gate = tmp_path / "gate"
    return jobs.submit(functions.note_and_wait, str(tmp_path / "log"), str(gate)), gate


def waiting(jobs: Jobs) -> Work:
    """Return work that has asked for a job, behind the one that is blocked."""
    work = Work("a test", lambda progress: jobs.submit(functions.doubled, [1]).result())
    while not work.place:
        time.sleep(0.01)
    return work


def test_work_in_line_says_its_place_and_then_its_progress(jobs: Jobs, tmp_path: Path) -> None:
    _, gate = blocked(jobs, tmp_path)
    first, second = waiting(jobs), waiting(jobs)
    assert first.message("Predicting") == "Predicting: waiting, place 1 in line"
    assert second.message("Predicting") == "Predicting: waiting, place 2 in line"
    gate.touch()
    assert second.ready(PATIENCE_S)
    assert second.result.result() == [2]
    assert second.place == 0


def test_cancelled_work_leaves_the_line_and_the_others_move_up(jobs: Jobs, tmp_path: Path) -> None:
    _, gate = blocked(jobs, tmp_path)
    first, second = waiting(jobs), waiting(jobs)
    first.cancel()
    assert second.place == 1
    with pytest.raises(BrainsegError, match="The work was cancelled: start it again"):
        first.result.result(PATIENCE_S)
    gate.touch()
    assert second.result.result(PATIENCE_S) == [2]


def test_cancelled_work_without_a_job_ends_at_its_next_progress() -> None:
    go = Event()

    def count(progress) -> None:
        progress(1, 3)
        go.wait(PATIENCE_S)
        progress(2, 3)

    work = Work("a test", count)
    work.cancel()
    go.set()
    assert work.ready(PATIENCE_S)
    assert isinstance(work.result.exception(), BrainsegError)


def test_the_work_of_a_visitor_who_left_leaves_the_line_unless_another_waits(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "GONE_AFTER_S", 0.05)
    _, gate = blocked(jobs, tmp_path)
    left, shared = waiting(jobs), waiting(jobs)
    with shared.asked():
        with left.asked(), shared.asked():
            assert (left.place, shared.place) == (1, 2)
        assert left.ready(PATIENCE_S)
        time.sleep(0.2)
        assert shared.place == 1
        gate.touch()
        assert shared.ready(PATIENCE_S)
    assert isinstance(left.result.exception(), BrainsegError)
    assert shared.result.result() == [2]


def test_an_error_of_the_work_is_that_of_its_result() -> None:
    def refuse(progress) -> None:
        raise DecodeError("x.tif was not used: file is empty")

    work = Work("a test", refuse)
    with pytest.raises(DecodeError, match="file is empty"):
        work.result.result(PATIENCE_S)


def test_work_ahead_of_a_request_lets_all_other_work_go_first_until_a_visitor_waits_for_it(
    jobs: Jobs, tmp_path: Path
) -> None:
    _, gate = blocked(jobs, tmp_path)
    early = waiting(jobs)
    with early.asked(ahead=True):
        late = waiting(jobs)
        assert (late.place, early.place) == (1, 2)
        with early.asked():
            assert (early.place, late.place) == (1, 2)
            gate.touch()
            assert late.ready(PATIENCE_S)
    assert early.result.result() == late.result.result() == [2]


def test_work_that_was_cancelled_starts_anew_for_the_next_visitor() -> None:
    budget, begun = Budget(2**20), []

    def make() -> Work[int]:
        def do(progress) -> int:
            begun.append(1)
            while len(begun) < 2:
                progress(1, 2)
            return 7

        return Work("a test", do)

    budget.start("key", make).cancel()
    assert budget.start("key", make).result.result(PATIENCE_S) == 7


def test_finished_work_cannot_be_cancelled() -> None:
    work = Work("a test", lambda progress: 7)
    assert work.ready(PATIENCE_S)
    work.cancel()
    assert not work.is_cancelled
