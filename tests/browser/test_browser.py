"""All pages in a real browser on a real server."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import tifffile
from playwright.sync_api import expect
from support.browsing import WAIT_MS, arrives, comes, overflow_px, settled
from support.cohorts import FIRST, head
from support.viewer import drawn, go

from brainseg import RESEARCH_USE
from brainseg.cohort import Cohort

pytestmark = pytest.mark.browser

PAGES = {
    "/": "Overview",
    "/worklist": "Worklist",
    "/case": "Case",
    "/browser": "Browser",
    "/dataset": "Dataset",
    "/checks": "Checks",
    "/training": "Training",
    "/evaluation": "Evaluation",
    "/prediction": "Prediction",
}


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    """Return look(address, **context) -> a page whose script has finished."""
    contexts = []

    def look(address: str, **context: object):
        contexts.append(
            browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **context})
        )
        page = contexts[-1].new_page()
        page.outside = []
        page.on("request", lambda request: _note_outside(page, request.url))
        page.goto(address)
        return settled(page)

    yield look
    for context in contexts:
        context.close()


def _note_outside(page, url: str) -> None:
    if not re.match(r"(https?|wss?)://localhost:|data:|blob:|about:", url):
        page.outside.append(url)


def text_of(page) -> str:
    return " ".join(page.inner_text("[data-testid=stMain]", timeout=WAIT_MS).split())


def pictures(page) -> list[str]:
    """Return what the page shows: the source of each picture, in plotly's and in plain ones."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.js-plotly-plot image, [data-testid=stImage] img')]
            .map(image => image.getAttribute('href') || image.getAttribute('xlink:href')
                || image.getAttribute('src'))"""
    )


@pytest.mark.parametrize(("width", "is_open"), [(1024, False), (1280, True)])
def test_the_navigation_opens_on_request_in_a_window_narrower_than_1100_px(
    look, served, sample_root, width, is_open
):
    page = look(served(sample_root) + "/worklist", viewport={"width": width, "height": 768})
    expand = page.get_by_test_id("stExpandSidebarButton")
    expand.wait_for(state="hidden" if is_open else "visible", timeout=WAIT_MS)
    if not is_open:
        page.keyboard.press("Tab")
        expand.press("Enter")
    checks = page.get_by_test_id("stSidebar").get_by_role("link", name="Checks")
    checks.click()
    page.wait_for_selector("h1:has-text('Checks')", timeout=WAIT_MS)
    expand.wait_for(state="hidden" if is_open else "visible", timeout=WAIT_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("path", "title"), PAGES.items())
def test_each_page_opens_with_the_research_use_notice(
    look, served, sample_root, path, title, scheme
):
    page = look(served(sample_root) + path, color_scheme=scheme)
    page.wait_for_selector(f"h1:has-text('{title}')", timeout=WAIT_MS)
    settled(page)
    expect(page.get_by_text(RESEARCH_USE).last).to_be_in_viewport()
    assert page.query_selector("[data-testid=stException]") is None
    assert "encountered an error" not in text_of(page)
    assert page.outside == [], "nothing is asked of the internet"


@pytest.mark.parametrize("path", ["/", "/case", "/browser", "/prediction"])
def test_a_narrow_window_needs_no_sideways_scrolling(look, served, sample_root, path):
    page = look(served(sample_root) + path, viewport={"width": 700, "height": 900})
    assert comes(page, lambda: overflow_px(page) <= 1)


def test_the_address_of_a_random_slice_reopens_it(look, served, sample_root):
    first = look(served(sample_root) + "/browser?seed=7&tumour=with")
    first.wait_for_selector(".js-plotly-plot image", timeout=WAIT_MS)
    again = look(first.url)
    again.wait_for_selector(".js-plotly-plot image", timeout=WAIT_MS)
    assert comes(again, lambda: pictures(again) == pictures(first))
    other = look(served(sample_root) + "/browser?seed=8&tumour=with")
    other.wait_for_selector(".js-plotly-plot image", timeout=WAIT_MS)
    assert comes(other, lambda: pictures(other) not in ([], pictures(first)))


def test_a_new_random_slice_changes_picture_and_address(look, served, sample_root):
    page = look(served(sample_root) + "/browser?tumour=with")
    page.wait_for_selector(".js-plotly-plot image", timeout=WAIT_MS)
    before, address = pictures(page), page.url

    def is_another() -> bool:
        return page.url != address and pictures(page) not in ([], before)

    # A new seed may draw the same slice again.
    for _ in range(3):
        page.get_by_role("button", name=re.compile("New random slice")).click()
        if comes(page, is_another):
            return
    pytest.fail("three new seeds showed the same slice")


@pytest.mark.parametrize("path", ["/case", "/browser", "/prediction"])
@pytest.mark.parametrize("case", ["../../etc/passwd", "<img src=x onerror=alert(1)>", "**bold**"])
def test_an_unknown_case_in_the_address_shows_a_message_and_the_list(
    look, served, sample_root, path, case
):
    page = look(served(sample_root) + path)
    page.on("dialog", lambda dialog: pytest.fail("a name in the address ran as code"))
    page.goto(f"{served(sample_root)}{path}?case={quote(case)}")
    page.wait_for_selector("text=/nknown case/", timeout=WAIT_MS)
    page.wait_for_selector(f"text={Cohort.open(sample_root).cases[0]}", timeout=WAIT_MS)
    expect(page.get_by_test_id("stMain")).to_contain_text(case)  # literally
    assert page.query_selector("[data-testid=stMain] img[src=x]") is None


@pytest.mark.smoke
def test_the_viewer_draws_a_case_and_moves_to_the_next_slice_by_keyboard(look, served, sample_root):
    page = look(f"{served(sample_root)}/case?slice=3")
    drawn(page, slice=3)
    assert go(page, "ArrowDown", slice=4)["case"] == Cohort.open(sample_root).cases[0]
    assert page.outside == [], "nothing is asked of the internet"


def test_slices_are_stepped_through_by_keyboard(look, served, sample_root):
    page = look(served(sample_root) + "/browser?slice=3")
    page.wait_for_selector(".js-plotly-plot image", timeout=WAIT_MS)
    page.get_by_role("button", name="Next slice").wait_for(timeout=WAIT_MS)  # it hears the key
    page.keyboard.press("j")
    arrives(page, "/browser", slice=4)
    settled(page).keyboard.press("k")
    arrives(page, "/browser", slice=3)


@pytest.mark.parametrize(("path", "title"), PAGES.items())
def test_a_missing_folder_shows_one_message_on_each_page(look, served, path, title):
    page = look(served(Path("/nowhere/at/all")) + path)
    if path != "/prediction":
        expect(page.get_by_test_id("stMain")).to_contain_text("does not exist")
    told = text_of(page)
    assert "Traceback" not in told
    assert "encountered an error" not in told


def test_an_empty_folder_and_one_without_masks_say_so(look, served, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    page = look(served(empty) + "/")
    expect(page.get_by_test_id("stMain")).to_contain_text("contains no TIFF or PNG image")
    bare = tmp_path_factory.mktemp("bare")
    for number in range(1, 4):
        (bare / FIRST).mkdir(exist_ok=True)
        tifffile.imwrite(bare / FIRST / f"{FIRST}_{number}.tif", head(number))
    page = look(served(bare) + "/")
    page.get_by_text("note").first.click()
    page.get_by_text("No mask was found").wait_for(timeout=WAIT_MS)
    assert drawn(look(served(bare) + "/case"))["case"] == FIRST
