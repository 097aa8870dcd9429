"""Open a page of the dashboard as a browser would: through the shell, with an address."""

import base64
import json
import zlib
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from brainseg.exports.payload import CasePayload
from dashboard.shared import viewer, waiting, widgets

APP = Path(__file__).resolve().parents[2] / "dashboard" / "navigation.py"
GUARDS_AGAINST_A_HANG_S = 60


_served: dict[str, bytes] = {}


def script_of(page: str) -> str:
    """Return the script of a page by its address, relative to the shell: one file or a folder."""
    folder = APP.parent / "views"
    return f"views/{page}/page.py" if (folder / page).is_dir() else f"views/{page}.py"


def open_page(
    monkeypatch: pytest.MonkeyPatch, root: Path | None, page: str = "overview", **address: object
) -> AppTest:
    """Return a page that has run on a folder, with these parameters in its address.

    As for a browser on this machine, because a test has none.
    """
    monkeypatch.setattr("dashboard.shared.source_code.is_local", lambda: True)
    _served.clear()
    if root is None:
        monkeypatch.delenv("BRAINSEG_DATA", raising=False)
    else:
        monkeypatch.setenv("BRAINSEG_DATA", str(root))
    monkeypatch.setattr(viewer, "_address", _serve)
    app = AppTest.from_file(APP, default_timeout=GUARDS_AGAINST_A_HANG_S)
    for key, value in address.items():
        app.query_params[key] = str(value)
    if page != "overview":
        app._page_hash = calc_hash(page)  # switch_page would run the overview first
    return app.run()


def cancel_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Click the first Cancel button while the page runs, which a test cannot do itself."""
    usual, is_cancelled = widgets.button, waiting.is_cancelled
    unclicked, clicked = [True], []

    def button(label: str, icon: str, key: str, on_click, *args: object, **more: object) -> None:
        if label == "Cancel" and unclicked:
            unclicked.clear()
            clicked.append(partial(on_click, *args))
            st.rerun()
        usual(label, icon, key, on_click, *args, **more)

    def after_callbacks(doing: str, key: object) -> bool:
        while clicked:
            clicked.pop()()
        return is_cancelled(doing, key)

    monkeypatch.setattr(waiting, "AT_ONCE_S", 0.01)
    monkeypatch.setattr(widgets, "button", button)
    monkeypatch.setattr(waiting, "is_cancelled", after_callbacks)


def pictures_of(app: AppTest, chart: int = 0) -> list[np.ndarray]:
    """Return the pictures in a page's chart as (h, w, 3) uint8, from left to right."""
    figure = json.loads(app.get("plotly_chart")[chart].proto.spec)
    sources = [trace["source"] for trace in figure["data"] if trace["type"] == "image"]
    encoded = [base64.b64decode(source.partition("base64,")[2]) for source in sources]
    return [np.asarray(Image.open(BytesIO(data)).convert("RGB")) for data in encoded]


def unpack(payload: CasePayload) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header and the arrays of a packed case; see brainseg/exports/payload.py."""
    case, images = payload
    start = 4 + int.from_bytes(case[:4], "little")
    header = json.loads(case[4:start])
    arrays = {}
    for block, places in ((images, header["images"]), (case[start:], header["blobs"])):
        for name, place in places.items():
            blob = block[place["offset"] :][: place["bytes"]]
            arrays[name] = np.frombuffer(zlib.decompress(blob), np.uint8).reshape(header["shape"])
    return header, arrays


def viewed(app: AppTest) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the header and arrays that a page sent to its viewer."""
    (data,) = _sent_to_viewers(app)
    return unpack(CasePayload(_served[data["case"]], _served[data["images"]]))


def addresses_of_cases(app: AppTest) -> list[str]:
    """Return the addresses of the cases that a page sent to its viewer."""
    return [data["case"] for data in _sent_to_viewers(app)]


def _sent_to_viewers(app: AppTest) -> list[dict]:
    # Other components are the viewer's parts in the tabs next to it, or watch the window.
    sent = [json.loads(component.proto.json or "{}") for component in app.get("bidi_component")]
    return [data for data in sent if "case" in data]


def _serve(block: bytes, place: str) -> str:
    """Stand in for the server's addresses, which AppTest drops after each run."""
    address = f"{place} {len(_served)}"
    _served[address] = block
    return address


def texts(app: AppTest) -> str:
    """Return all sentences of a page, alerts and the banner at its bottom included."""
    found = [*app.title, *app.markdown, *app.caption, *app.error, *app.warning, *app.info]
    return "\n".join(element.value for element in found)
