"""Sign-in by OpenID Connect, through Streamlit: who asks, and who may not ask at all.

It is on if the secrets of Streamlit have a section ``auth``, and required if the server listens beyond
this machine, unless ``BRAINSEG_INSECURE_NO_LOGIN`` is 1. Streamlit signs the claims of the provider's
token into a cookie that lasts 30 days; here its audience and its age are checked at every use.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.auth_util import get_secrets_auth_section, is_authlib_installed
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from brainseg import people
from brainseg.errors import BrainsegError
from brainseg.people import READER, Person
from brainseg.reviews.signed_readers import initials_for
from brainseg.roles import Roles, read_roles
from dashboard.server.guard import base, refuse

INSECURE_ENVIRONMENT = "BRAINSEG_INSECURE_NO_LOGIN"
HOURS_ENVIRONMENT = "BRAINSEG_LOGIN_HOURS"
DEFAULT_HOURS = 12
"""From the provider's token until a reader has to sign in again."""

LEAST_SECRET = 32
CLOCKS_DIFFER_S = 120
NEEDED = ("redirect_uri", "cookie_secret")
NEEDED_OF_PROVIDER = ("client_id", "client_secret", "server_metadata_url")

_LOCAL = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|unix:.*")
_MEMBERS_ONLY = re.compile(r"/(media|_stcore/upload_file)/")


def set_up() -> None:
    """Let all functions know who acts.

    Raises:
        BrainsegError: sign-in is required and not configured, or its configuration is incomplete.
    """
    auth = get_secrets_auth_section().to_dict()
    if auth:
        check(auth)
        read_roles()
        hours()
        people.identify_by(identify)
        return
    address = config.get_option("server.address") or "all addresses"
    if not _LOCAL.fullmatch(address) and os.environ.get(INSECURE_ENVIRONMENT) != "1":
        raise BrainsegError(
            f"the server would listen on {address} without sign-in: configure it (docs/deployment.md), "
            "listen on localhost, or start with --insecure-no-login, whereby everyone who reaches the "
            "server may see, train and delete everything."
        )


def check(auth: Mapping[str, Any]) -> None:
    """Raise BrainsegError if the section ``auth`` of the secrets lacks what sign-in needs."""
    if not is_authlib_installed():
        raise BrainsegError(
            "sign-in needs the package Authlib: install brainseg with the extra auth."
        )
    lacks = [name for name in NEEDED if not auth.get(name)]
    lacks += [
        name for name in NEEDED_OF_PROVIDER if not all(one.get(name) for one in _providers(auth))
    ]
    if lacks:
        raise BrainsegError(f"the section auth of the secrets lacks {', '.join(lacks)}: add it.")
    if len(auth["cookie_secret"]) < LEAST_SECRET:
        raise BrainsegError(
            f"cookie_secret has {len(auth['cookie_secret'])} characters, but needs {LEAST_SECRET}: take "
            "that many random ones."
        )


def _providers(auth: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the sections of the providers; the section itself if it has only one."""
    return [one for one in auth.values() if isinstance(one, dict) and "client_id" in one] or [auth]


def hours() -> float:
    """Return for how many hours a sign-in is valid, from ``BRAINSEG_LOGIN_HOURS``."""
    named = os.environ.get(HOURS_ENVIRONMENT) or str(DEFAULT_HOURS)
    if not named.isdecimal() or not 0 < int(named) <= 30 * 24:
        raise BrainsegError(f"{HOURS_ENVIRONMENT} is {named[:20]!r}, but must be 1 to 720 hours.")
    return float(named)


def identify() -> Person | None:
    """Return who acts in the current thread, which runs a page; None without a valid sign-in."""
    context = get_script_run_ctx(suppress_warning=True)
    return person_of(context.user_info) if context else None


def person_of(claims: Mapping[str, Any]) -> Person | None:
    """Return the person of a cookie's claims; None if they are not valid or give no role."""
    if not are_valid(claims):
        return None
    role = _roles().of(claims)
    if role is None:
        return None
    person = Person("", role)
    if not person.may(READER):
        return person
    identity = f"{claims['iss']} {claims['sub']}"
    return Person(_initials(identity, str(claims.get("name") or "")), role)


def are_valid(claims: Mapping[str, Any]) -> bool:
    """Return whether claims are of a sign-in here, and not too long ago."""
    auth = get_secrets_auth_section().to_dict()
    clients = {one["client_id"] for one in _providers(auth)}
    audience = claims.get("aud")
    audience = {audience} if isinstance(audience, str) else {*(audience or ())}
    issued = claims.get("iat")
    return (
        claims.get("is_logged_in") is True
        and bool(claims.get("iss") and claims.get("sub"))
        and bool(clients & audience)
        and isinstance(issued, int | float)
        and -CLOCKS_DIFFER_S <= time.time() - issued <= hours() * 3600
    )


@lru_cache(maxsize=1000)
def _initials(identity: str, name: str) -> str:
    return initials_for(identity, name)


@lru_cache(maxsize=1)
def _roles() -> Roles:
    return read_roles()


class Members:
    """Refuse pictures and uploads to those without a role here; pages do so themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        of_members = scope["type"] == "http" and _MEMBERS_ONLY.match(
            scope["path"].removeprefix(base())
        )
        if of_members and not is_open_to(scope):
            return await refuse(401, "sign in first: open the dashboard's page.")(
                scope, receive, send
            )
        await self.app(scope, receive, send)


def is_open_to(scope: Scope) -> bool:
    """Return whether a request is of someone with a role here, or no one has to sign in."""
    return not get_secrets_auth_section() or person_of(claims_of(scope)) is not None


def claims_of(scope: Scope) -> dict[str, Any]:
    """Return the claims in the signed cookie of a request; none without a valid one."""
    cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
    try:
        content = _get_signed_cookie_with_chunks(cookies, USER_COOKIE_NAME)
        claims = json.loads(content) if content else {}
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
