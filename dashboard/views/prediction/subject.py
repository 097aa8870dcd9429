"""The volume to predict: a case of the cohort, an upload, or the example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from brainseg.cohort import Case, Cohort
from brainseg.inference.cautions import cautions
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import CaseRecord, record_of, record_of_upload, unusable_files
from brainseg.io import DicomSource, NiftiSource, Upload, ruling_grid
from brainseg.models import Model
from brainseg.models.exposure import NEW, CaseExposure
from brainseg.volume import Volume
from dashboard.shared import cache, drawn, overlays, waiting, widgets
from dashboard.shared.background import Work
from dashboard.shared.drawn import Drawn
from dashboard.views.prediction import session_uploads
from dashboard.views.prediction.model_choice import Viewpoint

UPLOAD = "upload"
"""The name shown and exported for an upload, because its own may be a patient's."""


@dataclass(frozen=True)
class Subject:
    """A volume to predict, and its record.

    Attributes:
        record: the record without a prediction.
        key: identifies the volume in this session.
        start: starts a prediction, or returns the running or finished one.
        cautioned: returns the record with the warnings of a prediction; the result is cached.
        cohort: the cohort of the case, or None.
        case: the case of the cohort, or None.
        source: what an export on the upload's own grid needs, or None.
        shown: warnings that the page has shown in more detail.
    """

    record: CaseRecord
    key: tuple
    start: Callable[[Model, CaseExposure, str], Work[Prediction]]
    cautioned: Callable[[Model, CaseExposure], CaseRecord]
    cohort: Cohort | None = None
    case: Case | None = None
    source: NiftiSource | DicomSource | None = None
    shown: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of a case, or :data:`UPLOAD`."""
        return self.record.case

    @property
    def volume(self) -> Volume:
        """Return the volume, (n, h, w, 3)."""
        return self.record.volume

    @property
    def drawn(self) -> Drawn:
        """Return the measurements that readers draw on it."""
        if self.cohort is not None and self.case is not None:
            return drawn.of_case(self.cohort, self.case.name)
        return drawn.of_upload(self.key)

    def exposure(self, viewpoint: Viewpoint) -> CaseExposure:
        """Return whether a model, or one fold of it, was trained on this patient."""
        exposure = viewpoint.exposure(self.case, self.volume)
        is_example = self.case is None and self.record.synthetic
        return replace(exposure, relation=NEW) if is_example else exposure

    def predicted(self, model: Model, exposure: CaseExposure, mode: str) -> Prediction | None:
        """Return the prediction after showing its progress, or None if the visitor cancelled it."""
        start = partial(self.start, model, exposure, mode)
        name = widgets.plain(model.name)
        return waiting.result_of(
            start,
            f"Predicting with {name}",
            (*self.key, model.digest, exposure, mode),
            first=(cache.warm_up(model), f"Opening the model {name}"),
        )


def from_cohort(cohort: Cohort, case: Case) -> Subject:
    """Return a case of the cohort as a subject.

    Raises:
        CohortError: the case has no slice that can be read.
    """
    overlays.opening_slice(cohort, case)
    record = cache.case_record(cohort, case.name)
    return Subject(
        record,
        ("case", *cohort.key, str(cohort.root), case.name),
        partial(cache.predicting, cohort, case.name),
        partial(cache.warned, cohort, record),
        cohort=cohort,
        case=case,
    )


def from_upload(
    upload: Upload,
    assignment: Mapping[str, int | None],
    volume: Volume,
    key: tuple,
    label: str | None = None,
) -> Subject:
    """Return an upload, assembled by :func:`brainseg.io.assemble_all`, as a subject with its masks.

    `assignment` is sequence -> index of its series; `key` identifies the upload in this session; `label`
    is the label of its masks, None for their union.
    """
    record = record_of_upload(upload, assignment, volume, UPLOAD, label)
    subject = _in_session(record, key, ruling_grid(upload, assignment).source)
    return replace(subject, shown=unusable_files(upload, assignment))


def from_example() -> Subject:
    """Return the synthetic case, with its mask."""
    with st.spinner("Creating the synthetic head", show_time=True):
        made = cache.example()
    volume = Volume(made.pixels)
    numbers, has_mask = range(1, len(volume) + 1), np.ones(len(volume), bool)
    record = record_of(made.name, volume, numbers, made.masks, has_mask, synthetic=True)
    return _in_session(record, ("example", made.name))


def _in_session(
    record: CaseRecord, key: tuple, source: NiftiSource | DicomSource | None = None
) -> Subject:
    """Return the subject of one visitor, which is not shared and ends with the session."""

    def start(model: Model, exposure: CaseExposure, mode: str) -> Work[Prediction]:
        return session_uploads.predicting(key, record.volume, model, exposure, mode)

    def cautioned(model: Model, exposure: CaseExposure) -> CaseRecord:
        of_model = (*key, "cautions", model.digest, exposure)
        warned = session_uploads.cached(of_model, partial(cautions, record, model, exposure))
        return replace(record, warnings=warned[0], unsuitable=warned[1])

    return Subject(record, key, start, cautioned, source=source)
