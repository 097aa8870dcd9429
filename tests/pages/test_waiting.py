"""Waiting for work on a page: its progress, the Cancel button, and starting it again."""

import gc
import weakref
from pathlib import Path
from threading import Event

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support import jobs as functions
from support.pages import cancel_at_once, texts

from brainseg.jobs import Jobs, jobs_of
from dashboard.shared import waiting
from dashboard.shared.background import Work

GUARDS_AGAINST_A_HANG_S = 60.0


class Counting:
    """Starts work that counts until it is allowed to finish."""

    def __init__(self) -> None:
        self.go = Event()
        self.started: list[Work[str]] = []

    def start(self) -> Work[str]:
        if not self.started or self.started[-1].is_cancelled:
            self.started.append(Work("a test", self._count))
        return self.started[-1]

    def _count(self, progress) -> str:
        progress(1, 4)
        while not self.go.wait(0.02):
            progress(1, 4)
        return "finished"


def page() -> None:
    import streamlit as st

    from dashboard.shared import waiting

    start, of_all = st.session_state["start"], st.session_state["of_all"]
    st.session_state["found"] = waiting.result_of(start, "Counting", "the work", of_all=of_all)


@pytest.fixture
def counting(monkeypatch) -> Counting:
    cancel_at_once(monkeypatch)
    return Counting()


@pytest.fixture
def app(counting) -> AppTest:
    app = AppTest.from_function(page, default_timeout=GUARDS_AGAINST_A_HANG_S)
    app.session_state["start"], app.session_state["of_all"] = counting.start, False
    return app


def test_finished_work_shows_nothing_but_its_result(app, counting):
    counting.go.set()
    assert counting.start().ready(GUARDS_AGAINST_A_HANG_S)
    assert app.run().session_state["found"] == "finished"
    assert not app.button


def test_a_visitor_reads_that_the_model_is_opened_before_it_predicts(counting):
    opening = Counting()
    first = (opening.start(), "Opening the model a")
    predicting = Work("a test", lambda progress: counting.go.wait())
    words = (predicting, "Predicting with a", "slices", first)
    assert waiting.message(*words) == "Opening the model a …"
    opening.go.set()
    assert first[0].ready(GUARDS_AGAINST_A_HANG_S)
    assert waiting.message(*words) == "Predicting with a …"
    predicting.done, predicting.total = 3, 12
    assert "3 of 12 slices" in waiting.message(*words)
    counting.go.set()
    assert predicting.ready(GUARDS_AGAINST_A_HANG_S)


def test_cancelled_work_ends_and_starts_again_only_on_request(app, counting):
    app.run()
    assert app.session_state["found"] is None
    assert "Counting: cancelled" in texts(app)
    (work,) = counting.started
    assert work.result.exception(GUARDS_AGAINST_A_HANG_S) is not None
    app.run()
    assert len(counting.started) == 1
    counting.go.set()
    app.button[0].click().run()
    assert app.session_state["found"] == "finished"
    assert len(counting.started) == 2


def test_work_that_another_visitor_waits_for_goes_on_after_a_cancel(app, counting):
    with counting.start().asked():
        app.run()
        assert app.session_state["found"] is None
        counting.go.set()
        assert counting.start().result.result(GUARDS_AGAINST_A_HANG_S) == "finished"


def test_work_for_all_visitors_ends_with_a_cancel_and_not_with_a_visitor_who_leaves(app, counting):
    app.session_state["of_all"] = True
    with counting.start().asked():
        app.run()
        assert counting.started[0].result.exception(GUARDS_AGAINST_A_HANG_S) is not None


def test_a_visitor_who_leaves_takes_the_job_out_of_the_line(tmp_path: Path, monkeypatch) -> None:
    class Left(BaseException):
        """What a page raises in a run that has ended."""

    shown: list[str] = []

    class Bar:
        def caption(self, text: str) -> None:
            shown.append(text)
            if len(shown) > 1:
                raise Left

    monkeypatch.setattr(waiting, "_bar", lambda *_: Bar())
    monkeypatch.setattr(waiting, "AT_ONCE_S", 0.01)
    jobs = Jobs("a test", workers=1)
    gate = tmp_path / "gate"
    first = jobs.submit(functions.note_and_wait, str(tmp_path / "log"), str(gate))
    job = jobs.submit(functions.doubled, [1])
    with pytest.raises(Left):
        waiting.job_result(job, "Reading", "the files")
    assert shown == ["Reading: waiting, place 1 in line"] * 2
    assert job.cancelled() and jobs_of(job.thread) == [first]
    gate.touch()
    assert first.result(GUARDS_AGAINST_A_HANG_S)
    assert waiting.job_result(first, "Reading", "the files") == str(tmp_path / "log")
    jobs.shutdown(cancel_futures=True)


def test_the_cancel_button_does_not_keep_the_work_after_its_end(monkeypatch):
    given = []
    monkeypatch.setattr(waiting.widgets, "button", lambda *arguments: given.append(arguments))
    work = Work("job", lambda progress: bytes(9))
    work.result.result()
    waiting._bar(st.empty(), "key", work.leave)
    weak = weakref.ref(work)
    del work
    gc.collect()
    assert given and weak() is None
