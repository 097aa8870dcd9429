"""Rule on folds: no model or training run is scored on a patient that it has seen."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain

import pandas as pd

from brainseg.checks.coverage import Coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import error
from brainseg.cohort import Cohort
from brainseg.cohort.case_names import patient_of
from brainseg.errors import BrainsegError
from brainseg.models import MODELS, list_models, open_model, own_models
from brainseg.training.runs import list_runs

PARTS = {"trained_on": "trained on", "selected_on": "selected on", "held_out": "held out"}
"""The parts of a fold, with the words for a case in each."""


@dataclass(frozen=True)
class _Fold:
    """The cases in each part of a fold; ``owner`` is the model or run that it belongs to."""

    name: str
    owner: str
    parts: dict[str, tuple[str, ...]]


def folds_of_cohort(evidence: Evidence) -> Coverage:
    """Return the folds of models and training runs that name a case of the cohort."""
    known, refused = _folds(evidence)
    if refused:
        reason = f"{len(refused)} of them could not be read: {refused[0]}"
        return Coverage("folds", len(known), len(refused), reason)
    none = "no model and no training run here knows a case of this cohort"
    return Coverage("folds", len(known), reason="" if known else none)


def stamp_of_folds(cohort: Cohort) -> tuple:
    """Return what changes when a model or a training run comes, goes or changes its folds."""
    places = (MODELS, own_models())
    files = [path for place in places for path in place.glob("*/manifest.json")]
    files += (cohort.state_dir / "runs").glob("*/folds.json")
    times = []
    for path in sorted(files):
        with suppress(OSError):  # removed in the meantime
            times.append((str(path), path.stat().st_mtime_ns))
    return os.environ.get("BRAINSEG_MODEL"), *times


def _leaking_cases(evidence: Evidence) -> pd.DataFrame:
    """Return the cases whose patient is in another part of the fold too, or held out by two folds."""
    known, _ = _folds(evidence)
    leaks = _leaks(known, _patients(evidence)) if known else ()
    cases = set(evidence.slices["case"].unique())
    rows = [(case if case in cases else None, fact) for case, fact in leaks]
    return pd.DataFrame(rows, columns=["case", "fact"])


def _leaks(folds: list[_Fold], patients: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each leaking case with a sentence that says why."""
    held_out: dict[tuple[str, str], _Fold] = {}
    for fold in folds:
        met: dict[str, tuple[str, str]] = {}
        for part, cases in fold.parts.items():
            for case in cases:
                patient = patients.get(case) or patient_of(case)[0]
                first_part, first = met.setdefault(patient, (part, case))
                if first_part != part:
                    who = "itself" if first == case else f"{first}, the same patient,"
                    fact = f"{case} is {PARTS[part]} by {fold.name}, and {who} {PARTS[first_part]}"
                    yield case, fact
                if part == "held_out":
                    other = held_out.setdefault((fold.owner, patient), fold)
                    if other is not fold:
                        yield (
                            case,
                            f"{case} is held out by {fold.name}, and its patient by {other.name}",
                        )


def _folds(evidence: Evidence) -> tuple[list[_Fold], list[str]]:
    """Return the folds that name a case of the cohort, and the reasons why others cannot be read."""
    cases, folds, refused = set(evidence.slices["case"].unique()), [], []
    named = os.environ.get("BRAINSEG_MODEL")
    for name in dict.fromkeys([*list_models(), *([named] if named else [])]):
        try:
            model = open_model(name)
        except BrainsegError as error:
            refused.append(str(error))
            continue
        for record in model.folds:
            parts = {part: asdict(record)[part] for part in PARTS}
            folds.append(_Fold(f"fold {record.number} of model {model.name}", model.name, parts))
    for run in list_runs(evidence.cohort.state_dir / "runs"):
        try:
            fold = run.fold()
        except BrainsegError as error:
            refused.append(str(error))
            continue
        name = f"run {run.name}"
        folds.append(_Fold(name, name, {part: tuple(fold[part]) for part in PARTS}))
    return [fold for fold in folds if not cases.isdisjoint(chain(*fold.parts.values()))], refused


def _patients(evidence: Evidence) -> dict[str, str]:
    """Return the patient of each case; cases with the same images belong to one patient."""
    cases = evidence.slices.drop_duplicates("case")
    patients = dict(zip(cases["case"], cases["patient_id"], strict=True))
    for pair in evidence.repeated_cases.itertuples():
        patients[pair.later] = patients[pair.earlier]
    return patients


RULES = [
    error(
        "fold_leak",
        rule="No fold is scored on a patient that it has seen, and no patient is held out twice.",
        why="A score on patients that the model has seen is too good, and so is any choice based on it.",
        remedy="make the folds by patient, then train and score again",
        coverage=folds_of_cohort,
        rows=_leaking_cases,
        fact="{fact}",
    )
]
