"""The subject of a review: the manual mask or a model's prediction, in new and older files."""

import sqlite3
from contextlib import closing

import pytest
from support.cohorts import FIRST, OTHER_SITE, blob
from tifffile import imwrite

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.reviews import AGREE, NEEDS_EDIT, REJECT, Reviews, open_reviews
from brainseg.reviews.table import MASK, PREDICTION, ReviewedPrediction, subject_words_with_folds

OLD_SCHEMA = """
CREATE TABLE review (
    case_name TEXT NOT NULL,
    images TEXT NOT NULL,
    reader TEXT NOT NULL CHECK (length(reader) BETWEEN 1 AND 8),
    state TEXT NOT NULL CHECK (state IN ('agree', 'needs edit', 'reject')),
    comment TEXT NOT NULL CHECK (length(comment) <= 2000),
    masks TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (case_name, images, reader)
)
"""
OLD_APPLICATION, OLD_VERSION = 0x62735276, 1
"""From before reviews of predictions existed."""

OLD_READ = "SELECT case_name, images, reader, state, comment, masks, changed_at FROM review"

LOW = ReviewedPrediction("net", "d1", (0,), 0.4)
HIGH = ReviewedPrediction("net", "d1", (0,), 0.5)


@pytest.fixture
def cohort(tiny_cohort) -> Cohort:
    return Cohort.open(tiny_cohort)


@pytest.fixture
def reviews(review_place, cohort) -> Reviews:
    return open_reviews(cohort)


@pytest.fixture
def old_file(reviews) -> list[tuple]:
    """Write a database as an older program does, with two readers, and return its rows."""
    reviews.put(FIRST, "X", AGREE)
    with closing(sqlite3.connect(reviews.database.path)) as database:
        images, masks = database.execute("SELECT images, masks FROM review").fetchone()
    reviews.database.path.unlink()
    when = "2026-01-02T03:04:05+00:00"
    rows = [
        (FIRST, images, "AB", AGREE, "", masks, when),
        (FIRST, images, "ÖZ", NEEDS_EDIT, "the rim\nis missing", masks, when),
    ]
    with closing(sqlite3.connect(reviews.database.path)) as database, database:
        database.execute(OLD_SCHEMA)
        database.execute(f"PRAGMA application_id = {OLD_APPLICATION}")
        database.execute(f"PRAGMA user_version = {OLD_VERSION}")
        database.executemany("INSERT INTO review VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return rows


def told(reviews: Reviews, case: str = FIRST) -> list[tuple[str, str, str]]:
    return [(row.reader, row.subject, row.state) for row in reviews.of(case).itertuples()]


def test_one_reader_reviews_the_mask_and_each_prediction_of_a_case(reviews, cohort):
    reviews.put(FIRST, "AB", AGREE, "fine edge")
    reviews.put(FIRST, "AB", REJECT, "", LOW)
    reviews.put(FIRST, "AB", NEEDS_EDIT, "too small", HIGH)
    reviews.put(FIRST, "AB", AGREE, "", ReviewedPrediction("other", "d2", (0, 1), 0.4))
    table = open_reviews(cohort).of(FIRST)
    assert table["state"].tolist() == [AGREE, REJECT, NEEDS_EDIT, AGREE]
    assert [subject_words_with_folds(row) for row in table.itertuples()] == [
        "manual mask",
        "prediction of net at threshold 0.4 (fold 0)",
        "prediction of net at threshold 0.5 (fold 0)",
        "prediction of other at threshold 0.4 (the mean of folds 0 and 1)",
    ]
    assert table["model_digest"].tolist()[1:] == ["d1", "d1", "d2"]
    assert table[["model", "threshold", "folds", "model_digest"]].iloc[0].isna().all()


def test_the_last_review_of_a_prediction_counts_and_can_be_withdrawn(reviews):
    reviews.put(FIRST, "AB", AGREE)
    reviews.put(FIRST, "AB", REJECT, "", LOW)
    reviews.put(FIRST, "AB", NEEDS_EDIT, "", ReviewedPrediction("net", "d1", (0,), 0.40000001))
    assert told(reviews) == [("AB", MASK, AGREE), ("AB", PREDICTION, NEEDS_EDIT)]
    assert not reviews.delete(FIRST, "AB", HIGH)
    assert reviews.delete(FIRST, "AB", LOW)
    assert told(reviews) == [("AB", MASK, AGREE)]
    reviews.put(FIRST, "AB", REJECT, "", LOW)
    assert reviews.delete(FIRST, "AB")
    assert told(reviews) == [("AB", PREDICTION, REJECT)]


def test_a_changed_mask_marks_only_reviews_of_the_mask(reviews, tiny_cohort):
    reviews.put(FIRST, "AB", AGREE)
    reviews.put(FIRST, "AB", AGREE, "", LOW)
    imwrite(tiny_cohort / FIRST / f"{FIRST}_1_mask.tif", blob(20, 20, 14))
    changed = open_reviews(Cohort.open(tiny_cohort)).of(FIRST)["mask_changed"]
    assert changed.iloc[0]
    assert changed.isna().tolist() == [False, True]


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan"), 0.00001])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(ReviewError, match="must lie between 0 and 1"):
        ReviewedPrediction("net", "d1", (0,), threshold)


def test_a_prediction_without_its_model_or_folds_is_refused():
    for model, digest, folds in (("", "d1", (0,)), ("net", "", (0,)), ("net", "d1", ())):
        with pytest.raises(ReviewError, match="names all"):
            ReviewedPrediction(model, digest, folds, 0.5)


@pytest.mark.of_file
def test_reviews_in_an_older_file_are_reviews_of_the_mask(old_file, reviews):
    table = reviews.of(FIRST)
    assert told(reviews) == [("AB", MASK, AGREE), ("ÖZ", MASK, NEEDS_EDIT)]
    assert table["comment"].tolist() == ["", "the rim\nis missing"]
    assert table["changed_at"].dt.year.tolist() == [2026, 2026]
    assert not table["mask_changed"].any()
    assert reviews.table().equals(table)


@pytest.mark.of_file
def test_reading_or_reviewing_keeps_the_tables_of_an_older_file(old_file, reviews):
    content = reviews.database.path.read_bytes()
    reviews.table()
    assert reviews.database.path.read_bytes() == content
    reviews.put(OTHER_SITE, "AB", AGREE)
    with closing(sqlite3.connect(reviews.database.path)) as database:
        table = "SELECT sql FROM sqlite_master WHERE name = 'review'"
        assert database.execute(table).fetchone()[0].strip() == OLD_SCHEMA.strip()


@pytest.mark.of_file
def test_an_older_program_reads_and_writes_masks_and_loses_no_prediction(old_file, reviews):
    reviews.put(FIRST, "AB", REJECT, "not the tumour", LOW)
    reviews.put(FIRST, "CD", AGREE)
    with closing(sqlite3.connect(reviews.database.path)) as database, database:
        # What an older program checks, reads, and writes.
        assert database.execute("PRAGMA user_version").fetchone() == (OLD_VERSION,)
        assert database.execute("PRAGMA application_id").fetchone() == (OLD_APPLICATION,)
        assert len(database.execute(OLD_READ).fetchall()) == len(old_file) + 1
        row = (*old_file[0][:3], REJECT, "again", *old_file[0][5:])
        database.execute("INSERT OR REPLACE INTO review VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert told(reviews) == [
        ("AB", MASK, REJECT),
        ("AB", PREDICTION, REJECT),
        ("CD", MASK, AGREE),
        ("ÖZ", MASK, NEEDS_EDIT),
    ]
    assert reviews.of(FIRST)["comment"].iloc[1] == "not the tumour"


def test_a_review_of_a_prediction_follows_its_images_too(reviews, tiny_cohort):
    reviews.put(FIRST, "AB", AGREE, "", LOW)
    (tiny_cohort / FIRST / f"{FIRST}_10.tif").unlink()
    later = open_reviews(Cohort.open(tiny_cohort))
    assert later.table().empty
    assert later.of_other_images()["subject"].tolist() == [PREDICTION]
