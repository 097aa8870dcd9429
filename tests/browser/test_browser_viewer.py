"""The case viewer in a real browser, with WebGL in software and without."""

import io
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from support.browsing import arrives, comes, settled
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair
from support.viewer import VIEWER, WAIT_MS, drawn, go, numbers_in, open_tab

from brainseg import RESEARCH_USE
from brainseg.cohort import Cohort
from brainseg.statistics.measures import by_slice, diameters, measure_volume

pytestmark = pytest.mark.browser


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    """Return look(address) -> a page whose viewer has drawn; it counts messages to the server."""
    contexts = []

    def look(address: str, chromium=browser, **context: object):
        size = {"width": 1400, "height": 1000}
        contexts.append(chromium.new_context(**{"viewport": size, **context}))
        page = contexts[-1].new_page()
        page.asked = []
        page.failed = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.failed.append(str(error)))
        page.on(
            "websocket",
            lambda socket: socket.on("framesent", lambda _: page.asked.append("a message")),
        )
        page.goto(address)
        drawn(page)
        return page

    yield look
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Return a cohort with slices 1, 2, 10; FLAIR repeated in one case; nothing here changes it."""
    from support.cohorts import write_tiny_cohort

    return write_tiny_cohort(tmp_path_factory.mktemp("walked") / "tiny")


def test_keys_before_the_first_picture_break_nothing(browser, served, sample_root):
    context = browser.new_context()
    try:
        page = context.new_page()
        failed = []
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.add_init_script(
            """setInterval(() => document.dispatchEvent(
                new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true })), 2)"""
        )
        page.goto(f"{served(sample_root)}/case")
        page.wait_for_function(f"() => {VIEWER}?.dataset.drawn", timeout=WAIT_MS)
        assert failed == []
    finally:
        context.close()


def test_all_slices_are_scrolled_without_asking_the_server(look, served, sample_root):
    cohort = Cohort.open(sample_root)
    case = cohort.case(cohort.cases[0])
    numbers = case.readable["slice_number"].tolist()
    page = look(f"{served(sample_root)}/case?case={case.name}")
    go(page, "Home", settled=numbers[0])
    page.wait_for_timeout(500)
    page.asked.clear()
    for number in numbers[1:]:
        go(page, "ArrowDown", slice=number)
    assert go(page, "Home", slice=numbers[0])["case"] == case.name
    page.locator(".overlay").hover()
    page.mouse.wheel(0, 100)
    drawn(page, slice=numbers[1])
    go(page, "m")
    go(page, "s")
    page.locator(".strip").click(position={"x": 5, "y": 20})
    drawn(page, slice=numbers[0], settled=numbers[0])
    page.wait_for_timeout(500)
    assert page.asked == []
    assert page.failed == []


def test_a_case_opens_at_its_largest_area_and_the_address_reopens_a_slice(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}")
    drawn(page, slice=2)
    go(page, "End", settled=10)
    go(page, "s")
    go(page, "m")
    page.wait_for_function("() => location.search.includes('mask=off')", timeout=WAIT_MS)
    again = look(page.url)
    drawn(again, slice=10)
    expect(again.locator(".top-right")).to_contain_text("post-contrast")
    expect(again.locator(".choice button[aria-pressed=true]", has_text="Off")).to_have_count(1)


def test_a_missing_slice_in_the_address_shows_a_message(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}&slice=999")
    expect(page.locator(".notes")).to_contain_text("This case has no slice “999”")
    drawn(page, slice=2)


def test_arrows_lead_to_the_next_case_and_stay_at_the_end(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}&slice=10")
    go(page, "ArrowRight", drawn=FLAIR_REPEATED, slice=2)
    told = page.locator(".panel", has_text="copy of FLAIR")
    expect(told.or_(page.locator(".notes", has_text="repeats FLAIR")).first).to_be_visible()
    arrives(page, "/case", case=FLAIR_REPEATED)
    go(page, "ArrowRight", drawn=OTHER_SITE)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1500)
    assert drawn(page)["case"] == OTHER_SITE
    go(page, "ArrowLeft", drawn=FLAIR_REPEATED)
    page.keyboard.press("x")
    page.wait_for_function(
        f"() => {VIEWER}.dataset.drawn !== '{FLAIR_REPEATED}'",
        timeout=WAIT_MS,
    )


@pytest.mark.parametrize(("width", "height", "share"), [(1440, 900, 0.6), (1280, 720, 0.5)])
def test_the_picture_has_most_of_the_window(look, served, walked, width, height, share):
    page = look(f"{served(walked)}/case?case={FIRST}")
    page.set_viewport_size({"width": width, "height": height})
    stages = page.locator(".stages")

    def is_large() -> bool:
        box = stages.bounding_box()
        return box is not None and box["width"] * box["height"] >= share * width * height

    def strip_is_in_view() -> bool:
        strip = page.locator(".strip").bounding_box()
        return strip is not None and strip["y"] + strip["height"] <= height

    # Both at once: the picture is large, too, before it follows a smaller window.
    assert comes(page, lambda: is_large() and strip_is_in_view())


def test_the_keys_act_on_the_picture_after_a_click_on_a_tab(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}")
    drawn(page, slice=2)
    has_focus = f"() => {VIEWER}.getRootNode().activeElement !== null"
    open_tab(page, "Measure")
    page.wait_for_function(has_focus, timeout=WAIT_MS)
    go(page, "Home", slice=1)
    # A tab takes the focus again when its panel is drawn, which may be after the click.
    open_tab(page, "Layers")
    page.get_by_role("tab", name="Layers", exact=True).focus()
    page.wait_for_function(has_focus, timeout=WAIT_MS)
    go(page, "End", slice=10)


def test_a_key_leads_back_to_the_case_that_a_key_has_left(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}")
    page.keyboard.press("ArrowRight")
    page.locator(".toast", has_text="Backspace goes back.").wait_for(timeout=WAIT_MS)
    page.keyboard.press("Backspace")
    drawn(page, case=FIRST)


def test_keys_do_nothing_while_the_user_types(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}")
    before = drawn(page)
    open_tab(page, "Review")
    page.get_by_label("Comment").click()
    page.keyboard.type("xms? smap")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    page.wait_for_timeout(600)
    after = drawn(page)
    assert (after["case"], after["slice"]) == (before["case"], before["slice"])
    expect(page.get_by_label("Comment")).to_have_value("xms? smap")


def test_the_list_of_keys_opens_and_closes(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}")
    page.keyboard.press("?")
    page.wait_for_selector("dialog.keys[open]", timeout=WAIT_MS)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.keys", state="hidden", timeout=WAIT_MS)


def test_keys_of_one_character_rest_while_they_are_switched_off(look, served, walked):
    page = look(f"{served(walked)}/case?case={FIRST}&slice=2")
    drawn(page)
    keys = page.locator("dialog.keys")
    page.keyboard.press("?")
    keys.get_by_role("checkbox").uncheck()
    keys.get_by_role("button", name="Close").click()
    page.keyboard.press("m")
    go(page, "Home", slice=1)
    assert "mask=" not in page.url
    page.get_by_role("button", name="Keys", exact=True).click()
    keys.get_by_role("checkbox").check()
    keys.get_by_role("button", name="Close").click()
    page.keyboard.press("m")
    assert comes(page, lambda: "mask=off" in page.url)


def test_the_browsers_measurements_equal_those_of_the_core(look, served, tmp_path_factory):
    root = tmp_path_factory.mktemp("measured")
    rng = np.random.default_rng(3)
    for number in range(1, 9):
        noise = cv2.GaussianBlur(rng.random((64, 64)), (0, 0), 3)
        mask = np.where(noise > np.quantile(noise, 0.85), 255, 0).astype(np.uint8)
        write_pair(root / FIRST, FIRST, number, head(number), mask)
    write_pair(root / FIRST, FIRST, 9, head(9), blob(5, 5, 1))
    write_pair(root / FIRST, FIRST, 10, head(10), np.zeros((64, 64), np.uint8))
    write_pair(root / FIRST, FIRST, 11, head(11), None)
    case = Cohort.open(root).case(FIRST)
    masks, there = case.masks()
    expected = by_slice(masks, range(1, 12), there)
    page = look(f"{served(root)}/case?case={FIRST}")
    open_tab(page, "Measure")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV of all slices").click()
    text = saved.value.path().read_text()
    assert text.startswith(f"# {RESEARCH_USE}\n")
    told = pd.read_csv(io.StringIO(text), comment="#")
    for theirs, ours in (
        ("mask_area_px", "area_px"),
        ("mask_components", "components"),
        ("mask_longest_px", "longest_px"),
        ("mask_perpendicular_px", "perpendicular_px"),
    ):
        assert np.allclose(
            told[theirs].to_numpy(float),
            expected[ours].to_numpy(float, na_value=np.nan),
            atol=1e-3,
            equal_nan=True,
        )
    whole = measure_volume(masks, there)
    assert comes(page, lambda: numbers_in(page).get("7 Components") == [str(whole.components)])
    assert f"{whole.volume_vx:,} voxels" in numbers_in(page)["6 Volume"]
    assert diameters(masks[10]) is None
    go(page, "End", settled=11)
    assert comes(page, lambda: numbers_in(page).get("1 Area") == ["unknown"])


def seen(page) -> np.ndarray:
    """Return the picture of the viewer as (h, w, 3) uint8 BGR."""
    shot = page.locator(".stages").screenshot()
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    # The page around it shines through where the picture ends between two pixels.
    picture[[0, -1]] = picture[:, [0, -1]] = 0
    return picture


@pytest.mark.parametrize("webgl", [True, False])
def test_a_marked_corner_is_drawn_in_its_corner(
    look, served, tmp_path_factory, browser, browser_without_webgl, webgl
):
    root = tmp_path_factory.mktemp("corner")
    image = np.zeros((64, 64, 3), np.uint8)
    image[:6, :10] = 255
    for number in (1, 2, 3):
        write_pair(root / FIRST, FIRST, number, image, np.zeros((64, 64), np.uint8))
    page = look(f"{served(root)}/case", browser if webgl else browser_without_webgl)
    assert drawn(page)["stage"] == ("niivue" if webgl else "plain")
    page.evaluate(
        f"() => {VIEWER}.querySelectorAll('.corner, .layers').forEach(one => one.remove())"
    )
    grey = seen(page).mean(axis=2)
    rows, columns = np.nonzero(grey > 128)
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) / 2, (grey.shape[1] - side) / 2
    assert rows.min() == pytest.approx(top, abs=8)
    assert columns.min() == pytest.approx(left, abs=8)
    assert (rows.max() - rows.min()) / side == pytest.approx(6 / 64, abs=0.02)
    assert (columns.max() - columns.min()) / side == pytest.approx(10 / 64, abs=0.02)


@pytest.mark.parametrize("webgl", [True, False])
def test_the_mask_is_drawn_at_its_position_and_can_be_hidden(
    look, served, tmp_path_factory, browser, browser_without_webgl, webgl
):
    root = tmp_path_factory.mktemp("layer")
    dark = np.zeros((64, 64, 3), np.uint8)
    for number in (1, 2, 3):
        write_pair(root / FIRST, FIRST, number, dark, blob(8, 40, 12))
    chromium = browser if webgl else browser_without_webgl
    page = look(f"{served(root)}/case?mask=fill", chromium)

    def orange() -> tuple[np.ndarray, np.ndarray]:
        blue, _, red = np.moveaxis(seen(page).astype(int), 2, 0)
        return np.nonzero(red - blue > 40)

    assert comes(page, lambda: len(orange()[0]))
    rows, columns = orange()
    picture = seen(page)
    side = min(picture.shape[:2])
    top, left = (picture.shape[0] - side) / 2, (picture.shape[1] - side) / 2
    assert (rows.min() - top) / side == pytest.approx(8 / 64, abs=0.01)
    assert (columns.max() - left) / side == pytest.approx(52 / 64, abs=0.01)
    go(page, "m")
    assert comes(page, lambda: not len(orange()[0]))


def test_a_browser_without_webgl_shows_the_reason(look, served, walked, browser_without_webgl):
    page = look(f"{served(walked)}/case?case={FIRST}", browser_without_webgl)
    expect(page.locator(".notes")).to_contain_text("no WebGL 2")
    expect(page.locator(".choice button", has_text="3D")).to_have_count(0)
    go(page, "End", slice=10)
    page.locator(".choice button", has_text="Planes").click()
    drawn(page)
    assert page.failed == []


@pytest.mark.parametrize("view", ["planes", "render", "pair"])
def test_each_view_draws_without_an_error(look, served, sample_root, view):
    page = look(f"{served(sample_root)}/case?view={view}&mask=fill")
    assert comes(page, lambda: seen(page).std() > 5)
    go(page, "ArrowDown")
    assert page.failed == []


def test_the_window_follows_a_drag_and_is_reset(look, served, sample_root):
    page = look(f"{served(sample_root)}/case")
    box = page.locator(".overlay").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    bright = seen(page).mean()
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x, y + 120, steps=4)
    page.mouse.up(button="right")
    page.wait_for_function(
        f"() => !{VIEWER}.querySelector('.bottom-left').textContent.includes('automatic')",
        timeout=WAIT_MS,
    )
    page.wait_for_timeout(300)
    assert abs(seen(page).mean() - bright) > 1
    page.keyboard.press("w")
    page.wait_for_function(
        f"() => {VIEWER}.querySelector('.bottom-left').textContent.endsWith('(automatic)')",
        timeout=WAIT_MS,
    )


def test_a_ruler_and_an_ellipse_measure_the_pixels_below_them(look, served, tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    flat = np.full((64, 64, 3), 90, np.uint8)
    for number in (1, 2):
        write_pair(root / FIRST, FIRST, number, flat, blob(8, 8, 4))
    page = look(f"{served(root)}/case")
    box = page.locator(".overlay").bounding_box()
    side = min(box["width"], box["height"])
    px = side / 64
    x = box["x"] + (box["width"] - side) / 2
    y = box["y"] + (box["height"] - side) / 2
    for tool, start, (u, v) in (("Ruler", 10, (30, 40)), ("Ellipse", 30, (20, 20))):
        page.get_by_role("button", name=tool, exact=True).click()
        page.mouse.move(x + start * px, y + 10 * px)
        page.mouse.down()
        page.mouse.move(x + (start + u) * px, y + (10 + v) * px, steps=5)
        page.mouse.up()
    open_tab(page, "Measure")
    expect(page.locator(".drawn li > button")).to_have_count(2)
    ruler, ellipse = page.locator(".drawn li > button").all_text_contents()
    length = ruler.removeprefix("Ruler, slice 1: ").removesuffix(" px")
    assert float(length) == pytest.approx(50, abs=0.6)
    assert ellipse.startswith("Ellipse, slice 1: 90.0 ± 0.0")


def test_a_saved_picture_has_the_research_use_notice(look, served, sample_root):
    page = look(f"{served(sample_root)}/case")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save PNG").click()
    picture = cv2.imdecode(np.frombuffer(saved.value.path().read_bytes(), np.uint8), 0)
    box = page.locator(".stages").bounding_box()
    assert picture.shape[1] == pytest.approx(box["width"], abs=4)
    assert picture.shape[0] > box["height"] + 20
    assert picture[: int(box["height"])].std() > 5
    assert picture[-30:].max() > 200  # the line below
    assert saved.value.suggested_filename.endswith(".png")


def test_the_threshold_moves_area_and_dice_without_the_server(
    look, served, taught_root, tiny_model
):
    page = look(
        f"{served(taught_root, BRAINSEG_MODEL=str(tiny_model))}/case?model=tiny&agreement=on"
    )
    assert comes(page, lambda: "Prediction" in str(numbers_in(page)))
    before = numbers_in(settled(page))
    page.asked.clear()
    slider = page.get_by_label("Threshold", exact=True)
    slider.evaluate(
        "input => { input.value = 180; input.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    page.wait_for_function("() => location.search.includes('threshold=0.90')", timeout=WAIT_MS)
    assert comes(page, lambda: numbers_in(page) != before)
    assert len(page.asked) <= 1, "only the report of the threshold, once it rests"
    assert page.failed == []


def test_a_real_case_is_opened_from_the_worklist_and_read(look, served, browser, real_root):
    cohort = Cohort.open(real_root)
    case = cohort.case(cohort.cases[0])
    numbers = case.readable["slice_number"].tolist()
    page = look(f"{served(real_root)}/case?case={case.name}")
    page.wait_for_timeout(500)
    go(page, "Home", settled=numbers[0])
    page.asked.clear()
    for number in numbers[1:]:
        go(page, "ArrowDown", slice=number)
    go(page, "m")
    drawn(page, settled=numbers[-1])
    assert page.asked == []
    go(page, "ArrowRight", drawn=cohort.cases[1])
    again = look(page.url)
    assert drawn(again)["case"] == cohort.cases[1]
    assert page.failed == again.failed == []
