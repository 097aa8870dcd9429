"""Accessibility of all pages in a real browser: axe-core, light and dark, and a zoom of 400%."""

import pytest
from support.axe import BACKGROUNDS, STREAMLITS_OWN, theme, violations
from support.browsing import WAIT_MS, comes, overflow_px, settled
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


def test_the_navigation_is_a_landmark_that_names_the_open_page(look, served):
    page = look(f"{served(None)}/tour")
    navigation = page.get_by_role("navigation", name="Pages")

    def here() -> list[str]:  # below the name of its icon
        marked = navigation.locator("a[aria-current=page]").all_inner_texts()
        return [text.split("\n")[-1] for text in marked]

    assert comes(page, lambda: here() == ["Guided tour"])
    navigation.get_by_role("link", name="Overview").click()
    assert comes(page, lambda: here() == ["Overview"])


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation_on_a_page_without_data(look, served, path):
    follows_the_rules(look(f"{served(None)}/{path}"))


def test_each_exception_from_the_rules_is_still_needed(look, served):
    page = look(f"{served(None)}/prediction")
    page.get_by_test_id("stFileUploaderDropzone").wait_for(timeout=WAIT_MS)
    broken = {line.partition(":")[0] for line in violations(page, {})}
    assert broken == set(STREAMLITS_OWN), "remove what Streamlit has mended"


ZOOMED = {"width": 320, "height": 256}
"""A window of 1280 x 1024 px at a zoom of 400%."""

BEYOND = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    const scrolls = '[data-testid=stDataFrame], .js-plotly-plot, [data-testid=stCode], [role=tablist]';
    return [...main.querySelectorAll('p, label, button, a, h1, h2, h3, img')]
        .filter(element => !element.closest(scrolls))
        .filter(element => element.getBoundingClientRect().right > main.clientWidth + 1
            || element.matches('p, h1, h2, h3') && element.scrollWidth > element.clientWidth + 1)
        .map(element => element.outerHTML.slice(0, 150));
}"""
"""Elements that a narrow window cuts off, apart from tables, charts, code and pictures."""


@pytest.mark.parametrize("path", PAGES)
def test_at_a_zoom_of_400_percent_nothing_is_cut_off_or_scrolls_sideways(look, address, path):
    page = look(f"{address}/{path}", viewport=ZOOMED)
    assert comes(page, lambda: overflow_px(page) <= 1 and page.evaluate(BEYOND) == []), (
        page.evaluate(BEYOND)
    )


def test_at_a_zoom_of_400_percent_the_controls_of_the_viewer_are_in_reach(look, address):
    page = look(f"{address}/case", viewport=ZOOMED)
    drawn(page)
    controls = page.locator("[role=toolbar] button, [role=tabpanel] button, [role=tab]")
    for control in controls.locator("visible=true").all():
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= ZOOMED["width"] or control.get_attribute("role") == "tab"
        assert 0 <= box["y"] <= ZOOMED["height"] - box["height"]
