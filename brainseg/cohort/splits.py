"""Split a cohort into folds by patient, never by slice: training, validation and held-out cases."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainseg.errors import CohortError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Fold:
    """Three parts of a cohort's cases that share no patient.

    Attributes:
        number: of the fold, from 0.
        trained_on: cases whose slices the network learns from.
        selected_on: cases on which epoch and threshold are chosen.
        held_out: cases on which the model is scored; they choose nothing.
    """

    number: int
    trained_on: tuple[str, ...]
    selected_on: tuple[str, ...]
    held_out: tuple[str, ...]

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part in ("trained_on", "selected_on", "held_out"):
            for case in getattr(self, part):
                if case in seen:
                    raise CohortError(
                        f"{case} is in {seen[case]} and in {part} of fold {self.number}: a case "
                        "belongs to one of them, so remove it from the other."
                    )
                seen[case] = part


def make_folds(slices: "pd.DataFrame", count: int = 5, seed: int = 0) -> list[Fold]:
    """Return folds of a cohort by patient, stratified by institution and tumour size.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.
        count: number of folds; every case with a mask is held out by exactly one.
        seed: the same seed and cases give the same folds.

    Raises:
        CohortError: fewer patients with masks than folds, or too few to select on.
    """
    with_masks = slices[slices["area_px"].notna()]
    cases = with_masks.groupby("case", sort=True).agg(
        patient_id=("patient_id", "first"),
        institution=("institution", "first"),
        tumour_vx=("area_px", "sum"),
    )
    if count < 2:
        raise CohortError(
            f"{count} folds were asked for: use 2 or more, so that some cases are held out."
        )
    if refusal := too_few_patients(slices, count):
        raise CohortError(refusal)
    fold_of = _stratified(cases, count, seed)
    folds = []
    for number in range(count):
        rest = cases[fold_of != number]
        if rest["patient_id"].nunique() < 2:
            raise CohortError(
                f"fold {number} of {count} leaves one patient to train and to select on, because most "
                "cases are one patient's: add patients."
            )
        # One eighth for validation: enough to rank epochs, while most cases remain for training.
        part_of = _stratified(rest, min(8, rest["patient_id"].nunique()), seed + 1)
        folds.append(
            Fold(
                number,
                trained_on=tuple(rest.index[part_of != 0]),
                selected_on=tuple(rest.index[part_of == 0]),
                held_out=tuple(cases.index[fold_of == number]),
            )
        )
    return folds


def too_few_patients(slices: "pd.DataFrame", count: int) -> str | None:
    """Return why a cohort cannot be divided into this number of folds, or None if it can be."""
    patients = slices.loc[slices["area_px"].notna(), "patient_id"].nunique()
    if patients >= 2 * count:
        return None
    return (
        f"{count} folds need at least {2 * count} patients with masks, this cohort has {patients}: use "
        "fewer folds or add cases."
    )


def _stratified(cases: "pd.DataFrame", count: int, seed: int) -> "pd.Series":
    """Return the part, from 0, that each case falls in."""
    # Imported here because it is slow and only a new training needs it.
    import pandas as pd
    from sklearn.model_selection import StratifiedGroupKFold

    thirds = pd.qcut(cases["tumour_vx"].rank(method="first"), 3, labels=False)
    strata = cases["institution"].fillna("unknown") + "-" + thirds.astype(str)
    if strata.value_counts().max() < count:
        # Too few cases to stratify: the splitter would refuse, but it accepts a single stratum.
        strata = pd.Series("all", index=cases.index)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    part_of = pd.Series(0, index=cases.index)
    with warnings.catch_warnings():
        # It warns if an institution has fewer cases than folds, which is common in this field.
        warnings.simplefilter("ignore", UserWarning)
        for part, (_, chosen) in enumerate(splitter.split(cases, strata, cases["patient_id"])):
            part_of.iloc[chosen] = part
    return part_of
