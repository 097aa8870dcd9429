"""Components removed from a prediction, in a real browser."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.browsing import comes, sessions
from support.cohorts import blob, head, write_pair
from support.viewer import EVERYWHERE, VIEWER, WAIT_MS, drawn, go, numbers_in

from brainseg.cohort import Cohort
from brainseg.exports.payload import STEPS
from brainseg.inference.components import remove_small_components
from brainseg.inference.prediction import Prediction, predict_timed
from brainseg.models import open_model

pytestmark = pytest.mark.browser

CASE = "TCGA_ZZ_7777_20000101"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return a cohort of one case with a large bright square, and a small one far from it on slice 3."""
    folder = tmp_path_factory.mktemp("apart")
    for number in range(1, 6):
        image, mask = head(number), blob(16, 14, 14) if number in (2, 3, 4) else blob(0, 0, 0)
        bright = mask | (blob(38, 40, 8) if number == 3 else 0)
        image[..., 1] = np.where(bright, 250, image[..., 1])
        write_pair(folder / CASE, CASE, number, image, mask)
    return folder


@pytest.fixture(scope="module")
def strict(tiny_model, tmp_path_factory) -> Path:
    """Return the folder of ``tiny_model`` as one that keeps the largest component alone."""
    folder = tmp_path_factory.mktemp("models") / "strict"
    shutil.copytree(tiny_model, folder)
    facts = json.loads((folder / "manifest.json").read_text())
    facts["inference"] = {"smallest_share": 1.0}
    (folder / "manifest.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def predicted(root, strict) -> Prediction:
    model, case = open_model(str(strict)), Cohort.open(root).case(CASE)
    made = predict_timed(case.volume(), model, model.exposure(case))
    at = model.threshold_for(made.exposure.folds)
    assert made.split(at).components, "the small square is to be found, and removed"
    return made


@pytest.fixture
def opened(browser, served, root, strict) -> Iterator[Callable]:
    """Return opened(**parameters) -> the case page with the model's prediction drawn."""
    with sessions(browser, viewport={"width": 1400, "height": 1100}) as look:

        def opened(more: str = ""):
            page = look(f"{served(root, BRAINSEG_MODEL=str(strict))}/case?model=strict{more}")
            drawn(page)
            return page

        yield opened


def text(page, selector: str) -> str:
    """Return the text of an element of the viewer, empty where it is missing."""
    return page.evaluate(f"at => ({EVERYWHERE})(at)[0]?.innerText ?? ''", selector)


def says(page, selector: str, wanted: str) -> bool:
    return comes(page, lambda: wanted in text(page, selector))


def shows_at(page, step: int, voxels: str) -> bool:
    """Move the threshold to a step; return whether the prediction comes to have that volume."""
    page.get_by_label("Threshold", exact=True).evaluate(
        """(input, step) => {
            input.value = step;
            input.dispatchEvent(new Event('input', { bubbles: true }));
        }""",
        step,
    )

    def shown() -> str | None:
        told = re.search(r"([\d,]+) voxels", str(numbers_in(page).get("7 Volume", ["", ""])[1]))
        return told and told.group(1)

    return comes(page, lambda: shown() == voxels)


def test_removed_components_are_listed_by_the_rule_and_lead_to_their_slice(opened, predicted):
    page = opened("&slice=1")
    count = len(predicted.split(open_threshold(page)).components)
    assert says(page, ".panel", f"Components removed ({count})")
    assert says(page, "div.removed", "(below 100% of the largest)")
    assert says(page, ".layers", f"components removed ({count})")
    first = page.get_by_role("button", name="Go to slice 3: removed component of").first
    first.focus()
    page.keyboard.press("Enter")
    drawn(page, slice=3, settled=3)


def open_threshold(page) -> float:
    return int(page.get_by_label("Threshold", exact=True).input_value()) / STEPS


def test_the_browser_applies_the_rule_at_every_threshold_as_python_does(opened, predicted):
    page = opened()
    own = int(page.get_by_label("Threshold", exact=True).input_value())
    for step in (own, own - 2, 20, 150, own):
        mask = remove_small_components(predicted.probability >= step / STEPS, 1.0).mask
        assert shows_at(page, step, f"{mask.sum():,}"), step


def test_hovering_over_a_removed_component_shows_its_probability(opened, predicted):
    page = opened("&slice=3")
    split = predicted.split(open_threshold(page))
    z, y, x = np.argwhere(split.removed)[len(np.argwhere(split.removed)) // 2]
    assert z == 2
    box = page.locator(".overlay").bounding_box()
    side = min(box["width"], box["height"])
    left, top = (box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2)
    page.mouse.move(left + (x + 0.5) * side / 64, top + (y + 0.5) * side / 64)
    page.wait_for_function(
        f"() => {VIEWER}.querySelector('.bottom-right').innerText.includes('(component removed)')",
        timeout=WAIT_MS,
    )
    told = float(re.search(r"probability ([\d.]+)", text(page, ".bottom-right")).group(1))
    assert told == pytest.approx(float(predicted.probability[z, y, x]), abs=0.0051)
    assert told >= open_threshold(page)


def test_a_switch_and_a_key_hide_the_removed_components(opened):
    page = opened("&slice=3")
    assert says(page, ".layers", "components removed")
    go(page, "h")
    page.wait_for_function("() => location.search.includes('removed=off')", timeout=WAIT_MS)
    assert comes(page, lambda: "components removed" not in text(page, ".layers"))
    page.get_by_label("Show removed components, hatched").check()
    page.wait_for_function("() => !location.search.includes('removed=off')", timeout=WAIT_MS)
    assert says(page, ".layers", "components removed")
