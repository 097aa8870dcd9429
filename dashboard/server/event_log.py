"""One line per request, page run or job, in JSON, and their counts.

A line has a route, never an address or a query: those contain names of cases and of files. Neither the
visitor nor the visitor's network address is in it.
"""

import json
import logging
import os
import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from threading import Lock

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brainseg.events import EVENTS, emit
from dashboard.server.guard import base

ENVIRONMENT = "BRAINSEG_LOG"
"""Writes events to standard output, one JSON object a line, if it is ``json``."""

_ROUTE = re.compile(
    r"/(_stcore/(?:health|stream|upload_file|metrics|host-config|bidi-components)|media|app/static|static"
    r"|component|api/health|metrics|auth/login|auth/logout|oauth2callback)(?:/|$)"
)


class Requests:
    """Emit an event for each request, once it is answered; a WebSocket's when it is closed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket handshake."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        started, status = time.monotonic(), [101 if scope["type"] == "websocket" else 500]

        async def noted(message: Message) -> None:
            status[0] = message.get("status", status[0])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            emit(
                "request",
                method=method_of(scope),
                route=route_of(scope["path"]),
                status=status[0],
                seconds=round(time.monotonic() - started, 4),
            )


def method_of(scope: Scope) -> str:
    """Return the method of a request, one of a few words whatever was sent."""
    method = scope.get("method", "GET")
    return method if method in ("GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE") else "other"


def route_of(path: str) -> str:
    """Return what a path leads to, one of a few words: “page” for the pages and all that is unknown."""
    found = _ROUTE.match(path.removeprefix(base()))
    return f"/{found[1]}" if found else "page"


class JsonLines(logging.Handler):
    """Write events to standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event as one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = {"at": at, "event": record.getMessage(), **record.facts}  # type: ignore[attr-defined]
        # One write, so that the lines of two threads do not mix.
        sys.stdout.write(f"{json.dumps(facts)}\n")
        sys.stdout.flush()


class Counts(logging.Handler):
    """Count events and add up their seconds, by event and all other facts."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._number, self._seconds = Lock(), Counter[tuple](), Counter[tuple]()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one event."""
        facts = dict(record.facts)  # type: ignore[attr-defined]
        seconds = facts.pop("seconds", 0.0)
        key = (record.getMessage(), *facts.items())
        with self._lock:
            self._number[key] += 1
            self._seconds[key] += seconds

    def totals(self) -> list[tuple[str, dict[str, object], int, float]]:
        """Return event, facts, number and seconds of each kind."""
        with self._lock:
            return [
                (key[0], dict(key[1:]), number, self._seconds[key])
                for key, number in sorted(self._number.items(), key=str)
            ]


COUNTS = Counts()


def listen() -> None:
    """Count the events of this process from now on, and write them if ``BRAINSEG_LOG`` is ``json``."""
    EVENTS.setLevel(logging.INFO)
    wanted = [COUNTS, *([JsonLines()] if os.environ.get(ENVIRONMENT) == "json" else [])]
    EVENTS.handlers[:] = wanted
