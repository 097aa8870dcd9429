"""A provider of OpenID Connect on this machine, and people who sign in with it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from benchmarks.support.visitor import Visitor

CLIENT, SECRET = "brainseg-tests", "0123456789abcdef0123456789abcdef"
USER_COOKIE = "_streamlit_user"

ANNA = {"name": "Anna Owner", "email": "anna@example.org", "email_verified": True}
RITA = {"name": "Rita Reader", "groups": ["neuroradiology", "others"]}
VERA = {"name": "Vera Viewer"}
MALLORY = {"name": "Mallory", "email": "anna@example.org", "email_verified": False}

ROLES = """
[people]
"Anna@example.org" = "owner"
[groups]
neuroradiology = "reader"
"""


@contextmanager
def provider(**settings: object) -> Iterator[str]:
    """Yield the address of a provider that knows the people above by their first names."""
    from oidc_provider_mock import User, run_server_in_thread

    known = {"anna": ANNA, "rita": RITA, "vera": VERA, "mallory": MALLORY}
    people = [User(sub=name, claims=dict(claims)) for name, claims in known.items()]
    with run_server_in_thread(user_claims=people, **settings) as server:
        yield f"http://localhost:{server.server_port}"


def expiring() -> timedelta:
    """Return an age of tokens that have expired when they are issued."""
    return timedelta(hours=-1)


def write_secrets(folder: Path, address: str, **changed: str) -> dict[str, str]:
    """Write the secrets and roles of a server, and return the environment that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    secrets = {
        "redirect_uri": "http://localhost:{port}/oauth2callback",
        "cookie_secret": SECRET,
        "client_id": CLIENT,
        "client_secret": "known to the provider",
        "server_metadata_url": f"{address}/.well-known/openid-configuration",
    } | changed
    lines = [f'{name} = "{value}"' for name, value in secrets.items()]
    (folder / "secrets.toml").write_text("\n".join(["[auth]", *lines]))
    (folder / "roles.toml").write_text(ROLES)
    return {
        "STREAMLIT_SECRETS_FILES": str(folder / "secrets.toml"),
        "BRAINSEG_ROLES": str(folder / "roles.toml"),
    }


def sign_in(address: str, name: str) -> dict[str, str]:
    """Sign in as a browser does, from the button to the callback, and return the cookies."""
    with Visitor(address) as visitor:
        visitor.open()
        visitor.press("Sign in")
        target = visitor.redirect
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))
    with browser.open(f"{address}{target}", timeout=60) as form:
        place = form.url
        assert "localhost" in place and re.search(b"<form", form.read())
    browser.open(place, urlencode({"sub": name}).encode(), timeout=60).read()
    return {one.name: one.value or "" for one in jar}


def cookie_of(claims: Mapping[str, object], secret: str = SECRET) -> dict[str, str]:
    """Return a cookie with any claims, signed with a secret as Streamlit signs."""
    import json

    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    return {USER_COOKIE: create_signed_value(secret, USER_COOKIE, json.dumps(claims)).decode()}
