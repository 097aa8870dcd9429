"""Measurements by reader and case: whole after a kill, beside the reviews of older programs."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from support.cohorts import FIRST, OTHER_SITE

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.reviews import Measurement, Measurements, open_measurements, open_reviews
from brainseg.reviews.history import history_table
from brainseg.reviews.measurements import LONGEST_NAME, MOST_OF_A_READER, RULER, as_measurement

ONE = Measurement("a1", RULER, 2, ((1.0, 2.0, 0.5), (3.0, 4.0, 0.5)), "edge", "FLAIR")
OTHER = replace(ONE, id="b2")

KILLED = """
import os, sys
from brainseg.cohort import Cohort
from brainseg.reviews import open_measurements

measurements = open_measurements(Cohort.open(sys.argv[1]))
item = {"id": "a1", "kind": "ruler", "normal": 2, "points": [[1, 2, 0.5], [3, 4, 0.5]]}
measurements.change(sys.argv[2], "ab", [{**item, "name": "edge", "sequence": "FLAIR"}])
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def saved(review_place, tiny_cohort) -> Measurements:
    return open_measurements(Cohort.open(tiny_cohort))


def test_measurements_are_kept_by_reader_and_case(saved):
    saved.change(FIRST, "ab", [ONE.as_dict(), OTHER.as_dict()])
    saved.change(FIRST, "cd", [replace(ONE, name="mine").as_dict()])
    assert saved.of(FIRST, "AB") == (replace(ONE, reader="AB"), replace(OTHER, reader="AB"))
    assert [(one.reader, one.name) for one in saved.of(FIRST)] == [
        ("AB", "edge"),
        ("AB", "edge"),
        ("CD", "mine"),
    ]
    assert saved.of(OTHER_SITE) == ()


def test_a_changed_measurement_keeps_its_place_and_a_removed_one_is_gone(saved):
    saved.change(FIRST, "AB", [ONE.as_dict(), OTHER.as_dict()])
    saved.change(FIRST, "AB", [replace(ONE, name="moved").as_dict()])
    assert [one.name for one in saved.of(FIRST, "AB")] == ["moved", "edge"]
    saved.change(FIRST, "AB", removed=["a1", "unknown"])
    assert [one.id for one in saved.of(FIRST, "AB")] == ["b2"]


def test_each_version_of_a_measurement_is_in_the_history_and_none_among_the_reviews(
    saved, tiny_cohort
):
    saved.change(FIRST, "AB", [replace(ONE, name="first").as_dict()])
    saved.change(FIRST, "AB", [replace(ONE, name="second").as_dict()])
    saved.change(FIRST, "AB", removed=["a1", "unknown"])
    kept = history_table()
    assert kept["action"].tolist() == ["measure", "measure", "delete measurement"]
    assert kept["who"].tolist() == ["AB"] * 3
    assert [json.loads(facts).get("name") for facts in kept["facts"]] == ["first", "second", None]
    assert open_reviews(Cohort.open(tiny_cohort)).history(FIRST).empty


@pytest.mark.of_file
def test_a_measurement_is_there_after_a_kill(saved, tiny_cohort):
    done = subprocess.run([sys.executable, "-c", KILLED, tiny_cohort, FIRST], check=False)
    assert done.returncode == -9
    assert saved.of(FIRST, "AB") == (replace(ONE, reader="AB"),)


@pytest.mark.of_file
def test_reviews_and_measurements_share_a_file_whichever_comes_first(saved, tiny_cohort):
    saved.change(FIRST, "AB", [ONE.as_dict()])
    reviews = open_reviews(Cohort.open(tiny_cohort))
    assert reviews.of(FIRST).empty
    reviews.put(FIRST, "AB", "agree")
    assert len(reviews.of(FIRST)) == len(saved.of(FIRST)) == 1
    with closing(sqlite3.connect(saved.database.path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_file_of_an_older_program_has_no_measurements(saved, tiny_cohort):
    open_reviews(Cohort.open(tiny_cohort)).put(FIRST, "AB", "agree")
    assert saved.of(FIRST) == ()
    saved.change(FIRST, "AB", [ONE.as_dict()])
    assert len(saved.of(FIRST)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "spline"},
        {"kind": ["ruler"]},
        {"id": "../x"},
        {"normal": 3},
        {"points": [[1, 2, 0.5]]},
        {"points": [[1, 2, 0.5], [3, 4, 1.5]]},
        {"points": [[1, 2, 0.5], [float("nan"), 4, 0.5]]},
        {"points": [[1, 2, 0.5], [-1, 4, 0.5]]},
        {"points": [[1, 2, 0.5], ["x", 4, 0.5]]},
        {"points": 7},
        {"name": "x" * (LONGEST_NAME + 1)},
    ],
)
def test_a_wrong_measurement_is_refused_and_nothing_is_saved(saved, wrong):
    with pytest.raises(ReviewError, match="draw it again"):
        saved.change(FIRST, "AB", [OTHER.as_dict(), ONE.as_dict() | wrong])
    assert saved.of(FIRST) == ()


def test_too_many_measurements_are_refused_together(saved):
    many = [replace(ONE, id=f"n{i}").as_dict() for i in range(MOST_OF_A_READER)]
    saved.change(FIRST, "AB", many)
    with pytest.raises(ReviewError, match="at most 200 are saved: delete some"):
        saved.change(FIRST, "AB", [OTHER.as_dict()])
    assert len(saved.of(FIRST)) == MOST_OF_A_READER


def test_an_unknown_case_and_wrong_initials_are_refused(saved):
    with pytest.raises(ReviewError, match="unknown case"):
        saved.change("X", "AB", [ONE.as_dict()])
    with pytest.raises(ReviewError, match="initials"):
        saved.change(FIRST, "A B!", [ONE.as_dict()])


def test_control_characters_in_a_name_become_spaces():
    assert as_measurement(ONE.as_dict() | {"name": "a\nb\x00"}).name == "a b "
