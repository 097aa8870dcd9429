"""The guided tour: eight steps, each with code that gives the shown output."""

import ast
import json

import numpy as np
import pytest
from support.cohorts import FIRST, write_pair
from support.explore import charts_of, run
from support.pages import open_page, pictures_of, texts

from brainseg import RESEARCH_USE, statistics
from brainseg.cohort import Cohort
from brainseg.imaging import shown
from dashboard.views.tour.steps import all_steps, as_notebook, as_script
from dashboard.views.tour.steps import run as run_step

STEPS = ("Find", "Peek", "Count", "Table", "Shapes", "Image", "Mask", "Overlay")


@pytest.fixture
def page(monkeypatch, tiny_cohort):
    return lambda **address: open_page(monkeypatch, tiny_cohort, "tour", **address)


def test_the_page_walks_through_all_steps_in_order(page):
    assert tuple(step.name for step in all_steps(0)) == STEPS
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


def shown_by(lines: str) -> object:
    """Return what a notebook would show under a cell: the value of its last expression."""
    tree = ast.parse(lines)
    tree.body[-1] = ast.Assign([ast.Name("shown", ast.Store())], tree.body[-1].value)
    return run(ast.unparse(ast.fix_missing_locations(tree)))["shown"]


@pytest.mark.parametrize("step", STEPS)
def test_the_code_of_each_step_gives_the_output_below_it(page, capsys, step):
    app = page(step=step, seed=3)
    assert not app.exception
    value = shown_by(app.code[0].value)
    if printed := capsys.readouterr().out.strip():
        assert app.code[1].value == printed
    is_table = step in ("Find", "Count", "Table", "Shapes")
    is_figure = step in ("Image", "Overlay")
    assert len(app.dataframe) == is_table
    assert len(app.get("plotly_chart")) == is_figure
    assert len(app.get("image")) == (not is_table and not is_figure)
    if is_table:
        assert app.dataframe[0].value.astype(str).equals(value.astype(str))
    if is_figure:
        assert json.loads(value.to_json())["data"] == charts_of(app)[0]


@pytest.mark.parametrize("step", all_steps(0), ids=lambda step: step.name)
def test_the_code_of_each_step_imports_nothing_of_the_dashboard(step):
    assert "dashboard" not in step.code


def test_peek_and_mask_show_the_same_slice(page, tiny_cohort):
    slices = Cohort.open(tiny_cohort).slices
    pair = statistics.random_pair(slices[slices["area_px"] > 0], seed=3)
    cohort = Cohort.open(tiny_cohort)
    steps = {step.name: run_step(step, cohort) for step in all_steps(3)}
    assert steps["Peek"][1] == f"{pair.case} {pair.slice_number}"
    case = cohort.case(pair.case)
    mask = case.slice_mask(pair.slice_number)
    np.testing.assert_array_equal(np.asarray(steps["Mask"][0]), mask)
    assert f"{mask.sum()} px" in steps["Mask"][1]


def test_the_overlay_shows_image_mask_and_overlay_side_by_side_in_one_figure(page, tiny_cohort):
    app = page(step="Overlay", seed=3)
    titles = [
        one["text"]
        for one in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]
    ]
    assert titles == ["Image", "Mask", "Overlay"]
    flair, mask, overlay = pictures_of(app)
    cohort = Cohort.open(tiny_cohort)
    pair = statistics.random_pair(cohort.slices[cohort.slices["area_px"] > 0], seed=3)
    np.testing.assert_array_equal(
        mask[..., 0] == 255, cohort[pair.case].slice_mask(pair.slice_number)
    )
    np.testing.assert_array_equal(flair, shown(cohort[pair.case].slice_pixels(pair.slice_number)))
    assert (overlay != flair).any()


def test_the_seed_in_the_address_brings_the_slice_back(page):
    def printed(seed: int) -> str:
        return page(step="Peek", seed=seed).code[1].value

    assert printed(3) == printed(3)
    assert len({printed(seed) for seed in range(6)}) > 1


def test_a_wrong_step_or_seed_shows_a_message(page):
    app = page(step="x", seed="x")
    assert not app.exception
    assert "Unknown step" in texts(app)
    assert "not a number from 0 to 999999" in texts(app)


def test_without_a_tumour_the_steps_show_any_slice_with_a_mask(page, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    write_pair(
        tiny_cohort / FIRST, FIRST, 1, np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    )
    app = page(step="Overlay")
    assert not app.exception
    assert "min_area_px = 0" in app.code[0].value


def test_without_a_usable_mask_the_steps_that_need_one_are_left_out(page, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    app = page()
    assert not app.exception
    assert "the steps that need one are left out" in texts(app)
    assert list(app.button_group("step").options) == ["Find", "Count", "Table", "Shapes"]


def test_the_notebook_runs_from_its_first_cell_to_its_last(tiny_cohort):
    notebook = json.loads(as_notebook(all_steps(1), str(tiny_cohort)))
    assert notebook["nbformat"] == 4
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert RESEARCH_USE in "".join(cells[0]["source"])
    space: dict = {"print": lambda *_: None}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), space)
    assert space["mask"].any()


def test_the_python_file_runs_as_a_whole(tiny_cohort, capsys):
    script = as_script(all_steps(1), str(tiny_cohort)).decode()
    assert script.count("# %%") == len(STEPS) + 1
    exec(compile(script, "tour", "exec"), {})
    assert "3 cases, 8 slices" in capsys.readouterr().out
