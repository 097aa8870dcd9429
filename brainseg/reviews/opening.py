"""Which database keeps the reviews: a file in the user's folder, or a PostgreSQL server."""

import os

from brainseg.reviews.database import Database, FileConnection
from brainseg.reviews.postgres import ENVIRONMENT, Postgres, PostgresConnection
from brainseg.storage import state_dir

AnyDatabase = Database | Postgres
Connection = FileConnection | PostgresConnection


def open_database() -> AnyDatabase:
    """Return the database of ``BRAINSEG_DATABASE``, else ``reviews.sqlite`` in the user's folder.

    Nothing is opened or created yet.

    Raises:
        ReviewError: the name is not that of a PostgreSQL database.
    """
    if named := os.environ.get(ENVIRONMENT):
        return Postgres(named)
    return Database(state_dir() / "reviews.sqlite")
