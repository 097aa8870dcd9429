"""The case viewer on a page of its own, without Streamlit: any record, drawn by its real modules."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np

from brainseg.exports.payload import case_payload
from brainseg.inference.record import CaseRecord, record_of_volume
from brainseg.volume import Volume
from dashboard.shared.viewer import PARTS
from support.viewer import drawn

_PAGE = """<!doctype html><meta charset="utf-8"><title>viewer</title>
<body style="margin: 0; background: BACK"><div class="st-key-viewer"><div></div></div>
<script type="module">
import { Viewer } from "./viewer/viewer.js";
const root = document.querySelector(".st-key-viewer div").attachShadow({ mode: "open" });
const css = await fetch("./viewer/viewer.css");
root.innerHTML = `<style>:host { --st-text-color: TEXT; --st-background-color: BACK;
  --st-secondary-background-color: SECOND; --st-primary-color: #0072b2; --st-font: sans-serif; }
  ${await css.text()}</style><div class="place"></div>`;
globalThis.viewer = new Viewer(root.querySelector(".place"));
const [parts, images] = ["./case", "./images"].map((one) => new URL(one, document.baseURI));
await viewer.load(parts, images);
</script>"""

LIGHT = {"BACK": "#ffffff", "TEXT": "#31333f", "SECOND": "#f0f2f6"}
WINDOW = {"width": 1100, "height": 900}


def record_of_noise(
    spacing_mm: tuple[float, float, float] | None = None, affine: np.ndarray | None = None
) -> CaseRecord:
    """Return ten slices of 64 x 64 px without masks."""
    pixels = np.random.default_rng(0).integers(20, 200, (10, 64, 64, 3)).astype(np.uint8)
    return record_of_volume(Volume(pixels, spacing_mm, affine))


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path not in self.server.answers:
            super().do_GET()
            return
        kind, content = self.server.answers[path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def viewer_pages(browser) -> Iterator[Callable]:
    """Give look(record, query, theme, chromium, size) -> a page whose viewer has drawn.

    All are closed at the end. A small window draws 3D sooner where there is no graphics processor.

    Args:
        browser: a Playwright ``Browser``.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(PARTS)))
    server.answers = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    contexts = []

    def look(
        record: CaseRecord,
        query: str = "",
        theme: dict[str, str] = LIGHT,
        chromium=browser,
        size: dict[str, int] = WINDOW,
    ):
        html = _PAGE
        for name, colour in theme.items():
            html = html.replace(name, colour)
        server.answers["/"] = ("text/html", html.encode())
        for name, block in case_payload(record)._asdict().items():
            server.answers[f"/{name}"] = ("application/octet-stream", block)
        contexts.append(chromium.new_context(viewport=size))
        page = contexts[-1].new_page()
        page.failed = []
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.server_port}/?{query}")
        drawn(page)
        return page

    try:
        yield look
    finally:
        for context in contexts:
            context.close()
        server.shutdown()
        server.server_close()
