"""The monitor: the time to open a run of 10,000 epochs, and the cost of each update.

Usage: python benchmarks/monitor.py [epochs]

The page is opened by a click in a browser, on a server that has shown only the overview, until all
curves are drawn; the same for a run of 50 epochs. An update, which reads the new lines, is compared
with reading the whole history again.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from playwright.sync_api import sync_playwright
from server import start
from support.measuring import CHECKOUT, machine, seconds

from brainseg.cohort import Cohort
from brainseg.monitoring.readers import RunReader
from brainseg.sample import write_sample
from brainseg.training import TrainingConfig
from brainseg.training.previews import PreviewSlices, save_probability, save_slices
from brainseg.training.runs import Run

EPOCHS, FEW_EPOCHS = 10_000, 50
CASES, SLICES, SIDE_PX, SEED = 20, 8, 64, 0
UPDATES, REPEATS = 200, 3
MS = 1000

CURVES = """() => {
    const charts = [...document.querySelectorAll('.js-plotly-plot')].slice(0, 6);
    return charts.length === 6 && charts.every(chart => chart.querySelector('.main-svg .trace'));
}"""


def row(epoch: int) -> dict:
    """Return the line of one epoch."""
    loss = 1 / epoch**0.5
    return {
        "epoch": epoch,
        "loss": loss,
        "validation_dice": 1 - loss / 2,
        "learning_rate": 1e-3,
        "slices_per_second": 80.0,
        "seconds": 10.0,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "validation_loss": loss * 1.1,
        "epoch_seconds": 12.0,
        "memory_mb": 900.0,
        "cpu_percent": 180.0,
    }


def write_run(folder: Path, data: Path, epochs: int) -> Run:
    """Return a finished run, with its scores by case and its preview slices."""
    import numpy as np

    config = TrainingConfig(data=str(data), epochs=epochs)
    cases = [f"case-{number}" for number in range(CASES)]
    fold = {"number": 0, "trained_on": cases, "selected_on": cases, "held_out": cases}
    run = Run.create(folder, "long", asdict(config), fold)
    chance = np.random.default_rng(SEED)
    truth = chance.random((SLICES, SIDE_PX, SIDE_PX)) > 0.9
    image = np.full(truth.shape, 90, np.uint8)
    save_slices(
        run, PreviewSlices(image, truth, tuple(cases[:SLICES]), tuple(range(1, SLICES + 1)))
    )
    save_probability(run, 1, truth * 0.9)
    first = run.path / "samples" / "epoch-0001.npz"
    for epoch in range(2, epochs + 1):
        os.link(first, first.with_name(f"epoch-{epoch:04d}.npz"))
    lines = (json.dumps(row(epoch)) for epoch in range(1, epochs + 1))
    (run.path / "history.jsonl").write_text("".join(line + "\n" for line in lines))
    with (run.path / "cases.jsonl").open("w") as file:
        for epoch in range(1, epochs + 1):
            dice = dict(zip(cases, chance.random(CASES).tolist(), strict=True))
            file.write(json.dumps({"epoch": epoch, "dice": dice}) + "\n")
    run.set_status("finished", epoch=epochs, best_epoch=epochs, best_dice=0.9, threshold=0.5)
    return run


def milliseconds_after_appending(run: Run, update: Callable[[], object], updates: int) -> float:
    """Return the mean time of an update after one more epoch, in ms."""
    took, epoch = 0.0, run.status()["epoch"]
    for _ in range(updates):
        epoch += 1
        values = row(epoch)
        del values["finished_at"]
        run.add_epoch(**values)
        run.set_status("training", epoch=epoch, best_epoch=epoch, best_dice=0.9)
        took += seconds(update)
    return MS * took / updates


def seconds_to_see(address: str, browser: object) -> tuple[float, float]:
    """Return the seconds from a click on the page's name to its curves, and for a second click.

    Most of the first is loading plotly into the browser.
    """
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(address)
    took = []
    for _ in range(2):
        link = page.get_by_role("link", name="Training", exact=True).first
        link.wait_for(timeout=60_000)
        page.wait_for_timeout(1500)  # until the overview is complete
        started = time.perf_counter()
        link.click()
        page.wait_for_function(CURVES, timeout=60_000)
        took.append(time.perf_counter() - started)
        page.get_by_role("link", name="Overview", exact=True).first.click()
        page.wait_for_function("() => !document.querySelector('.js-plotly-plot')", timeout=60_000)
    page.close()
    return took[0], took[1]


def seconds_of_page(folder: Path, epochs: int, chromium: object) -> tuple[float, float, Run]:
    """Return the seconds to open a run in a fresh browser and server, in used ones, and the run."""
    os.environ["BRAINSEG_HOME"] = str(folder)
    cohort = Cohort.open(write_sample(folder / "sample"))
    run = write_run(cohort.state_dir / "runs", cohort.root, epochs)
    app = CHECKOUT / "dashboard" / "app.py"
    environment = os.environ | {"BRAINSEG_DATA": str(cohort.root)}
    first, again = [], []
    for _ in range(REPEATS):
        process, address = start(app, environment)
        try:
            fresh, used = seconds_to_see(address, chromium)
            first.append(fresh)
            again.append(used)
        finally:
            process.terminate()
            process.wait()
    return min(first), min(again), run


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else EPOCHS
    print(machine())
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for count in (FEW_EPOCHS, epochs):
            first, again, run = seconds_of_page(Path(scratch) / str(count), count, chromium)
            print(
                f"{count} epochs, click to curves: {first:.2f} s in a fresh browser, then {again:.2f} s"
            )
        chromium.close()
        reader = RunReader(run)
        print(f"first reading by the core: {seconds(reader.read):.2f} s")
        assert len(reader.read().history) == epochs
        ours = milliseconds_after_appending(run, reader.read, UPDATES)
        whole = milliseconds_after_appending(run, run.history, UPDATES // 10)
        print(f"an update with one more epoch: {ours:.1f} ms; all read again: {whole:.1f} ms")
        idle = seconds(lambda: [reader.read() for _ in range(UPDATES)])
        print(f"an update without news: {MS * idle / UPDATES:.2f} ms")


if __name__ == "__main__":
    main()
