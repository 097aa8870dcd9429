"""What is predicted, wherever it came from: a case of the cohort, an upload, or the example."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError
from brainseg.formats import Grid, Intake
from brainseg.models import Model, Standing
from brainseg.prediction import Prediction
from brainseg.volume import Volume
from dashboard import data, overlays, uploads, widgets
from dashboard.background import Work

UPLOAD = "upload"
"""The name of an upload wherever one is shown or downloaded: its own may be a patient's."""

AT_ONCE_S = 0.4
"""What is ready within this time needs no progress bar."""


@dataclass(frozen=True)
class Subject:
    """One volume to predict, with what is known of it.

    Attributes:
        name: of a case, or :data:`UPLOAD`.
        volume: (n, h, w, 3).
        slice_numbers: (n,).
        masks: (n, h, w) bool.
        there: (n,) bool, False where a slice has no usable mask.
        key: stands for it in this session.
        start: starts a prediction, or returns the one that was started.
        cohort: that holds the case, or None.
        case: of the cohort, or None.
        grid: of an upload's voxels, or None.
        synthetic: whether it was made, not scanned.
    """

    name: str
    volume: Volume
    slice_numbers: tuple[int, ...]
    masks: np.ndarray
    there: np.ndarray
    key: tuple
    start: Callable[[Model, Standing, str], Work[Prediction]]
    cohort: Cohort | None = None
    case: Case | None = None
    grid: Grid | None = None
    synthetic: bool = False

    def predicted(self, model: Model, standing: Standing, effort: str) -> Prediction:
        """Return the prediction; while it is being made, say how far it is and how long it may take."""
        work = self.start(model, standing, effort)
        place = st.empty()
        ready = work.ready(AT_ONCE_S)
        while not ready:
            doing = f"{widgets.plain(model.name)} predicts" if work.total else "Opening the model"
            place.progress(work.share(), work.told(doing))
            ready = work.ready(0.2)
        place.empty()
        return work.result.result()


def from_cohort(cohort: Cohort, case: Case) -> Subject:
    """Return a case of the cohort.

    Raises:
        CohortError: the case has no slice that can be read.
    """
    overlays.opening_slice(cohort, case)
    volume = data.volume(cohort, case.name)
    masks, there = data.masks(cohort, case.name)

    def start(model: Model, standing: Standing, effort: str) -> Work[Prediction]:
        given = (cohort, case.name, model, standing, effort)
        work = data.predicting(*given)
        if work.ready(0) and work.result.exception():
            data.predicting.clear(*given)
            work = data.predicting(*given)
        return work

    return Subject(
        case.name,
        volume,
        tuple(case.readable["slice_number"].tolist()),
        masks,
        there,
        ("case", cohort.identity, str(cohort.root), case.name),
        start,
        cohort=cohort,
        case=case,
        synthetic=case.synthetic,
    )


def from_upload(intake: Intake, grid: Grid, volume: Volume, key: tuple) -> Subject:
    """Return an upload as it was assembled, with the masks that came with it.

    Args:
        intake: all that was readable.
        grid: of the volume; see :func:`brainseg.formats.ruling_grid`.
        volume: see :func:`brainseg.formats.assemble`.
        key: stands for it in this session.
    """

    def start(model: Model, standing: Standing, effort: str) -> Work[Prediction]:
        return uploads.predicting(key, volume, model, standing, effort)

    truth = intake.truth(volume.pixels.shape)
    return Subject(UPLOAD, volume, grid.slice_numbers, *truth, key, start, grid=grid)


def from_example() -> Subject:
    """Return the synthetic case for who has no file at hand, with its mask."""
    with st.spinner("Making up a head", show_time=True):
        made = data.example()
    key = ("example", made.name)
    volume = Volume(made.pixels)

    def start(model: Model, standing: Standing, effort: str) -> Work[Prediction]:
        return uploads.predicting(key, volume, model, standing, effort)

    numbers = tuple(range(1, len(volume) + 1))
    there = np.ones(len(volume), bool)
    return Subject(made.name, volume, numbers, made.masks, there, key, start, synthetic=True)


def refuse(error: BrainsegError) -> None:
    """Show the sentence of what was refused as plain text, and stop the page."""
    st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
    st.stop()
