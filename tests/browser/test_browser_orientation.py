"""Orientation in each view, from pixels: a head with a ball on its right, a nose and a hat."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import expect
from support.viewer import VIEWER, drawn
from support.viewer_page import viewer_pages

from brainseg.inference.record import CaseRecord, record_of
from brainseg.io import InputFile, assemble, open_inputs
from brainseg.volume import FLAIR

pytestmark = pytest.mark.browser

FIELD_MM = 96
ACQUIRED = {
    "RAS": ("RAS", (1.5, 1.5, 3)),
    "LPS": ("LPS", (1.5, 1.5, 3)),
    "LAS": ("LAS", (1.5, 1.5, 3)),
    "sagittal": ("PSR", (1.5, 1.5, 8)),
    "sagittal from the left": ("AIL", (1.5, 1.5, 8)),
    "sagittal, thin slices": ("PSR", (1.5, 1.5, 3)),
    "coronal": ("LSA", (1.5, 1.5, 8)),
    "coronal from the front": ("RIP", (1.5, 1.5, 8)),
}
"""The sides that a file's three axes rise to, and the mm from voxel to voxel along each."""

PICTURES = {
    "axial": {"left": "R", "right": "L", "top": "A", "bottom": "P"},
    "coronal": {"left": "R", "right": "L", "top": "S", "bottom": "I"},
    "sagittal": {"left": "A", "right": "P", "top": "S", "bottom": "I"},
}
"""The sides of the patient around each plane, in the radiological convention."""

MARKS = {"R", "A", "S"}
"""The sides of the patient where the phantom has a ball, a nose and a hat."""


def phantom(axes: str, step_mm: tuple[float, float, float]) -> tuple[np.ndarray, ...]:
    """Return a head and its ball, uint8 along these axes, and the (4, 4) affine to RAS+."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    shape = [round(FIELD_MM / step) for step in step_mm]
    for place, (letter, step, size) in enumerate(zip(axes, step_mm, shape, strict=True)):
        along = next(i for i, sides in enumerate(("RL", "AP", "SI")) if letter in sides)
        affine[along, place] = step if letter in "RAS" else -step
        affine[along, 3] = -affine[along, place] * (size - 1) / 2
    places = np.indices(shape).reshape(3, -1)
    right, front, up = (affine[:3, :3] @ places + affine[:3, 3:]).reshape(3, *shape)
    head = (right / 26) ** 2 + (front / 32) ** 2 + (up / 32) ** 2 < 1
    ball = (right - 33) ** 2 + front**2 + up**2 < 9**2
    nose = (right**2 + up**2 < (46 - front) ** 2 / 4) & (front > 26) & (front < 46)
    hat = (abs(right) < 16) & (abs(front) < 16) & (up > 32) & (up < 42)
    scan = np.where(head, 110, 0).astype(np.uint8)
    scan[ball | nose | hat] = 250
    return scan, ball.astype(np.uint8), affine


def case(acquired: str, known: bool = True) -> CaseRecord:
    """Return the phantom as read from a NIfTI file, its ball as the mask."""
    scan, ball, affine = phantom(*ACQUIRED[acquired])
    uploads = [
        open_inputs([InputFile("flair.nii", nib.Nifti1Image(voxels, affine).to_bytes())])
        for voxels in (scan, ball)
    ]
    volume = assemble(uploads[0], {FLAIR: 0})
    if not known:
        volume = replace(volume, affine=None, spacing_mm=None)
    masks = uploads[1].series[0].pixels > 0
    n = len(volume)
    return record_of("phantom", volume, range(1, n + 1), masks, np.ones(n, bool))


@pytest.fixture(scope="module")
def look(browser) -> Iterator[Callable]:
    with viewer_pages(browser) as look:
        yield look


def view(look: Callable, record: CaseRecord, name: str, more: str = "", **context: object):
    """Return a page that shows a view through the middle of the head."""
    page = look(
        record, f"preset=stored&view={name}&slice={len(record.volume) // 2}{more}", **context
    )
    page.wait_for_timeout(300)
    return page


def switch(page, name: str) -> None:
    """Choose a view, and wait until it is drawn."""
    page.evaluate(
        """async name => {
            const moment = () => new Promise(resolve => setTimeout(resolve, 100));
            viewer.set({ view: name });
            do await moment(); while (!viewer.filled || viewer.asked);
            await moment();
        }""",
        name,
    )


def picture(page) -> np.ndarray:
    """Return what the viewer shows as (h, w, 3) uint8 RGB, without its words."""
    return canvas(page, "visibility: hidden")


def canvas(page, words: str = "") -> np.ndarray:
    page.evaluate(
        f"""css => {VIEWER}.querySelectorAll('.corner, .sides').forEach(one => one.style = css)""",
        words,
    )
    stages, before, shot = page.locator(".stages"), None, b""
    while shot != before:  # a machine without a graphics processor may still be drawing
        before, shot = shot, stages.screenshot()
        page.wait_for_timeout(100)
    return cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR_RGB)


def equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two pictures are the same, but for the browser's rounding of a blended pixel."""
    return one.shape == other.shape and int(cv2.absdiff(one, other).max()) <= 1


def frames(page) -> list[dict]:
    """Return the pictures on the screen: name, letters by edge, and box from the stages' corner."""
    return page.evaluate(
        f"""() => {{
            const stages = {VIEWER}.querySelector('.stages').getBoundingClientRect();
            return [...{VIEWER}.querySelectorAll('.frame')].map(frame => {{
                const box = frame.getBoundingClientRect();
                const edges = [...frame.querySelectorAll('.edge')];
                return {{
                    name: frame.querySelector('.plane-name')?.textContent ?? null,
                    edges: Object.fromEntries(
                        edges.map(edge => [edge.classList[1], edge.textContent])),
                    box: [box.left - stages.left, box.top - stages.top, box.width, box.height],
                }};
            }});
        }}"""
    )


def cropped(pixels: np.ndarray, box: list[float]) -> np.ndarray:
    left, top, width, height = map(round, box)
    return pixels[top : top + height, left : left + width]


def bright(pixels: np.ndarray) -> np.ndarray:
    return pixels.min(axis=2) > 170


def orange(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0].astype(int) - pixels[..., 2] > 40


def edges_with(marked: np.ndarray, head: np.ndarray) -> set[str]:
    """Return at which edges of the head something is marked, of all that lies outside of its middle."""
    rows, columns = np.nonzero(head)
    row, column = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    found = set()
    count, labels = cv2.connectedComponents(marked.astype(np.uint8))
    for label in range(1, count):
        at_rows, at_columns = np.nonzero(labels == label)
        if at_rows.size < 40:
            continue
        down, across = at_rows.mean() - row, at_columns.mean() - column
        if abs(down) > abs(across):
            found.add("bottom" if down > 0 else "top")
        else:
            found.add("right" if across > 0 else "left")
    return found


def middle(pixels: np.ndarray) -> np.ndarray:
    """Return the head alone: grey, neither bright nor black."""
    return (pixels.max(axis=2) > 60) & (pixels.min(axis=2) < 140) & ~orange(pixels)


def shown_as(acquired: str) -> str:
    """Return the plane of the slices: too few planes across would be too narrow as axial slices."""
    return next(
        (plane for plane in ("sagittal", "coronal") if acquired.split(" ")[0] == plane), "axial"
    )


def without_crosshair(pixels: np.ndarray) -> np.ndarray:
    """Return a picture in which the crosshair is as grey as the head."""
    lines = (pixels.max(axis=2) > 140) & (pixels.max(axis=2) < 170)
    return np.where(lines[..., np.newaxis], 110, pixels).astype(np.uint8)


def assert_marks_stand_at_their_letters(
    pixels: np.ndarray, plane: str, edges: dict[str, str]
) -> None:
    head, ball = middle(pixels), orange(pixels)
    where = edges_with(bright(pixels), head) | edges_with(ball, head)
    # The ball lies beside the sagittal plane through the middle.
    assert {edges[edge] for edge in where} == MARKS & set(edges.values())
    if plane != "sagittal":
        assert [edges[edge] for edge in edges_with(ball, head)] == ["R"]


def assert_is_seen_from_the_front(pixels: np.ndarray) -> None:
    """The nose shines on the head, the ball is on the left of the screen, the hat on top."""
    rows, columns = np.nonzero(middle(pixels) | bright(pixels))
    centre = (columns.min() + columns.max()) / 2
    at_rows, at_columns = np.nonzero(orange(pixels))
    assert at_columns.mean() < centre - 0.15 * np.ptp(columns)
    assert rows.min() < at_rows.mean() < rows.max()
    count, labels = cv2.connectedComponents(bright(pixels).astype(np.uint8))
    parts = [np.nonzero(labels == label) for label in range(1, count)]
    centres = [(r.mean(), c.mean()) for r, c in parts if r.size > 60]
    height = rows.max() - rows.min()
    assert any(row < rows.min() + 0.3 * height for row, _ in centres), "no hat on top"
    nose = [row for row, column in centres if row > rows.min() + 0.4 * height]
    assert nose, "the nose is hidden behind the head"


@pytest.mark.parametrize("acquired", ACQUIRED)
def test_left_is_left_in_a_slice_in_planes_and_in_3d(look, acquired):
    page = view(look, case(acquired), "slice", "&mask=fill")
    (frame,) = frames(page)
    assert frame["name"] is None
    assert frame["edges"] == PICTURES[shown_as(acquired)]
    assert_marks_stand_at_their_letters(picture(page), shown_as(acquired), frame["edges"])

    switch(page, "planes")
    pixels, pictures = picture(page), frames(page)
    assert {frame["name"]: frame["edges"] for frame in pictures} == PICTURES
    for frame in pictures:
        tile = without_crosshair(cropped(pixels, frame["box"]))
        assert_marks_stand_at_their_letters(tile, frame["name"], frame["edges"])

    switch(page, "render")
    (frame,) = frames(page)
    assert frame["edges"] == {"left": "R", "right": "L", "top": "S", "bottom": "I"}
    assert_is_seen_from_the_front(picture(page))
    assert page.failed == []


def turned(page, across: int) -> None:
    box = page.locator(".stages").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y, steps=2)
    page.mouse.up()
    page.mouse.move(0, 0)  # over a plane, it would show the value there
    page.wait_for_timeout(300)


def test_the_side_letters_rotate_with_the_head(look):
    page = view(look, case("LPS"), "render", size={"width": 1100, "height": 500})
    seen = []
    for _ in range(4):
        turned(page, 90)
        edges = frames(page)[0]["edges"]
        seen.append(edges["left"])
        pixels = picture(page)
        columns = np.nonzero(pixels.max(axis=2) > 60)[1]
        ball = orange(pixels)
        if "R" in (edges["left"], edges["right"]) and ball.any():
            at = np.nonzero(ball)[1].mean() - (columns.min() + columns.max()) / 2
            assert (at > 0) == (edges["right"] == "R")
    assert set(seen) == {"A", "P", "R", "L"}


def test_an_unknown_orientation_has_no_letters_and_3d_shows_what_2d_shows(look):
    page = view(look, case("LPS", known=False), "slice")
    for name in ("slice", "planes", "render"):
        switch(page, name)
        assert all(frame["edges"] == {} for frame in frames(page))
        expect(page.locator(".bottom-right")).to_contain_text("orientation unknown")
        words = page.locator(".bottom-right").inner_text()
        assert ("patient's right on the left" in words) == (name != "slice")
        if name == "planes":
            named = {frame["name"] for frame in frames(page)}
            assert named == {"slice plane", "row plane", "column plane"}
    assert_is_seen_from_the_front(picture(page))


@pytest.mark.parametrize(
    ("name", "through"), [("slice", "render planes render"), ("planes", "render")]
)
def test_3d_and_back_is_equal_to_the_pixel(look, name, through):
    page = view(look, case("LPS"), name, size={"width": 1100, "height": 500})
    before = canvas(page)
    for other in through.split():
        switch(page, other)
    turned(page, 45)
    assert not equal(canvas(page), before)
    switch(page, name)
    assert equal(canvas(page), before)


def test_labels_that_arrive_after_leaving_3d_are_not_shown(look):
    page = view(look, case("LPS"), "slice")
    before = canvas(page)
    for _ in range(3):
        page.evaluate("() => { viewer.set({ view: 'render' }); viewer.set({ view: 'slice' }); }")
        page.wait_for_timeout(100)
    page.wait_for_timeout(800)
    assert equal(canvas(page), before)


@pytest.mark.parametrize("acquired", ["LPS", "sagittal"])
def test_layers_follow_a_zoomed_and_moved_picture(look, acquired):
    record = case(acquired)
    place = int(record.masks.sum(axis=(1, 2)).argmax()) + 1
    page = look(record, f"preset=stored&slice={place}&mask=fill")
    page.evaluate("() => viewer.set({ zoom: 1.6, pan: [5, -4], smooth: false })")
    page.wait_for_timeout(500)
    layer = orange(picture(page))
    page.evaluate("() => viewer.setLook('mask', { style: 'off' })")
    page.wait_for_timeout(500)
    shine = bright(picture(page))
    assert layer.sum() > 1000
    assert (layer & ~shine).sum() < 0.03 * layer.sum()


def test_without_webgl_the_planes_are_the_same(look, browser_without_webgl):
    page = view(look, case("sagittal"), "planes", "&mask=fill", chromium=browser_without_webgl)
    assert drawn(page)["stage"] == "plain"
    shown = frames(page)
    assert {frame["name"]: frame["edges"] for frame in shown} == PICTURES
    pixels = picture(page)
    for frame in shown:
        tile = without_crosshair(cropped(pixels, frame["box"]))
        assert_marks_stand_at_their_letters(tile, frame["name"], frame["edges"])


def test_a_saved_picture_has_the_letters(look):
    page = view(look, case("LPS"), "planes")
    bare = picture(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save PNG").click()
    content = np.frombuffer(saved.value.path().read_bytes(), np.uint8)
    stored = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
    for frame in frames(page):
        left, top, width, height = frame["box"]
        for edge, (x, y) in {
            "left": (left + 16, top + height / 2),
            "right": (left + width - 16, top + height / 2),
            "bottom": (left + width / 2, top + height - 16),
        }.items():
            box = [x - 8, y - 8, 16, 16]
            drawn_, without = cropped(stored, box).astype(int), cropped(bare, box)
            assert np.abs(drawn_ - without).max() > 60, (frame["name"], edge)
