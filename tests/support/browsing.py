"""Look at a page in a real browser, act on it until the effect shows, and wait until it rests.

A page is drawn while a test acts on it: a table that moves or is drawn anew under a click swallows it,
and a state that is right for a moment may be over before it is looked at. So nothing here is clicked
before it stands still, what a click does is waited for, and only what stays is waited for.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

WAIT_MS = 60_000
LOOKS_EVERY_MS = 50
SHOWS_WITHIN_MS = 20_000
"""How long an effect is waited for before the deed counts as swallowed; on an idle machine it takes
less than a second."""
TRIES = 3
STILL_MS = 250

FIRST_ROW_Y, HEADER_Y, CHECKBOX_X = 52, 18, 16
"""Places in a table, which is drawn on a canvas."""

ROWS = """() => {
    const rows = document.querySelectorAll('[data-testid=data-grid-canvas] tr');
    return [...rows].map(row => [...row.children].map(cell => cell.textContent));
}"""
"""What a screen reader is told of a page's table stands inside its canvas."""


@contextmanager
def sessions(browser, **usual: object) -> Iterator[Callable]:
    """Give look(address, **context) -> a page of a session of its own, closed at the end.

    Args:
        browser: a Playwright ``Browser``.
        usual: of each context, such as its viewport, where ``look`` is told nothing else.
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
    """Return a page once its script rests.

    What was just clicked may not have reached the server yet: wait for its effect, not for this.
    """
    page.wait_for_timeout(200)
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=WAIT_MS
    )
    page.wait_for_timeout(300)
    return page


def comes(page, sign: Callable[[], object], within_ms: int = WAIT_MS) -> bool:
    """Return whether something comes true in time."""
    until = time.monotonic() + within_ms / 1000
    while not sign():
        if time.monotonic() > until:
            return False
        page.wait_for_timeout(LOOKS_EVERY_MS)
    return True


def act(page, deed: Callable[[], object], until: Callable[[], object]) -> None:
    """Do something until its effect shows.

    Args:
        page: where.
        deed: what is done; again where it was swallowed.
        until: whether the effect is there, and will stay.
    """
    for _ in range(TRIES):
        deed()
        if comes(page, until, SHOWS_WITHIN_MS):
            return
    raise AssertionError(f"what was done {TRIES} times had no effect; the page is {page.url}")


def still(page, found) -> dict[str, float]:
    """Return where something stands on the screen, once it has stood there for a while."""
    found.wait_for(timeout=WAIT_MS)
    # In the middle: what stands at the bottom of the window would cover its foot.
    found.evaluate("element => element.scrollIntoView({block: 'center'})")
    box, since = None, time.monotonic()
    until = since + WAIT_MS / 1000
    while box is None or time.monotonic() < since + STILL_MS / 1000:
        assert time.monotonic() < until, "it does not stand still"
        now = found.bounding_box()
        if now != box:
            box, since = now, time.monotonic()
        page.wait_for_timeout(LOOKS_EVERY_MS)
    return box


def asked(page) -> dict[str, str]:
    """Return the parameters in the page's address, the first of each name."""
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def stands_at(page, path: str, **parameters: object) -> bool:
    """Return whether the address is of a page, with these parameters in any order among others.

    Args:
        page: where.
        path: such as "/case".
        parameters: name -> value, or None where it must not be there.
    """
    here = asked(page)
    same = all(
        here.get(name) == (None if value is None else str(value))
        for name, value in parameters.items()
    )
    return same and urlsplit(page.url).path == path


def arrives(page, path: str, **parameters: object) -> None:
    """Wait until :func:`stands_at` is true.

    The viewer takes a slice out of the address where the case opens there anyway, so a parameter that
    means the usual is there for a moment only: name none.
    """
    there = comes(page, lambda: stands_at(page, path, **parameters))
    assert there, f"{page.url} is not {path} with {parameters}"


def rows(page, many: int) -> list[dict[str, str]]:
    """Return what the first table tells a screen reader, once it has so many rows."""
    page.wait_for_function(f"many => ({ROWS})().length === many + 1", arg=many, timeout=WAIT_MS)
    header, *body = page.evaluate(ROWS)
    return [dict(zip(header, cells, strict=True)) for cells in body]


def click_table(page, x: float, y: float, until: Callable[[], object]) -> None:
    """Click in the first table until the effect shows.

    Args:
        page: where.
        x: from the table's left edge, in px.
        y: from its top edge, in px.
        until: as for :func:`act`.
    """

    def click() -> None:
        box = still(page, page.get_by_test_id("data-grid-canvas").first)
        page.mouse.click(box["x"] + x, box["y"] + y)

    settled(page)
    act(page, click, until)


def choose_first_row(page, until: Callable[[], object]) -> None:
    """Select the first row of the first table until the effect shows; what is selected stays so."""
    selected = page.locator("[data-testid=data-grid-canvas] tr[aria-selected=true]")

    def choose() -> None:
        if not selected.count():
            click_table(page, CHECKBOX_X, FIRST_ROW_Y, lambda: selected.count() or until())

    settled(page)
    act(page, choose, until)
