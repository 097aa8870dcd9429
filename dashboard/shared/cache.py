"""All cached calls of brainseg, bounded and keyed by everything the result depends on.

A cohort is keyed by its content and folder, so that a changed file gives another key. Results are shared
by all visitors: copy them before you change them. Pixels share one budget, see :mod:`budget`; tables and
jobs over a whole cohort are few.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from brainseg import checks, evaluation, worklist
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.evidence import Evidence
from brainseg.checks.folds import stamp_of_folds
from brainseg.checks.outcome import Outcome, outcome_of
from brainseg.checks.readme_counts import readme_counts_table
from brainseg.cohort import Cohort
from brainseg.cohort.answers import Answers
from brainseg.cohort.first_cases import open_first_cases
from brainseg.cohort.index import Progress
from brainseg.cohort.label_layers import label_layers
from brainseg.cohort.questions import Question, questions_on
from brainseg.cohort.random_slices import random_slices
from brainseg.errors import CohortError
from brainseg.evaluation import Evaluation
from brainseg.exports import payload
from brainseg.exports.packed_images import PackedImages, pack_images
from brainseg.exports.payload import CasePayload
from brainseg.imaging import GreyWindow, automatic_windows
from brainseg.inference.cautions import cautions
from brainseg.inference.prediction import STANDARD, Prediction, predict_timed
from brainseg.inference.prediction import warm_up as warm_up_model
from brainseg.inference.record import CaseRecord, record_of_case, with_prediction
from brainseg.models import CaseExposure, Model
from brainseg.monitoring.external_logs import Log, open_log
from brainseg.monitoring.readers import CsvReader, RunReader
from brainseg.monitoring.tensorboard import TensorBoardReader
from brainseg.reviews import open_reviews
from brainseg.statistics import embeddings, neighbours, saved_tables
from brainseg.statistics.atlas import Atlas, open_atlas
from brainseg.statistics.embeddings import Features
from brainseg.statistics.files import Files, files_of
from brainseg.training.runs import Run
from brainseg.training.sample_run import with_sample_run
from brainseg.volume import Volume
from dashboard.shared import keys
from dashboard.shared.background import Work
from dashboard.shared.budget import BUDGET, saved_predictions
from dashboard.shared.cache_keys import (
    BY_CONTENT,
    BY_IMAGES,
    WITH_PATIENTS,
    kept,
    kept_of_images,
    key_of,
    last_change,
)

if TYPE_CHECKING:
    from brainseg.sample.phantom import SyntheticCase
    from dashboard.shared.overlays import OverlayStyle

T = TypeVar("T")

_CHECKED = BY_CONTENT | {
    Cohort: lambda one: (
        *WITH_PATIENTS[Cohort](one),
        last_change(str(one.root)),
        stamp_of_folds(one),
    )
}


@st.cache_resource(max_entries=3, show_spinner=False)
def opening(root: str, changed: float) -> Work[Cohort]:
    """Open the cohort of a folder in the background; `changed` is :func:`last_change`, a key only."""

    def open_and_count(progress: Progress) -> Cohort:
        cohort = Cohort.open(root, progress)
        saved_tables.save_tables(cohort, progress)
        return with_sample_run(cohort)

    return Work("opening", open_and_count)


@st.cache_resource(max_entries=3, show_spinner=False)
def first_cases(root: str, changed: float) -> Work[Cohort]:
    """Open the first cases of a folder in the background; `changed` as for :func:`opening`."""
    return Work("first cases", lambda _: open_first_cases(root))


def opened() -> Cohort | None:
    """Return the cohort in ``BRAINSEG_DATA`` if it is open already."""
    root = os.environ.get(keys.DATA_ENVIRONMENT)
    done = opening(root, last_change(root)).result if root else None
    return done.result() if done and done.done() and not done.exception() else None


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=WITH_PATIENTS)
def of_label(cohort: Cohort, label: str) -> Cohort:
    """Return the cohort of a label; see :meth:`brainseg.cohort.Cohort.of_label`."""
    return cohort.of_label(label)


@kept_of_images
def images(cohort: Cohort, case: str) -> PackedImages:
    """Return a case's readable slices, compressed, for the viewer and for :func:`volume`."""
    return pack_images(cohort.case(case).volume(with_others=True))


def volume(cohort: Cohort, case: str) -> Volume:
    """Return a case's readable slices; see :meth:`brainseg.cohort.Case.volume`."""
    return images(cohort, case).volume()


@partial(kept, get=BUDGET.unpacked)
def masks(cohort: Cohort, case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a case's masks and which slices have one; see :meth:`brainseg.cohort.Case.masks`."""
    return cohort.case(case).masks()


@kept_of_images
def slice_pixels(
    cohort: Cohort, case: str, slice_number: int, sequence: str | None = None
) -> np.ndarray:
    """Return one slice as (h, w, 3) uint8; a case of volume files is read once for all its slices.

    Of a sequence in :func:`other_sequences` it is (h, w).
    """
    own = cohort.case(case)
    if not own.is_volume:
        return own.slice_pixels(slice_number)
    whole = volume(cohort, case)
    pixels = whole.others.get(sequence or "", whole.pixels)
    # A copy, because a view would keep the volume beyond its time in the budget.
    return pixels[own.slice_index(slice_number)].copy()


@kept_of_images
def other_sequences(cohort: Cohort, case: str) -> tuple[str, ...]:
    """Return the names of a case's sequences beyond the usual three, such as T2."""
    with suppress(CohortError):  # the page shows it
        return tuple(volume(cohort, case).others) if cohort.case(case).is_volume else ()
    return ()


@kept
def slice_mask(cohort: Cohort, case: str, slice_number: int) -> np.ndarray | None:
    """Return one slice's mask as (h, w) bool, or None without a usable mask."""
    own = cohort.case(case)
    if not own.is_volume:
        return own.slice_mask(slice_number)
    index, (planes, has_mask) = own.slice_index(slice_number), masks(cohort, case)
    return planes[index].copy() if has_mask[index] else None


@kept
def thumbnail(cohort: Cohort, case: str, number: int, style: "OverlayStyle") -> tuple[bytes, str]:
    """Return a slice with its mask as PNG, and its description; see :meth:`OverlayStyle.thumbnail`."""
    return style.thumbnail(cohort, case, number)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def seed_with_tumour(cohort: Cohort) -> int:
    """Return the smallest seed that draws a slice with tumour first; 0 if none of the first does."""
    for seed in range(100):
        if (random_slices(cohort.slices, 1, seed)["area_px"] > 0).any():
            return seed
    return 0


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def folder_questions(cohort: Cohort, answers: Answers) -> list[Question]:
    """Return the questions about a folder; `answers` are a key only."""
    return questions_on(cohort)


@kept_of_images
def grey_windows(cohort: Cohort, case: str) -> dict[str, GreyWindow]:
    """Return a case's automatic windows; see :func:`brainseg.imaging.automatic_windows`."""
    own = cohort.case(case)
    # A page of thumbnails of pictures would fill the budget with whole cases.
    return automatic_windows(volume(cohort, case) if own.is_volume else own.volume())


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def case_table(cohort: Cohort) -> pd.DataFrame:
    """Return one row per case; see :func:`brainseg.statistics.case_table`."""
    return saved_tables.case_table(cohort)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=WITH_PATIENTS)
def case_rows(cohort: Cohort) -> pd.DataFrame:
    """Return the worklist columns from the files alone; see :func:`brainseg.worklist.case_rows`."""
    return worklist.case_rows(cohort)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def reviews(cohort: Cohort, stamp: tuple) -> tuple[pd.DataFrame, int]:
    """Return all reviews and the number of those on other images; `stamp` is a key only."""
    saved = open_reviews(cohort)
    return saved.table(), len(saved.of_other_images())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_CONTENT)
def scores(cohort: Cohort, model: Model, changed: tuple) -> Evaluation | None:
    """Return the saved or shipped scores of a model; `changed` is :func:`last_scored`, a key only."""
    return evaluation.load_scores(cohort, model)


def unseen(cohort: Cohort, model: Model, changed: tuple) -> Evaluation | None:
    """Return the evaluation of unseen cases; see :func:`scores`."""
    saved = scores(cohort, model, changed)
    return made(cohort, ("unseen", model.digest, changed), saved.unseen) if saved else None


@st.cache_resource(max_entries=96, show_spinner=False, hash_funcs=WITH_PATIENTS)
def made(cohort: Cohort, what: tuple, _make: Callable[[], T]) -> T:
    """Return a small table or chart that many runs of a page show alike.

    `what` is a key: its name, and everything that it depends on beside the cohort.
    """
    return _make()


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_CHECKED)
def checking(cohort: Cohort) -> Work[checks.Checked]:
    """Run the checks, and count for their page, in the background; see :func:`checks.check_cohort`."""

    def check(progress: Progress) -> checks.Checked:
        checked = checks.check_cohort(cohort, progress=progress)
        files(cohort), readme_counts(cohort)
        return checked

    return Work("checking", check)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_CHECKED)
def outcome(cohort: Cohort, stamp: tuple | None) -> Outcome:
    """Return the outcome of the checks; `stamp` is of the acceptances: without one, all are open."""
    acceptances = None if stamp is None else open_acceptances(cohort)
    return outcome_of(checking(cohort).result.result(), acceptances)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=_CHECKED)
def readme_counts(cohort: Cohort) -> pd.DataFrame:
    """Return the stated and actual counts of the dataset's README; see :func:`readme_counts_table`."""
    return readme_counts_table(Evidence(cohort))


def files(cohort: Cohort) -> Files:
    """Return the numbers of files; see :func:`brainseg.statistics.files.files_of`."""
    return made(cohort, ("files",), lambda: files_of(cohort.slices))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def atlas(cohort: Cohort) -> Work[Atlas]:
    """Open the atlas of a cohort in the background; see :func:`brainseg.statistics.atlas.open_atlas`."""
    return Work("atlas", partial(open_atlas, cohort))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def slice_measures(cohort: Cohort) -> pd.DataFrame:
    """Return one row per slice; see :func:`brainseg.statistics.slice_measures`."""
    return saved_tables.slice_measures(cohort)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def case_measures(cohort: Cohort, with_atlas: bool) -> pd.DataFrame:
    """Return one row per case; its atlas must be ready. See :func:`saved_tables.case_measures`."""
    whole = atlas(cohort).result.result() if with_atlas else None
    return saved_tables.case_measures(cohort, whole)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_IMAGES)
def describing(cohort: Cohort) -> Work[Features]:
    """Compute and save the embeddings of a cohort's slices in the background."""
    return Work("describing", partial(embeddings.describe_and_save, cohort))


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def agreement(cohort: Cohort, described: Features) -> Work[neighbours.Agreement | None]:
    """Measure the agreement of neighbours in the background; see :func:`neighbours.agreement`."""
    return Work("agreement", lambda _: neighbours.agreement(described, cohort.slices))


def reload() -> None:
    """Clear all caches, so that the folder is read again."""
    BUDGET.drop()
    st.cache_data.clear()
    st.cache_resource.clear()


def prediction(cohort: Cohort, case: str, model: Model) -> Prediction:
    """Return a case's prediction in the standard mode."""
    exposure = model.exposure(cohort.case(case))
    work = predicting(cohort, case, model, exposure, STANDARD)
    with work.asked():
        return work.result.result()


def predicting(
    cohort: Cohort, case: str, model: Model, exposure: CaseExposure, mode: str
) -> Work[Prediction]:
    """Predict a case in the background, or load what was predicted before; see :func:`predict_timed`.

    A model's digest identifies its folds, weights and input. A failed prediction is started again.
    """

    def predict(progress: Progress) -> Prediction:
        packed = images(cohort, case)

        def predicted(progress: Progress) -> Prediction:
            return predict_timed(packed.volume(), model, exposure, mode, progress)

        return saved_predictions().get(packed.digest, model, exposure, mode, predicted, progress)

    key = key_of(predicting, (cohort, case, model, exposure, mode), BY_IMAGES)
    return BUDGET.start(key, lambda: Work("predicting", predict))


@st.cache_resource(max_entries=1, show_spinner=False)
def example() -> "SyntheticCase":
    """Return a case of the synthetic sample."""
    # Imported here: it loads the library of templates, which no other page needs.
    from brainseg.sample.phantom import synthesize_case

    return synthesize_case(seed=0, case_number=2)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=BY_CONTENT)
def scorable(cohort: Cohort, model: Model) -> tuple[list[str], dict[str, str]]:
    """Return the cases to score, and the refused ones; see :func:`evaluation.scorable_names`."""
    return evaluation.scorable_names(cohort, model)


def case_record(cohort: Cohort, case: str, model: Model | None = None) -> CaseRecord:
    """Return the record of a case for exports, with the prediction of a model if one is given."""
    facts = cohort.case(case)
    if model is None:
        labels = label_layers(cohort, facts)
        return record_of_case(facts, volume(cohort, case), masks(cohort, case), labels)
    record = warned(cohort, case_record(cohort, case), model, model.exposure(facts))
    return with_prediction(record, model, prediction(cohort, case, model))


def warned(cohort: Cohort, record: CaseRecord, model: Model, exposure: CaseExposure) -> CaseRecord:
    """Return the record of a case with the warnings of a prediction; see :func:`cautions`."""
    warnings, unsuitable = warnings_of(cohort, record.case, model, exposure)
    return replace(record, warnings=warnings, unsuitable=unsuitable)


@kept
def warnings_of(
    cohort: Cohort, case: str, model: Model, exposure: CaseExposure
) -> tuple[tuple[str, ...], bool]:
    """Return the warnings of a prediction, and whether to hide it; see :func:`cautions`."""
    return cautions(case_record(cohort, case), model, exposure)


def case_payload(cohort: Cohort, case: str, model: Model | None = None) -> CasePayload:
    """Return a case packed for the viewer, with a model's prediction; see :mod:`payload`."""
    return CasePayload(_case_block(cohort, case, model), images(cohort, case).data)


@kept
def _case_block(cohort: Cohort, case: str, model: Model | None) -> bytes:
    return payload.case_payload(case_record(cohort, case, model), images(cohort, case)).case


@st.cache_resource(max_entries=40, show_spinner=False)
def run_reader(folder: str) -> RunReader:
    """Return the one reader of a run, for all visitors; see :mod:`brainseg.monitoring.readers`."""
    return RunReader(Run(Path(folder)))


@st.cache_resource(max_entries=40, show_spinner=False)
def log_reader(name: str, path: str, kind: str) -> CsvReader | TensorBoardReader:
    """Return the shared reader of a log; see :func:`brainseg.monitoring.external_logs.open_log`."""
    return open_log(Log(name, Path(path), kind))


@st.cache_resource(max_entries=6, show_spinner=False, hash_funcs=BY_CONTENT)
def warm_up(model: Model) -> Work[None]:
    """Open the networks of a model ahead of its first prediction, which reports if that fails."""
    return Work("warming up", lambda _: warm_up_model(model))
