"""Measurements in a real browser: drawn, moved, named, deleted, by mouse and by keyboard, and saved."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browsing import comes
from support.cohorts import FIRST
from support.viewer import EVERYWHERE, drawn, go, open_tab
from support.viewer_page import record_of_noise, viewer_pages

from brainseg.cohort import Cohort
from brainseg.inference.record import CaseRecord
from brainseg.reviews import Measurements
from brainseg.reviews.database import Database

pytestmark = pytest.mark.browser

AFFINE = np.array([[0, 0, -0.5, 0], [0, -0.5, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
"""Axial slices 5 mm apart, pixels of 0.5 mm, the patient's left on the right."""


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    with viewer_pages(browser) as look:
        yield look


def record() -> CaseRecord:
    return record_of_noise((5.0, 0.5, 0.5), AFFINE)


def listed(page) -> list[str]:
    return page.evaluate(f"() => ({EVERYWHERE})('.drawn li > button').map(one => one.textContent)")


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between two places of the slice, in its pixels."""
    box = page.locator(".overlay").first.bounding_box()
    side = min(box["width"], box["height"])
    corner = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    (x0, y0), (x1, y1) = (
        [corner[i] + place[i] * side / 64 for i in (0, 1)] for place in (start, end)
    )
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=4)
    page.mouse.up()


def shows(page, text: str, count: int = 1) -> bool:
    return comes(page, lambda: [text in one for one in listed(page)] == [True] * count)


def test_a_measurement_is_drawn_moved_named_deleted_and_restored(look):
    page = look(record(), "slice=4")
    page.keyboard.press("4")
    drag(page, (10, 10), (50, 10))
    assert shows(page, "slice 4: 20.0 mm")
    page.keyboard.press("1")
    drag(page, (50, 10), (30, 10))  # its end
    assert shows(page, "slice 4: 10.0 mm")
    drag(page, (20, 10), (20, 40))  # all of it
    assert shows(page, "slice 4: 10.0 mm")
    drawn(page, slice=4)
    page.get_by_label("Name of ruler, slice 4").fill("edge")
    page.keyboard.press("Tab")
    go(page, "Home", settled=1)
    page.wait_for_function("() => viewer.measuring.items[0].name === 'edge'")
    page.get_by_role("button", name="Ruler edge, slice 4: 10.0 mm").click()
    drawn(page, settled=4)
    page.keyboard.press("Delete")
    assert comes(page, lambda: listed(page) == [])
    page.keyboard.press("z")
    assert shows(page, "slice 4: 10.0 mm")
    assert page.failed == []


def test_a_measurement_is_drawn_by_keys_alone_on_each_plane(look):
    page = look(record(), "slice=4&view=planes")
    page.keyboard.press("7")
    page.keyboard.press("d")
    for key in ("ArrowLeft", "Tab", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert shows(page, "slice 4: 11.0 × 5.0 mm")
    page.keyboard.press("4")
    page.keyboard.press("d")
    page.keyboard.press("d")  # on the next plane
    for key in ("Tab", "Tab", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert comes(page, lambda: any("coronal" in one and "10.0 mm" in one for one in listed(page)))
    page.keyboard.press("d")
    page.keyboard.press("Escape")
    assert comes(page, lambda: len(listed(page)) == 2)
    page.keyboard.press("n")
    page.keyboard.press("Delete")
    assert comes(page, lambda: len(listed(page)) == 1)
    assert page.failed == []


def test_a_drag_on_a_coronal_picture_measures_across_slices(look):
    page = look(record(), "slice=4&view=planes")
    page.keyboard.press("4")
    coronal = "viewer.panes[0].tiles.find(one => one.plane.name === 'coronal')"
    page.wait_for_function(f"() => {coronal}")
    tile = page.evaluate(f"() => [{coronal}.toScreen(10, 2), {coronal}.toScreen(10, 6)]")
    box = page.locator(".overlay").bounding_box()
    (x0, y0), (x1, y1) = ((box["x"] + x, box["y"] + y) for x, y in tile)
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move(x1, y1, steps=4)
    page.mouse.up()
    assert comes(page, lambda: any("coronal" in one for one in listed(page)))

    def length() -> float:
        return float(listed(page)[0].split(": ")[1].removesuffix(" mm"))

    assert comes(page, lambda: length() == pytest.approx(20, abs=1)), length()


def test_a_measurement_is_saved_with_the_initials_and_found_again(
    browser, served, tiny_cohort, tmp_path
):
    address = served(tiny_cohort, BRAINSEG_HOME=str(tmp_path))
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{address}/case?case={FIRST}")
        drawn(page)
        page.keyboard.press("d")
        page.keyboard.press("Enter")
        open_tab(page, "Measure")
        assert comes(page, lambda: len(listed(page)) == 1)
        page.get_by_text("Not saved: enter your initials").wait_for()
        open_tab(page, "Review")
        page.get_by_role("textbox", name="Initials").fill("ab")
        page.keyboard.press("Enter")
        saved = Measurements(Database(tmp_path / "reviews.sqlite"), Cohort.open(tiny_cohort))
        assert comes(page, lambda: [one.reader for one in saved.of(FIRST)] == ["AB"])
        open_tab(page, "Measure")
        page.get_by_text("Saved as AB.").wait_for()
        page.reload()
        drawn(page)
        assert listed(page) == []
        open_tab(page, "Review")
        page.get_by_role("textbox", name="Initials").fill("AB")
        page.keyboard.press("Enter")
        assert comes(page, lambda: len(listed(page)) == 1)
    finally:
        context.close()


def test_the_magnifier_shows_the_picture_three_times_as_large_at_the_pointer(look):
    page = look(record(), "slice=4")
    page.keyboard.press("g")
    box = page.locator(".overlay").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    drawn_px = """() => { const { width, height } = viewer.panes[0].overlay;
        const { data } = viewer.panes[0].overlay.getContext('2d').getImageData(
            width / 2 - 40, height / 2 - 40, 80, 80);
        let changes = 0;
        for (let i = 4; i < data.length; i += 4) changes += data[i] !== data[i - 4];
        return changes; }"""
    # Each pixel of the picture is three wide: two of three neighbours are equal.
    assert comes(page, lambda: 100 < page.evaluate(drawn_px) < 80 * 80 / 2)
    page.keyboard.press("g")
    assert comes(page, lambda: page.evaluate(drawn_px) == 0)
    assert page.failed == []


def test_the_layout_of_the_last_visit_is_the_default_and_the_address_rules(
    browser, served, tiny_cohort
):
    address = served(tiny_cohort)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{address}/case?case={FIRST}")
        drawn(page, panes=1, tool="scroll")
        page.get_by_role("button", name="All", exact=True).click()
        drawn(page, panes=3)
        page.keyboard.press("4")
        open_tab(page, "Measure")
        page.wait_for_function("() => localStorage['brainseg-layout'].includes('Measure')")
        page.get_by_text("Your measurements (0)").wait_for()
        expect(page.get_by_text("Undo", exact=True)).to_be_hidden()  # there is nothing to undo
        again = context.new_page()
        again.goto(f"{address}/case?case={FIRST}")
        drawn(again, panes=3, tool="ruler")
        tab = again.get_by_role("tab", name="Measure", exact=True)
        expect(tab).to_have_attribute("aria-selected", "true")
        again.goto(f"{address}/case?case={FIRST}&view=slice")
        drawn(again, panes=1, tool="ruler")
        open_tab(again, "Layers")
        thumbnail = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 9, 9).data].length"
        expect(again.locator(".thumbnail")).to_have_count(3)
        assert again.locator(".thumbnail").first.evaluate(thumbnail) == 9 * 9 * 4
        again.locator(".thumbnail").last.click()
        expect(again.locator(".top-right")).to_contain_text("post-contrast")
    finally:
        context.close()
