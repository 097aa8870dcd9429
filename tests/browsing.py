"""Look at a page in a real browser, and wait until its script has run to its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

WAIT_MS = 60_000


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
    """Return a page once its script rests."""
    page.wait_for_timeout(200)
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=WAIT_MS
    )
    page.wait_for_timeout(300)
    return page
