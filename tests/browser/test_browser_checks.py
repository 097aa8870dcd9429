"""The checks page in a real browser: find, open, accept, withdraw, export."""

import json
import re

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader
from support.browsing import (
    FIRST_ROW_Y,
    WAIT_MS,
    act,
    arrives,
    choose_first_row,
    click_table,
    is_at,
    settled,
)
from support.cohorts import FIRST, blob, head, write_pair
from support.viewer import VIEWER, drawn, navigate

from brainseg import RESEARCH_USE

pytestmark = pytest.mark.browser

CASE_X = 330


@pytest.fixture(scope="module")
def address(served, tmp_path_factory) -> str:
    """Return the address of a dashboard on one case: slice 2 has no mask, that of 3 has an island.

    The largest tumour area is on slice 1, so that the case opens there.
    """
    root = tmp_path_factory.mktemp("checks") / "cohort"
    island = blob(30, 30, 6)
    island[20, 20] = 255
    for number, mask in ((1, blob(28, 28, 8)), (2, None), (3, island)):
        write_pair(root / FIRST, FIRST, number, head(number), mask)
    return served(root)


@pytest.fixture
def page(browser):
    """Return a page of a session of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def metric(page, label: str):
    """Return the value of a metric."""
    shown = page.get_by_test_id("stMetric").filter(has_text=label)
    return shown.get_by_test_id("stMetricValue")


def open_finding(page) -> None:
    """Click the case of the first finding."""
    click_table(page, CASE_X, FIRST_ROW_Y, lambda: is_at(page, "/case"))


def test_a_finding_opens_its_slice_and_back_returns_to_the_same_findings(page, address):
    page.goto(f"{address}/checks?kind=mask_island")
    open_finding(page)
    drawn(page, slice=3)
    toast = f"{VIEWER}.querySelector('.toast').textContent"
    page.wait_for_function(f"() => {toast}.includes('isolated pixel')", timeout=WAIT_MS)
    arrives(page, "/case", case=FIRST, slice=3)
    settled(page).go_back()
    arrives(page, "/checks", kind="mask_island")
    page.get_by_text("1 of 2 findings").wait_for(timeout=WAIT_MS)


def test_a_finding_opens_its_slice_in_a_case_that_showed_another(page, address):
    page.goto(f"{address}/case?case={FIRST}&slice=3")
    drawn(page, slice=3)
    navigate(page, "Checks")
    arrives(page, "/checks")
    open_finding(page)
    drawn(page, slice=2)
    arrives(page, "/case", case=FIRST, slice=2)


def test_a_selected_finding_gives_the_reason_and_links_to_its_slice(page, address):
    page.goto(f"{address}/checks?kind=missing_mask")
    why = page.get_by_text("It is unknown whether the slice shows a tumour")
    choose_first_row(page, why.is_visible)
    page.get_by_role("img", name=re.compile("slice 2; no usable mask")).wait_for(timeout=WAIT_MS)
    page.get_by_role("link", name="Open slice 2").click()
    drawn(page, slice=2)
    arrives(page, "/case", case=FIRST, slice=2)


def test_a_finding_is_accepted_exported_and_withdrawn(page, address):
    page.goto(f"{address}/checks?severity=warning")
    accept = page.get_by_role("button", name="Accept", exact=True)
    choose_first_row(page, accept.is_visible)
    act(page, accept.click, page.get_by_text("no reason was given").is_visible)
    page.get_by_role("textbox", name="Reason").fill("a slip <b>of</b> the *hand*")
    accept.click()
    page.get_by_text("1 finding is accepted").wait_for(timeout=WAIT_MS)
    expect(metric(page, "Accepted")).to_have_text("1")

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
    choose_first_row(page, page.get_by_role("button", name="Withdraw acceptance").is_visible)
    page.get_by_text("Accepted on").filter(has_text="a slip <b>of</b> the *hand*").wait_for(
        timeout=WAIT_MS
    )
    page.get_by_role("button", name="Withdraw acceptance").click()
    page.get_by_text("1 finding is open again").wait_for(timeout=WAIT_MS)
    expect(metric(page, "Accepted")).to_have_text("0")
