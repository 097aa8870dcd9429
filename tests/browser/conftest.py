"""Fixtures for browser tests of the small cohort: a server, and pages with their own sessions."""

from collections.abc import Callable, Iterator

import pytest
from support.browsing import sessions
from support.cohorts import write_tiny_cohort


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    """Return look(address, **context) -> a page in its own session, whose script has finished."""
    with sessions(browser, viewport={"width": 1400, "height": 1300}) as look:
        yield look


@pytest.fixture(scope="module")
def address(served, tmp_path_factory) -> str:
    """Return the address of a dashboard on the small cohort, shared by the tests of a module."""
    return served(write_tiny_cohort(tmp_path_factory.mktemp("cohort") / "tiny"))
