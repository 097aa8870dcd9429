"""The same tables on a PostgreSQL server, for several servers of the dashboard or many readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from brainseg.errors import MissingPackageError, ReviewError
from brainseg.reviews import schema

ENVIRONMENT = "BRAINSEG_DATABASE"

_CONNECTS_WITHIN_S = 10
_LOCK = 0x62735276
"""Writers wait for each other, as in SQLite."""


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL database that any thread or process may use.

    Attributes:
        address: ``postgresql://user:password@host/name``, as libpq reads it; never shown.
    """

    address: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.address.startswith(("postgresql://", "postgres://")):
            raise ReviewError(
                f"{ENVIRONMENT} does not begin with postgresql://: name a database of PostgreSQL, or "
                "unset it to keep reviews in a file."
            )

    @contextmanager
    def reading(self) -> Iterator["PostgresConnection | None"]:
        """Give one snapshot of the database, None if it has no table yet; see ``Database``."""
        with self._connected() as database:
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield database if database.has_table(schema.NEWEST) else None

    @contextmanager
    def writing(self) -> Iterator["PostgresConnection"]:
        """Give the database inside a transaction that is saved completely or not at all."""
        with self._connected() as database:
            database.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            if not database.has_table(schema.NEWEST):
                for statement in schema.POSTGRES:
                    database.execute(statement)
            yield database

    def stamp(self) -> tuple:
        """Return a value that changes with every review, as a cache key."""
        with self.reading() as database:
            newest = database and database.execute("SELECT max(id) FROM history").fetchone()[0]
        return (hash(self.address), newest)

    @contextmanager
    def _connected(self) -> Iterator["PostgresConnection"]:
        """Give a connection in a transaction, which ends well unless an exception leaves the block."""
        try:
            import psycopg
        except ImportError as error:
            raise MissingPackageError(
                f"{ENVIRONMENT} needs the package psycopg: install brainseg with the extra postgres."
            ) from error
        try:
            with psycopg.connect(self.address, connect_timeout=_CONNECTS_WITHIN_S) as connection:
                yield PostgresConnection(connection)
        except psycopg.Error as error:
            first = str(error).strip().split("\n")[0]
            raise ReviewError(
                f"the database of {ENVIRONMENT} cannot be used ({first}): see that it runs and that its "
                "user may create tables."
            ) from error


@dataclass(frozen=True)
class PostgresConnection:
    """A connection that takes statements as SQLite writes them."""

    real: Any

    def execute(self, statement: str, values: tuple = ()) -> Any:
        """Execute one statement, with ``?`` for each value."""
        return self.real.execute(statement.replace("?", "%s"), values)

    def has_table(self, name: str) -> bool:
        """Return whether the database has a table."""
        return bool(self.execute("SELECT to_regclass(?) IS NOT NULL", (name,)).fetchone()[0])
