"""Which role claims give, and what is refused of a file of roles."""

from pathlib import Path

import pytest

from brainseg.errors import BrainsegError
from brainseg.people import OWNER, READER, VIEWER
from brainseg.roles import Roles, read_roles

FILE = """
claim = "teams"
everyone = "none"
[people]
"Anna@Example.org" = "owner"
"subject-7" = "reader"
[groups]
readers = "reader"
owners = "owner"
"""


def test_without_a_file_everyone_who_signs_in_is_a_viewer(home):
    assert read_roles().of({"sub": "anyone"}) == VIEWER


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "anna@example.ORG", "email_verified": True}, OWNER),
        ({"email": "anna@example.org", "email_verified": False}, None),
        ({"email": "anna@example.org", "email_verified": "true"}, None),
        ({"email": "anna@example.org"}, None),
        ({"sub": "subject-7"}, READER),
        ({"sub": "anna@example.org"}, None),
        ({"teams": ["others", "readers"]}, READER),
        ({"teams": ["readers", "owners"]}, OWNER),
        ({"teams": "owners"}, OWNER),
        ({"teams": "downers"}, None),
        ({"teams": {"owners": 1}}, None),
        ({"teams": [["owners"], 1, None]}, None),
        ({"groups": ["owners"]}, None),
        ({}, None),
    ],
)
def test_the_highest_role_counts_and_an_unverified_address_does_not(home, claims, role):
    (home / "roles.toml").write_text(FILE)
    assert read_roles().of({"sub": "x"} | claims) == role


@pytest.mark.parametrize(
    "text",
    [
        "[people",
        'everyone = "admin"',
        '[people]\nanna = "boss"',
        "[people]\nanna = 1",
        "people = 1",
        "claim = 1",
        'owner = ["anna"]',
    ],
)
def test_a_file_that_says_something_else_is_refused_in_one_sentence(home, text):
    (home / "roles.toml").write_text(text)
    with pytest.raises(BrainsegError, match=r"roles\.toml (cannot be read|must have)"):
        read_roles()


def test_a_named_file_must_exist(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("BRAINSEG_ROLES", str(tmp_path / "none.toml"))
    with pytest.raises(BrainsegError, match="does not exist"):
        read_roles()
    assert Roles().of({}) == VIEWER
