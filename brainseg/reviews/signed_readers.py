"""The initials of readers who sign in: each identity gets its own, once and for all."""

from collections.abc import Iterator
from itertools import count

from brainseg.reviews.database import as_reader
from brainseg.reviews.opening import Connection, open_database
from brainseg.reviews.schema import LONGEST_READER

_OWN = "SELECT reader FROM signed_reader WHERE identity = ?"
_USED = ("signed_reader", "review", "prediction_review", "measurement")


def initials_for(identity: str, name: str) -> str:
    """Return the initials of an identity: at the first call those of a name, with a number if taken.

    Initials that somebody signed with before, without sign-in, are taken: they may be another reader's.

    Args:
        identity: such as issuer and subject of OpenID Connect; never shown.
        name: of the person, may be empty.

    Raises:
        ReviewError: the database cannot be used.
    """
    with open_database().reading() as database:
        known = database and database.has_table("signed_reader") and _own(database, identity)
    if known:
        return known
    with open_database().writing() as database:
        if known := _own(database, identity):
            return known
        used = {
            row[0]
            for table in _USED
            for row in database.execute(f"SELECT DISTINCT reader FROM {table}")
        }
        reader = next(one for one in _proposals(name) if one not in used)
        database.execute("INSERT INTO signed_reader VALUES (?, ?)", (identity, reader))
    return reader


def _own(database: Connection, identity: str) -> str | None:
    row = database.execute(_OWN, (identity,)).fetchone()
    return row[0] if row else None


def _proposals(name: str) -> Iterator[str]:
    letters = "".join(word[0] for word in name.split()[:3] if word[0].isalnum())
    start = as_reader(letters or "R")[:3]
    yield start
    for number in count(2):
        yield f"{start[: LONGEST_READER - len(str(number))]}{number}"
