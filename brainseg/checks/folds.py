"""Checks of folds: has a model, or a training run, seen whom it is scored on."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from brainseg.checks.coverage import Scope
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import finding, kind
from brainseg.cohort import Cohort
from brainseg.cohort.discovery import patient_of
from brainseg.errors import BrainsegError
from brainseg.models import MODELS, list_models, open_model
from brainseg.training.runs import list_runs

PARTS = {"trained_on": "trained on", "selected_on": "selected on", "held_out": "held out"}
"""The parts of a fold, and what is said of a case in each."""


@dataclass(frozen=True)
class _Fold:
    """Who stands in which part of a fold; ``owner`` is the model or run it belongs to."""

    name: str
    owner: str
    parts: dict[str, tuple[str, ...]]


def folds_that_know(evidence: Evidence) -> Scope:
    """Return the folds of models and training runs that name a case of the cohort."""
    known, refused = _folds(evidence)
    if refused:
        reason = f"{len(refused)} of them could not be read: {refused[0]}"
        return Scope("folds", len(known), len(refused), reason)
    none = "no model and no training run here knows a case of this cohort"
    return Scope("folds", len(known), reason="" if known else none)


@kind(
    "error",
    checks="No fold is scored on a patient that it has seen, and no patient is held out by two.",
    why="A score on whom the model has seen is too good, and so is any choice made by it.",
    remedy="make the folds by patient, then train and score again",
    scope=folds_that_know,
)
def check_fold_leak(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case whose patient stands in another part of the fold, or in two folds.

    A patient is known by the case's name, and two cases that show the same pictures are one patient.
    """
    known, _ = _folds(evidence)
    if not known:
        return []
    here = set(evidence.slices["case"])
    return [
        finding("fold_leak", case if case in here else None, fact)
        for case, fact in _leaks(known, _patients(evidence))
    ]


def stamp_of_folds(cohort: Cohort) -> tuple:
    """Return what changes when a model or a training run comes, goes or changes its folds."""
    files = [*MODELS.glob("*/manifest.json"), *(cohort.state_dir / "runs").glob("*/folds.json")]
    times = []
    for path in sorted(files):
        with suppress(OSError):  # it went between the two looks
            times.append((str(path), path.stat().st_mtime_ns))
    return os.environ.get("BRAINSEG_MODEL"), *times


def _leaks(folds: list[_Fold], patients: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (case, what is wrong with where it stands)."""
    held_out: dict[tuple[str, str], _Fold] = {}
    for fold in folds:
        met: dict[str, tuple[str, str]] = {}
        for part, cases in fold.parts.items():
            for case in cases:
                patient = patients.get(case) or patient_of(case)[0]
                first_part, first = met.setdefault(patient, (part, case))
                if first_part != part:
                    who = "itself" if first == case else f"{first}, the same patient,"
                    yield (
                        case,
                        f"{case} is {PARTS[part]} by {fold.name}, and {who} {PARTS[first_part]}",
                    )
                if part != "held_out":
                    continue
                other = held_out.setdefault((fold.owner, patient), fold)
                if other is not fold:
                    yield (
                        case,
                        f"{case} is held out by {fold.name}, and its patient by {other.name}",
                    )


def _folds(evidence: Evidence) -> tuple[list[_Fold], list[str]]:
    """Return the folds that name a case of the cohort, and why others cannot be read."""
    here, folds, refused = set(evidence.slices["case"]), [], []
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
    return [
        fold for fold in folds if any(here.intersection(cases) for cases in fold.parts.values())
    ], refused


def _patients(evidence: Evidence) -> dict[str, str]:
    """Return the patient of each case; cases that show the same pictures are of one patient."""
    cases = evidence.slices.drop_duplicates("case")
    patients = dict(zip(cases["case"], cases["patient_id"], strict=True))
    for pair in evidence.repeated_cases.itertuples():
        patients[pair.later] = patients[pair.earlier]
    return patients
