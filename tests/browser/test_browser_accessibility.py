"""Accessibility of all pages in a real browser: axe-core, light and dark."""

import pytest
from support.axe import BACKGROUNDS, STREAMLITS_OWN, theme, violations
from support.browsing import comes, settled
from support.viewer import drawn

pytestmark = pytest.mark.browser

PAGES = (
    *("overview", "worklist", "case", "browser", "dataset", "similar", "tour", "checks"),
    *("training", "evaluation", "prediction"),
)


def follows_the_rules(page) -> None:
    """Fail if axe-core finds a violation in the light or the dark theme of an open page."""
    for scheme in BACKGROUNDS:
        page.emulate_media(color_scheme=scheme)
        assert comes(page, lambda scheme=scheme: theme(page) == scheme)
        assert violations(settled(page)) == [], scheme


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.smoke if path == "case" else ()) for path in PAGES],
)
def test_axe_finds_no_violation_on_a_page(look, address, path):
    page = look(f"{address}/{path}")
    if path in ("case", "prediction"):
        drawn(page)
    follows_the_rules(page)


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation_on_a_page_without_data(look, served, path):
    follows_the_rules(look(f"{served(None)}/{path}"))


def test_each_exception_from_the_rules_is_still_needed(look, served):
    page = look(f"{served(None)}/prediction")
    broken = {line.partition(":")[0] for line in violations(page, {})}
    assert broken == set(STREAMLITS_OWN), "remove what Streamlit has mended"
