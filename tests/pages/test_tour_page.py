"""The guided tour: eight steps, each with code that gives the shown output."""

import ast
import json
import os
import subprocess
import sys

import matplotlib
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient
from support.cohorts import FIRST, write_pair
from support.explore import run
from support.pages import open_page, texts

from brainseg import RESEARCH_USE
from brainseg.cohort import Cohort
from brainseg.sample import write_sample
from brainseg.statistics import random_pair
from brainseg.training.devices import EAGER_ENVIRONMENT
from dashboard.views.tour.steps import all_steps, as_notebook, as_script
from dashboard.views.tour.steps import run as run_step

matplotlib.use("agg")
STEPS = ("Files", "Count", "Table", "Shapes", "Plot", "Train", "Predict", "Leak")
FIGURES = ("Plot", "Predict")
TABLES = ("Count", "Table", "Leak")


@pytest.fixture
def page(monkeypatch, tiny_cohort):
    return lambda **address: open_page(monkeypatch, tiny_cohort, "tour", **address)


@pytest.fixture
def steps(tiny_cohort):
    return all_steps(Cohort.open(tiny_cohort), 1)


def test_the_page_walks_through_all_steps_in_order(page):
    app, seen = page(), []
    for _ in STEPS:
        assert not app.exception
        seen.append(app.header[0].value.split(" ")[2].rstrip(":"))
        if not app.button("next_step").disabled:
            app.button("next_step").click().run()
    assert tuple(seen) == STEPS
    assert app.button("next_step").disabled
    app.button("back").click().run()
    assert app.button_group("step").value == "Predict"


def shown_by(lines: str) -> object:
    """Return what a notebook would show under a cell: the value of its last expression."""
    tree = ast.parse(lines)
    tree.body[-1] = ast.Assign([ast.Name("shown", ast.Store())], tree.body[-1].value)
    return run(ast.unparse(ast.fix_missing_locations(tree)))["shown"]


@pytest.mark.parametrize("step", [name for name in STEPS if name != "Train"])
def test_the_code_of_each_step_gives_the_output_below_it(page, capsys, step):
    app = page(step=step, seed=3)
    assert not app.exception
    value = shown_by(app.code[0].value)
    printed = capsys.readouterr().out.strip()
    given = [code.value for code in app.code[1:]]
    if printed:
        assert given.pop(0) == printed
    assert len(app.dataframe) == (step in TABLES)
    assert len(app.get("image")) == (step in FIGURES)
    if step in TABLES:
        assert app.dataframe[0].value.astype(str).equals(value.astype(str))
    elif step in FIGURES:
        assert isinstance(value, Figure)
    else:
        assert given == [repr(value)]


def test_a_training_is_not_run_by_the_page_but_led_to(page):
    app = page(step="Train")
    assert "bs.train(" in app.code[0].value
    assert len(app.code) == 1
    leads = [link.proto.page for link in app.main.get("page_link")]
    assert "training" in leads


def test_each_question_has_an_answer(page, steps):
    assert all(step.think.endswith("?") and step.answer for step in steps)
    assert steps[0].answer in texts(page())


def test_no_step_imports_anything_of_the_dashboard(steps):
    assert not [step.name for step in steps if "dashboard" in step.code]


def test_the_steps_show_the_same_random_slice(steps, tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    pair = random_pair(cohort.slices[cohort.slices["area_px"] > 0], seed=1)
    printed = {step.name: run_step(step, cohort)[1] for step in steps if step.name == "Shapes"}
    assert printed["Shapes"] == f"{pair.case} slice {pair.slice_number}"
    (plot,) = (step for step in steps if step.name == "Plot")
    assert plot.settings == {"name": pair.case, "slice_number": pair.slice_number}


def test_the_plot_shows_image_mask_and_overlay_side_by_side(steps, tiny_cohort):
    (plot,) = (step for step in steps if step.name == "Plot")
    cohort = Cohort.open(tiny_cohort)
    figure, _ = run_step(plot, cohort)
    image, mask, overlay = figure.axes
    assert [axis.get_title() for axis in figure.axes] == ["Image", "Mask", "Overlay"]
    drawn = mask.images[0].get_array()
    name, number = plot.settings["name"], plot.settings["slice_number"]
    np.testing.assert_array_equal(drawn, cohort[name].slice_mask(number))
    np.testing.assert_array_equal(image.images[0].get_array(), overlay.images[0].get_array())
    assert overlay.collections, "no outline"


def test_the_most_similar_slice_is_one_of_the_same_patient(tmp_path):
    cohort = Cohort.open(write_sample(tmp_path / "sample", cases=2))
    (leak,) = (step for step in all_steps(cohort, 0) if step.name == "Leak")
    table, _ = run_step(leak, cohort)
    same, other = table["mean correlation"]
    assert 1 >= same > other > 0


def test_the_seed_in_the_address_brings_the_slice_back(page):
    def printed(seed: int) -> str:
        return page(step="Shapes", seed=seed).code[1].value

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
    app = page(step="Shapes")
    assert not app.exception
    assert "min_area_px = 0" in app.code[0].value


def test_without_a_usable_mask_the_steps_that_need_one_are_left_out(page, tiny_cohort):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    app = page()
    assert not app.exception
    assert "the steps that need one are left out" in texts(app)
    assert list(app.button_group("step").options) == ["Files", "Count", "Table", "Train", "Leak"]


@pytest.mark.slow
def test_the_notebook_runs_from_its_first_cell_to_its_last(taught_root, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # Streamlit sets it; a kernel has its own
    monkeypatch.setenv(EAGER_ENVIRONMENT, "1")
    steps = all_steps(Cohort.open(taught_root), 1)
    source = as_notebook(steps, str(taught_root)).decode()
    assert "steps_per_epoch=20" in source  # two show that the cell runs, in a fifth of the time
    source = source.replace("steps_per_epoch=20", "steps_per_epoch=2")
    notebook = nbformat.reads(source, as_version=4)
    nbformat.validate(notebook)
    assert RESEARCH_USE in notebook.cells[0].source
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [
        kind
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type in ("execute_result", "display_data")
        for kind in output.data
    ]
    assert shown.count("image/png") >= len(FIGURES)
    assert shown.count("text/html") >= len(TABLES)


def test_the_python_file_saves_its_figures_and_prints_the_rest(tiny_cohort, tmp_path):
    steps = [step for step in all_steps(Cohort.open(tiny_cohort), 1) if step.name != "Train"]
    script = as_script(steps, str(tiny_cohort))
    assert script.count(b"# %%") == len(steps) + 1
    (tmp_path / "tour.py").write_bytes(script)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "tour.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "mean correlation" in done.stdout
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "tour_plot.png",
        "tour_predict.png",
    ]


def test_the_first_cell_of_the_notebook_checks_the_installation(steps, tiny_cohort, monkeypatch):
    first = next(
        cell
        for cell in json.loads(as_notebook(steps, str(tiny_cohort)))["cells"]
        if cell["cell_type"] == "code"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="Install brainseg and matplotlib first"):
        exec("".join(first["source"]), {})
