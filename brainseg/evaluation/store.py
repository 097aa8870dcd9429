"""Saved scores: loaded in milliseconds, without a network, and only if they are still valid."""

import json
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.evaluation.scores import SLICE_COLUMNS, Evaluation, typed
from brainseg.evaluation.second_look import Contradiction
from brainseg.io.files import read_file
from brainseg.models import Model
from brainseg.storage import write_atomically

VERSION = 3
"""Of the definitions and of the file: scores of another version are computed again, never mixed."""

MOST_BYTES = 2**28

T = TypeVar("T")


def save_scores(evaluation: Evaluation, cohort: Cohort) -> None:
    """Save an evaluation in the user's folder of the cohort.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
    """
    path = scores_path(cohort, evaluation.digest)
    save_json(path, {"version": VERSION, **as_content(evaluation)})


def saved_scores(cohort: Cohort, model: Model) -> Evaluation | None:
    """Return the evaluation that was saved here of exactly this model and cohort, or None.

    A damaged file or one of another version counts as missing.
    """
    return load_json(scores_path(cohort, model.digest), VERSION, of_content)


def scores_path(cohort: Cohort, digest: str, suffix: str = "") -> Path:
    """Return the file for results of a model in the user's folder of the cohort and its label."""
    return cohort.results_dir / "scores" / f"{digest[:16]}{suffix}.json"


def save_json(path: Path, content: dict) -> None:
    """Write results to a file.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
    """
    write_atomically(path, json.dumps(content).encode())


def load_json(path: Path, version: int, build: Callable[[dict], T]) -> T | None:
    """Return the results in a file, or None if it is missing, damaged, or of another version."""
    try:
        content = json.loads(read_file(path, MOST_BYTES))
        return build(content) if content["version"] == version else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def as_content(evaluation: Evaluation) -> dict:
    """Return an evaluation as content of a JSON file; :func:`of_content` reads it."""
    slices = evaluation.slices
    return {
        "model": evaluation.model,
        "digest": evaluation.digest,
        "refused": evaluation.refused,
        "scores": evaluation.rows,
        "slices": {name: slices[name].tolist() for name in SLICE_COLUMNS[1:]},
        "histograms": evaluation.histograms.round(6).tolist(),
        "shipped": list(evaluation.shipped),
        "second_look": {
            case: [astuple(one) for one in found] for case, found in evaluation.second_look.items()
        },
        "in_3d": True,
    }


def of_content(content: dict) -> Evaluation:
    """Return the evaluation in the content of a JSON file; see :func:`load_json` for its errors."""
    scores = typed(pd.DataFrame(content["scores"]))
    if "in_3d" not in content and scores["distance_unit"].eq("mm").any():
        raise ValueError("distances in mm within slices are of an older version")
    names = np.repeat(scores["case"].to_numpy(object), scores["slices"])
    slices = pd.DataFrame({"case": names, **content["slices"]})
    return Evaluation(
        content["model"],
        content["digest"],
        scores,
        content["refused"],
        slices[list(SLICE_COLUMNS)].astype({"case": "str"}),
        np.array(content["histograms"], np.float64),
        tuple(content.get("shipped", ())),
        {
            case: tuple(Contradiction(*one) for one in found)
            for case, found in content.get("second_look", {}).items()
        },
    )
