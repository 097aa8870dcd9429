"""Cohorts of each family in a real browser: the viewer shows the sides of the patient, and ml."""

from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest
from playwright.sync_api import expect
from support.browsing import comes
from support.viewer import drawn
from support.volume_cohorts import bids, brats, dicom_study, nnunet

pytestmark = pytest.mark.browser


def ends(found) -> float:
    """Return the lower edge of an element on the screen in px, infinite while it is drawn anew."""
    box = found.bounding_box()
    return box["y"] + box["height"] if box else inf


def top_of(found) -> float:
    """Return the upper edge of an element on the screen in px, 0 while it is drawn anew."""
    box = found.bounding_box()
    return box["y"] if box else 0


def dicom(root: Path) -> None:
    dicom_study(root / "P01", 0, "P01")
    dicom_study(root / "P02", 1, "P02")


@pytest.mark.parametrize(
    ("write", "case"),
    [
        (nnunet, "P01"),
        (brats, "BraTS-GLI-00000-000"),
        (bids, "sub-P01_ses-1"),
        (dicom, "P01-STUDY"),
    ],
)
def test_a_cohort_of_volumes_opens_with_sides_and_millilitres(
    look: Callable, served: Callable, tmp_path: Path, write: Callable[[Path], None], case: str
) -> None:
    write(tmp_path / "data")
    page = look(f"{served(tmp_path / 'data')}/case?case={case}")
    drawn(page)
    page.get_by_text("mask 1.3 ml").wait_for()
    for side in ("R", "L"):
        expect(page.get_by_text(side, exact=True).first).to_be_visible()


def test_label_and_selection_leave_the_header_of_the_viewer_one_line(
    look: Callable, served: Callable, tmp_path: Path
) -> None:
    brats(tmp_path / "data")
    asked = "label=tumour+core&where=slices~1..99"
    address = served(tmp_path / "data")
    page = look(f"{address}/prediction?{asked}", viewport={"width": 1024, "height": 768})
    header = page.locator(".st-key-viewer_header")
    header.get_by_text("Slices: 1 to 99").wait_for()
    header.get_by_role("button", name="Compare").wait_for()
    assert comes(page, lambda: ends(header) - top_of(header) < 50)
    page = look(f"{address}/case?{asked}", viewport={"width": 1024, "height": 768})
    drawn(page)
    header = page.locator(".st-key-viewer_header")
    header.get_by_text("Slices: 1 to 99").wait_for()
    header.get_by_role("button", name="Next case").wait_for()
    assert comes(page, lambda: ends(header) - top_of(header) < 50)
    # In a low window the tools shrink, and the strip of slices stays above the notice.
    page.set_viewport_size({"width": 1024, "height": 600})
    strip, notice = page.locator(".strip-box"), page.get_by_test_id("stBottom")
    assert comes(page, lambda: ends(strip) <= top_of(notice))
    tools = page.locator(".rail .choice button")
    lefts = "buttons => new Set(buttons.map(one => one.getBoundingClientRect().left)).size"
    expect(tools).to_have_count(7)
    assert comes(page, lambda: tools.evaluate_all(lefts) == 1), "tools are in a hidden column"
