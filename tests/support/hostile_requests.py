"""Requests of other websites and programs, byte for byte, and the status of each answer."""

import socket
from dataclasses import dataclass

OWN = "localhost:{port}"
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
UPLOAD = "/_stcore/upload_file/a/b"


@dataclass(frozen=True)
class Hostile:
    """A request, in which ``{port}`` is the server's, and the status of its answer."""

    name: str
    status: int
    target: str = "/"
    host: str | None = OWN
    headers: str = ""
    method: str = "GET"
    version: str = "1.1"
    body: str = ""

    def content(self, port: int) -> bytes:
        """Return the bytes to send."""
        host = "" if self.host is None else f"Host: {self.host}\r\n"
        host += "" if WEBSOCKET in self.headers else "Connection: close\r\n"
        text = f"{self.method} {self.target} HTTP/{self.version}\r\n{host}{self.headers}\r\n{self.body}"
        return text.replace("{port}", str(port)).encode("latin-1")


def _socket(name: str, origin: str, status: int = 403) -> Hostile:
    sent = f"Origin: {origin}\r\n" if origin else ""
    return Hostile(name, status, "/_stcore/stream", headers=WEBSOCKET + sent)


HOSTILE = (
    Hostile("another host", 400, host="evil.example"),
    Hostile("another host with our port", 400, host="evil.example:{port}"),
    Hostile("another host asks for health", 400, "/_stcore/health", "evil.example"),
    Hostile(
        "another host asks for the viewer", 400, "/app/static/viewer/viewer.js", "evil.example"
    ),
    Hostile("a host that begins as ours", 400, host="localhost.evil.example"),
    Hostile("a host that ends as ours", 400, host="evil.localhost"),
    Hostile("a name that leads to this machine", 400, host="127.0.0.1.nip.example:{port}"),
    Hostile("all addresses", 400, host="0.0.0.0:{port}"),
    Hostile("a user before the host", 400, host="localhost@evil.example"),
    Hostile("a port that is none", 400, host="localhost:99999"),
    Hostile("an empty host", 400, host=""),
    Hostile("no host", 400, host=None),
    Hostile("no host by HTTP 1.0", 400, host=None, version="1.0"),
    Hostile("two hosts", 400, headers="Host: evil.example\r\n"),
    Hostile("another host as a proxy is asked", 400, "http://evil.example/", "evil.example"),
    _socket("a WebSocket of another website", "http://evil.example"),
    _socket("a WebSocket of another port", "http://localhost:1"),
    _socket("a WebSocket of another name with our port", "http://evil.example:{port}"),
    _socket("a WebSocket of a sandboxed frame", "null"),
    _socket("a WebSocket of a program", ""),
    _socket("a WebSocket of a file", "file://"),
    Hostile(
        "a WebSocket by another host",
        400,
        "/_stcore/stream",
        "evil.example",
        WEBSOCKET + "Origin: http://evil.example\r\n",
    ),
    Hostile(
        "an upload of another website",
        403,
        UPLOAD,
        method="PUT",
        headers="Origin: http://localhost:1\r\nContent-Length: 0\r\n",
    ),
    Hostile(
        "a deletion of another website", 403, UPLOAD, method="DELETE", headers="Origin: null\r\n"
    ),
    Hostile(
        "an upload without a token", 403, UPLOAD, method="PUT", headers="Content-Length: 0\r\n"
    ),
    Hostile(
        "an upload without a length",
        411,
        UPLOAD,
        method="PUT",
        headers="Transfer-Encoding: chunked\r\n",
        body="0\r\n\r\n",
    ),
    Hostile(
        "an upload beyond the limits",
        413,
        UPLOAD,
        method="PUT",
        headers="Content-Length: 99999999999\r\n",
    ),
    Hostile("a path up", 400, "/app/static/../app.py"),
    Hostile("an encoded path up", 400, "/app/static/%2e%2e/app.py"),
    Hostile("an encoded slash", 400, "/app/static/..%2f..%2fREADME.md"),
    Hostile("another machine's folder", 400, "//evil.example/share"),
    Hostile(
        "another machine's folder with backslashes", 400, "/app/static/%5c%5cevil.example%5cshare"
    ),
    Hostile("a path with a null", 400, "/app/static/viewer/viewer.js%00.css"),
    Hostile("the source of a page", 404, "/app/static/navigation.py"),
    Hostile("a picture by a path", 400, "/media/../../../../etc/passwd"),
    Hostile("the figures of the server", 404, "/_stcore/metrics"),
    Hostile("the figures by an encoded path", 404, "/_stcore/%6detrics/"),
    Hostile(
        "an agent", 403, "/_stcore/agent/interact", method="POST", headers="Content-Length: 0\r\n"
    ),
    Hostile("a trace", 405, method="TRACE"),
    Hostile("a method of no standard", 405, method="DANCE"),
    Hostile(
        "two lengths",
        400,
        UPLOAD,
        method="PUT",
        headers="Content-Length: 5\r\nContent-Length: 6\r\n",
        body="abcdef",
    ),
    Hostile(
        "a length and chunks",
        411,
        UPLOAD,
        method="PUT",
        headers="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        body="0\r\n\r\n",
    ),
)


def answer_of(port: int, request: Hostile, limit_s: float = 30) -> tuple[int, str, bytes]:
    """Return status, headers in lower case and body of the answer.

    Raises:
        TimeoutError: the connection was still open at the limit.
    """
    with socket.create_connection(("localhost", port), timeout=limit_s) as connection:
        connection.sendall(request.content(port))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode("latin-1").lower(), body
