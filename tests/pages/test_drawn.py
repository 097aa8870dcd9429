"""Measurements of the viewer: under the reader's initials, else in the session, of the right case."""

from types import SimpleNamespace

import pytest
from support.cohorts import FIRST, OTHER_SITE

from brainseg.cohort import Cohort
from brainseg.reviews import open_measurements
from brainseg.reviews.measurements import MOST_OF_A_READER
from dashboard.shared import drawn, keys

ITEM = {
    "id": "a1",
    "kind": "ruler",
    "normal": 2,
    "points": [[1, 2, 0.5], [3, 4, 0.5]],
    "name": "edge",
    "sequence": "FLAIR",
}


@pytest.fixture
def session(monkeypatch) -> dict:
    state: dict = {}
    monkeypatch.setattr(drawn, "st", SimpleNamespace(session_state=state))
    return state


@pytest.fixture
def cohort(tiny_cohort) -> Cohort:
    return Cohort.open(tiny_cohort)


def message(of: drawn.Drawn, put: list, removed: tuple = (), case: str = FIRST) -> dict:
    return {"of": of.of, "case": case, "put": put, "removed": list(removed)}


def names(one: drawn.Drawn) -> list[str]:
    return [item["name"] for item in one.state()["items"]]


def test_with_initials_a_measurement_is_saved_at_once(session, cohort):
    session[keys.READER] = "ab"
    here = drawn.of_case(cohort, FIRST)
    here.receive(message(here, [ITEM]))
    assert [one.reader for one in open_measurements(cohort).of(FIRST)] == ["AB"]
    assert here.state()["reader"] == "AB"
    assert names(here) == ["edge"]
    here.receive(message(here, [], ["a1"]))
    assert names(here) == []


def test_without_initials_it_lasts_for_the_session_until_they_are_entered(session, cohort):
    here = drawn.of_case(cohort, FIRST)
    here.receive(message(here, [ITEM]))
    assert open_measurements(cohort).of(FIRST) == ()
    assert (names(here), here.state()["reader"], here.state()["signs"]) == (["edge"], None, True)
    assert [one.reader for one in here.items] == [""]
    session[keys.READER] = "ab"
    assert (names(here), here.state()["reader"]) == (["edge"], "AB")
    assert [one.reader for one in here.items] == ["AB"]


def test_a_message_on_the_case_shown_before_is_saved_there(session, cohort):
    session[keys.READER] = "AB"
    before, here = drawn.of_case(cohort, FIRST), drawn.of_case(cohort, OTHER_SITE)
    here.receive(message(before, [ITEM]))
    assert names(before) == ["edge"]
    assert names(here) == []
    here.receive(message(before, [ITEM], case=OTHER_SITE))  # another cohort's case of that name
    assert names(here) == []


def test_an_upload_is_never_saved_on_the_disk(session, cohort):
    session[keys.READER] = "AB"
    upload = drawn.of_upload(("file", 1))
    upload.receive(message(upload, [ITEM]))
    assert (names(upload), upload.state()["signs"]) == (["edge"], False)
    assert open_measurements(cohort).of(FIRST) == ()
    assert drawn.of_upload(("file", 2)).items == ()


def test_a_wrong_message_changes_nothing_and_says_why(session):
    upload = drawn.of_upload(("file", 1))
    for wrong in ({}, {"of": 1}, None, {"of": "x", "case": "y", "put": 3, "removed": []}):
        upload.receive(wrong)
    upload.receive(message(upload, [ITEM | {"kind": "spline"}]))
    assert "draw it again" in upload.state()["error"]
    many = [ITEM | {"id": f"n{i}"} for i in range(MOST_OF_A_READER + 1)]
    upload.receive(message(upload, many))
    assert "delete some" in upload.state()["error"]
    assert upload.items == ()
    upload.receive(message(upload, [ITEM]))
    assert upload.state()["error"] is None


def test_a_file_that_cannot_be_read_is_an_error_of_the_state(session, cohort):
    session[keys.READER] = "AB"
    here = drawn.of_case(cohort, FIRST)
    here.receive(message(here, [ITEM]))
    open_measurements(cohort).database.path.write_bytes(b"no database" * 100)
    state = here.state()
    assert state["reader"] is None
    assert "damaged" in state["error"]
    assert here.items == ()
