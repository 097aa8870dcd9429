"""The SQLite file of a reader's reviews and measurements: opened for each call, whole after any kill.

It is ``reviews.sqlite`` in the user's folder, for all cohorts. An entry belongs to the pixels of its
case: the same case in a copied folder has it, another case of the same name does not. Older programs
know fewer tables and do not change the others, so the version of the file is the same; see
:mod:`brainseg.reviews.schema`.

The journal is SQLite's rollback journal, not WAL: WAL needs shared memory, which a home folder on a
network drive lacks, and for occasional writing it is no faster.
"""

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg.cohort import Cohort
from brainseg.cohort.fingerprint import fingerprints
from brainseg.errors import CohortError, ReviewError
from brainseg.people import READER, NotAllowedError, require
from brainseg.reviews import schema
from brainseg.reviews.schema import LONGEST_READER

SCHEMA_VERSION = 1

_APPLICATION_ID = 0x62735276  # "bsRv", to recognise databases of other programs
_BUSY_S = 10.0
_HAS_TABLE = "SELECT count(*) FROM sqlite_master WHERE name = ?"


def as_reader(initials: str) -> str:
    """Return a reader's initials as saved: upper case, without surrounding spaces.

    Raises:
        ReviewError: they are not 1 to 8 letters or digits.
    """
    reader = unicodedata.normalize("NFKC", initials).strip().upper()
    if not (reader.isalnum() and len(reader) <= LONGEST_READER):
        raise ReviewError(
            f"initials are “{shortened(initials)}”, but must be 1 to {LONGEST_READER} letters or "
            "digits: type them again."
        )
    return reader


def signing_reader(initials: str) -> str:
    """Return the initials of a signature; who has signed in can only use the own ones.

    Raises:
        ReviewError: as for :func:`as_reader`.
        NotAllowedError: the person may not review, or not with these initials.
    """
    person, reader = require(READER, "review"), as_reader(initials)
    if person.reader and person.reader != reader:
        raise NotAllowedError(
            f"you have signed in as {person.reader} and cannot sign as {reader}: use your own initials."
        )
    return reader


def fingerprints_of(cohort: Cohort, case: str) -> tuple[str, str]:
    """Return the hashes of a case's images and of its masks: 32 hexadecimal digits each.

    Raises:
        ReviewError: the cohort has no such case.
    """
    try:
        return fingerprints(cohort.rows(case, ("slice_number", "image_hash", "mask_hash")))
    except CohortError as error:
        raise ReviewError(
            f"unknown case “{shortened(case)}”: a review belongs to a case of the open cohort."
        ) from error


@dataclass(frozen=True)
class Database:
    """A database file that any thread or process may use.

    Attributes:
        path: the SQLite file; its folder is created with the first entry.
    """

    path: Path

    @contextmanager
    def reading(self) -> Iterator["FileConnection | None"]:
        """Give one snapshot of the file, None if there is none yet.

        Raises:
            ReviewError: the file cannot be read, is damaged, or is newer.
        """
        if not self.path.exists():
            yield None
            return
        with self._errors_in_words(), closing(self._connect("rw")) as database:
            if not self._check(database):
                yield None
                return
            database.execute("BEGIN")
            yield FileConnection(database)
            database.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator["FileConnection"]:
        """Give the database inside a transaction that is saved completely or not at all.

        Raises:
            ReviewError: the file cannot be written, is damaged, or is newer; it then does not change.
        """
        with self._errors_in_words():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect("rwc")) as database:
                # IMMEDIATE: two readers that begin at the same time wait for each other.
                database.execute("BEGIN IMMEDIATE")
                if not self._check(database):
                    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                connection = FileConnection(database)
                if not connection.has_table(schema.NEWEST):
                    for statement in schema.SQLITE:
                        database.execute(statement)
                yield connection
                database.execute("COMMIT")

    def stamp(self) -> tuple:
        """Return a value that changes whenever the file does, as a cache key."""
        try:
            with self.path.open("rb") as file:
                # SQLite counts the changes of a file in these four bytes of its header.
                counter = file.read(28)[24:]
            return (str(self.path), self.path.stat().st_mtime_ns, counter)
        except OSError as error:
            return (str(self.path), error.errno)

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


@dataclass(frozen=True)
class FileConnection:
    """A connection to the file, with the methods that one to PostgreSQL has, too."""

    real: sqlite3.Connection

    def execute(self, statement: str, values: tuple = ()) -> Any:
        """Execute one statement, with ``?`` for each value."""
        return self.real.execute(statement, values)

    def has_table(self, name: str) -> bool:
        """Return whether the file has a table."""
        return bool(self.execute(_HAS_TABLE, (name,)).fetchone()[0])


def shortened(text: str) -> str:
    """Return a text of at most 40 characters."""
    return text if len(text) <= 40 else f"{text[:39]}…"
