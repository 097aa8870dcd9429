"""The checks page as a person uses it, in a real browser: find, look, accept, take back, export."""

import json
import re

import numpy as np
import pytest
import tifffile
from browsing import WAIT_MS, settled
from conftest import FIRST, head, write_pair
from pypdf import PdfReader

from brainseg import RESEARCH_USE

pytestmark = pytest.mark.browser

FIRST_ROW_Y, CHECKBOX_X, CASE_X = 52, 16, 330


@pytest.fixture(scope="module")
def address(served, tmp_path_factory) -> str:
    """Return the address of a dashboard on one case: a missing mask, and one that is a diagonal."""
    root = tmp_path_factory.mktemp("checks") / "cohort"
    for number in (1, 2, 3):
        mask = None if number == 2 else np.zeros((64, 64), np.uint8)
        write_pair(root / FIRST, FIRST, number, head(number), mask)
    mask = np.zeros((64, 64), np.uint8)
    mask[30:36, 30:36], mask[20, 20] = 255, 255
    tifffile.imwrite(root / FIRST / f"{FIRST}_3_mask.tif", mask)
    return served(root)


@pytest.fixture
def page(browser):
    """Return a page of a session of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def click_first_row(page, x: int) -> None:
    table = page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for(timeout=WAIT_MS)
    table.scroll_into_view_if_needed()
    settled(page)
    table.click(position={"x": x, "y": FIRST_ROW_Y})
    settled(page)


def metric(page, label: str) -> str:
    return page.get_by_test_id("stMetric").filter(has_text=label).inner_text().split()[-1]


def test_a_finding_leads_to_its_slice_and_back_to_the_same_findings(page, address):
    page.goto(f"{address}/checks?kind=mask_island")
    click_first_row(page, CASE_X)
    page.wait_for_url(re.compile(rf"/case\?.*case={FIRST}&slice=3"), timeout=WAIT_MS)
    settled(page).go_back()
    page.wait_for_url(re.compile(r"/checks\?kind=mask_island"), timeout=WAIT_MS)
    page.get_by_text("1 of 2 findings").wait_for(timeout=WAIT_MS)


def test_a_selected_finding_says_why_and_links_to_the_nearest_slice(page, address):
    page.goto(f"{address}/checks?kind=missing_mask")
    click_first_row(page, CHECKBOX_X)
    page.get_by_text("Nobody knows whether the slice shows a tumour").wait_for(timeout=WAIT_MS)
    assert page.get_by_role("img", name=re.compile("slice 2; no usable mask")).is_visible()
    page.get_by_role("link", name="Open slice 2").click()
    page.wait_for_url(f"**/case?case={FIRST}&slice=2", timeout=WAIT_MS)


def test_a_finding_is_accepted_with_a_reason_exported_and_taken_back(page, address):
    page.goto(f"{address}/checks?severity=warning")
    click_first_row(page, CHECKBOX_X)
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("no reason was given").wait_for(timeout=WAIT_MS)
    page.get_by_role("textbox", name="Reason").fill("a slip <b>of</b> the *hand*")
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("1 finding is accepted").wait_for(timeout=WAIT_MS)
    assert metric(settled(page), "Accepted") == "1"

    for label, name in (("All as JSON", "checks.json"), ("One page as PDF", "checks.pdf")):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        assert download.value.suggested_filename == name
        if name.endswith("json"):
            document = json.loads(download.value.path().read_text())
            assert document["research_use"] == RESEARCH_USE
            assert document["accepted"][0]["reason"] == "a slip <b>of</b> the *hand*"
        else:
            (sheet,) = PdfReader(download.value.path()).pages
            assert RESEARCH_USE in sheet.extract_text()

    page.goto(f"{address}/checks?show=accepted")
    click_first_row(page, CHECKBOX_X)
    page.get_by_text("a slip <b>of</b> the *hand*").wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Take back").click()
    page.get_by_text("1 finding is open again").wait_for(timeout=WAIT_MS)
    assert metric(settled(page), "Accepted") == "0"
