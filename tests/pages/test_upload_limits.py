"""How many files and bytes an upload may have, alone and beside those of other visitors."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from dashboard.server import uploads


@pytest.fixture
def stored(monkeypatch) -> dict[str, dict[str, SimpleNamespace]]:
    """Return the files in the server's memory by session, within limits of 3 files and 10 bytes."""
    files: dict[str, dict[str, SimpleNamespace]] = {}
    manager = SimpleNamespace(uploaded_file_mgr=SimpleNamespace(file_storage=files))
    monkeypatch.setattr(uploads.runtime, "get_instance", lambda: manager)
    monkeypatch.setattr(uploads, "MAX_FILES", 3)
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    monkeypatch.setattr(uploads, "MAX_BYTES_OF_ALL", 25)
    return files


def run(coroutine: Coroutine) -> object:
    """Return the result of a coroutine; in a thread, because a browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def put(limits: uploads.Limits, session: str, file: str, size: object) -> tuple[int, str]:
    """Return status and text of the answer to an upload of a stated size."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def receive() -> dict:
        return {"type": "http.request"}

    headers = [] if size is None else [(b"content-length", str(size).encode())]
    path = f"/_stcore/upload_file/{session}/{file}"
    scope = {"type": "http", "method": "PUT", "path": path, "headers": headers}
    run(limits(scope, receive, send))
    return sent[0]["status"], sent[1].get("body", b"").decode()


@pytest.fixture
def limits(stored) -> uploads.Limits:
    async def server(scope, receive, send):
        _, _, session, file = scope["path"].removeprefix("/").split("/")
        size = int(dict(scope["headers"])[b"content-length"])
        stored.setdefault(session, {})[file] = SimpleNamespace(data=bytes(size))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return uploads.Limits(server)


def test_one_file_too_many_is_refused_and_a_file_that_is_sent_again_is_not(limits):
    assert [put(limits, "a", name, 1)[0] for name in "xyzx"] == [204] * 4
    status, sentence = put(limits, "a", "w", 1)
    assert status == 413 and sentence == f"{uploads.refusal('a')}\n"
    assert "at most 3 files" in sentence
    uploads.forgive("a")
    assert uploads.refusal("a") is None


def test_the_files_of_an_upload_are_counted_together(limits):
    assert put(limits, "b", "x", 6)[0] == 204
    assert put(limits, "b", "y", 5)[0] == 413
    assert put(limits, "b", "y", 4)[0] == 204


def test_all_visitors_together_have_a_limit_too(limits):
    assert [put(limits, session, "x", 10)[0] for session in "cd"] == [204, 204]
    status, sentence = put(limits, "e", "x", 6)
    assert status == 413 and "all visitors" in sentence
    assert put(limits, "e", "x", 5)[0] == 204


@pytest.mark.parametrize("size", [None, "-1", "many"])
def test_an_upload_states_its_size(limits, size):
    assert put(limits, "f", "x", size)[0] == 411


def test_files_that_are_still_coming_count(stored):
    async def both() -> list[int]:
        arrived, statuses = asyncio.Event(), []

        async def server(scope, receive, send):
            await arrived.wait()

        async def send(message: dict) -> None:
            statuses.append(message.get("status"))

        limits, headers = uploads.Limits(server), [(b"content-length", b"6")]
        scopes = [
            {"type": "http", "method": "PUT", "path": path, "headers": headers}
            for path in ("/_stcore/upload_file/g/x", "/_stcore/upload_file/g/y")
        ]
        first = asyncio.create_task(limits(scopes[0], None, send))
        await asyncio.sleep(0)
        await limits(scopes[1], None, send)
        arrived.set()
        await first
        return statuses

    assert run(both())[0] == 413
