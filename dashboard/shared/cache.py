"""The only cached wrappers around brainseg: a line each, bounded, and keyed by all that matters.

A cohort is keyed by its content and its folder, so that a changed file is another key. What
`cache_resource` returns is shared by all visitors: copy it before you change it.
"""

import gc
import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from brainseg import checks, evaluation, statistics, worklist
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.evidence import Evidence
from brainseg.checks.folds import stamp_of_folds
from brainseg.checks.outcome import Outcome, outcome_of
from brainseg.checks.readme_counts import readme_counts_table
from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError
from brainseg.exports import payload
from brainseg.inference.cautions import with_cautions
from brainseg.inference.prediction import Prediction, predict_timed
from brainseg.inference.prediction import warm_up as warm_up_model
from brainseg.inference.record import CaseRecord, record_of_case, with_prediction
from brainseg.models import CaseExposure, Model
from brainseg.monitoring.external_logs import Log, open_log
from brainseg.monitoring.readers import CsvReader, RunReader
from brainseg.monitoring.tensorboard import TensorBoardReader
from brainseg.reviews import open_reviews
from brainseg.statistics import embeddings, neighbours
from brainseg.statistics.atlas import Atlas, open_atlas
from brainseg.statistics.embeddings import Features
from brainseg.training.runs import Run
from brainseg.volume import Volume
from dashboard.shared.background import Work

if TYPE_CHECKING:
    from brainseg.sample.phantom import SyntheticCase

_BY_CONTENT = {Cohort: lambda cohort: (cohort.identity, str(cohort.root))}
_WITH_PATIENTS = {Cohort: lambda cohort: (cohort.identity, str(cohort.root), _patients(cohort))}
_CHECKED = {
    Cohort: lambda cohort: (
        *_WITH_PATIENTS[Cohort](cohort),
        last_change(str(cohort.root)),
        stamp_of_folds(cohort),
    )
}


@st.cache_resource(max_entries=3, show_spinner=False)
def opening(root: str, changed: float) -> "Opening":
    """Start to open the cohort in a folder; `changed` is :func:`last_change`, and only a key."""
    return Opening(root)


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=_BY_CONTENT)
def volume(cohort: Cohort, case: str) -> Volume:
    """Return a case's readable slices; see :meth:`brainseg.cohort.Case.volume`."""
    return cohort.case(case).volume()


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=_BY_CONTENT)
def masks(cohort: Cohort, case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a case's masks, and which there are; see :meth:`brainseg.cohort.Case.masks`."""
    return cohort.case(case).masks()


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_BY_CONTENT)
def slice_pixels(cohort: Cohort, case: str, slice_number: int) -> np.ndarray:
    """Return one slice as (h, w, 3) uint8."""
    return cohort.case(case).slice_pixels(slice_number)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_BY_CONTENT)
def slice_mask(cohort: Cohort, case: str, slice_number: int) -> np.ndarray | None:
    """Return one slice's mask as (h, w) bool, or None where there is none that can be used."""
    return cohort.case(case).slice_mask(slice_number)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def case_table(cohort: Cohort) -> pd.DataFrame:
    """Return a row a case; see :func:`brainseg.statistics.case_table`."""
    return statistics.case_table(cohort.slices)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_WITH_PATIENTS)
def case_rows(cohort: Cohort) -> pd.DataFrame:
    """Return what the files alone give of the worklist; see :func:`brainseg.worklist.case_rows`."""
    return worklist.case_rows(cohort)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def reviews(cohort: Cohort, stamp: tuple) -> tuple[pd.DataFrame, int]:
    """Return all reviews, and how many are of other images; `stamp` is a key, of the file's content."""
    kept = open_reviews(cohort)
    return kept.table(), len(kept.of_other_images())


@st.cache_data(
    max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT | {Model: lambda model: model.digest}
)
def unseen_scores(cohort: Cohort, model: Model, changed: tuple) -> pd.DataFrame | None:
    """Return the kept scores of cases the model never saw; `changed` is :func:`last_scored`."""
    kept = evaluation.kept(cohort, model)
    unseen = kept and kept.unseen()
    return unseen.scores if unseen else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_CHECKED)
def checking(cohort: Cohort) -> Work[checks.Checked]:
    """Start the checks beside the pages; see :func:`brainseg.checks.check_cohort`."""
    return Work("checking", lambda progress: checks.check_cohort(cohort, progress=progress))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_CHECKED)
def outcome(cohort: Cohort, stamp: tuple) -> Outcome:
    """Return what came of the checks, and of that was accepted; `stamp` is a key, of that file."""
    return outcome_of(checking(cohort).result.result(), open_acceptances(cohort))


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=_CHECKED)
def claims(cohort: Cohort) -> pd.DataFrame:
    """Return the counts of the dataset's README; see :func:`readme_counts_table`."""
    return readme_counts_table(Evidence(cohort))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def atlas(cohort: Cohort) -> Work[Atlas]:
    """Start to open the atlas of a cohort; see :func:`brainseg.statistics.atlas.open_atlas`."""
    return Work("atlas", partial(open_atlas, cohort))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def slice_measures(cohort: Cohort) -> pd.DataFrame:
    """Return a row a slice; see :func:`brainseg.statistics.slice_measures`."""
    return statistics.slice_measures(cohort.slices)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def case_measures(cohort: Cohort, with_atlas: bool) -> pd.DataFrame:
    """Return a row a case; see :func:`brainseg.statistics.case_measures`. Its atlas must be ready."""
    whole = atlas(cohort).result.result() if with_atlas else None
    return statistics.case_measures(cohort.slices, whole)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def describing(cohort: Cohort) -> Work[Features]:
    """Start to describe the slices of a cohort by their images, and keep that."""
    return Work("describing", partial(embeddings.describe_and_keep, cohort))


@st.cache_resource(
    max_entries=4,
    show_spinner=False,
    hash_funcs=_BY_CONTENT | {Features: lambda one: (one.source, float(one.vectors.sum()))},
)
def agreement(cohort: Cohort, described: Features) -> Work[neighbours.Agreement | None]:
    """Start to ask how well neighbours agree; see :func:`brainseg.statistics.neighbours.agreement`."""
    return Work("agreement", lambda _: neighbours.agreement(described, cohort.slices))


class Opening:
    """A cohort that is being opened beside the pages, so that leaving a page loses no work.

    Attributes:
        cohort: the future cohort.
        done: how many slices have been read.
        total: how many there are to read; 0 until that is known, and where none is to be read.
    """

    def __init__(self, root: str) -> None:
        self.done, self.total = 0, 0
        with_one_thread = ThreadPoolExecutor(1, thread_name_prefix="opening")
        self.cohort: Future[Cohort] = with_one_thread.submit(Cohort.open, root, self._progress)
        with_one_thread.shutdown(wait=False)

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


def _patients(cohort: Cohort) -> str | None:
    """Return ``data.csv`` as text: it is no part of a cohort's identity."""
    return None if cohort.patients is None else cohort.patients.to_csv()


def last_change(root: str) -> float:
    """Return when a folder or one of its folders last gained or lost a file, in seconds; 0 if never.

    A file that was rewritten in place does not show here: the Reload button is for that.
    """
    try:
        below = [entry.path for entry in os.scandir(root) if entry.is_dir()]
        return max(Path(path).stat().st_mtime for path in [root, *below])
    except OSError:
        return 0.0


def last_scored(cohort: Cohort) -> tuple[str, int]:
    """Return what changes when scores are kept: their folder, and when a file in it was replaced."""
    folder = cohort.state_dir / "scores"
    try:
        return str(folder), folder.stat().st_mtime_ns
    except OSError:
        return str(folder), 0


def reload() -> None:
    """Forget all that was kept, so that the folder is looked at again."""
    st.cache_data.clear()
    st.cache_resource.clear()


@st.cache_resource(
    max_entries=6, show_spinner=False, hash_funcs=_BY_CONTENT | {Model: lambda model: model.digest}
)
def prediction(cohort: Cohort, case: str, model: Model) -> Prediction:
    """Return a case's probability; the digest stands for the model's folds, weights and input."""
    return predict_timed(volume(cohort, case), model, model.exposure(cohort.case(case)))


@st.cache_resource(
    max_entries=8, show_spinner=False, hash_funcs=_BY_CONTENT | {Model: lambda model: model.digest}
)
def predicting(
    cohort: Cohort, case: str, model: Model, exposure: CaseExposure, mode: str
) -> Work[Prediction]:
    """Start to predict a case beside the page; see :func:`predict_timed`."""
    pixels = volume(cohort, case)
    return Work(
        "predicting", lambda progress: predict_timed(pixels, model, exposure, mode, progress)
    )


@st.cache_resource(max_entries=1, show_spinner=False)
def example() -> "SyntheticCase":
    """Return a case of the synthetic sample, for who has no file at hand."""
    # Not above: it brings the templates' library, which no other page needs.
    from brainseg.sample.phantom import synthesize_case

    return synthesize_case(seed=0, case_number=2)


@st.cache_resource(
    max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT | {Model: lambda model: model.digest}
)
def scorable(cohort: Cohort, model: Model) -> tuple[list[Case], dict[str, str]]:
    """Return the cases to score, and the refused; see :func:`brainseg.evaluation.scorable`."""
    return evaluation.scorable(cohort, model)


def case_record(cohort: Cohort, case: str, model: Model | None = None) -> CaseRecord:
    """Return what leaves the application of a case, with a model's prediction where one is named."""
    facts = cohort.case(case)
    if model is None:
        return record_of_case(facts, volume(cohort, case), masks(cohort, case))
    record = cautioned_record(cohort, case, model, model.exposure(facts))
    return with_prediction(record, model, prediction(cohort, case, model))


def cautioned_record(cohort: Cohort, case: str, model: Model, exposure: CaseExposure) -> CaseRecord:
    """Return a case with the warnings of a prediction; see :func:`with_cautions`."""
    warnings, unsuitable = _cautions(cohort, case, model, exposure)
    return replace(case_record(cohort, case), warnings=warnings, unsuitable=unsuitable)


@st.cache_data(
    max_entries=64, show_spinner=False, hash_funcs=_BY_CONTENT | {Model: lambda model: model.digest}
)
def _cautions(
    cohort: Cohort, case: str, model: Model, exposure: CaseExposure
) -> tuple[tuple[str, ...], bool]:
    record = with_cautions(case_record(cohort, case), model, exposure)
    return record.warnings, record.unsuitable


@st.cache_resource(
    max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT | {Model: lambda model: model.digest}
)
def case_payload(cohort: Cohort, case: str, model: Model | None = None) -> bytes:
    """Return a case as the viewer takes it, with a model's prediction; see :mod:`payload`."""
    return payload.case_payload(case_record(cohort, case, model))


@st.cache_resource(max_entries=40, show_spinner=False)
def run_follower(folder: str) -> RunReader:
    """Return the one follower of a run, for all visitors; see :mod:`brainseg.monitoring.readers`."""
    return RunReader(Run(Path(folder)))


@st.cache_resource(max_entries=40, show_spinner=False)
def log_follower(name: str, path: str, kind: str) -> CsvReader | TensorBoardReader:
    """Return the shared reader of a log; see :func:`brainseg.monitoring.external_logs.open_log`."""
    return open_log(Log(name, Path(path), kind))


class WarmUp(Thread):
    """Opens the networks of a model in the background, started when it is made."""

    def __init__(self, model: Model) -> None:
        super().__init__(name=f"warm-up-{model.name}", daemon=True)
        self._model = model
        self.start()

    def run(self) -> None:
        # A model that cannot be opened says so where it is asked to predict.
        with suppress(BrainsegError):
            warm_up_model(self._model)
        # Streamlit collects garbage after every run of a page, and what TensorFlow brings, which is
        # never garbage, makes that take 0.2 s instead of 0.05 s: benchmarks/rerun.py.
        gc.collect()
        gc.freeze()


@st.cache_resource(
    max_entries=6, show_spinner=False, hash_funcs={Model: lambda model: model.digest}
)
def warm_up(model: Model) -> WarmUp:
    """Return the one thread that opens a model ahead of its first prediction."""
    return WarmUp(model)
