"""The cases of a cohort that a model can be scored on, and why not the others."""

import numpy as np
import pandas as pd

from brainseg.cohort import Case, Cohort
from brainseg.cohort.case_names import patient_of
from brainseg.cohort.saved_index import MAPPED_FROM
from brainseg.models import CaseExposure, Model
from brainseg.statistics.parts import parts_of

LEARNED_FROM = "the model learned from this patient, so the score would say nothing of new ones"
KNOWS_THE_PATIENT = (
    "the fold that holds this case out learned from another case of the same patient, so the score "
    "would say nothing of new ones"
)
"""Why a seen case is refused; the other reasons apply with ``allow_seen``, too."""

_NOT_READABLE = "no slice of it can be read"
_NO_MASK = "it has no usable mask"


def scorable(
    cohort: Cohort, model: Model, allow_seen: bool = False
) -> tuple[list[Case], dict[str, str]]:
    """Return the cases that :func:`evaluate` scores, and the others, each with the reason."""
    names, refused = scorable_names(cohort, model, allow_seen)
    return [cohort.case(name) for name in names], refused


def scorable_names(
    cohort: Cohort, model: Model, allow_seen: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the names of the cases of :func:`scorable`, and the others, each with the reason.

    Of a large cohort, only cases that the model may know, or with slices of several sizes, are opened:
    280,000 of them would take minutes, and a gigabyte.
    """
    reasons: dict[str, str | None] = dict.fromkeys(cohort.cases)
    single = reasons.keys()
    if len(cohort.slices) >= MAPPED_FROM:
        facts = _facts(cohort, model)
        reasons |= dict.fromkeys(facts.index[~facts["masked"]], _NO_MASK)
        reasons |= dict.fromkeys(facts.index[~facts["usable"]], _NOT_READABLE)
        single = facts.index[facts["single"]]
    reasons |= {name: _refusal(cohort.case(name), model, allow_seen) for name in single}
    refused = {name: reason for name, reason in reasons.items() if reason}
    return [name for name in reasons if name not in refused], refused


def _facts(cohort: Cohort, model: Model) -> pd.DataFrame:
    """Return, by case, whether any slice is usable, and whether one of those has a usable mask.

    ``single`` is whether the case has to be opened for its answer.
    """
    known = {case for fold in model.folds for case in fold.cases}
    patients = {patient_of(name)[0] for name in known}
    images = [] if model.training_images is None else [*model.training_images.cases]
    columns = ["case", "patient_id", "height", "width", "image_use_error", "area_px", "image_hash"]
    found = []
    for part in parts_of(cohort.slices[columns]):
        usable = part["height"].notna() & part["image_use_error"].isna()
        heights = part["height"].where(usable).astype("Float64")
        sizes = heights * 1e6 + part["width"].astype("Float64")  # one number for both
        is_known = part["patient_id"].isin(patients) | part["image_hash"].isin(images)
        by_slice = pd.DataFrame(
            {
                "usable": usable.to_numpy(bool),
                "masked": (usable & part["area_px"].notna()).to_numpy(bool),
                "single": (is_known | part["case"].isin(known)).to_numpy(bool),
            }
        )
        codes, names = pd.factorize(part["case"])
        by_case = by_slice.groupby(codes).any().set_axis(names)
        size = pd.Series(sizes.to_numpy(float, na_value=np.nan)).groupby(codes)
        several = (size.max() > size.min()).to_numpy()
        found.append(by_case.assign(single=by_case["single"] | several))
    return pd.concat(found)


def _refusal(case: Case, model: Model, allow_seen: bool) -> str | None:
    if case.readable.empty:
        return _NOT_READABLE
    if not case.readable["area_px"].notna().any():
        return _NO_MASK
    if allow_seen:
        return None
    exposure = model.exposure(case)
    if exposure.seen:
        return LEARNED_FROM
    return KNOWS_THE_PATIENT if knows_the_patient(case, model, exposure) else None


def knows_the_patient(case: Case, model: Model, exposure: CaseExposure) -> bool:
    """Return whether a fold that predicts a case learned from another case of its patient."""
    folds = [model.fold(number) for number in exposure.folds]
    return any(
        patient_of(name)[0] == case.patient_id
        for fold in folds
        for name in (*fold.trained_on, *fold.selected_on)
    )
