"""The history: every version of every review, and what else was done, by whom and when; it only grows.

It is a table beside the reviews. An action that cannot be recorded is not done.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from brainseg import people
from brainseg.reviews.opening import Connection, open_database

REVIEW, WITHDRAW = "review", "withdraw review"
MEASURE, UNMEASURE = "measure", "delete measurement"

COLUMNS = ("at", "who", "action", "case", "facts")
"""Of the table: time in UTC, initials (“” without sign-in), what was done, the case or missing, and a
JSON object with all else."""


def record(action: str, **facts: object) -> None:
    """Record an action of the person who acts, before it is done.

    Args:
        action: such as “delete run”.
        **facts: of what it is done to, with values that JSON knows.

    Raises:
        ReviewError: the history cannot be written.
    """
    person = people.acting()
    with open_database().writing() as database:
        note(database, action, person.reader if person else "", facts)


def note(
    database: Connection,
    action: str,
    who: str,
    facts: Mapping[str, object],
    case: str | None = None,
    images: str | None = None,
    at: str | None = None,
) -> None:
    """Add a row inside of a transaction; ``images`` is the fingerprint of the case's images."""
    database.execute(
        "INSERT INTO history (at, who, action, case_name, images, facts) VALUES (?, ?, ?, ?, ?, ?)",
        (at or now(), who, action, case, images, as_json(facts)),
    )


def now() -> str:
    """Return the time as it is saved: ISO, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def as_json(facts: Mapping[str, object]) -> str:
    """Return facts as they are saved."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)


def history_table(case: str | None = None, images: str | None = None) -> pd.DataFrame:
    """Return the history with :data:`COLUMNS`, the oldest first.

    Args:
        case: only of this case.
        images: the fingerprint of its images.

    Raises:
        ReviewError: it cannot be read.
    """
    which = "" if case is None else " WHERE case_name = ? AND images = ?"
    rows: list[Any] = []
    with open_database().reading() as database:
        if database is not None and database.has_table("history"):
            rows = database.execute(
                f"SELECT at, who, action, case_name, facts FROM history{which} ORDER BY id",
                () if case is None else (case, images),
            ).fetchall()
    table = pd.DataFrame([tuple(row) for row in rows], columns=list(COLUMNS), dtype="str")
    table["at"] = pd.to_datetime(table["at"], utc=True).astype("datetime64[s, UTC]")
    return table
