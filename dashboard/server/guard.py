"""What the server answers, and to whom: own hosts and origins only, with headers that bind the browser.

Streamlit 1.67 checks Host and Origin on the WebSocket alone, and takes every port of localhost for its
own origin.
"""

import base64
import hashlib
import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config, file_util, net_util
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from dashboard.server import front

METRICS_ENVIRONMENT = "BRAINSEG_METRICS"
"""Opens figures on visitors, memory and cohort, at ``/metrics`` and ``/_stcore/metrics``, if it is 1."""

READS = {"GET", "HEAD", "OPTIONS"}
PORTS = {"http": 80, "https": 443}
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Plotly writes functions for WebGL (unsafe-eval), components of Streamlit come as blobs.
POLICY = (
    "default-src 'self'; script-src 'self' blob: 'unsafe-eval'{inline}; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self'{sockets} data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class Guard:
    """Refuse foreign hosts and origins, and add the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket handshake."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)

        async def bound(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                bind_browser(MutableHeaders(scope=message), scope)
            await send(message)

        refusal = refusal_of(scope)
        await (refusal or self.app)(scope, receive, bound)


def bind_browser(answer: MutableHeaders, scope: Scope) -> None:
    """Add the security headers to the headers of an answer."""
    host = Headers(scope=scope).get("host", "")
    # Not every browser takes 'self' for the WebSocket of the same host.
    plain = re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", host)
    sockets = f" ws://{host} wss://{host}" if plain else ""
    policy = POLICY.format(inline=inline_scripts(), sockets=sockets)
    answer.update(HEADERS | {"Content-Security-Policy": policy})
    number, count = front.number_and_count()
    asked = b"\r\n".join(
        b"cookie:" + value + b"\r" for name, value in scope["headers"] if name == b"cookie"
    )
    if count > 1 and front.place_in(asked, count) is None:
        answer.append("Set-Cookie", f"{front.COOKIE}={number}; Path=/; HttpOnly; SameSite=Lax")
    if scope["path"].startswith(f"{base()}/media/"):
        # Pictures of patients stay out of the browser's cache on disk.
        answer["Cache-Control"] = "no-store"


@cache
def inline_scripts() -> str:
    """Return the hashes of the scripts inside of Streamlit's page, as the policy names them."""
    page = Path(file_util.get_static_dir(), "index.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return "".join(f" 'sha256-{base64.b64encode(one).decode()}'" for one in hashes)


def refusal_of(scope: Scope) -> Response | None:
    """Return the answer to a request that is refused, else None."""
    headers = Headers(scope=scope)
    hosts, origin = headers.getlist("host"), headers.get("origin")
    if len(hosts) != 1 or not is_host_allowed(hosts[0]):
        return refuse(
            400,
            f"host {', '.join(hosts)[:100]!r} is not served: use localhost, or name the host in "
            "STREAMLIT_SERVER_ALLOWED_HOSTS.",
        )
    reads = scope["type"] == "http" and (scope["method"] in READS or origin is None)
    if not reads and not is_own(origin, hosts[0]):
        return refuse(
            403,
            f"origin {origin or ''!r:.100} may not use this server: open its own address, or name the "
            "origin in STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS.",
        )
    metrics = scope["path"].rstrip("/") == f"{base()}/_stcore/metrics"
    return refuse_figures() if metrics and not are_figures_open() else None


def are_figures_open() -> bool:
    """Return whether the server may say figures on visitors, memory and cohort."""
    return os.environ.get(METRICS_ENVIRONMENT) == "1"


def refuse_figures() -> Response:
    """Return the answer where figures are closed."""
    return refuse(404, f"metrics are closed: set {METRICS_ENVIRONMENT}=1 to open them.")


def ask_no_one() -> None:
    """Keep Streamlit from asking a server of Amazon for the address of this machine.

    It does so where it listens on all addresses, as in a container, and for each foreign origin.
    """
    net_util.get_external_ip = lambda: None


def is_own(origin: str | None, host: str) -> bool:
    """Return whether an Origin is the server's own address, by the Host header or the settings."""
    if origin in config.get_option("server.corsAllowedOrigins"):
        return True
    try:
        theirs, ours = urlsplit(origin or ""), urlsplit(f"//{host}")
        usual = PORTS[theirs.scheme]
        return (theirs.hostname, theirs.port or usual) == (ours.hostname, ours.port or usual)
    except (ValueError, KeyError):
        return False


def refuse(status: int, sentence: str) -> Response:
    """Return the answer to a request that is not served."""
    return PlainTextResponse(f"{sentence}\n", status)


async def fail(request: Request, error: Exception) -> Response:
    """Answer a request on which the server failed: no detail, and the headers of any other answer."""
    answer = refuse(500, "The server failed on this request: see its log.")
    bind_browser(answer.headers, request.scope)
    return answer


def base() -> str:
    """Return the path below which the dashboard is served, "" or such as "/brainseg"."""
    path = config.get_option("server.baseUrlPath").strip("/")
    return f"/{path}" if path else ""


def redirects() -> list[Route]:
    """Return the addresses that lead elsewhere: the first page has the bare address."""

    def first(request: Request) -> Response:
        return RedirectResponse(f"{base()}/{'?' * bool(request.url.query)}{request.url.query}")

    return [Route(f"{base()}/overview", first)]
