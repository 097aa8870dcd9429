"""A provider of OpenID Connect on this machine, a server's settings for it, and those who sign in."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from .visitor import Visitor

CLIENT, SECRET = "brainseg-tests", "0123456789abcdef0123456789abcdef"
READERS = "neuroradiology"
"""The group whose members are readers."""

ROLES = f"""
[people]
"Anna@example.org" = "owner"
[groups]
{READERS} = "reader"
"""


@contextmanager
def provider(people: Mapping[str, Mapping[str, object]], **settings: object) -> Iterator[str]:
    """Yield the address of a provider that knows people: their subject and their claims."""
    from oidc_provider_mock import User, run_server_in_thread

    known = [User(sub=name, claims=dict(claims)) for name, claims in people.items()]
    with run_server_in_thread(user_claims=known, **settings) as server:
        yield f"http://localhost:{server.server_port}"


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
        browser = (
            visitor.http
        )  # with the cookies so far: another server would not know this sign-in
        with browser.open(f"{address}{visitor.redirect}", timeout=60) as form:
            place = form.url
            if "localhost" not in place or not re.search(b"<form", form.read()):
                raise ValueError(f"{place} is not the form of a provider on this machine")
        browser.open(place, urlencode({"sub": name}).encode(), timeout=60).close()
        return {one.name: one.value or "" for one in visitor.jar}
