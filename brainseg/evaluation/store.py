"""Kept scores: read again in milliseconds, without TensorFlow, and only while they are right."""

import json

import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.evaluation.scores import SLICE_COLUMNS, Evaluation, typed
from brainseg.models import Model
from brainseg.storage import write_atomically

VERSION = 3
"""Of the definitions and of the file: scores of another version are computed again, never mixed."""

UNREADABLE = (OSError, ValueError, KeyError, TypeError)
"""What reading a file of scores raises where it is missing, torn, or not one."""


def save_scores(evaluation: Evaluation, cohort: Cohort) -> None:
    """Keep an evaluation in the user's folder of the cohort, for the page to open at once.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
    """
    content = {"version": VERSION, **as_content(evaluation)}
    path = cohort.state_dir / "scores" / f"{evaluation.digest[:16]}.json"
    write_atomically(path, json.dumps(content).encode())


def load_scores(cohort: Cohort, model: Model) -> Evaluation | None:
    """Return the kept evaluation of exactly this model on exactly this cohort, or None.

    None, too, where the file is torn or of another version: the cases are then scored again.
    """
    path = cohort.state_dir / "scores" / f"{model.digest[:16]}.json"
    try:
        content = json.loads(path.read_text())
        if content["version"] != VERSION:
            return None
        return of_content(content)
    except UNREADABLE:
        return None


def as_content(evaluation: Evaluation) -> dict:
    """Return an evaluation as JSON keeps it; :func:`of_content` is the way back."""
    slices = evaluation.slices
    return {
        "model": evaluation.model,
        "digest": evaluation.digest,
        "refused": evaluation.refused,
        "scores": evaluation.rows,
        "slices": {name: slices[name].tolist() for name in SLICE_COLUMNS[1:]},
        "histograms": evaluation.histograms.round(6).tolist(),
    }


def of_content(content: dict) -> Evaluation:
    """Return the evaluation that :func:`as_content` made JSON of; raises as :data:`UNREADABLE` says."""
    scores = typed(pd.DataFrame(content["scores"]))
    names = np.repeat(scores["case"].to_numpy(object), scores["slices"])
    slices = pd.DataFrame({"case": names, **content["slices"]})
    return Evaluation(
        content["model"],
        content["digest"],
        scores,
        content["refused"],
        slices[list(SLICE_COLUMNS)].astype({"case": "str"}),
        np.array(content["histograms"], np.float64),
    )
