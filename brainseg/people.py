"""Who acts, and what that person may do: viewers look, readers review, owners do all else.

Without sign-in, such as on the command line, everyone is an owner. A server with sign-in says by
:func:`identify_by` who asks; every function that changes something calls :func:`require`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from brainseg.errors import BrainsegError

VIEWER, READER, OWNER = "viewer", "reader", "owner"
ROLES = (VIEWER, READER, OWNER)
"""From the least to the most; each may do what the ones before may."""


class NotAllowedError(BrainsegError):
    """The person who asks has not signed in, or may not do this."""


@dataclass(frozen=True)
class Person:
    """Who acts.

    Attributes:
        reader: initials that sign reviews; empty without sign-in, where readers type their own.
        role: one of :data:`ROLES`.
    """

    reader: str
    role: str

    def may(self, role: str) -> bool:
        """Return whether this person has a role or one that includes it."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = Person("", OWNER)
"""Everyone, without sign-in."""

_identify: Callable[[], Person | None] = lambda: LOCAL  # noqa: E731


def identify_by(identify: Callable[[], Person | None]) -> None:
    """Let a function say who acts in the current thread; None if that user has not signed in."""
    global _identify
    _identify = identify


def acting() -> Person | None:
    """Return who acts in this thread, None if that person has not signed in."""
    return _identify()


def may(role: str) -> bool:
    """Return whether the person who acts has a role."""
    person = acting()
    return person is not None and person.may(role)


def require(role: str, action: str) -> Person:
    """Return the person who acts.

    Args:
        role: the least role that allows the action.
        action: in words, such as “train”.

    Raises:
        NotAllowedError: the person has not signed in or has a lesser role.
    """
    person = acting()
    if person is None:
        raise NotAllowedError(f"to {action} you must sign in: reload the page and sign in.")
    if not person.may(role):
        raise NotAllowedError(
            f"to {action} you need the role {role}, but you are a {person.role}: ask an owner of this "
            "server."
        )
    return person
