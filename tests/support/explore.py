"""Open a page once its background work has finished."""

import json
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from support.pages import GUARDS_AGAINST_A_HANG_S, open_page


def explore(
    monkeypatch: pytest.MonkeyPatch, root: Path, page: str = "dataset", **address: object
) -> AppTest:
    """Return a page as :func:`pages.open_page`, run until its background work has finished."""
    app, until = open_page(monkeypatch, root, page, **address), time.monotonic()
    while app.get("progress"):
        assert time.monotonic() < until + GUARDS_AGAINST_A_HANG_S
        time.sleep(0.05)
        app.run()
    return app


def charts_of(app: AppTest) -> list[list[dict]]:
    """Return the traces of each chart of a page."""
    return [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]


def run(lines: str) -> dict:
    """Return the variables that code from a page defines."""
    found: dict = {}
    exec(compile(lines, "snippet", "exec"), found)
    return found
