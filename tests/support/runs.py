"""Runs for tests of the training page, and readers of its texts and charts."""

import base64
import json
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from brainseg.training.previews import PreviewSlices, save_probability, save_slices
from brainseg.training.runs import Run
from support.pages import texts

FOLD = {"number": 1, "trained_on": ["a", "b"], "selected_on": ["c"], "held_out": ["d", "e", "f"]}
DICE = (0.2, 0.7, 0.6, 0.5)
CONFIG = {"epochs": 10, "patience": 20, "batch_size": 16, "steps_per_epoch": 10, "seed": 0}


def make_run(runs: Path, name: str, **config: object) -> Run:
    run = Run.create(runs, name, CONFIG | config, FOLD)
    for epoch, dice in enumerate(DICE, start=1):
        add_epoch(run, epoch, dice)
    run.set_status("training", epoch=4, best_epoch=2, best_dice=0.7)
    return run


def add_epoch(run: Run, epoch: int, dice: float, **values: float) -> None:
    row = {"loss": 1 / epoch, "validation_loss": 2 / epoch, "learning_rate": 1e-3}
    row |= {"slices_per_second": 20.0, "seconds": 50.0, "epoch_seconds": 60.0}
    run.add_epoch(epoch=epoch, validation_dice=dice, **(row | values))


def watch_slices(run: Run, *epochs: int) -> None:
    truth = np.zeros((2, 32, 32), bool)
    truth[0, 4:12, 4:12] = True
    image = np.full((2, 32, 32), 90, np.uint8)
    save_slices(run, PreviewSlices(image, truth, ("c", "c"), (3, 9)))
    for epoch in epochs:
        save_probability(run, epoch, truth * (epoch / 10))
        run.add_case_scores(epoch, {"c": epoch / 10})


def copy_of(run: Run, path: Path, **config: object) -> Run:
    path.mkdir()
    for name in ("config.json", "folds.json", "status.json", "history.jsonl"):
        (path / name).write_bytes((run.path / name).read_bytes())
    (path / "config.json").write_text(json.dumps(CONFIG | config))
    return Run(path)


def traces(app: AppTest, title: str) -> dict:
    """Return the traces by name of the chart with this title."""
    for chart in app.get("plotly_chart"):
        spec = json.loads(chart.proto.spec)
        if spec["layout"].get("title", {}).get("text") == title:
            return {trace["name"]: trace for trace in spec["data"]}
    raise AssertionError(f"there is no chart {title}")


def drawn(trace: dict, name: str) -> list[float]:
    """Return numbers of a trace, which plotly may have packed."""
    values = trace[name]
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return values


def said(app: AppTest) -> str:
    """Return the sentences of a page as a user reads them, without escapes."""
    return texts(app).replace("\\", "")


def layout(app: AppTest, chart: int = 0) -> dict:
    return json.loads(app.get("plotly_chart")[chart].proto.spec)["layout"]


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)
