"""Reviews of predictions in a real browser: a review names the threshold that the viewer shows."""

import pytest
from support.browsing import WAIT_MS, act, arrives, asked, comes, settled
from support.viewer import drawn, open_tab

from brainseg.cohort import Cohort
from brainseg.models import open_model
from brainseg.reviews import Reviews
from brainseg.reviews.database import Database

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("reviewing") / "home"


@pytest.fixture(scope="module")
def address(served, taught_root, tiny_model, home) -> str:
    return served(taught_root, BRAINSEG_MODEL=str(tiny_model), BRAINSEG_HOME=str(home))


@pytest.fixture
def reviews(taught_root, home) -> Reviews:
    return Reviews(Database(home / "reviews.sqlite"), Cohort.open(taught_root))


def open_case(look, address: str, tiny_model, case: str, more: str = ""):
    page = look(f"{address}/case?case={case}&model={tiny_model.name}&review=prediction{more}")
    drawn(page)
    open_tab(page, "Review")
    page.get_by_role("textbox", name="Initials").fill("ab")
    page.keyboard.press("Tab")
    return settled(page)


def sign(page, verdict: str) -> None:
    # Without waiting for the page, because the threshold may just have moved.
    page.get_by_role("button", name=verdict).click(no_wait_after=True)


def test_a_verdict_right_after_moving_the_slider_names_the_new_threshold(
    look, address, tiny_model, taught_root, reviews
):
    case = Cohort.open(taught_root).cases[0]
    page = open_case(look, address, tiny_model, case)
    slider = page.get_by_label("Threshold", exact=True)
    slider.focus()
    slider.evaluate(
        """(element) => {
            element.value = Number(element.max) - 10;
            element.dispatchEvent(new Event("input", { bubbles: true }));
            element.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    sign(page, "Agree")
    page.get_by_text("Saved as AB: agree").wait_for(timeout=WAIT_MS)
    (row,) = list(reviews.of(case).itertuples())
    at = pytest.approx(row.threshold)
    assert comes(page, lambda: float(asked(page).get("threshold", "nan")) == at)
    assert row.threshold > 0.85
    page.reload()
    drawn(page)
    open_tab(page, "Review")
    page.get_by_text(f"at threshold {row.threshold:g}").first.wait_for(timeout=WAIT_MS)


def test_reviews_after_changing_the_case_never_name_the_previous_threshold(
    look, address, tiny_model, taught_root, reviews
):
    cases = Cohort.open(taught_root).cases
    page = open_case(look, address, tiny_model, cases[1], "&threshold=0.30")
    page.get_by_text("at threshold 0.3").wait_for(timeout=WAIT_MS)
    act(
        page,
        lambda: page.get_by_role("button", name="Next case").click(),
        lambda: cases[2] in page.url,
    )
    drawn(page, case=cases[2])
    page.get_by_text("at threshold 0.3").wait_for(timeout=WAIT_MS)
    sign(page, "Reject")
    page.get_by_text("Saved as AB: reject").wait_for(timeout=WAIT_MS)
    settled(page).get_by_test_id("stMain").get_by_role("link", name="Worklist").click()
    arrives(page, "/worklist")
    settled(page)
    page.go_back()
    arrives(page, "/case")
    drawn(page, case=cases[2])
    open_tab(page, "Review")
    page.get_by_text("Saved as AB: reject").wait_for(timeout=WAIT_MS)
    (row,) = list(reviews.of(cases[2]).itertuples())
    assert (row.subject, row.threshold, row.state) == ("prediction", 0.3, "reject")
    assert row.model_digest == open_model(str(tiny_model)).digest
