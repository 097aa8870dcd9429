"""A model as its manifest describes it: folds, training cases, thresholds and files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from brainseg.cohort.case_names import FLAIR_ABNORMALITY, patient_of
from brainseg.errors import ModelError
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from brainseg.models.training_images import TrainingImages, read_training_images
from brainseg.notebook import Shown
from brainseg.preprocessing import Preprocessing
from brainseg.volume import Volume

if TYPE_CHECKING:
    from brainseg.cohort import Case, Cohort

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
        run: name of the training run that it comes from, if it is known.
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
    run: str | None = None

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
        digest: of the manifest, without exported engines, names of runs and the hashes of the training
            images, which do not change predictions; saved scores refer to it.
        images: ``file`` and ``sha256`` of the hashes of the training images; None if the model was
            published without them. See :mod:`brainseg.models.training_images`.
        target: what the masks of its training outline; FLAIR abnormality where the manifest is silent.
    """

    folder: Path
    architecture: str
    arguments: dict[str, int]
    preprocessing: Preprocessing
    folds: tuple[FoldRecord, ...]
    inference: Inference
    digest: str
    images: dict[str, str] | None = None
    target: str = FLAIR_ABNORMALITY

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "architecture": self.architecture,
            "predicts": self.target,
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

    def exposure(self, case: "Case | None", volume: Volume | None = None) -> CaseExposure:
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
            if case.patient_id in self._patients:  # under another name, or in another study
                apart = [one.number for one in self.folds if case.patient_id not in one.patients]
                return CaseExposure(HELD_OUT if apart else SEEN, tuple(apart) or everything)
        if patients := self._patients_in(case, volume):
            met = tuple(record.number for record in self.folds if patients & record.patients)
            others = tuple(number for number in everything if number not in met)
            return CaseExposure(HELD_OUT if others else SEEN, others or everything, met)
        return CaseExposure(UNKNOWN if case is None else NEW, everything)

    def _patients_in(self, case: "Case | None", volume: Volume | None) -> set[str]:
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

    def first_unseen(self, cohort: "Cohort") -> str | None:
        """Return the first unseen case of a cohort, or None if all were seen."""
        return next(
            (name for name in cohort.cases if not self.exposure(cohort.case(name)).seen), None
        )
