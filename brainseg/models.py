"""The manifest: choose a model, know what it saw, and publish one. Nothing here imports Keras."""

import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from brainseg.cohort import Case, Cohort
from brainseg.discovery import patient_of
from brainseg.errors import CohortError, ModelError
from brainseg.preprocessing import Preprocessing
from brainseg.splits import Fold

MODELS = Path(__file__).resolve().parents[1] / "models"
"""The checkout's folder of models."""

DEFAULT_MODEL = "lgg-unet"

HELD_OUT, SEEN, NEW = "held out", "seen", "new"
"""What a model knows of a case: a fold never saw it, every fold saw its patient, or none knows it."""


@dataclass(frozen=True)
class FoldRecord:
    """One set of weights, and which cases it met.

    Attributes:
        number: which fold, from 0.
        weights: file name inside the model's folder.
        sha256: of the weights' file.
        trained_on: cases whose slices the network learned from.
        selected_on: cases that chose epoch and threshold: seen, too.
        held_out: cases it never saw.
        golden: ``file`` and ``sha256`` of a stored input with its probability.
    """

    number: int
    weights: str
    sha256: str
    trained_on: tuple[str, ...]
    selected_on: tuple[str, ...]
    held_out: tuple[str, ...]
    golden: dict[str, str]


@dataclass(frozen=True)
class Standing:
    """What a model knows of one case, and which of its folds therefore predict it.

    Attributes:
        relation: :data:`HELD_OUT`, :data:`SEEN` or :data:`NEW`.
        folds: numbers of the folds whose mean probability is the prediction.
    """

    relation: str
    folds: tuple[int, ...]

    @property
    def seen(self) -> bool:
        """Return whether a fold that predicts this case learned from its patient."""
        return self.relation == SEEN

    @property
    def fold(self) -> int | None:
        """Return the one fold that predicts, or None where several do."""
        return self.folds[0] if len(self.folds) == 1 else None


@dataclass(frozen=True)
class Model:
    """A model as its manifest describes it; the weights are opened by :mod:`brainseg.engines`.

    Attributes:
        folder: where manifest, weights and model card lie.
        architecture: a name of :data:`brainseg.networks.ARCHITECTURES`.
        arguments: of that function.
        preprocessing: what the network is fed with.
        threshold: a probability of at least this is predicted tumour, 0..1.
        folds: one or more.
        digest: of the manifest; scores belong to it.
    """

    folder: Path
    architecture: str
    arguments: dict[str, int]
    preprocessing: Preprocessing
    threshold: float
    folds: tuple[FoldRecord, ...]
    digest: str

    @property
    def name(self) -> str:
        """Return the name of the model's folder."""
        return self.folder.name

    def fold(self, number: int) -> FoldRecord:
        """Return one fold's record; raises ModelError where there is none of that number."""
        for record in self.folds:
            if record.number == number:
                return record
        numbers = ", ".join(str(record.number) for record in self.folds)
        raise ModelError(f"{self.name} has no fold {number}: choose one of {numbers}.")

    def standing(self, case: Case | None) -> Standing:
        """Return what the model knows of a case of a cohort; None, an upload, is new to it.

        A patient is known by the case's name, as everywhere: a renamed copy passes for a new one.
        """
        everything = tuple(record.number for record in self.folds)
        if case is None:
            return Standing(NEW, everything)
        holding = [record.number for record in self.folds if case.name in record.held_out]
        if holding:
            return Standing(HELD_OUT, tuple(holding))
        return Standing(SEEN if case.patient_id in self._patients else NEW, everything)

    @cached_property
    def _patients(self) -> set[str]:
        """Return every patient that stands in the manifest."""
        return {
            patient_of(name)[0]
            for record in self.folds
            for name in (*record.trained_on, *record.selected_on, *record.held_out)
        }

    def first_unseen(self, cohort: Cohort) -> str | None:
        """Return the first case of a cohort that a fold never saw, or None where all were seen."""
        return next(
            (name for name in cohort.cases if not self.standing(cohort.case(name)).seen), None
        )


def fold_words(folds: tuple[int, ...]) -> str:
    """Return folds in words: “fold 0”, or “the mean of folds 0, 1 and 2”."""
    if len(folds) == 1:
        return f"fold {folds[0]}"
    *most, last = map(str, folds)
    return f"the mean of folds {', '.join(most)} and {last}"


def list_models(folder: Path = MODELS) -> list[str]:
    """Return the names of the models there are; the default comes first."""
    names = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def open_model(name: str | None = None, folder: Path = MODELS) -> Model:
    """Return a model from its manifest, without opening its weights.

    Args:
        name: a folder in ``folder``, or the path of a model's folder; without one
            ``BRAINSEG_MODEL``, or the default.
        folder: where models are kept.

    Raises:
        ModelError: there is no such model, or its manifest is damaged or contradicts itself.
    """
    name = name or os.environ.get("BRAINSEG_MODEL") or DEFAULT_MODEL
    place = folder / name if Path(name).name == name else Path(name)
    manifest = place / "manifest.json"
    if not manifest.is_file():
        there = list_models(folder)
        if not there:
            raise ModelError(
                f"unknown model “{name[:60]}”: there is none here yet; restore models/ from the "
                "repository, or train one with `python -m brainseg train DATA --publish models/NAME`."
            )
        raise ModelError(f"unknown model “{name[:60]}”: choose from {', '.join(there)}.")
    content = manifest.read_bytes()
    try:
        facts = json.loads(content)
        records = tuple(
            FoldRecord(**{k: tuple(v) if isinstance(v, list) else v for k, v in record.items()})
            for record in facts["folds"]
        )
        model = Model(
            folder=place.resolve(),
            architecture=facts["architecture"],
            arguments=facts["arguments"],
            preprocessing=Preprocessing(**facts["input"]),
            threshold=float(facts["threshold"]),
            folds=records,
            digest=hashlib.sha256(content).hexdigest(),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the manifest of {name} cannot be used ({error}): restore models/ from the repository."
        ) from error
    _check(model)
    return model


def _check(model: Model) -> None:
    """Refuse a manifest that breaks a rule the scores rest on."""
    if not model.folds:
        raise ModelError(f"{model.name} has no fold: train one and publish it there.")
    if not 0 < model.threshold < 1:
        raise ModelError(
            f"the threshold of {model.name} is {model.threshold}; expected between 0 and 1."
        )
    for record in model.folds:
        for file in (record.weights, record.golden.get("file", "")):
            if not re.fullmatch(r"[\w.-]+", file):
                raise ModelError(f"{model.name} names a file “{file[:60]}” outside of its folder.")
        try:
            Fold(record.number, record.trained_on, record.selected_on, record.held_out)
        except CohortError as error:
            raise ModelError(f"{model.name} is not to be trusted: {error}") from error
    held = Counter(case for record in model.folds for case in record.held_out)
    twice = [case for case, count in held.items() if count > 1]
    if twice:
        raise ModelError(
            f"{twice[0]} is held out by two folds of {model.name}: a case is scored by one fold, so "
            "correct the manifest."
        )


def manifest_of(
    architecture: str,
    arguments: dict[str, int],
    preprocessing: Preprocessing,
    threshold: float,
    folds: list[FoldRecord],
) -> bytes:
    """Return a manifest as the bytes of its file."""
    facts = {
        "architecture": architecture,
        "arguments": arguments,
        "input": asdict(preprocessing),
        "threshold": threshold,
        "folds": [asdict(record) for record in folds],
    }
    return (json.dumps(facts, indent=1) + "\n").encode()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
