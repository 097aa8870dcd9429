"""The worklist in a real browser: filter, search, sort, open, review, return."""

import pytest
from playwright.sync_api import expect
from support.browsing import (
    FIRST_ROW_Y,
    HEADER_Y,
    POLLS_EVERY_MS,
    WAIT_MS,
    act,
    arrives,
    asked,
    click_table,
    comes,
    is_at,
    overflow_px,
    rows,
    settled,
    still,
)
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.viewer import drawn, navigate, open_tab

pytestmark = pytest.mark.browser

CASE_X, SORTED_X = 120, 420


def lists(page, *cases: str) -> bool:
    """Return whether the worklist comes to have just these cases, in this order."""
    return comes(page, lambda: [row["Case"] for row in rows(page, len(cases))] == list(cases))


def open_first_case(page, case: str, x: float = CASE_X) -> None:
    click_table(page, x, FIRST_ROW_Y, lambda: is_at(page, "/case", case=case))


def pick(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")
    settled(page)


def test_a_filter_is_picked_searched_and_reopened_by_its_address(look, address):
    page = look(f"{address}/worklist")
    assert lists(page, FIRST, FLAIR_REPEATED, OTHER_SITE)
    pick(page, "Institution", "XX")
    assert lists(page, FIRST, FLAIR_REPEATED)
    page.get_by_role("searchbox", name="Search").or_(
        page.get_by_role("textbox", name="Search")
    ).first.fill("age=44")
    page.keyboard.press("Enter")
    assert lists(page, FLAIR_REPEATED)
    arrives(page, "/worklist", where="institution~XX", search="age=44")
    assert comes(page, lambda: len(asked(page)) == 2)
    again = look(page.url)
    assert lists(again, FLAIR_REPEATED)
    picked = again.locator("[data-testid=stMultiSelect]").first
    assert comes(again, lambda: picked.inner_text().count("XX") == 1)
    again.get_by_role("button", name="Clear all filters").click()
    rows(again, 3)
    assert comes(again, lambda: not asked(again))


def test_one_click_opens_the_case_and_the_next_one_follows_the_filter(look, address):
    page = look(f"{address}/worklist?where=tumour_vx~1..&sort=-tumour_vx")
    assert lists(page, FIRST, OTHER_SITE, FLAIR_REPEATED)
    open_first_case(page, FIRST)
    there = {"where": "tumour_vx~1..", "sort": "-tumour_vx"}
    assert comes(page, lambda: asked(page) == there | {"case": FIRST})
    page.get_by_text("1 of 3", exact=True).wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Next case").click()
    assert comes(page, lambda: asked(page) == there | {"case": OTHER_SITE})
    settled(page).go_back()
    arrives(page, "/case", case=FIRST)
    settled(page).get_by_test_id("stMain").get_by_role("link", name="Worklist").click()
    arrives(page, "/worklist", case=None, **there)
    assert lists(settled(page), FIRST, OTHER_SITE, FLAIR_REPEATED)
    assert comes(page, lambda: asked(page) == there)


def test_the_navigation_leads_back_to_filter_case_and_layers(look, address):
    page = look(f"{address}/case?where=institution~XX&case={FLAIR_REPEATED}&mask=off")
    drawn(page, drawn=FLAIR_REPEATED)
    navigate(page, "Worklist")
    arrives(page, "/worklist", where="institution~XX", case=None, mask=None)
    navigate(page, "Similar slices")
    arrives(page, "/similar", where="institution~XX", case=None)
    navigate(page, "Case")
    arrives(page, "/case", where="institution~XX", case=FLAIR_REPEATED, mask="off")
    # It was opened on the case page before, and folds there again.
    page.get_by_test_id("stExpandSidebarButton").wait_for(timeout=WAIT_MS)
    for path in ("/similar", "/worklist", "/case"):
        settled(page).go_back()
        arrives(page, path, where="institution~XX")


@pytest.mark.parametrize("key", ["Enter", "Shift+Space"])
def test_a_row_can_be_opened_by_keyboard_alone(look, address, key):
    page = look(f"{address}/worklist")
    rows(settled(page), 3)

    def open_last_row() -> None:
        for _ in range(60):
            if page.evaluate("() => document.activeElement.dataset.testid") == "data-grid-canvas":
                break
            page.keyboard.press("Tab")
        for pressed in ("ArrowDown", "ArrowDown", key):
            page.keyboard.press(pressed)
            page.wait_for_timeout(POLLS_EVERY_MS)  # the table draws the focus before the next key

    act(page, open_last_row, lambda: is_at(page, "/case", case=OTHER_SITE))


def test_a_click_on_a_header_sorts_for_the_next_case_too(look, address):
    page = look(f"{address}/worklist?columns=case~tumour_vx")
    assert lists(page, FIRST, FLAIR_REPEATED, OTHER_SITE)
    for sort in ("tumour_vx", "-tumour_vx", None):
        sort_by_click(page, sort)
    sort_by_click(page, "tumour_vx")
    assert lists(settled(page), FLAIR_REPEATED, OTHER_SITE, FIRST)
    open_first_case(page, FLAIR_REPEATED)


def sort_by_click(page, sort: str | None) -> None:
    """Click the header of the second column, and wait until it sorts like that."""
    click_table(page, SORTED_X, HEADER_Y, lambda: is_at(page, "/worklist", sort=sort))


def review(page, initials: str, comment: str, verdict: str) -> None:
    open_tab(page, "Review")
    page.get_by_role("textbox", name="Initials").fill(initials)
    page.get_by_role("textbox", name="Comment").click()
    page.keyboard.type(comment)
    page.get_by_role("button", name=verdict).click()
    # The caption stays; the toast disappears.
    page.get_by_text(f"Saved as {initials.upper()}: {verdict.lower()}").wait_for(timeout=WAIT_MS)
    settled(page)


def test_reviews_of_two_sessions_appear_in_the_worklist(look, address):
    first, second = look(f"{address}/case?case={FIRST}"), look(f"{address}/case?case={FIRST}")
    # Capital letters are the form's shortcuts: typed into the comment they are letters.
    review(first, "ab", "An Edge is Doubtful", "Agree")
    worklist = look(f"{address}/worklist?where=review~agree&columns=review~readers")
    (row,) = rows(worklist, 1)
    assert (row["Case"], row["Mask review"], row["Readers"]) == (FIRST, "agree", "1")
    review(second, "cd", "too wide", "Needs edit")
    second.get_by_text("1 other review").wait_for(timeout=WAIT_MS)
    expect(second.get_by_test_id("stMain")).to_contain_text("An Edge is Doubtful")
    worklist.reload()
    worklist.wait_for_selector("text=/No case matches/", timeout=WAIT_MS)
    worklist.goto(f"{address}/worklist?search=wide&columns=review~readers")
    (row,) = rows(settled(worklist), 1)
    assert (row["Mask review"], row["Readers"]) == ("readers differ", "2")


def test_initials_and_unsaved_comments_last_across_cases(look, address):
    page = look(f"{address}/case?case={FIRST}")
    open_tab(page, "Review")
    # A reader without a review: the comment of a saved one would be filled in.
    page.get_by_role("textbox", name="Initials").fill("xy")
    page.get_by_role("textbox", name="Comment").click()
    page.keyboard.type("half a thought")
    page.get_by_role("button", name="Next case").click()
    arrives(page, "/case", case=FLAIR_REPEATED)
    comment = page.get_by_role("textbox", name="Comment")
    expect(comment).to_have_value("")
    navigate(settled(page), "Worklist")
    arrives(page, "/worklist")
    page.get_by_text("Mask not reviewed by XY").wait_for(timeout=WAIT_MS)
    open_first_case(page, FIRST)
    open_tab(page, "Review")
    comment.wait_for(timeout=WAIT_MS)
    expect(page.get_by_role("textbox", name="Initials")).to_have_value("xy")
    expect(comment).to_have_value("half a thought")


def test_a_wrong_filter_in_the_address_shows_one_message_and_all_cases(look, address):
    page = look(f"{address}/worklist?where=%3Cimg%20src=x%20onerror=alert(1)%3E~1..2")
    page.on("dialog", lambda dialog: pytest.fail("a filter in the address ran as code"))
    rows(page, 3)
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("no column “<img src=x onerror=alert(1)>”")


def test_a_narrow_window_needs_no_sideways_scrolling(look, address):
    page = look(f"{address}/worklist", viewport={"width": 700, "height": 900})
    rows(page, 3)
    assert comes(page, lambda: overflow_px(page) <= 1)


def test_a_bar_of_the_dataset_page_leads_to_its_case_in_the_worklist(look, address):
    page = look(f"{address}/dataset")
    bar = page.locator("[class*='st-key-slices_by_case_chart'] .bars .point path").first

    def click() -> None:
        still(page, bar)
        bar.click(force=True)

    act(page, click, lambda: is_at(page, "/dataset", where=f"case~{FIRST}"))
    settled(page).get_by_role("link", name="1 case in the worklist").click()
    arrives(page, "/worklist", where=f"case~{FIRST}")
