"""Reviews: one per case, reader and subject (the manual mask, or a model's prediction), in SQLite.

The file is ``reviews.sqlite`` in the user's folder, for all cohorts. A review belongs to the pixels of
its case: the same case in a copied folder has it, another case of the same name does not. If a mask is
edited afterwards, as "needs edit" asks for, its reviews remain, marked.

Reviews of masks and of predictions have separate tables. Older programs know only the first and do not
change the second, so the version of the file is the same.

The journal is SQLite's rollback journal, not WAL: WAL needs shared memory, which a home folder on a
network drive lacks, and for occasional reviews it is no faster.
"""

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.fingerprint import fingerprints
from brainseg.errors import ReviewError
from brainseg.reviews.table import ReviewedPrediction, Row, as_table
from brainseg.storage import state_dir

AGREE, NEEDS_EDIT, REJECT = "agree", "needs edit", "reject"

STATES = (AGREE, NEEDS_EDIT, REJECT)
"""The verdicts on a mask or a prediction."""

LONGEST_READER = 8
LONGEST_COMMENT = 2000

SCHEMA_VERSION = 1

_APPLICATION_ID = 0x62735276  # "bsRv", to recognise databases of other programs
_BUSY_S = 10.0

_SCHEMA = f"""
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

_HAS_PREDICTIONS = "SELECT count(*) FROM sqlite_master WHERE name = 'prediction_review'"

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


def as_reader(initials: str) -> str:
    """Return a reader's initials as saved: upper case, without surrounding spaces.

    Raises:
        ReviewError: they are not 1 to 8 letters or digits.
    """
    reader = unicodedata.normalize("NFKC", initials).strip().upper()
    if not (reader.isalnum() and len(reader) <= LONGEST_READER):
        raise ReviewError(
            f"initials are “{_shortened(initials)}”, but must be 1 to {LONGEST_READER} letters or "
            "digits: type them again."
        )
    return reader


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
                f"state is “{_shortened(state)}”, but must be one of {', '.join(STATES)}."
            )
        images, masks = self._fingerprints_of(case)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        key = (case, images, as_reader(reader))
        verdict = (state, as_comment(comment))
        with self._writing() as database:
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
        with self._writing() as database:
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
        its_slices = self.slices[self.slices["case"] == case]
        if its_slices.empty:
            raise ReviewError(
                f"unknown case “{_shortened(case)}”: a review belongs to a case of the open cohort."
            )
        return fingerprints(its_slices)

    def _read(self, where: str = "", values: tuple = ()) -> list[Row]:
        if not self.path.exists():
            return []
        with self._errors_in_words(), closing(self._connect("rw")) as database:
            if not self._check(database):
                return []
            # One snapshot: a writer may add a review between the two tables.
            database.execute("BEGIN")
            tables = [_OF_MASKS]
            if database.execute(_HAS_PREDICTIONS).fetchone()[0]:
                tables.append(_OF_PREDICTIONS)
            question = " UNION ALL ".join(table + where for table in tables)
            found = database.execute(question, values * len(tables)).fetchall()
            database.execute("COMMIT")
            return [Row(*row) for row in found]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the database inside a transaction that is saved completely or not at all."""
        with self._errors_in_words():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect("rwc")) as database:
                # IMMEDIATE: two readers that begin at the same time wait for each other.
                database.execute("BEGIN IMMEDIATE")
                if not self._check(database):
                    database.execute(_SCHEMA)
                    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                yield database
                database.execute("COMMIT")

    def _connect(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        database = sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        return database

    def _check(self, database: sqlite3.Connection) -> bool:
        """Return whether the tables exist; raise ReviewError if the file is not valid."""

        def one(question: str) -> Any:
            return database.execute(question).fetchone()[0]

        version, application = one("PRAGMA user_version"), one("PRAGMA application_id")
        if version == application == one("SELECT count(*) FROM sqlite_master") == 0:
            return False  # new, or killed before its first review was saved
        if application != _APPLICATION_ID:
            raise ReviewError(
                f"{self.path} is a database of another program: move it away, and reviews start anew."
            )
        if version > SCHEMA_VERSION:
            raise ReviewError(
                f"{self.path} has version {version}, but this brainseg reads up to "
                f"{SCHEMA_VERSION}: update brainseg; the file was left as it is."
            )
        if one("PRAGMA quick_check(1)") != "ok":
            raise ReviewError(self._damaged("its pages do not fit together"))
        return True

    def _damaged(self, why: object) -> str:
        return (
            f"{self.path} is damaged ({why}) and was left as it is: restore it from a backup, or move "
            "it away, and reviews start anew."
        )

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        """Turn errors of SQLite and the disk into one sentence."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code == sqlite3.SQLITE_ERROR:  # no such table or column
                raise ReviewError(self._damaged(error)) from error
            if code is not None and code & 0xFF == sqlite3.SQLITE_BUSY:
                raise ReviewError(
                    f"{self.path} has been in use for {_BUSY_S:.0f} s by someone else: try again."
                ) from error
            reason = getattr(error, "strerror", None) or error
            raise ReviewError(
                f"{self.path} cannot be used ({reason}): free some space, or choose a folder that you "
                "may write (BRAINSEG_HOME)."
            ) from error
        except sqlite3.DatabaseError as error:
            raise ReviewError(self._damaged(error)) from error


def _key_of(prediction: ReviewedPrediction) -> tuple[str, str, float]:
    return prediction.digest, prediction.folds_text, prediction.threshold


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
