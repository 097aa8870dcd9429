"""Open a page in a real browser, act on it until the effect shows, and wait until it has settled.

A page may be drawn while a test acts on it, and a table that moves under a click swallows it. So a test
clicks only what has stopped moving, waits for the effect of a click, and repeats the click without one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from urllib.parse import parse_qs, urlsplit

WAIT_MS = 60_000
POLLS_EVERY_MS = 50
SHOWS_WITHIN_MS = 20_000
"""Maximum wait for an effect before the action is repeated; an idle machine needs under a second."""
TRIES = 3
STILL_MS = 250

FIRST_ROW_Y, HEADER_Y, CHECKBOX_X = 52, 18, 16
"""Positions in a table, which is drawn on a canvas, in px."""

ROWS = """() => {
    const rows = document.querySelectorAll('[data-testid=data-grid-canvas] tr');
    return [...rows].map(row => [...row.children].map(cell => cell.textContent));
}"""
"""The canvas of a table contains its cells as text for screen readers."""

SETTLED = """call => {
    const now = performance.now();
    if (window.settling?.call !== call) {
        window.settling?.observer.disconnect();
        const begun = {call, changed: now, ran: now};
        begun.observer = new MutationObserver(() => { begun.changed = performance.now(); });
        begun.observer.observe(document, {
            subtree: true, childList: true, attributes: true, characterData: true,
        });
        window.settling = begun;
    }
    const app = document.querySelector('[data-testid="stApp"]');
    if (app?.dataset.testScriptState !== 'notRunning') window.settling.ran = now;
    const {changed, ran} = window.settling;
    return now - ran > 200 && now - changed > 200 || now - ran > 2000;
}"""
"""Whether the page has settled; each call of :func:`settled` has a number, under which it watches."""

_calls = count()


@contextmanager
def sessions(browser, **usual: object) -> Iterator[Callable]:
    """Give look(address, **context) -> a page in its own session, closed at the end.

    Args:
        browser: a Playwright ``Browser``.
        usual: default settings of a context, such as its viewport.
    """
    contexts = []

    def look(address: str, **context: object):
        contexts.append(browser.new_context(**{**usual, **context}))
        page = contexts[-1].new_page()
        page.goto(address)
        page.wait_for_selector("h1", timeout=WAIT_MS)
        return settled(page)

    yield look
    for context in contexts:
        context.close()


def settled(page):
    """Return a page once its script has finished and nothing in it has changed for a moment.

    A page that never stops changing, such as one that shows progress, counts as settled after two
    seconds without its script. After a click, wait for its effect instead: the click may not have
    reached the server yet.
    """
    page.wait_for_function(SETTLED, arg=next(_calls), polling=25, timeout=WAIT_MS)
    return page


def comes(page, sign: Callable[[], object], within_ms: int = WAIT_MS) -> bool:
    """Return whether something becomes true in time."""
    until = time.monotonic() + within_ms / 1000
    while not sign():
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(POLLS_EVERY_MS)
    return True


def act(page, action: Callable[[], object], until: Callable[[], object]) -> None:
    """Repeat an action until its effect shows, then wait until the page has settled.

    The effect may show while the script still runs. Until it ends, Streamlit keeps the elements of the
    run before beside the new ones, so that a field could be found twice.
    """
    for _ in range(TRIES):
        action()
        if comes(page, until, SHOWS_WITHIN_MS):
            settled(page)
            return
    raise AssertionError(f"{TRIES} tries had no effect; the page is {page.url}")


def overflow_px(page) -> int:
    """Return how far the page extends beyond the window, in px."""
    return page.evaluate(
        "() => { const main = document.querySelector('[data-testid=stMain]');"
        "return main.scrollWidth - main.clientWidth }"
    )


def still(page, found) -> dict[str, float]:
    """Return the position of an element on the screen, once it no longer moves."""
    found.wait_for(timeout=WAIT_MS)
    # In the middle, because the banner at the bottom of the window would cover it.
    found.evaluate("element => element.scrollIntoView({block: 'center'})")
    box, since = None, time.monotonic()
    until = since + WAIT_MS / 1000
    while box is None or time.monotonic() < since + STILL_MS / 1000:
        assert time.monotonic() < until, "it keeps moving"
        now = found.bounding_box()
        if now != box:
            box, since = now, time.monotonic()
        page.wait_for_timeout(POLLS_EVERY_MS)
    return box


def asked(page) -> dict[str, str]:
    """Return the parameters in the page's address, the first of each name."""
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def is_at(page, path: str, **parameters: object) -> bool:
    """Return whether the address has a path and these parameters, None for one that must be absent."""
    here = asked(page)
    same = all(
        here.get(name) == (None if value is None else str(value))
        for name, value in parameters.items()
    )
    return same and urlsplit(page.url).path == path


def arrives(page, path: str, **parameters: object) -> None:
    """Wait until :func:`is_at` is true.

    Name no parameter that means the default: the viewer soon removes it from the address.
    """
    there = comes(page, lambda: is_at(page, path, **parameters))
    assert there, f"{page.url} is not {path} with {parameters}"


def rows(page, count: int) -> list[dict[str, str]]:
    """Return the rows of the first table as text, once it has that number of rows."""
    found = page.wait_for_function(
        f"count => {{ const rows = ({ROWS})(); return rows.length === count + 1 ? rows : null; }}",
        arg=count,
        timeout=WAIT_MS,
    )
    header, *body = found.json_value()
    return [dict(zip(header, cells, strict=True)) for cells in body]


def click_table(page, x: float, y: float, until: Callable[[], object]) -> None:
    """Click in the first table, at px from its left and top edges, until the effect shows."""

    def click() -> None:
        box = still(page, page.get_by_test_id("data-grid-canvas").first)
        page.mouse.click(box["x"] + x, box["y"] + y)

    settled(page)
    act(page, click, until)


def choose_first_row(page, until: Callable[[], object]) -> None:
    """Select the first row of the first table, once, until the effect shows."""
    selected = page.locator("[data-testid=data-grid-canvas] tr[aria-selected=true]")

    def choose() -> None:
        if not selected.count():
            click_table(page, CHECKBOX_X, FIRST_ROW_Y, lambda: selected.count() or until())

    settled(page)
    act(page, choose, until)
