"""Pictures and uploads of a server with sign-in are for those who have a role there."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from brainseg.roles import Roles
from dashboard.server import sign_in

AUTH = {"client_id": "ours", "cookie_secret": "x" * 32}
CLAIMS = {"is_logged_in": True, "iss": "https://id", "sub": "vera", "aud": "ours"}


class Section(dict):
    """The section of the secrets, as Streamlit gives it."""

    def to_dict(self) -> dict:
        return {**self}


def status_of(path: str) -> int:
    """Return the status of the answer to a request, 204 where it reached the server itself."""
    sent: list[dict] = []

    async def server(scope: dict, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def send(message: dict) -> None:
        sent.append(message)

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    # In a thread of its own: a browser that other tests have open keeps a loop in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, sign_in.Members(server)(scope, receive, send)).result()
    return sent[0]["status"]


@pytest.mark.parametrize("path", ["/media/x.png", "/_stcore/upload_file/a/b"])
@pytest.mark.parametrize(
    ("everyone", "age_s", "status"), [("viewer", 0, 204), ("none", 0, 401), ("viewer", 13e5, 401)]
)
def test_a_valid_sign_in_with_a_role_is_needed(
    monkeypatch: pytest.MonkeyPatch, path: str, everyone: str, age_s: float, status: int
) -> None:
    claims = CLAIMS | {"iat": time.time() - age_s}
    monkeypatch.setattr(sign_in, "get_secrets_auth_section", lambda: Section(AUTH))
    monkeypatch.setattr(sign_in, "claims_of", lambda scope: claims)
    monkeypatch.setattr(sign_in, "_roles", lambda: Roles(everyone=everyone))
    assert status_of(path) == status
    assert status_of("/app/static/viewer/viewer.js") == 204
