"""The history: every version of a review, by whom and when, and no way to change it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.cohorts import FIRST, OTHER_SITE

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.reviews import AGREE, NEEDS_EDIT, REJECT, Reviews, history_table, open_reviews, record
from brainseg.reviews.opening import open_database
from brainseg.reviews.table import ReviewedPrediction


@pytest.fixture
def reviews(review_place: str, tiny_cohort: Path) -> Reviews:
    return open_reviews(Cohort.open(tiny_cohort))


def versions(reviews: Reviews, case: str) -> list[tuple[str, str, str]]:
    table = reviews.history(case)
    states = [json.loads(facts)["state"] for facts in table["facts"]]
    return list(zip(table["who"], table["action"], states, strict=True))


def test_before_the_first_action_the_history_is_empty(reviews):
    assert history_table().empty and reviews.history(FIRST).empty


def test_every_version_of_a_review_is_kept_with_reader_and_time(reviews):
    prediction = ReviewedPrediction("net", "d1", (0, 1), 0.4)
    reviews.put(FIRST, "ab", AGREE, "fine")
    reviews.put(FIRST, "ab", NEEDS_EDIT, "the rim")
    reviews.put(FIRST, "cd", REJECT, "", prediction)
    reviews.put(OTHER_SITE, "ab", AGREE)
    assert reviews.delete(FIRST, "ab") and not reviews.delete(FIRST, "ab")
    assert versions(reviews, FIRST) == [
        ("AB", "review", AGREE),
        ("AB", "review", NEEDS_EDIT),
        ("CD", "review", REJECT),
        ("AB", "withdraw review", NEEDS_EDIT),
    ]
    table = reviews.history(FIRST)
    assert json.loads(table["facts"][1])["comment"] == "the rim"
    assert json.loads(table["facts"][2])["model"] == "net"
    assert str(table["at"].dtype) == "datetime64[s, UTC]" and table["at"].is_monotonic_increasing


def test_no_row_of_the_history_can_be_changed_or_deleted(reviews, review_place):
    reviews.put(FIRST, "AB", AGREE)
    replacing = "INSERT OR REPLACE INTO history VALUES (1, '', 'XX', 'review', NULL, NULL, '')"
    of_place = replacing if review_place == "file" else "TRUNCATE history"
    for statement in ("UPDATE history SET who = 'XX'", "DELETE FROM history", of_place):
        with pytest.raises(ReviewError, match="only grows"), reviews.database.writing() as database:
            database.execute(statement)
    assert versions(reviews, FIRST) == [("AB", "review", AGREE)]


@pytest.mark.of_file
def test_a_version_of_a_program_without_history_is_kept_once_it_is_replaced(reviews):
    reviews.put(FIRST, "AB", AGREE)
    with closing(sqlite3.connect(reviews.database.path)) as database, database:
        database.execute(
            "UPDATE review SET state = 'reject', changed_at = '2026-01-02T03:04:05+00:00'"
        )
    reviews.put(FIRST, "AB", NEEDS_EDIT)
    assert [state for *_, state in versions(reviews, FIRST)] == [AGREE, REJECT, NEEDS_EDIT]
    assert reviews.history(FIRST)["at"].dt.month.tolist()[1] == 1


def test_other_actions_are_recorded_without_a_case(reviews):
    record("delete run", run="20260101-120000-mine")
    table = history_table()
    assert table["action"].tolist() == ["delete run"] and table["case"].isna().all()
    assert json.loads(table["facts"][0]) == {"run": "20260101-120000-mine"}


def test_a_review_that_fails_leaves_no_version(reviews, monkeypatch):
    reviews.put(FIRST, "AB", AGREE)
    with pytest.raises(ZeroDivisionError), open_database().writing() as database:
        database.execute("UPDATE review SET comment = 'lost'")
        raise ZeroDivisionError
    assert reviews.of(FIRST)["comment"].tolist() == [""]


def test_a_database_of_another_kind_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setenv("BRAINSEG_DATABASE", "mysql://somewhere")
    with pytest.raises(ReviewError, match="does not begin with postgresql://"):
        open_database()


def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(monkeypatch):
    monkeypatch.setenv("BRAINSEG_DATABASE", "postgresql://me:secret@127.0.0.1:1/none")
    with pytest.raises(ReviewError, match="cannot be used") as refused:
        history_table()
    assert "secret" not in f"{refused.value}{open_database()!r}"
