"""Reviews: one per case, reader and subject (the manual mask, or a model's prediction), in SQLite.

See :mod:`brainseg.reviews.database` for the file. If a mask is edited afterwards, as "needs edit" asks
for, its reviews remain, marked. Reviews of masks and of predictions have separate tables.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.fingerprint import fingerprints
from brainseg.errors import ReviewError
from brainseg.reviews.database import (
    LONGEST_READER,
    Database,
    as_reader,
    fingerprints_of,
    has_table,
    shortened,
)
from brainseg.reviews.table import ReviewedPrediction, Row, as_table
from brainseg.storage import state_dir

AGREE, NEEDS_EDIT, REJECT = "agree", "needs edit", "reject"

STATES = (AGREE, NEEDS_EDIT, REJECT)
"""The verdicts on a mask or a prediction."""

LONGEST_COMMENT = 2000

SCHEMA = f"""
CREATE TABLE review (
    case_name TEXT NOT NULL,
    images TEXT NOT NULL,
    reader TEXT NOT NULL CHECK (length(reader) BETWEEN 1 AND {LONGEST_READER}),
    state TEXT NOT NULL CHECK (state IN {STATES}),
    comment TEXT NOT NULL CHECK (length(comment) <= {LONGEST_COMMENT}),
    masks TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (case_name, images, reader)
)
"""

_PREDICTION_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS prediction_review (
    case_name TEXT NOT NULL,
    images TEXT NOT NULL,
    reader TEXT NOT NULL CHECK (length(reader) BETWEEN 1 AND {LONGEST_READER}),
    model TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    folds TEXT NOT NULL,
    threshold REAL NOT NULL CHECK (threshold > 0 AND threshold < 1),
    state TEXT NOT NULL CHECK (state IN {STATES}),
    comment TEXT NOT NULL CHECK (length(comment) <= {LONGEST_COMMENT}),
    changed_at TEXT NOT NULL,
    PRIMARY KEY (case_name, images, reader, model_digest, folds, threshold)
)
"""

_TABLES = ("review", "prediction_review")
"""Of masks, and of predictions."""

_OF_MASKS = """
SELECT case_name, images, reader, state, comment, changed_at, masks, NULL, NULL, NULL, NULL
FROM review
"""

_OF_PREDICTIONS = """
SELECT case_name, images, reader, state, comment, changed_at, NULL,
    model, model_digest, folds, threshold
FROM prediction_review
"""


def open_reviews(cohort: Cohort) -> "Reviews":
    """Return the reviews of a cohort's cases; the first review creates the file."""
    return Reviews(state_dir() / "reviews.sqlite", cohort.slices)


def as_comment(text: str) -> str:
    """Return a comment as saved: with newlines only, and spaces for control characters.

    Raises:
        ReviewError: it is longer than :data:`LONGEST_COMMENT` characters.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    comment = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs") and letter != "\n" else letter
        for letter in lines
    ).strip()
    if len(comment) > LONGEST_COMMENT:
        raise ReviewError(
            f"the comment has {len(comment)} characters, but at most {LONGEST_COMMENT} are kept: "
            "shorten it."
        )
    return comment


@dataclass(frozen=True)
class Reviews:
    """The reviews of a cohort's cases; each call opens the file, so any thread or process may call.

    Attributes:
        path: the SQLite file; its folder is created with the first review.
        slices: the index of the cohort; see :mod:`brainseg.cohort.index`.
    """

    path: Path
    slices: pd.DataFrame

    def put(
        self,
        case: str,
        reader: str,
        state: str,
        comment: str = "",
        prediction: ReviewedPrediction | None = None,
    ) -> None:
        """Save a reader's review of a case, replacing that reader's earlier one of the same subject.

        The review is on the disk when this returns, even after a kill or a power cut.

        Args:
            case: a case of the cohort.
            reader: initials; see :func:`as_reader`.
            state: one of :data:`STATES`.
            comment: see :func:`as_comment`.
            prediction: the reviewed prediction; None for the manual mask. Another model or threshold is
                another subject.

        Raises:
            ReviewError: an argument is invalid, or the file cannot be written, is damaged, or has a
            newer
                version; it then does not change.
        """
        if state not in STATES:
            raise ReviewError(
                f"state is “{shortened(state)}”, but must be one of {', '.join(STATES)}."
            )
        images, masks = self._fingerprints_of(case)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        key = (case, images, as_reader(reader))
        verdict = (state, as_comment(comment))
        with self._file.writing() as database:
            row: tuple = (*key, *verdict, masks, now)
            if prediction is not None:
                database.execute(_PREDICTION_SCHEMA)
                row = (*key, prediction.model, *_key_of(prediction), *verdict, now)
            table, slots = _TABLES[prediction is not None], ", ".join("?" * len(row))
            database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({slots})", row)

    def delete(self, case: str, reader: str, prediction: ReviewedPrediction | None = None) -> bool:
        """Remove a reader's review of a case, and return whether there was one.

        Args:
            case: a case of the cohort.
            reader: initials; see :func:`as_reader`.
            prediction: as for :meth:`put`.

        Raises:
            ReviewError: as for :meth:`put`.
        """
        images, _ = self._fingerprints_of(case)
        key: tuple = (case, images, as_reader(reader))
        if not self.path.exists():
            return False
        which = "case_name = ? AND images = ? AND reader = ?"
        with self._file.writing() as database:
            if prediction is not None:
                database.execute(_PREDICTION_SCHEMA)
                key += _key_of(prediction)
                which += " AND model_digest = ? AND folds = ? AND threshold = ?"
            table = _TABLES[prediction is not None]
            return database.execute(f"DELETE FROM {table} WHERE {which}", key).rowcount > 0

    def of(self, case: str) -> pd.DataFrame:
        """Return the reviews of one case; see :func:`brainseg.reviews.table.as_table`.

        Raises:
            ReviewError: the case is unknown, or the file cannot be read, is damaged, or is newer.
        """
        images, masks = self._fingerprints_of(case)
        rows = self._read(" WHERE case_name = ? AND images = ?", (case, images))
        return as_table(rows, {(case, images): masks}, [case])

    def table(self) -> pd.DataFrame:
        """Return all reviews of the cohort; see :func:`brainseg.reviews.table.as_table`.

        Raises:
            ReviewError: the file cannot be read, is damaged, or is newer.
        """
        rows, known, cases = self._of_the_cohort()
        return as_table([row for row in rows if row[:2] in known], known, cases)

    def of_other_images(self) -> pd.DataFrame:
        """Return the reviews of cases with a name but not the images of a case of the cohort.

        Either an image of the case has changed, or another cohort has a case of that name.

        Returns:
            See :func:`brainseg.reviews.table.as_table`; ``mask_changed`` is missing.

        Raises:
            ReviewError: as for :meth:`table`.
        """
        rows, known, cases = self._of_the_cohort()
        others = [row for row in rows if row[:2] not in known and row[0] in set(cases)]
        return as_table(others, known, cases)

    def stamp(self) -> tuple:
        """Return a value that changes whenever the file does, as a cache key."""
        try:
            with self.path.open("rb") as file:
                # SQLite counts the changes of a file in these four bytes of its header.
                counter = file.read(28)[24:]
            return (str(self.path), self.path.stat().st_mtime_ns, counter)
        except OSError as error:
            return (str(self.path), error.errno)

    def _of_the_cohort(self) -> tuple[list[Row], dict[tuple[str, str], str], list[str]]:
        """Return all rows of the file, the masks' fingerprint by case and images, and the cases."""
        rows = self._read()
        cases = self.slices["case"].drop_duplicates().tolist() if rows else []
        reviewed = self.slices[self.slices["case"].isin({row.case for row in rows})]
        known = {}
        for name, its_slices in reviewed.groupby("case"):
            images, masks = fingerprints(its_slices)
            known[str(name), images] = masks
        return rows, known, cases

    def _fingerprints_of(self, case: str) -> tuple[str, str]:
        return fingerprints_of(self.slices, case)

    def _read(self, where: str = "", values: tuple = ()) -> list[Row]:
        with self._file.reading() as database:
            if database is None:
                return []
            tables = [_OF_MASKS]
            if has_table(database, _TABLES[True]):
                tables.append(_OF_PREDICTIONS)
            question = " UNION ALL ".join(table + where for table in tables)
            return [Row(*row) for row in database.execute(question, values * len(tables))]

    @property
    def _file(self) -> Database:
        return Database(self.path, SCHEMA)


def _key_of(prediction: ReviewedPrediction) -> tuple[str, str, float]:
    return prediction.digest, prediction.folds_text, prediction.threshold
