"""The files that each executor must write alike, and functions that cost their worker."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from brainseg.batch.run import predict_all
from brainseg.cohort import Cohort, index
from brainseg.evaluation import evaluate
from brainseg.executors import Executor
from brainseg.models import open_model
from brainseg.statistics.embeddings import describe_images, describe_with_model, save_features
from support.cohorts import SIDE_PX, blob, head, write_pair

DEEP, DAMAGED = "TCGA_YY_0004_20000104", "TCGA_ZZ_0005_20000105"


def write_odd_cases(root: Path) -> Path:
    """Add a case of 16 bits and one with a damaged slice to a cohort, and return its folder."""
    empty = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for number in (1, 2):
        deep = head(40 + number).astype(np.uint16) * 200
        write_pair(root / DEEP, DEEP, number, deep, blob(20, 20), compression="lzw")
        damaged = write_pair(root / DAMAGED, DAMAGED, number, head(50 + number), empty)
    damaged.write_bytes(damaged.read_bytes()[:2000])
    return root


def results(
    root: Path, model_folder: Path, home: Path, executor: Executor | None, progress=None
) -> dict[str, bytes]:
    """Return all that an executor computes of a cohort, by name, without the seconds that it took.

    Args:
        root: the folder of cases.
        model_folder: of a model.
        home: a new ``BRAINSEG_HOME``.
        executor: of the computation.
        progress: of the index.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINSEG_HOME", str(home))
        patch.setattr(index, "PART_ROWS", 1)
        cohort, model = (
            Cohort.open(root, progress, executor=executor),
            open_model(str(model_folder)),
        )
        of_images = describe_images(cohort, executor=executor)
        of_model = describe_with_model(cohort, model, executor=executor)
        for features, source in ((of_images, None), (of_model, model)):
            save_features(features, cohort, source)
        scores = evaluate(cohort, model, allow_seen=True, executor=executor)
        predicted = [
            {name: value for name, value in one.items() if name not in ("seconds", "outputs")}
            for one in predict_all(root, home / "out", model, executor=executor)
        ]
    table = scores.scores.drop(columns="seconds")
    written = (*home.glob("cohorts/*/index.parquet"), *home.glob("cohorts/*/features/*.npz"))
    images = (one for one in (home / "out").rglob("*") if one.suffix in (".png", ".csv", ".gz"))
    assert not [*home.glob("parts/*")]  # removed with the last part
    return {
        **{str(one.relative_to(home)): one.read_bytes() for one in (*written, *images)},
        "scores": table.to_csv().encode() + scores.slices.to_csv().encode(),
        "histograms": scores.histograms.tobytes(),
        "results": json.dumps(predicted).encode(),
    }


def fatal(number: int) -> int:
    """Return a number; 13 kills its worker."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_once(mark: str) -> str:
    """Kill the worker of the first call."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark
