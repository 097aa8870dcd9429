"""The roles of those who sign in, by their claims: a TOML file of people and groups.

claim = "groups"             # the claim that lists the groups; this is the default
everyone = "viewer"          # the role of all others who sign in; "none" lets no others in

[people]                     # by verified e-mail address, or by subject
"anna@example.org" = "owner"

[groups]
"neuroradiology" = "reader"
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainseg.errors import BrainsegError
from brainseg.people import ROLES, VIEWER
from brainseg.storage import state_dir

ENVIRONMENT = "BRAINSEG_ROLES"
NONE = "none"


@dataclass(frozen=True)
class Roles:
    """The roles of a file.

    Attributes:
        people: role by verified e-mail address in lower case, or by subject.
        groups: role by group.
        claim: names the claim with the groups.
        everyone: the role of all others, or :data:`NONE`.
    """

    people: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    claim: str = "groups"
    everyone: str = VIEWER

    def of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the highest role that the claims give, or None."""
        subject, email = str(claims.get("sub", "")), str(claims.get("email", "")).lower()
        # An address counts if the provider has verified it, and a subject is no address.
        names = [subject] if "@" not in subject else []
        names += [email] if claims.get("email_verified") is True else []
        groups = claims.get(self.claim) or []
        groups = [groups] if isinstance(groups, str) else groups
        found = [self.people.get(name) for name in names]
        if isinstance(groups, list):
            found += [self.groups.get(group) for group in groups if isinstance(group, str)]
        known = [role for role in (*found, self.everyone) if role in ROLES]
        return max(known, key=ROLES.index, default=None)


def read_roles() -> Roles:
    """Return the roles of the file of ``BRAINSEG_ROLES``, else of ``roles.toml`` in the user's folder.

    Without a file, everyone who signs in is a viewer.

    Raises:
        BrainsegError: the file cannot be read or has another content.
    """
    named = os.environ.get(ENVIRONMENT)
    path = Path(named).expanduser() if named else state_dir() / "roles.toml"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if not named:
            return Roles()
        raise BrainsegError(f"{path} does not exist: correct {ENVIRONMENT}.") from None
    except (OSError, ValueError) as error:
        raise BrainsegError(f"{path} cannot be read ({error}): correct it.") from error
    people, groups = content.pop("people", {}), content.pop("groups", {})
    claim, everyone = content.pop("claim", "groups"), content.pop("everyone", VIEWER)
    tables = (people, groups)
    is_valid = (
        not content
        and isinstance(claim, str)
        and everyone in (*ROLES, NONE)
        and all(isinstance(table, dict) for table in tables)
        and all(role in ROLES for table in tables for role in table.values())
    )
    if not is_valid:
        raise BrainsegError(
            f"{path} must have claim, everyone, and the tables people and groups with the roles "
            f"{', '.join(ROLES)}: correct it as docs/deployment.md shows."
        )
    by_name = {name.lower() if "@" in name else name: role for name, role in people.items()}
    return Roles(by_name, groups, claim, everyone)
