"""The lists beside the picture lead to places: a finding is marked, zoomed to and accepted."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.cohorts import blob, head, write_pair
from support.viewer import VIEWER, WAIT_MS, drawn, open_tab

pytestmark = pytest.mark.browser

CASE = "TCGA_ZZ_7777_20000101"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return a cohort of one case whose mask of slice 2 has an isolated pixel."""
    folder = tmp_path_factory.mktemp("island")
    for number in range(1, 6):
        mask = blob(20, 20, 10) if number < 5 else blob(0, 0, 0)
        if number == 2:
            mask[40, 30] = mask.max()
        write_pair(folder / CASE, CASE, number, head(number), mask)
    return folder


TOAST = f"{VIEWER}.querySelector('.toast').textContent"


def test_a_finding_is_marked_zoomed_to_and_accepted(browser, served, root):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{served(root)}/case?case={CASE}&slice=4")
        drawn(page, slice=4)
        open_tab(page, "Findings")
        finding = page.locator(".findings > li", has_text="isolated pixel")
        finding.get_by_role("button", name="isolated pixel").click(timeout=WAIT_MS)
        drawn(page, slice=2)
        page.wait_for_function(f"() => {TOAST}.includes('isolated pixel')")
        finding.get_by_role("button", name="Accept", exact=True).click()
        page.wait_for_function(f"() => {TOAST}.startsWith('Enter a reason')")
        finding.get_by_label("Reason for accepting").fill("a biopsy")
        finding.get_by_role("button", name="Accept", exact=True).click()
        expect(finding).to_have_count(0)
        assert drawn(page)["slice"] == "2"
    finally:
        context.close()
