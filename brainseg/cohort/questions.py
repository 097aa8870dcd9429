"""What the files of a cohort do not tell: the questions that the user may answer once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from brainseg.cohort.answers import NONE, Answers, read_answers
from brainseg.cohort.cohort import Cohort
from brainseg.cohort.studies import GUESSED, by_worker, open_study
from brainseg.io.sequence_choice import propose, undecided
from brainseg.volume import SEQUENCES

MASKS = "masks"


@dataclass(frozen=True)
class Question:
    """A question about all cases of a folder.

    Attributes:
        about: :data:`MASKS`, one of :data:`brainseg.volume.SEQUENCES`, or a value in masks.
        text: the question.
        options: to choose from; empty for a name in the user's own words.
        used: what is used without an answer.
        answer: of the user, empty without one.
    """

    about: str
    text: str
    options: tuple[str, ...] = ()
    used: str = ""
    answer: str = ""


def questions_on(cohort: Cohort) -> list[Question]:
    """Return the questions about a folder, those that are answered included.

    One case is read where the files do not name the sequences.

    Raises:
        CohortError: that case can no longer be read.
    """
    answers = read_answers(cohort.root)
    asked = []
    if len(cohort.mask_folders) > 1:
        options = (*cohort.mask_folders, NONE)
        text = "Which folder contains the masks?"
        asked.append(Question(MASKS, text, options, options[0], answers.masks))
    asked += _on_sequences(cohort, answers.sequences)
    asked += [
        Question(label, f"What does label {label} mean?", answer=answers.labels.get(label, ""))
        for label in cohort.labels
        if (label.isdecimal() or label.startswith("#"))
        and (label in answers.labels or label not in cohort.label_names)
    ]
    return asked


def with_answers(answers: Answers, given: Mapping[str, str]) -> Answers:
    """Return answers with those to some questions, by what they are about; empty ones are withdrawn."""
    sequences = {name: text for name, text in given.items() if name in SEQUENCES}
    labels = {name: text for name, text in given.items() if name not in (*SEQUENCES, MASKS)}
    return replace(
        answers,
        masks=given.get(MASKS, answers.masks),
        sequences=_kept(answers.sequences, sequences),
        labels=_kept(answers.labels, labels),
    )


def _kept(before: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in {**before, **given}.items() if text}


def _on_sequences(cohort: Cohort, answers: Mapping[str, str]) -> list[Question]:
    first = cohort.slices[cohort.slices["source"].notna()]
    is_open = first["image_notes"].str.contains(GUESSED).fillna(False).astype(bool)
    is_open |= first["source"].map(lambda source: "sequences" in json.loads(source)).astype(bool)
    if first.empty or not is_open.any():
        return []
    case = first[is_open].iloc[0]
    names, used = by_worker(_series, case["case"], cohort.root, case["source"], case["case"])
    return [
        Question(
            sequence,
            f"Which series is {sequence}?",
            (*names, NONE),
            used[sequence],
            answers.get(sequence, ""),
        )
        for sequence in SEQUENCES
        if sequence in used
    ]


def _series(root: Path, source: str, case: str) -> tuple[list[str], dict[str, str]]:
    """Return the names of the series of a case, and what is used for each undecided sequence.

    The name is what a series has besides the case, so that it fits the other cases.
    """
    upload, assignment, _, _ = open_study(root, {**json.loads(source), "sequences": {}})
    names = [
        one.label.replace(case, "").strip("_-. ") if one.number is None else str(one.number)
        for one in upload.series
    ]
    found = {}
    for sequence in undecided(propose(upload)):
        index = assignment[sequence]
        found[sequence] = NONE if index is None else names[index]
    return names, found
