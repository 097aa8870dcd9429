"""Reviews: one per case, reader and subject (the manual mask, or a model's prediction), in SQLite.

See :mod:`brainseg.reviews.database` for the file. If a mask is edited afterwards, as "needs edit" asks
for, its reviews remain, marked. Reviews of masks and of predictions have separate tables.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.fingerprint import fingerprints
from brainseg.errors import ReviewError
from brainseg.reviews.database import fingerprints_of, shortened, signing_reader
from brainseg.reviews.history import REVIEW, WITHDRAW, as_json, history_table, note, now
from brainseg.reviews.opening import AnyDatabase, Connection, open_database
from brainseg.reviews.schema import LONGEST_COMMENT, STATES
from brainseg.reviews.table import ReviewedPrediction, Row, as_table

AGREE, NEEDS_EDIT, REJECT = STATES
"""The verdicts on a mask or a prediction."""

_TABLES = ("review", "prediction_review")
"""Of masks, and of predictions."""

_KEYS = ("case_name", "images", "reader", "model_digest", "folds", "threshold")
"""The columns that identify a review; the first three that of a mask."""

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
    return Reviews(open_database(), cohort)


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
        database: keeps them; see :func:`brainseg.reviews.opening.open_database`.
        cohort: whose cases they belong to.
    """

    database: AnyDatabase
    cohort: Cohort

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
            reader: initials; see :func:`brainseg.reviews.as_reader`.
            state: one of :data:`STATES`.
            comment: see :func:`as_comment`.
            prediction: the reviewed prediction; None for the manual mask. Another model or threshold is
                another subject.

        Raises:
            ReviewError: an argument is invalid, or the file cannot be written, is damaged, or has a
                newer version; it then does not change.
            NotAllowedError: the person who acts may not review, or not with these initials.
        """
        if state not in STATES:
            raise ReviewError(
                f"state is “{shortened(state)}”, but must be one of {', '.join(STATES)}."
            )
        images, masks = self._fingerprints_of(case)
        at, verdict = now(), (state, as_comment(comment))
        key = (case, images, signing_reader(reader), *_key_of(prediction))
        row: dict[str, object] = dict(zip(_KEYS[: len(key)], key, strict=True))
        row |= {"masks": masks} if prediction is None else {"model": prediction.model}
        row |= {"state": verdict[0], "comment": verdict[1], "changed_at": at}
        table, columns = _TABLES[prediction is not None], ", ".join(row)
        changed = ", ".join(f"{name} = excluded.{name}" for name in row if name not in _KEYS)
        with self.database.writing() as database:
            _note_older(database, table, key)
            database.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))}) "
                f"ON CONFLICT ({', '.join(_KEYS[: len(key)])}) DO UPDATE SET {changed}",
                tuple(row.values()),
            )
            note(database, REVIEW, key[2], _facts(row), case, images, at)

    def delete(self, case: str, reader: str, prediction: ReviewedPrediction | None = None) -> bool:
        """Remove a reader's review of a case, and return whether there was one.

        Args:
            case: a case of the cohort.
            reader: initials; see :func:`brainseg.reviews.as_reader`.
            prediction: as for :meth:`put`.

        Raises:
            ReviewError: as for :meth:`put`.
        """
        images, _ = self._fingerprints_of(case)
        key = (case, images, signing_reader(reader), *_key_of(prediction))
        table = _TABLES[prediction is not None]
        with self.database.reading() as database:
            if database is None or not database.has_table(table):
                return False
        with self.database.writing() as database:
            older = _note_older(database, table, key)
            if older is not None:
                database.execute(f"DELETE FROM {table} WHERE {_which(key)}", key)
                note(database, WITHDRAW, key[2], older, case, images)
        return older is not None

    def history(self, case: str) -> pd.DataFrame:
        """Return every version of a case's reviews; see :func:`brainseg.reviews.history.history_table`.

        Raises:
            ReviewError: as for :meth:`of`.
        """
        images, _ = self._fingerprints_of(case)
        found = history_table(case, images)
        return found[found["action"].isin((REVIEW, WITHDRAW))].reset_index(drop=True)

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
        """Return a value that changes with every review, as a cache key."""
        return self.database.stamp()

    def _of_the_cohort(self) -> tuple[list[Row], dict[tuple[str, str], str], list[str]]:
        """Return all rows of the file, the masks' fingerprint by case and images, and the cases."""
        rows = self._read()
        cases = self.cohort.slices["case"].drop_duplicates().tolist() if rows else []
        reviewed = self.cohort.slices[self.cohort.slices["case"].isin({row.case for row in rows})]
        known = {}
        for name, its_slices in reviewed.groupby("case"):
            images, masks = fingerprints(its_slices)
            known[str(name), images] = masks
        return rows, known, cases

    def _fingerprints_of(self, case: str) -> tuple[str, str]:
        return fingerprints_of(self.cohort, case)

    def _read(self, where: str = "", values: tuple = ()) -> list[Row]:
        with self.database.reading() as database:
            if database is None:
                return []
            tables = [_OF_MASKS]
            if database.has_table(_TABLES[True]):
                tables.append(_OF_PREDICTIONS)
            question = " UNION ALL ".join(table + where for table in tables)
            return [Row(*row) for row in database.execute(question, values * len(tables))]


def _key_of(prediction: ReviewedPrediction | None) -> tuple:
    return (
        ()
        if prediction is None
        else (prediction.digest, prediction.folds_text, prediction.threshold)
    )


def _which(key: tuple) -> str:
    return " AND ".join(f"{name} = ?" for name in _KEYS[: len(key)])


def _facts(row: Mapping[str, object]) -> dict[str, object]:
    """Return what the history keeps of a review beside its case, reader and time."""
    left_out = {*_KEYS[:3], "changed_at"}
    return {name: value for name, value in row.items() if name not in left_out}


def _note_older(database: Connection, table: str, key: tuple) -> dict[str, object] | None:
    """Return the saved review of a key, and record it if an older program, without history, wrote it."""
    found = database.execute(f"SELECT * FROM {table} WHERE {_which(key)}", key)
    values = found.fetchone()
    if values is None:
        return None
    row = dict(zip([one[0] for one in found.description], values, strict=True))
    facts, (case, images, reader) = _facts(row), key[:3]
    known = database.execute(
        "SELECT count(*) FROM history WHERE at = ? AND who = ? AND action = ? AND case_name = ? "
        "AND images = ? AND facts = ?",
        (row["changed_at"], reader, REVIEW, case, images, as_json(facts)),
    ).fetchone()[0]
    if not known:
        note(database, REVIEW, reader, facts, case, images, str(row["changed_at"]))
    return facts
