"""Several server processes behind one address: each browser always reaches the same one.

    python dashboard/server/front.py APP PORT SERVERS

A visitor's session, uploads and pictures are in one process. A browser without a cookie goes to the
process with the fewest connections, which then sets the cookie, see :mod:`dashboard.server.guard`. Later
requests of a connection follow its first, so a proxy in front must not share connections among visitors.
"""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

SERVER_ENVIRONMENT = "BRAINSEG_SERVER"
"""The number of a process, from 1, and of all processes, such as "1/2"; set for the processes."""

COOKIE = "brainseg_server"

_OF_COOKIE = re.compile(rb"(?im)^cookie:(?:.*;)?\s*" + COOKIE.encode() + rb"=(\d{1,3})\s*(?:;|\r)")
_HEAD_WITHIN_S = 60.0
_STARTS_WITHIN_S = 60.0
_ENDS_WITHIN_S = 12.0
_AGAIN_AFTER_S = 1.0
_REFUSES = 2
"""The exit code of a server that has said why it does not start."""

_PART_BYTES = 2**16


class Front:
    """Passes connections on to server processes, which it starts, starts again, and ends."""

    def __init__(self, app: str, servers: int) -> None:
        self._app = app
        self._ports = [_free_port() for _ in range(servers)]
        self._connections = [0] * servers

    async def serve(self, port: int) -> None:
        """Serve on a port of localhost until this is cancelled."""
        listener = await asyncio.start_server(self._pass_on, "localhost", port)
        async with listener, asyncio.TaskGroup() as tasks:
            for place in range(len(self._ports)):
                tasks.create_task(self._keep(place))

    async def _keep(self, place: int) -> None:
        """Run one server, and start it again if it ends."""
        flags = (f"--server.port={self._ports[place]}", "--server.address=localhost")
        command = (sys.executable, "-m", "streamlit", "run", self._app, *flags)
        environment = os.environ | {SERVER_ENVIRONMENT: f"{place + 1}/{len(self._ports)}"}
        while True:
            server = await asyncio.create_subprocess_exec(
                *command,
                "--logger.hideWelcomeMessage=true",
                env=environment,
                stdin=asyncio.subprocess.PIPE,  # it ends with this process, see lifetime.py
            )
            try:
                if await server.wait() == _REFUSES:
                    sys.exit(_REFUSES)
                await asyncio.sleep(_AGAIN_AFTER_S)
            finally:
                if server.returncode is None:
                    server.terminate()
                    await asyncio.wait([asyncio.create_task(server.wait())], timeout=_ENDS_WITHIN_S)

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass one connection on to its server."""
        try:
            async with asyncio.timeout(_HEAD_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
            place = self._place_of(head)
            self._connections[place] += 1
            try:
                answers, requests = await self._connect(place)
                requests.write(head)
                await asyncio.gather(_copy(reader, requests), _copy(answers, writer))
            finally:
                self._connections[place] -= 1
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the browser asks again
        finally:
            writer.close()

    def _place_of(self, head: bytes) -> int:
        """Return which server a request goes to, from 0."""
        place = place_in(head, len(self._ports))
        return self._connections.index(min(self._connections)) if place is None else place

    async def _connect(self, place: int) -> tuple[StreamReader, StreamWriter]:
        """Connect to a server, which may be about to start."""
        async with asyncio.timeout(_STARTS_WITHIN_S):
            while True:
                with suppress(OSError):
                    return await asyncio.open_connection("localhost", self._ports[place])
                await asyncio.sleep(0.1)


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    """Copy what comes to the other side, until one of both closes."""
    try:
        while data := await reader.read(_PART_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def number_and_count() -> tuple[int, int]:
    """Return the number of this server process, from 1, and how many share its address."""
    number, _, count = os.environ.get(SERVER_ENVIRONMENT, "1/1").partition("/")
    return int(number), int(count)


def place_in(cookies: bytes, servers: int) -> int | None:
    """Return the server, from 0, that the headers of a request name by their cookie, or None."""
    named = _OF_COOKIE.search(cookies)
    place = int(named[1]) - 1 if named else -1
    return place if 0 <= place < servers else None


def main(app: str, port: int, servers: int) -> None:
    """Serve until this process is ended; the servers end with it."""
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: sys.exit(0))
    asyncio.run(Front(app, servers).serve(port))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
