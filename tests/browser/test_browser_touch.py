"""The picture by touch, as a tablet of 1024 x 768 px sends it: fingers apart, together, up and down."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from support.browsing import comes, sessions
from support.viewer import VIEWER, drawn
from support.viewer_page import record_of_noise, viewer_pages

pytestmark = pytest.mark.browser

TABLET = {"width": 1024, "height": 768}
MIDDLE = f"""() => {{
    const box = {VIEWER}.querySelector('.overlay').getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
}}"""

TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Time for the viewer to act on the last touch."""

Point = tuple[float, float]
Points = Sequence[Point]


class Fingers:
    """Fingers on a page, moved through the browser's own input."""

    def __init__(self, page) -> None:
        self.page = page
        self.session = page.context.new_cdp_session(page)
        self.session.send(
            "Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2}
        )

    def drag(self, start: Points, end: Points, steps: int = 12) -> None:
        """Put fingers around the middle of the picture, move them in steps, lift them."""
        x, y = self.page.evaluate(MIDDLE)
        for step in range(steps + 1):
            share = step / steps
            points = [
                {"x": x + a + share * (c - a), "y": y + b + share * (d - b), "id": number}
                for number, ((a, b), (c, d)) in enumerate(zip(start, end, strict=True))
            ]
            self.send("touchMove" if step else "touchStart", points)
        self.send("touchEnd", [])
        self.page.evaluate(TWO_FRAMES)

    def one_then_two(self, start: Point, end: Point, other: Point) -> None:
        """Drag one finger, then put a second one down and move it away."""
        x, y = self.page.evaluate(MIDDLE)
        (a, b), (c, d), (e, f) = start, end, other
        first = {"x": x + c, "y": y + d, "id": 0}
        self.send("touchStart", [{"x": x + a, "y": y + b, "id": 0}])
        self.send("touchMove", [first])
        self.send("touchStart", [first, {"x": x + e, "y": y + f, "id": 1}])
        for step in range(1, 7):
            self.send("touchMove", [first, {"x": x + e + 10 * step, "y": y + f, "id": 1}])
        self.send("touchEnd", [])
        self.page.evaluate(TWO_FRAMES)

    def send(self, kind: str, points: list[dict]) -> None:
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    with viewer_pages(browser) as look:
        yield look


def state(page) -> dict:
    return page.evaluate("() => ({ zoom: viewer.state.zoom, position: viewer.state.position })")


def test_two_fingers_zoom_when_they_part_and_scroll_when_they_move_together(look):
    page = look(record_of_noise(), "slice=5", size=TABLET)
    fingers, before = Fingers(page), state(page)
    fingers.drag([(-40, 0), (40, 0)], [(-120, 0), (120, 0)])
    assert comes(page, lambda: 2 < state(page)["zoom"] / before["zoom"] < 3.5)
    assert state(page)["position"][2] == before["position"][2]
    fingers.drag([(-120, 0), (120, 0)], [(-40, 0), (40, 0)])
    assert comes(page, lambda: state(page)["zoom"] == pytest.approx(before["zoom"], rel=0.2))
    fingers.drag([(-40, 60), (40, 60)], [(-40, -12), (40, -12)])
    assert comes(page, lambda: abs(state(page)["position"][2] - before["position"][2]) == 3)
    assert page.failed == []


def test_two_fingers_take_back_the_measurement_that_the_first_began(look):
    page = look(record_of_noise(), "slice=5", size=TABLET)
    page.evaluate("() => viewer.useTool('ruler')")
    fingers = Fingers(page)
    fingers.drag([(-40, 0)], [(60, 30)])
    items = partial(page.evaluate, "() => viewer.measuring.items")
    assert comes(page, lambda: [item["kind"] for item in items()] == ["ruler"])
    before = items()
    fingers.one_then_two((-100, -80), (-60, -80), (100, -80))
    assert comes(page, lambda: state(page)["zoom"] > 1.2)
    assert items() == before
    assert page.failed == []


def test_on_the_case_page_fingers_move_the_picture_and_not_the_page(browser, served, sample_root):
    with sessions(browser, viewport=TABLET, has_touch=True) as look:
        page = look(f"{served(sample_root)}/case")
        first = int(drawn(page)["slice"])
        Fingers(page).drag([(-40, 60), (40, 60)], [(-40, -12), (40, -12)])
        assert comes(page, lambda: abs(int(drawn(page)["settled"]) - first) == 3)
        there = drawn(page)["settled"]
        Fingers(page).drag([(0, 60)], [(0, -60)])
        assert comes(page, lambda: drawn(page)["settled"] != there)
        assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop") == 0
