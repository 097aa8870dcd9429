"""The manifest of a model: folds, training cases, thresholds and files. Nothing here imports Keras."""

import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from brainseg.bundled import BUNDLED
from brainseg.cohort import Case, Cohort
from brainseg.cohort.discovery import patient_of
from brainseg.cohort.splits import Fold
from brainseg.errors import CohortError, ModelError
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from brainseg.models.training_images import TrainingImages, read_training_images
from brainseg.notebook import Shown
from brainseg.preprocessing import Preprocessing
from brainseg.volume import Volume

MODELS = BUNDLED / "models"
"""The folder of models, in the repository or in the installed package."""

DEFAULT_MODEL = "lgg-unet"

IMAGES = "training_images"
"""The entry of a manifest that names the hashes of the training images."""

ENGINE_PARTS = ("graph", "weights")
"""The files of an exported engine, as a manifest names them."""


@dataclass(frozen=True)
class FoldRecord:
    """One set of weights, and its training, selection and held-out cases.

    Attributes:
        number: which fold, from 0.
        weights: file name inside the model's folder.
        sha256: of the weights' file.
        trained_on: cases the network was trained on.
        selected_on: cases used to choose epoch and threshold; they count as seen.
        held_out: cases not used for training or selection.
        golden: ``file`` and ``sha256`` of a stored input with its probability.
        threshold: a probability of at least this is predicted tumour by this fold, 0..1; chosen on
            ``selected_on``.
        engine: the same network exported as a graph that runs without Keras: ``graph`` and ``weights``,
            each with its ``_sha256``; None if it was not exported.
    """

    number: int
    weights: str
    sha256: str
    trained_on: tuple[str, ...]
    selected_on: tuple[str, ...]
    held_out: tuple[str, ...]
    golden: dict[str, str]
    threshold: float
    engine: dict[str, str] | None = None

    @property
    def cases(self) -> tuple[str, ...]:
        """Return every case that this fold was trained, selected or scored on."""
        return (*self.trained_on, *self.selected_on, *self.held_out)

    @property
    def patients(self) -> set[str]:
        """Return the patients whose cases this fold was trained or selected on."""
        return {patient_of(name)[0] for name in (*self.trained_on, *self.selected_on)}

    @property
    def files(self) -> dict[str, str]:
        """Return the SHA-256 by name of every file of this fold."""
        files = {self.weights: self.sha256, self.golden["file"]: self.golden["sha256"]}
        if self.engine:
            for part in ENGINE_PARTS:
                files[self.engine[part]] = self.engine[f"{part}_sha256"]
        return files


@dataclass(frozen=True)
class Inference:
    """How a model predicts, apart from its networks.

    Attributes:
        flip_tta: test-time augmentation: each slice is predicted as it is and mirrored left to right,
            and the mean is taken. ``mirrored`` in the manifest.
        min_component_fraction: components smaller than this fraction of the largest are removed, 0
            (none) to 1 (all but the largest, as in Buda et al. 2019); ``smallest_share`` in the
            manifest. See :func:`brainseg.inference.components.remove_small_components`.
    """

    flip_tta: bool = False
    min_component_fraction: float = 0.0

    @classmethod
    def from_manifest(cls, mirrored: bool = False, smallest_share: float = 0.0) -> "Inference":
        """Return it from the keys of a manifest's JSON."""
        return cls(mirrored, smallest_share)

    def as_manifest(self) -> dict[str, bool | float]:
        """Return it with the keys of a manifest's JSON."""
        return {"mirrored": self.flip_tta, "smallest_share": self.min_component_fraction}


@dataclass(frozen=True, repr=False)
class Model(Shown):
    """A model as its manifest describes it; the weights are opened by :mod:`brainseg.models.engines`.

    Attributes:
        folder: contains manifest, weights and model card.
        architecture: a name of :data:`brainseg.models.networks.ARCHITECTURES`.
        arguments: of that function.
        preprocessing: of the network's input.
        folds: one or more.
        inference: see :class:`Inference`.
        digest: of the manifest, without exported engines and the hashes of the training images, which
            do not change predictions; saved scores refer to it.
        images: ``file`` and ``sha256`` of the hashes of the training images; None if the model was
            published without them. See :mod:`brainseg.models.training_images`.
    """

    folder: Path
    architecture: str
    arguments: dict[str, int]
    preprocessing: Preprocessing
    folds: tuple[FoldRecord, ...]
    inference: Inference
    digest: str
    images: dict[str, str] | None = None

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "architecture": self.architecture,
            "folds": len(self.folds),
            "cases held out": len({case for fold in self.folds for case in fold.held_out}),
        }

    @property
    def name(self) -> str:
        """Return the name of the model's folder."""
        return self.folder.name

    @property
    def threshold(self) -> float:
        """Return the threshold of all folds together, see :meth:`threshold_for`."""
        return self.threshold_for(tuple(record.number for record in self.folds))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Return the thresholds of the folds, 0..1, each once, ascending."""
        return tuple(sorted({record.threshold for record in self.folds}))

    def threshold_for(self, folds: tuple[int, ...]) -> float:
        """Return the threshold, 0..1, of the mean probability of some folds: the mean of theirs."""
        return round(fmean(self.fold(number).threshold for number in folds), 4)

    def fold(self, number: int) -> FoldRecord:
        """Return one fold's record; raises ModelError where there is none of that number."""
        for record in self.folds:
            if record.number == number:
                return record
        numbers = ", ".join(str(record.number) for record in self.folds)
        raise ModelError(f"{self.name} has no fold {number}: choose one of {numbers}.")

    def exposure(self, case: Case | None, volume: Volume | None = None) -> CaseExposure:
        """Return whether the model was trained on a case of a cohort, or on an uploaded volume.

        A patient is recognised by the case's name, else by the images: see
        :attr:`CaseExposure.trained_on_image`.

        Args:
            case: None for an upload.
            volume: its pixels, if there is no case.
        """
        everything = tuple(record.number for record in self.folds)
        if case is not None:
            holding = [record.number for record in self.folds if case.name in record.held_out]
            if holding:
                return CaseExposure(HELD_OUT, tuple(holding))
            if case.patient_id in self._patients:
                return CaseExposure(SEEN, everything)
        if patients := self._patients_in(case, volume):
            met = tuple(record.number for record in self.folds if patients & record.patients)
            others = tuple(number for number in everything if number not in met)
            return CaseExposure(HELD_OUT if others else SEEN, others or everything, met)
        return CaseExposure(UNKNOWN if case is None else NEW, everything)

    def _patients_in(self, case: Case | None, volume: Volume | None) -> set[str]:
        """Return the patients of the manifest whose images are in a case or volume."""
        names: frozenset[str] = frozenset()
        if self.training_images and case is not None:
            names = self.training_images.cases_by_hash(case.slices["image_hash"].dropna())
        elif self.training_images and volume is not None:
            names = self.training_images.cases_in(volume)
        return {patient_of(name)[0] for name in names} & self._patients

    @cached_property
    def training_images(self) -> TrainingImages | None:
        """Return the hashes of the training images; None if the model was published without them.

        Raises:
            ModelError: they cannot be read.
        """
        if self.images is None:
            return None
        return read_training_images(self.folder / self.images["file"], self.images["sha256"])

    @cached_property
    def _patients(self) -> set[str]:
        """Return every patient in the manifest."""
        return {patient_of(name)[0] for record in self.folds for name in record.cases}

    def first_unseen(self, cohort: Cohort) -> str | None:
        """Return the first unseen case of a cohort, or None if all were seen."""
        return next(
            (name for name in cohort.cases if not self.exposure(cohort.case(name)).seen), None
        )


def list_models(folder: Path = MODELS) -> list[str]:
    """Return the names of the installed models, the default first."""
    names = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def open_model(name: str | None = None, folder: Path = MODELS) -> Model:
    """Return a model from its manifest, without opening its weights.

    Args:
        name: a folder in ``folder``, or the path of a model's folder; by default
            ``BRAINSEG_MODEL``, or :data:`DEFAULT_MODEL`.
        folder: contains the models.

    Raises:
        ModelError: the model does not exist, its manifest is damaged or inconsistent, or the hashes of
            its training images cannot be read.
    """
    name = name or os.environ.get("BRAINSEG_MODEL") or DEFAULT_MODEL
    path = folder / name if Path(name).name == name else Path(name)
    manifest = path / "manifest.json"
    if not manifest.is_file():
        known = list_models(folder)
        if not known:
            raise ModelError(
                f"unknown model “{name[:60]}”: no model is installed; restore models/ from the "
                "repository, or train one with `python -m brainseg train DATA --publish models/NAME`."
            )
        raise ModelError(f"unknown model “{name[:60]}”: choose from {', '.join(known)}.")
    model = model_of(manifest.read_bytes(), path.resolve())
    _ = model.training_images  # Damaged files are refused here, not in the middle of a page.
    return model


def model_of(manifest: bytes, folder: Path) -> Model:
    """Return the model that a manifest describes.

    Args:
        manifest: the content of its file.
        folder: contains the files it names.

    Raises:
        ModelError: the manifest is damaged or inconsistent.
    """
    try:
        facts = json.loads(manifest)
        # Older manifests have one threshold for all folds.
        shared = {"threshold": facts["threshold"]} if "threshold" in facts else {}
        records = tuple(_record(shared | record) for record in facts["folds"])
        model = Model(
            folder=folder,
            architecture=facts["architecture"],
            arguments=facts["arguments"],
            preprocessing=Preprocessing(**facts["input"]),
            folds=records,
            inference=Inference.from_manifest(**facts.get("inference", {})),
            digest=_digest_of(facts),
            images=_images_of(facts),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the manifest of {folder.name} cannot be used ({error}): restore models/ from the "
            "repository."
        ) from error
    _check(model)
    return model


def _digest_of(facts: dict) -> str:
    folds = [{k: v for k, v in fold.items() if k != "engine"} for fold in facts["folds"]]
    lasting = {name: value for name, value in facts.items() if name != IMAGES}
    return hashlib.sha256(_as_bytes(lasting | {"folds": folds})).hexdigest()


def _images_of(facts: dict) -> dict[str, str] | None:
    """Return the hashes of the training images as a manifest names them, or None."""
    if IMAGES not in facts:
        return None
    named = {part: facts[IMAGES][part] for part in ("file", "sha256")}
    if not all(isinstance(text, str) for text in named.values()):
        raise TypeError("the file or hash of the training images is not text")
    return named


def _as_bytes(facts: dict) -> bytes:
    return (json.dumps(facts, indent=1) + "\n").encode()


def _record(facts: dict) -> FoldRecord:
    """Return a fold as the manifest's JSON describes it."""
    known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
    record = FoldRecord(**known)
    if not all(isinstance(text, str) for item in record.files.items() for text in item):
        raise TypeError(f"a file or hash of fold {record.number} is not text")
    return replace(record, threshold=float(record.threshold))


def _check(model: Model) -> None:
    """Refuse a manifest that breaks a rule on which the scores depend."""
    if not model.folds:
        raise ModelError(f"{model.name} has no fold: train and publish one.")
    flip_tta, share = model.inference.flip_tta, model.inference.min_component_fraction
    if not isinstance(flip_tta, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ModelError(
            f"the inference of {model.name} is mirrored={flip_tta!r}, smallest_share={share!r}; "
            "expected true or false, and 0 to 1: correct the manifest."
        )
    numbers = Counter(record.number for record in model.folds)
    if max(numbers.values()) > 1:
        raise ModelError(f"{model.name} has two folds {numbers.most_common(1)[0][0]}: remove one.")
    if model.images:
        _refuse_outside(model, model.images["file"])
    for record in model.folds:
        if not 0 < record.threshold < 1:
            raise ModelError(
                f"the threshold of {model.name} fold {record.number} is {record.threshold}; expected "
                "between 0 and 1."
            )
        for file in record.files:
            _refuse_outside(model, file)
        try:
            Fold(record.number, record.trained_on, record.selected_on, record.held_out)
        except CohortError as error:
            raise ModelError(f"{model.name} cannot be used: {error}") from error
    held = Counter(case for record in model.folds for case in record.held_out)
    twice = [case for case, count in held.items() if count > 1]
    if twice:
        raise ModelError(
            f"{twice[0]} is held out by two folds of {model.name}: a case is scored by one fold, so "
            "correct the manifest."
        )


def _refuse_outside(model: Model, file: str) -> None:
    if not re.fullmatch(r"[\w.-]+", file):
        raise ModelError(f"{model.name} names a file “{file[:60]}” outside of its folder.")


def manifest_of(
    architecture: str,
    arguments: dict[str, int],
    preprocessing: Preprocessing,
    inference: Inference,
    folds: list[FoldRecord],
    images: dict[str, str] | None = None,
) -> bytes:
    """Return a manifest as the bytes of its file; see :class:`Model` for its content."""
    facts = {
        "architecture": architecture,
        "arguments": arguments,
        "input": asdict(preprocessing),
        "inference": inference.as_manifest(),
        "folds": [
            {name: value for name, value in asdict(record).items() if value is not None}
            for record in sorted(folds, key=lambda record: record.number)
        ],
    }
    return _as_bytes(facts | ({IMAGES: images} if images else {}))


def with_images(manifest: bytes, images: dict[str, str]) -> bytes:
    """Return a manifest with the hashes of the training images added.

    Args:
        manifest: the content of its file.
        images: :attr:`Model.images`.
    """
    return _as_bytes(json.loads(manifest) | {IMAGES: images})


def with_engines(manifest: bytes, engines: dict[int, dict[str, str]]) -> bytes:
    """Return a manifest with exported engines added to some folds.

    Args:
        manifest: the content of its file.
        engines: :attr:`FoldRecord.engine` by the fold's number.
    """
    facts = json.loads(manifest)
    for fold in facts["folds"]:
        if fold["number"] in engines:
            fold["engine"] = engines[fold["number"]]
    return _as_bytes(facts)
