"""A real training, started from the page, followed live, stopped, found again and resumed to its end."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect
from support.runs import add_epoch, make_run

from brainseg.cohort import Cohort
from brainseg.training import TrainingConfig
from brainseg.training.runs import Run, list_runs

pytestmark = pytest.mark.browser

WAIT_MS = 120_000
ENDS_WITHIN_S = 60
EPOCHS = 1000
"""More than are ever trained here, as the training is stopped."""

FOLD = {"number": 0, "trained_on": ["a"], "selected_on": ["b"], "held_out": ["c"]}

SMALL = {
    "folds": 2,
    "steps_per_epoch": 5,
    "batch_size": 4,
    "averaging": 0.0,
    "augmentation": 0.0,
    "precision": "float32",
    "size": 64,
    "base_features": 4,
    "levels": 3,
}
"""About a second per epoch, without compiling."""

LAST_DRAWN = """() => {
    const chart = document.querySelector('.js-plotly-plot');
    return Math.max(...(chart?.calcdata?.[0] ?? []).map(point => point.x));
}"""

SAID = """() => {
    const said = document.querySelector('[data-testid=stMain]').innerText;
    return Number(said.match(/Epoch (\\d+) of/)?.[1]);
}"""
"""Number of finished epochs in the sentence at the top."""

LATE_MS = 3000
"""Longer than the interval of updates during a training."""

ON_A_SLOW_LINE = f"""() => {{
    const listen = WebSocket.prototype.addEventListener;
    WebSocket.prototype.addEventListener = function (kind, hear, ...how) {{
        const late = event => setTimeout(() => hear.call(this, event), {LATE_MS});
        return listen.call(this, kind, kind === 'message' ? late : hear, ...how);
    }};
}}"""
"""Messages of the server arrive late, in order; those of the browser do not."""


@pytest.fixture
def look(browser) -> Iterator[Callable]:
    """Return look(address, late, **context) -> an open page; with ``late``, on a slow line."""
    contexts = []

    def look(address: str, late: bool = False, **context: object):
        size = {"width": 1400, "height": 1000}
        contexts.append(browser.new_context(**{"viewport": size, **context}))
        if late:
            contexts[-1].add_init_script(f"({ON_A_SLOW_LINE})()")
        page = contexts[-1].new_page()
        page.goto(address)
        page.wait_for_selector("h1:has-text('Training')", timeout=WAIT_MS)
        return page

    yield look
    for context in contexts:
        context.close()


@pytest.fixture
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a state folder, and leave no training of it behind."""
    folder = tmp_path_factory.mktemp("state")
    yield folder
    for run in [Run(path.parent) for path in folder.glob("cohorts/*/runs/*/process.json")]:
        if run.is_alive():
            psutil.Process(run.process()["pid"]).kill()


def a_run_with(runs: Path, root: Path, **settings: object) -> Run:
    """Write a run that was stopped before its first epoch: its settings can be used again."""
    config = TrainingConfig(data=str(root), name="settings", **(SMALL | settings))
    run = Run.create(runs, "settings", asdict(config), FOLD)
    run.set_status("stopped")
    return run


def says(page, text: str) -> None:
    page.wait_for_selector(f"[data-testid=stMain] >> text=/{text}/", timeout=WAIT_MS)


def click(page, key: str) -> None:
    """Click the button with a key; Streamlit's own toolbar has a Stop, too."""
    page.locator(f".st-key-{key} button").click(timeout=WAIT_MS)


def trained_from_the_page(look: Callable, served: Callable, root: Path, state: Path) -> Run:
    """Start, watch, zoom, stop, find again and resume a training; return its finished run."""
    runs = state / "cohorts" / Cohort.open(root).identity / "runs"
    environment = {"BRAINSEG_HOME": str(state), "BRAINSEG_TEST_EAGER": "1"}
    page = look(served(root, **environment) + "/training")
    another = served(root, **environment, AFTER="restart")
    says(page, "No training runs yet")
    a_run_with(runs, root, epochs=EPOCHS, patience=EPOCHS)
    page.reload()
    click(page, "training_again")
    page.locator(".st-key-setting_name input").fill("from-the-page", timeout=WAIT_MS)
    click(page, "start_training_button")

    page.wait_for_function(f"({SAID})() >= 4", timeout=WAIT_MS)
    page.evaluate("() => { window.neverReloaded = true }")
    chosen = choose_epochs(page)
    page.wait_for_function(
        f"before => ({SAID})() > before", arg=page.evaluate(SAID), timeout=WAIT_MS
    )
    page.wait_for_timeout(1000)
    assert page.evaluate(LAST_DRAWN) == chosen, "an update took the choice of epochs"
    click(page, "epochs_all")
    page.wait_for_function(f"before => ({LAST_DRAWN})() > before", arg=chosen, timeout=WAIT_MS)
    assert page.evaluate("() => window.neverReloaded"), "the page was loaded again"

    # A second server on the same state, as after a restart, finds the training and stops it.
    again = look(another + "/training")
    says(again, r"Epoch [1-9]\d* of")
    click(again, "training_stop")
    says(again, "Ended after epoch")
    says(page, "Ended after epoch")
    (run,) = [run for run in list_runs(runs) if "from-the-page" in run.name]
    assert run.status()["state"] == "stopped"
    ends(run)
    done = run.status()["epoch"]
    assert chosen < done < EPOCHS

    last = done + 3
    run.set_config(run.config() | {"epochs": last})  # as resuming with --set epochs does
    click(page, "training_resume")
    says(page, f"All {last} epochs are done")
    says(again, f"All {last} epochs are done")  # it showed a run at rest
    page.wait_for_function(f"({LAST_DRAWN})() === {last}", timeout=WAIT_MS)
    assert page.evaluate("() => window.neverReloaded")
    page.get_by_text("resumed").first.wait_for(timeout=WAIT_MS)
    page.get_by_text("Validation Dice of each case by epoch").wait_for(timeout=WAIT_MS)
    expect(page.locator("[data-testid=stImage] img").nth(1)).to_be_visible()
    assert run.history()["epoch"].tolist() == list(range(1, last + 1))
    return run


def ends(run: Run) -> None:
    """Wait until the process of a run has ended."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while run.is_alive():
        assert time.monotonic() < deadline, "the process stays behind"
        time.sleep(0.1)


def drag(page) -> None:
    """Drag over the left part of the first chart; a chart that is being redrawn has no box."""
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    if box is None:
        return
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, middle + 5)
    page.mouse.move(box["x"] + box["width"] * 0.7, middle + 10)
    page.mouse.up()


def choose_epochs(page) -> int:
    """Drag over the left part of the first chart and return the last epoch shown afterwards."""
    for _ in range(10):  # a redraw during a drag cancels it
        drag(page)
        page.wait_for_timeout(1500)
        if asked := re.search(r"epochs=(\d+)\.\.(\d+)", page.url):
            page.wait_for_function(
                f"last => ({LAST_DRAWN})() === last", arg=int(asked[2]), timeout=WAIT_MS
            )
            return int(asked[2])
    raise AssertionError("no epochs can be chosen in the chart")


@pytest.mark.timeout(600)
def test_a_training_is_started_watched_stopped_found_again_and_resumed(
    look, served, taught_root, ended
):
    run = trained_from_the_page(look, served, taught_root, ended)
    assert [event for event in run.events()["event"] if event in ("stopped", "resumed")] == [
        "stopped",
        "resumed",
    ]
    address = served(taught_root, BRAINSEG_HOME=str(ended))
    page = look(f"{address}/training?run={run.name}&epoch=2&smoothing=60&scale=log&by=time")
    says(page, "After epoch")
    says(page, "training time")
    slider = page.get_by_role("slider", name="After epoch")
    expect(slider).to_have_attribute("aria-valuetext", "2")
    scale = "document.querySelector('.js-plotly-plot')?.layout?.yaxis.type"
    page.wait_for_function(f"() => {scale} === 'log'", timeout=WAIT_MS)


def test_a_choice_of_epochs_remains_while_the_browser_lags_behind(
    look, served, taught_root, tmp_path
):
    run = make_run(tmp_path / "cohorts" / Cohort.open(taught_root).identity / "runs", "late")
    page = look(served(taught_root, BRAINSEG_HOME=str(tmp_path)) + "/training", late=True)
    page.wait_for_function(f"({LAST_DRAWN})() === 4", timeout=WAIT_MS)
    page.wait_for_timeout(2 * LATE_MS)
    drag(page)
    last_drawn = []
    for epoch in range(5, 45):
        add_epoch(run, epoch, 0.5)
        run.set_status("training", epoch=epoch, best_epoch=2, best_dice=0.7)
        page.wait_for_timeout(500)
        last_drawn.append(page.evaluate(LAST_DRAWN))
    assert page.evaluate(SAID) > 10, "the page is not drawn again"
    shown = [last for last in last_drawn if last > 0]  # a chart that is being redrawn has no points
    assert shown == sorted(shown, reverse=True), "an update took the choice of epochs"
    assert shown[0] == 4 > shown[-1]


@pytest.mark.long  # the same as on synthetic cases above, with real ones
@pytest.mark.timeout(900)
def test_a_training_on_the_real_cohort_is_started_watched_stopped_and_resumed(
    look, served, real_root, ended
):
    run = trained_from_the_page(look, served, real_root, ended)
    assert len(run.fold()["selected_on"]) > 5
    assert json.loads((run.path / "config.json").read_text())["data"] == str(real_root)
