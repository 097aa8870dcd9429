"""The tables of reviews, in SQL that SQLite and PostgreSQL share but for a few words.

``history`` only grows: triggers refuse to change or delete a row. Older programs know ``review`` alone
and leave the other tables as they are.
"""

LONGEST_READER = 8
LONGEST_COMMENT = 2000
STATES = ("agree", "needs edit", "reject")

_KEY = f"""
    case_name TEXT NOT NULL,
    images TEXT NOT NULL,
    reader TEXT NOT NULL CHECK (length(reader) BETWEEN 1 AND {LONGEST_READER}),
"""
_VERDICT = f"""
    state TEXT NOT NULL CHECK (state IN {STATES}),
    comment TEXT NOT NULL CHECK (length(comment) <= {LONGEST_COMMENT}),
"""

_TABLES = (
    f"""
CREATE TABLE IF NOT EXISTS review ({_KEY}{_VERDICT}
    masks TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (case_name, images, reader)
)
""",
    f"""
CREATE TABLE IF NOT EXISTS prediction_review ({_KEY}
    model TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    folds TEXT NOT NULL,
    threshold DOUBLE PRECISION NOT NULL CHECK (threshold > 0 AND threshold < 1),{_VERDICT}
    changed_at TEXT NOT NULL,
    PRIMARY KEY (case_name, images, reader, model_digest, folds, threshold)
)
""",
    f"""
CREATE TABLE IF NOT EXISTS measurement ({_KEY}
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    <order>
    PRIMARY KEY (case_name, images, reader, id)
)
""",
    """
CREATE TABLE IF NOT EXISTS history (
    id <number>,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    case_name TEXT,
    images TEXT,
    facts TEXT NOT NULL
)
""",
    """
CREATE TABLE IF NOT EXISTS signed_reader (
    identity TEXT PRIMARY KEY,
    reader TEXT NOT NULL UNIQUE
)
""",
)

_REFUSED = "the history only grows"

_SQLITE_WORDS = {"<order>": "", "<number>": "INTEGER PRIMARY KEY AUTOINCREMENT"}
_SQLITE_TRIGGERS = tuple(
    f"""
CREATE TRIGGER IF NOT EXISTS history_{name} BEFORE {event} ON history {when}
BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END
"""
    for name, event, when in (
        ("is_not_changed", "UPDATE", ""),
        ("is_not_deleted", "DELETE", ""),
        # INSERT OR REPLACE deletes without the trigger of deletions.
        ("is_not_replaced", "INSERT", "WHEN EXISTS (SELECT 1 FROM history WHERE id = NEW.id)"),
    )
)

_POSTGRES_WORDS = {
    "<order>": "rowid BIGINT GENERATED ALWAYS AS IDENTITY,",  # every table of SQLite has one
    "<number>": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
}
_POSTGRES_TRIGGERS = (
    f"""
CREATE OR REPLACE FUNCTION history_only_grows() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$
""",
    """
CREATE OR REPLACE TRIGGER history_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON history
FOR EACH STATEMENT EXECUTE FUNCTION history_only_grows()
""",
    "CREATE TABLE IF NOT EXISTS acceptance (id BIGINT GENERATED ALWAYS AS IDENTITY, line TEXT NOT NULL)",
)


def _with(words: dict[str, str], table: str) -> str:
    for word, said in words.items():
        table = table.replace(word, said)
    return table


SQLITE = (*(_with(_SQLITE_WORDS, table) for table in _TABLES), *_SQLITE_TRIGGERS)
POSTGRES = (*(_with(_POSTGRES_WORDS, table) for table in _TABLES), *_POSTGRES_TRIGGERS)
NEWEST = "history"
"""The table without which the statements are executed again."""
