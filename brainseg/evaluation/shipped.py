"""Scores that come with a model, for cases that are recognised by their images and masks.

A figure of a shipped score was computed where the model was published. It applies to a case with exactly
the same decoded images and masks, whatever its folder and name.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.fingerprint import fingerprints
from brainseg.cohort.saved_index import MAPPED_FROM
from brainseg.errors import CohortError
from brainseg.evaluation.cases_to_score import LEARNED_FROM
from brainseg.evaluation.scores import NOT_SCORED, Evaluation
from brainseg.evaluation.store import (
    VERSION,
    as_content,
    load_json,
    of_content,
    save_json,
    saved_scores,
)
from brainseg.models import Model
from brainseg.statistics.saved_tables import case_table

FILE = "scores.json"


def load_scores(cohort: Cohort, model: Model) -> Evaluation | None:
    """Return the evaluation of a model on a cohort: as saved here, else as shipped, or None."""
    saved = saved_scores(cohort, model)
    return shipped_scores(cohort, model) if saved is None else saved


def shipped_scores(cohort: Cohort, model: Model) -> Evaluation | None:
    """Return the scores that came with a model for the cases of a cohort, or None without any.

    The other cases are refused: those with a mask as :data:`brainseg.evaluation.scores.NOT_SCORED`.
    """
    if cohort.label is not None:  # they were computed with the union of the labels
        return None
    found = load_json(model.folder / FILE, VERSION, _of_shipped)
    if found is None or found[0].digest != model.digest:
        return None
    evaluation, names = found
    here: dict[str, str] = {}
    for name in _candidates(cohort, model, evaluation):
        known = names.get(_fingerprint(cohort.case(name).slices))
        if known is not None:
            here.setdefault(known, name)
    if not here:
        return None
    refused: dict[str, str] = {}
    matching = {*here.values()}
    for name, slices in cohort.slices.groupby("case"):
        if name in matching:
            continue
        if slices["area_px"].notna().any():
            seen = model.exposure(cohort.case(str(name))).seen
            refused[str(name)] = LEARNED_FROM if seen else NOT_SCORED
        else:
            refused[str(name)] = "it has no usable mask"
    matched = evaluation.of(evaluation.scores["case"].isin(set(here)).to_numpy())
    return _renamed(replace(matched, refused=refused), here, cohort)


def _candidates(cohort: Cohort, model: Model, shipped: Evaluation) -> list[str]:
    """Return the cases of a cohort, sorted, that may be among the shipped ones.

    Of a large cohort only those with an image that the model knows, or as large a tumour as one of the
    shipped cases that it does not: the fingerprints of 280,000 cases take minutes.
    """
    if len(cohort.slices) < MAPPED_FROM:
        return sorted(cohort.cases)
    images, scores = model.training_images, shipped.scores
    known_hashes, known_cases = (
        ([], frozenset[str]()) if images is None else (list(images.cases), images.names)
    )
    slices, cases = cohort.slices, case_table(cohort)
    with_image = slices["case"][slices["image_hash"].isin(known_hashes)]
    sizes = scores.loc[~scores["case"].isin(known_cases), "tumour_vx"]
    return sorted({*with_image, *cases["case"][cases["tumour_vx"].isin(sizes)]})


def ship_scores(cohort: Cohort, model: Model, evaluation: Evaluation) -> Path:
    """Write the scores of unseen cases into the folder of a model; return the file.

    Cases of other cohorts that were shipped before, with the same model, stay.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
        CohortError: no unseen case has a score.
    """
    if cohort.label is not None:
        raise CohortError(
            f"these scores are of {cohort.masks_in_words}: keep only scores of all labels together with "
            "the model, without --label."
        )
    unseen = evaluation.unseen()
    if unseen is None:
        raise CohortError(
            f"{model.name} was trained on every scored case: score it on new patients before its scores "
            "are kept with it."
        )
    cases = unseen.scores["case"]
    names = {_fingerprint(cohort.case(case).slices): str(case) for case in cases}
    before = load_json(model.folder / FILE, VERSION, _of_shipped)
    if before is not None and before[0].digest == model.digest:
        kept = {key: name for key, name in before[1].items() if key not in names}
        kept = {key: name for key, name in kept.items() if name not in names.values()}
        old = before[0].of(before[0].scores["case"].isin(set(kept.values())).to_numpy())
        unseen, names = old.with_cases(unseen), kept | names
    content = as_content(replace(unseen, refused={}, shipped=()))
    path = model.folder / FILE
    save_json(path, {"version": VERSION, **content, "fingerprints": dict(sorted(names.items()))})
    return path


def _of_shipped(content: dict) -> tuple[Evaluation, dict[str, str]]:
    return of_content(content), dict(content["fingerprints"])


def _fingerprint(slices: pd.DataFrame) -> str:
    return "".join(fingerprints(slices))


def _renamed(evaluation: Evaluation, here: dict[str, str], cohort: Cohort) -> Evaluation:
    """Return an evaluation with the names, patients and institutions of a cohort."""
    names = evaluation.scores["case"].map(here)
    facts = cohort.slices.drop_duplicates("case").set_index("case").loc[names]
    columns = {name: facts[name].to_numpy() for name in ("patient_id", "institution")}
    renamed = replace(
        evaluation,
        scores=evaluation.scores.assign(case=names, **columns),
        slices=evaluation.slices.assign(case=evaluation.slices["case"].map(here)),
        shipped=tuple(names),
        second_look={here[case]: found for case, found in evaluation.second_look.items()},
    )
    nothing = evaluation.of(np.zeros(len(names), bool))
    return nothing.with_cases(renamed)  # sorted by the names here
