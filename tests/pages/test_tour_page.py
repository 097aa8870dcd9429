"""The guided tour: eight steps, each with lines that give what the page shows."""

import json

import numpy as np
import pytest
from conftest import FIRST, write_pair
from support.pages import open_page, texts

from brainseg import RESEARCH_USE, statistics
from brainseg.cohort import Cohort
from dashboard.views.tour import steps as lessons

STEPS = ("Find", "Peek", "Count", "Table", "Shapes", "Image", "Mask", "Overlay")


@pytest.fixture
def page(monkeypatch, tiny_cohort):
    return lambda **address: open_page(monkeypatch, tiny_cohort, "tour", **address)


def test_the_steps_of_the_notebook_stand_there_in_order(page):
    assert tuple(step.name for step in lessons.lessons(0)) == STEPS
    app, seen = page(), []
    for _ in STEPS:
        assert not app.exception
        seen.append(app.header[0].value.split(" ")[2].rstrip(":"))
        if not app.button("next_step").disabled:
            app.button("next_step").click().run()
    assert tuple(seen) == STEPS
    assert app.button("next_step").disabled
    app.button("back").click().run()
    assert app.button_group("step").value == "Mask"


@pytest.mark.parametrize("step", STEPS)
def test_each_step_shows_its_lines_and_what_they_give(page, step):
    app = page(step=step, seed=3)
    assert not app.exception
    given = lessons.run(app.code[0].value)
    if given.printed:
        assert app.code[1].value == given.printed
    is_table = step in ("Find", "Count", "Table", "Shapes")
    assert len(app.dataframe) == is_table
    assert len(app.get("image")) == (not is_table)
    if is_table:
        assert app.dataframe[0].value.astype(str).equals(given.value.astype(str))


def test_peek_image_mask_and_overlay_look_at_the_same_slice(page, tiny_cohort):
    slices = Cohort.open(tiny_cohort).slices
    pair = statistics.random_pair(slices[slices["area_px"] > 0], seed=3)
    steps = {step.name: lessons.run(step.code) for step in lessons.lessons(3)}
    assert steps["Peek"].printed == f"{pair.case} {pair.slice_number}"
    case = Cohort.open(tiny_cohort).case(pair.case)
    mask = case.slice_mask(pair.slice_number)
    np.testing.assert_array_equal(np.asarray(steps["Mask"].value), mask)
    assert f"{mask.sum()} px" in steps["Mask"].printed
    changed = np.asarray(steps["Overlay"].value) != np.asarray(steps["Peek"].value)
    assert changed.any()


@pytest.fixture(autouse=True)
def named(monkeypatch, tiny_cohort):
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))


def test_the_seed_in_the_address_brings_the_slice_back(page):
    def told(seed: int) -> str:
        return page(step="Peek", seed=seed).code[1].value

    assert told(3) == told(3)
    assert len({told(seed) for seed in range(6)}) > 1


def test_a_wrong_step_or_seed_gets_a_sentence(page):
    app = page(step="x", seed="x")
    assert not app.exception
    assert "is no choice of step" in texts(app)
    assert "not a number from 0 to 999999" in texts(app)


def test_without_a_tumour_the_steps_look_at_any_slice_with_a_mask(page, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    write_pair(
        tiny_cohort / FIRST, FIRST, 1, np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    )
    app = page(step="Overlay")
    assert not app.exception
    assert "with_mask" in app.code[0].value


def test_without_a_usable_mask_the_steps_that_need_one_are_left_out(page, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    app = page()
    assert not app.exception
    assert "the steps that look at one are left out" in texts(app)
    assert list(app.button_group("step").options) == ["Find", "Count", "Table", "Shapes"]


def test_the_notebook_runs_from_its_first_cell_to_its_last():
    notebook = json.loads(lessons.as_notebook(lessons.lessons(1)))
    assert notebook["nbformat"] == 4
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert RESEARCH_USE in "".join(cells[0]["source"])
    space: dict = {"print": lambda *_: None}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), space)
    assert space["mask"].any()


def test_the_python_file_runs_as_a_whole(capsys):
    script = lessons.as_script(lessons.lessons(1)).decode()
    assert script.count("# %%") == len(STEPS) + 1
    exec(compile(script, "tour", "exec"), {})
    assert "3 cases, 8 slices" in capsys.readouterr().out
