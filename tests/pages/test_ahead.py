"""Work ahead of a request: in turn, behind all others, and only for visitors who are still here."""

from threading import Event

import pytest

from brainseg.cohort import Cohort
from brainseg.models import open_model
from dashboard.shared import ahead, cache
from dashboard.shared.ahead import Ahead, Wish
from dashboard.shared.background import Work

GUARDS_AGAINST_A_HANG_S = 60.0


class Preparing:
    """Notes what is prepared; the first wish waits until the test allows it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun, self.go = Event(), Event()
        self.wanted = True

    def wish(self, key: str) -> Wish:
        def prepare(is_wanted) -> None:
            self.begun.set()
            self.go.wait(GUARDS_AGAINST_A_HANG_S)
            self.wanted = is_wanted()
            self.done.append(key)

        return Wish(key, prepare)


@pytest.fixture
def preparing() -> Preparing:
    return Preparing()


@pytest.fixture
def here() -> set[str]:
    return {"A", "B"}


@pytest.fixture
def line(here) -> Ahead:
    return Ahead(here.__contains__, lambda: False)


def ended(line: Ahead, preparing: Preparing) -> list[str]:
    preparing.go.set()
    assert line.wait(GUARDS_AGAINST_A_HANG_S)
    return preparing.done


def test_the_wishes_of_several_visitors_take_turns(line, preparing):
    line.want("A", [preparing.wish(key) for key in ("a1", "a2", "a3")])
    line.want("B", [preparing.wish(key) for key in ("b1", "b2")])
    assert ended(line, preparing) == ["a1", "b1", "a2", "b2", "a3"]


def test_a_new_list_replaces_the_wishes_of_a_visitor(line, preparing):
    line.want("A", [preparing.wish("a1"), preparing.wish("a2")])
    assert preparing.begun.wait(GUARDS_AGAINST_A_HANG_S)
    line.want("A", [preparing.wish("a3")])
    assert ended(line, preparing) == ["a1", "a3"]
    assert preparing.wanted


def test_what_is_prepared_learns_that_it_is_no_longer_wanted(line, preparing):
    line.want("A", [preparing.wish("a1")])
    assert preparing.begun.wait(GUARDS_AGAINST_A_HANG_S)
    line.want("A", [])
    ended(line, preparing)
    assert not preparing.wanted


def test_the_same_wishes_again_are_not_prepared_again(line, preparing):
    for _ in range(2):
        line.want("A", [preparing.wish("a1")])
        ended(line, preparing)
    assert preparing.done == ["a1"]


def test_the_wishes_of_a_visitor_who_left_are_dropped(line, here, preparing):
    line.want("A", [preparing.wish("a1"), preparing.wish("a2")])
    line.want("B", [preparing.wish("b1")])
    assert preparing.begun.wait(GUARDS_AGAINST_A_HANG_S)
    here.remove("A")
    assert ended(line, preparing) == ["a1", "b1"]


def test_nothing_is_prepared_while_others_wait_for_work(here, preparing):
    asked, busy = Event(), [True]

    def is_busy() -> bool:
        asked.set()
        return busy[0]

    line = Ahead(here.__contains__, is_busy)
    line.want("A", [preparing.wish("a1")])
    assert asked.wait(GUARDS_AGAINST_A_HANG_S)
    assert not preparing.begun.is_set()
    busy[0] = False
    assert ended(line, preparing) == ["a1"]


def test_a_failed_wish_does_not_end_the_others(line, preparing):
    def fail(is_wanted) -> None:
        raise ZeroDivisionError

    line.want("A", [Wish("bad", fail), preparing.wish("a1")])
    assert ended(line, preparing) == ["a1"]


def test_work_that_is_no_longer_wanted_is_left():
    go = Event()
    work = Work("a test", lambda progress: go.wait(GUARDS_AGAINST_A_HANG_S))
    assert not ahead.finish(work, lambda: False)
    go.set()
    assert ahead.finish(work, lambda: False)


def test_the_next_case_is_neither_read_nor_predicted_again(tiny_cohort, monkeypatch):
    cohort, model = Cohort.open(tiny_cohort), open_model()
    (wish,) = ahead.cases(cohort, cohort.cases[:1], model)
    monkeypatch.setattr(cache, "warnings_of", lambda *_: ((), False))
    wish.prepare(lambda: True)
    monkeypatch.setattr(cache, "case_record", lambda *_: pytest.fail("packed again"))
    assert cache.case_payload(cohort, cohort.cases[0], model)


def test_the_process_is_loaded_while_pages_use_most_of_a_processor(monkeypatch):
    wall, used = [0.0], [0.0]
    monkeypatch.setattr(ahead, "has_urgent_jobs", lambda: False)
    monkeypatch.setattr(ahead.time, "monotonic", lambda: wall[0])
    monkeypatch.setattr(ahead.time, "process_time", lambda: used[0])
    load = ahead.Load()
    for seconds, busy_s, is_loaded in ((10, 1, False), (1, 0.9, True), (1, 0.1, False)):
        wall[0] += seconds
        used[0] += busy_s
        assert load() == is_loaded


def test_only_the_next_case_is_prepared_until_a_visitor_goes_from_case_to_case(preparing):
    session: dict = {}

    def keys_of(*names: str) -> list[str]:
        wishes = [preparing.wish(name) for name in names]
        return [wish.key for wish in ahead.worthwhile(wishes, session)]

    assert keys_of("6", "7", "4") == ["6"]
    assert keys_of("6", "7", "4") == ["6"]  # a click on the same page
    assert keys_of("7", "8", "5") == ["7", "8", "5"]
    assert keys_of("7", "8", "5") == ["7", "8", "5"]
    assert keys_of("40", "41", "38") == ["40"]
    assert keys_of() == []
