"""People who sign in with a provider of OpenID Connect on this machine."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from benchmarks.support import signing_in
from benchmarks.support.signing_in import READERS, SECRET
from benchmarks.support.signing_in import write_secrets as write_secrets

USER_COOKIE = "_streamlit_user"

PEOPLE: dict[str, dict[str, object]] = {
    "anna": {"name": "Anna Owner", "email": "anna@example.org", "email_verified": True},
    "rita": {"name": "Rita Reader", "groups": [READERS, "others"]},
    "vera": {"name": "Vera Viewer"},
    "mallory": {"name": "Mallory", "email": "anna@example.org", "email_verified": False},
}


@contextmanager
def provider(**settings: object) -> Iterator[str]:
    """Yield the address of a provider that knows the people above by their first names."""
    with signing_in.provider(PEOPLE, **settings) as address:
        yield address


def expiring() -> timedelta:
    """Return an age of tokens that have expired when they are issued."""
    return timedelta(hours=-1)


def cookie_of(claims: Mapping[str, object], secret: str = SECRET) -> dict[str, str]:
    """Return a cookie with any claims, signed with a secret as Streamlit signs."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    return {USER_COOKIE: create_signed_value(secret, USER_COOKIE, json.dumps(claims)).decode()}
