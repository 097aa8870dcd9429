"""The dataset pages in a real browser: choose in a chart, save it, open a slice."""

import io
from collections.abc import Callable

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browsing import (
    WAIT_MS,
    act,
    arrives,
    asked,
    comes,
    is_at,
    overflow_px,
    settled,
    still,
)
from support.cohorts import FIRST, OTHER_SITE
from support.viewer import drawn

from brainseg import RESEARCH_USE

pytestmark = pytest.mark.browser


def where(page) -> str | None:
    """Return the filter in the page's address."""
    return asked(page).get("where")


def chart(page, name: str):
    """Return a chart once it is drawn and no longer moves; its key ends with a hash of the choice."""
    found = page.locator(f"[class*='st-key-{name}_chart'] .js-plotly-plot")
    found.locator(".main-svg").first.wait_for(timeout=WAIT_MS)
    still(page, found)
    return found


def click_bar(page, name: str, place: int, until: Callable[[], object]) -> None:
    """Click near the foot of a bar; bars of all cases come before those of the chosen cases."""

    def click() -> None:
        box = chart(page, name).locator(".bars .point path").nth(place).bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3)

    act(page, click, until)
    settled(page)


def drag_over_all(page, name: str, until: Callable[[], object]) -> None:
    """Drag a box over a chart's plot."""

    def drag() -> None:
        box = chart(page, name).locator(".nsewdrag").first.bounding_box()
        start = (box["x"] + 0.01 * box["width"], box["y"] + 0.01 * box["height"])
        end = (box["x"] + 0.99 * box["width"], box["y"] + 0.99 * box["height"])
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        page.mouse.move(*end)
        page.mouse.up()

    act(page, drag, until)
    settled(page)


def test_a_bar_filters_the_whole_page_and_a_second_click_undoes_it(look, address):
    page = look(f"{address}/dataset")
    click_bar(page, "institutions", 0, lambda: where(page) == "institution~XX")
    page.get_by_text("2 of 3: Institution: XX").wait_for(timeout=WAIT_MS)
    first = page.get_by_test_id("stMetricValue").first
    expect(first).to_have_text("2")
    page.get_by_text("Compare", exact=True).click()
    arrives(page, "/dataset", section="Compare", where="institution~XX")
    page.get_by_text("of 2 cases have both").wait_for(timeout=WAIT_MS)
    page.get_by_text("What is here", exact=True).click()
    arrives(page, "/dataset", section="What is here", where="institution~XX")
    click_bar(settled(page), "institutions", 0, lambda: where(page) is None)
    expect(first).to_have_text("3")


def test_a_bin_of_slices_chooses_its_cases_on_this_page_and_in_the_worklist(look, address):
    page = look(f"{address}/dataset?section=How+large&where=institution~XX")
    last = chart(page, "tumour_area").locator(".bars .point path").count() - 1
    both = f"institution~XX~~case~{FIRST}"
    click_bar(page, "tumour_area", last, lambda: where(page) == both)
    page.get_by_role("link", name="1 case in the worklist").click()
    arrives(page, "/worklist", where=both)
    settled(page).go_back()
    arrives(page, "/dataset", where=both)
    # A pale bar, of cases outside the filter, can be chosen too.
    other = f"case~{OTHER_SITE}"
    click_bar(settled(page), "tumour_area", 0, lambda: where(page) == other)


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("How large", "tumour_volume"),
        ("Where", "tumour_map"),
        ("How bright", "inside_and_outside"),
        ("Patients", "measured"),
        ("Compare", "compared"),
    ],
)
def test_a_box_over_all_of_a_chart_chooses_what_it_shows(look, address, section, name):
    page = look(f"{address}/dataset?section={section.replace(' ', '+')}")
    drag_over_all(page, name, lambda: where(page))
    page.get_by_text("3 of 3: ").wait_for(timeout=WAIT_MS)
    assert settled(page).get_by_test_id("stException").count() == 0


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("Where", "along_the_case"),
        ("Which shape", "pieces"),
        ("Which shape", "parts"),
        ("Patients", "codes"),
    ],
)
def test_each_bar_chart_is_clickable(look, address, section, name):
    page = look(f"{address}/dataset?section={section.replace(' ', '+')}")
    click_bar(page, name, 0, lambda: where(page))
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_saved_as_png_on_the_pages_background_and_its_numbers_as_csv(
    look, address, scheme
):
    page = look(f"{address}/dataset", color_scheme=scheme)
    chart(page, "institutions").hover()
    with page.expect_download(timeout=WAIT_MS) as saved:
        chart(page, "institutions").locator("[data-title^='Download plot']").click()
    assert saved.value.suggested_filename == "institutions.png"
    picture = Image.open(saved.value.path()).convert("RGBA")
    red, green, blue, opaque = picture.getpixel((2, 2))
    assert opaque == 255
    assert (red + green + blue > 600) == (scheme == "light")
    with page.expect_download(timeout=WAIT_MS) as saved:
        page.locator(".st-key-institutions_csv button").click()
    text = saved.value.path().read_text()
    assert RESEARCH_USE in text.splitlines()[0]
    table = pd.read_csv(io.StringIO(text), comment="#")
    assert table["all"].tolist() == [2, 1]


def slice_map(page):
    """Return the map of slices, after computing the similarity where it is missing."""
    found = page.locator("[class*='st-key-slice_map'] .js-plotly-plot")
    describe = page.locator(".st-key-describe button")
    found.or_(describe).first.wait_for(timeout=WAIT_MS)
    if describe.count():
        describe.click()
    found.locator(".scatterlayer .point").first.wait_for(timeout=WAIT_MS)
    return found


def click_point(page, until: Callable[[], object]) -> tuple[str, str]:
    """Click the first point of the map, and return its case and slice number."""
    point = page.locator("[class*='st-key-slice_map'] .scatterlayer .trace .point").first
    case, number = point.evaluate("element => Object.values(element.__data__.data)")

    def click() -> None:
        still(page, point)
        point.click(force=True)

    settled(page)
    act(page, click, until)
    return case, str(number)


def test_a_click_in_the_map_opens_the_slice_in_the_viewer(look, address):
    page = look(f"{address}/similar?click=click+opens")
    slice_map(page)
    case, number = click_point(page, lambda: is_at(page, "/case"))
    assert drawn(page, slice=number)["case"] == case
    page.go_back()
    arrives(page, "/similar")


def test_a_click_shows_the_neighbours_of_the_slice(look, address):
    page = look(f"{address}/similar?case={OTHER_SITE}&slice=1")
    slice_map(page)
    ring = page.locator("[class*='st-key-slice_map'] .scatterlayer .trace").last
    ring.wait_for(timeout=WAIT_MS)
    case, number = click_point(page, lambda: asked(page).get("case") != OTHER_SITE)
    assert comes(page, lambda: is_at(page, "/similar", case=case, slice=number))
    assert settled(page).get_by_test_id("stException").count() == 0
    page.get_by_text("Most similar slices").wait_for(timeout=WAIT_MS)


@pytest.mark.parametrize("path", ["dataset?section=Where", "similar", "tour?step=Plot"])
def test_a_narrow_window_needs_no_sideways_scrolling(look, address, path):
    page = look(f"{address}/{path}")
    page.set_viewport_size({"width": 640, "height": 900})
    settled(page)
    assert comes(page, lambda: overflow_px(page) <= 1)


def test_the_tour_can_be_stepped_through_by_keyboard(look, address):
    page = look(f"{address}/tour")
    for step in ("Count", "Table"):
        page.get_by_role("button", name="Next step").wait_for(timeout=WAIT_MS)  # it hears the key
        page.keyboard.press("j")
        arrives(page, "/tour", step=step)
        settled(page)
    page.keyboard.press("k")
    arrives(page, "/tour", step="Count")
