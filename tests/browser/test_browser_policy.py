"""The Content-Security-Policy: it stops nothing that the dashboard itself does."""

import pytest
from support.browsing import WAIT_MS, settled

pytestmark = pytest.mark.browser
PAGES = (
    *("", "overview", "worklist", "case", "case?view=3d", "browser", "dataset", "similar"),
    *("tour", "checks", "training", "evaluation", "prediction"),
)


def test_no_page_breaks_the_policy(browser, served, sample_root):
    address = served(sample_root)
    context = browser.new_context()
    page, complaints = context.new_page(), []
    context.on("console", lambda message: complaints.append((page.url, message.text)))
    page.on("pageerror", lambda error: complaints.append((page.url, str(error))))
    for path in PAGES:
        page.goto(f"{address}/{path}")
        page.wait_for_selector("h1", timeout=WAIT_MS)
        settled(page)
        page.wait_for_timeout(300)
        assert page.get_by_text("Page not found").count() == 0
    assert [one for one in complaints if "policy" in one[1].lower()] == []
    # Plotly does so for WebGL, and says only that WebGL is missing if it may not.
    assert page.evaluate("new Function('return 1')()") == 1
    context.close()
