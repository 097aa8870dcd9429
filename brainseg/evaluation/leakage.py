"""The effect of a split by slice: one network trained further on two splits, and scored the same way.

If the test slices are drawn from the slices of all patients, the network has learned from their
neighbours, and its score is for patients that it knows (leakage; Kapoor and Narayanan 2023, Patterns
4(9)). This module measures the difference. Four copies of a model's network are trained further: two
each on half of the patients, two each on half of the slices of all patients. Each copy predicts the
other half, so that every slice is scored once per split. Start, number of batches, slices and counting
are the same; only the halves differ.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainseg.backends import require_keras
from brainseg.cohort import Case, Cohort
from brainseg.cohort.index import Progress
from brainseg.errors import CohortError
from brainseg.evaluation.comparison import Comparison, compare
from brainseg.evaluation.conventions import conventions
from brainseg.evaluation.scores import Evaluation
from brainseg.evaluation.scoring import CaseScore, joined, scorable, score_probability
from brainseg.evaluation.splits import halves_by_patient, halves_by_slice
from brainseg.evaluation.store import as_content, load_json, of_content, save_json, scores_path
from brainseg.metrics import BINS
from brainseg.models import Model
from brainseg.preprocessing import back_from_grid, pixel_of, with_context

if TYPE_CHECKING:
    import keras

    from brainseg.training.data import PreparedCase

VERSION = 2
"""Of a saved measurement: one of another version is measured again."""

BY_PATIENT, BY_SLICE = "split by patient", "split by slice"
COUNTED = (
    "by case",
    "by case, tumour slices alone",
    "by slice, tumour slices alone",
    "by slice, all slices",
)
"""The rules of :func:`brainseg.evaluation.conventions` under which the two splits are compared."""

FEWEST_PATIENTS = 4
MOST_CASES = 24
"""More would need more memory than a small machine has, and hardly narrow the interval."""

SHIPPED = "leakage.json"


@dataclass(frozen=True)
class Recipe:
    """The training of each of the four copies: short, because the network is already trained.

    Attributes:
        passes: number of times each slice is shown.
        batch_size: slices per batch.
        learning_rate: at the beginning; it falls to a hundredth along a cosine.
        seed: of the halves and of the order of the slices.
    """

    passes: int = 6
    batch_size: int = 16
    learning_rate: float = 5e-5
    seed: int = 0


@dataclass(frozen=True)
class Leakage:
    """The same cases scored under two splits.

    Attributes:
        by_patient: scores of copies that learned from other patients.
        by_slice: scores of copies that learned from other slices of these patients.
        recipe: how the copies learned.
    """

    by_patient: Evaluation
    by_slice: Evaluation
    recipe: Recipe

    @property
    def table(self) -> pd.DataFrame:
        """Return the mean Dice of both splits, one row per rule of :data:`COUNTED`.

        Columns: ``rule``, ``by_patient`` and ``by_slice`` (0..1), ``n`` and ``unit``.
        """
        by_patient, by_slice = (
            conventions(one).set_index("rule").loc[list(COUNTED)]
            for one in (self.by_patient, self.by_slice)
        )
        table = by_patient[["dice", "n", "unit"]].rename(columns={"dice": "by_patient"})
        table.insert(1, "by_slice", by_slice["dice"])
        return table.reset_index()

    @property
    def comparison(self) -> Comparison | None:
        """Return the differences by case, split by slice minus split by patient: the leakage alone."""
        return compare(self.by_patient, self.by_slice)

    def as_json(self) -> dict:
        """Return both splits under each rule, and the difference by case, as one JSON object."""
        found = self.comparison
        return {
            **asdict(self.recipe),
            "cases": self.by_patient.scores["case"].tolist(),
            "rules": self.table.to_dict("records"),
            "difference_by_case": found and {"mean": found.mean, "ci95": [found.low, found.high]},
        }

    def as_lines(self) -> list[str]:
        """Return both splits and their difference as lines for a terminal."""
        lines = [
            f"{row.rule}: {BY_PATIENT} {row.by_patient:.3f}, {BY_SLICE} {row.by_slice:.3f}, "
            f"n = {row.n} {row.unit}"
            for row in self.table.itertuples()
        ]
        if found := self.comparison:
            ends = f"{found.low:+.3f} to {found.high:+.3f}"
            lines.append(f"the split alone, by case: {found.mean:+.3f} (95% interval {ends})")
        return lines


def measure_leakage(
    cohort: Cohort, model: Model, progress: Progress | None = None, recipe: Recipe | None = None
) -> Leakage:
    """Return the effect of a split by slice on the scores of a model's network; takes minutes.

    The cases are those that the network never saw, at most :data:`MOST_CASES`; the threshold is the
    model's own throughout. The model itself does not change.

    Args:
        cohort: with masks.
        model: the copies start from its fold with the most unseen cases.
        progress: called with (batches learned, batches in all); an exception from it ends the
            measurement.
        recipe: of the training; None for the default.

    Raises:
        CohortError: fewer than :data:`FEWEST_PATIENTS` patients are left.
        ModelError: the model cannot be opened.
        MissingPackageError: Keras is not installed.
    """
    require_keras("Measuring what a split by slice adds")
    recipe = recipe or Recipe()
    fold, cases = _chosen(cohort, model, recipe.seed)
    learner = Learner(model, fold, cases, recipe, progress)
    sizes = [len(case.masks) for case in learner.prepared]
    volumes = [int(case.masks.sum()) for case in learner.prepared]
    by_patient, by_slice = (
        # Without histograms, which would be nine tenths of the file.
        replace(joined(learner.scores(halves), model, {}), histograms=np.zeros((0, 3, BINS)))
        for halves in (
            halves_by_patient(sizes, volumes, [case.patient_id for case in cases], recipe.seed),
            halves_by_slice(sizes, recipe.seed),
        )
    )
    return Leakage(by_patient, by_slice, recipe)


def save_leakage(leakage: Leakage, path: Path) -> None:
    """Save a measurement in a file such as :func:`leakage_path`.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
    """
    content = {
        "version": VERSION,
        "recipe": asdict(leakage.recipe),
        "by_patient": as_content(leakage.by_patient),
        "by_slice": as_content(leakage.by_slice),
    }
    save_json(path, content)


def leakage_path(cohort: Cohort, model: Model) -> Path:
    """Return the file of a measurement in the user's folder of the cohort."""
    return scores_path(cohort, model.digest, "-leakage")


def load_leakage(path: Path, model: Model, recipe: Recipe | None = None) -> Leakage | None:
    """Return the measurement in a file, or None if there is none of exactly this model and recipe.

    Args:
        path: of the file.
        model: the model that was measured.
        recipe: of the training; None for the default.
    """

    def build(content: dict) -> Leakage | None:
        found = Leakage(
            of_content(content["by_patient"]),
            of_content(content["by_slice"]),
            Recipe(**content["recipe"]),
        )
        is_of_model = found.by_patient.digest == found.by_slice.digest == model.digest
        return found if is_of_model and found.recipe == (recipe or Recipe()) else None

    return load_json(path, VERSION, build)


class Learner:
    """Prepared cases, and copies of one network that are trained on a part of them.

    Args:
        model: gives preprocessing, threshold and architecture.
        fold: the copies start from its network.
        cases: the cases to split.
        recipe: of the training.
        progress: see :func:`measure_leakage`.
    """

    def __init__(
        self, model: Model, fold: int, cases: list[Case], recipe: Recipe, progress: Progress | None
    ) -> None:
        # Imported here, because pages that show a saved result do not train.
        from brainseg.training.data import prepare_case

        self.model, self.fold, self.cases, self.recipe = model, fold, cases, recipe
        self.prepared = [prepare_case(case, model.preprocessing) for case in cases]
        slices = sum(len(case.masks) for case in self.prepared)
        # The same for each copy, whatever the size of its half.
        self.steps = max(1, recipe.passes * slices // 2 // recipe.batch_size)
        self._progress, self._learned = progress, 0

    def scores(self, halves: list[np.ndarray]) -> list[CaseScore]:
        """Return the score of each case, every slice predicted by the copy not trained on it."""
        found = [np.zeros(case.masks.shape, np.float32) for case in self.prepared]
        for scored in (0, 1):
            network = self.trained([half != scored for half in halves])
            for case, half, probability in zip(self.prepared, halves, found, strict=True):
                places = np.flatnonzero(half == scored)
                if len(places):
                    probability[places] = self.predict(network, case, places)
        pairs = zip(self.cases, found, strict=True)
        return [self.score(case, probability) for case, probability in pairs]

    def trained(self, allowed: list[np.ndarray]) -> "keras.Model":
        """Return a copy trained on the allowed slices, (n,) bool per case."""
        import keras

        from brainseg.models.engines import load_engine
        from brainseg.models.networks import compiles_by_xla
        from brainseg.training.optimisation import cross_entropy_and_soft_dice

        network = load_engine(self.model, self.fold).copy()
        falling = keras.optimizers.schedules.CosineDecay(
            self.recipe.learning_rate, self.steps, alpha=0.01
        )
        optimizer = keras.optimizers.AdamW(falling, clipnorm=1.0)
        network.compile(optimizer, loss=cross_entropy_and_soft_dice, jit_compile=compiles_by_xla())
        for slices, masks in self.batches(allowed):
            self._report()
            network.train_on_batch(slices, masks)
            self._learned += 1
        return network

    def batches(self, allowed: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (b, s, s, c) and (b, s, s, 1) float32; each slice once per pass, in random order."""
        rng = np.random.default_rng(self.recipe.seed)
        places = [
            (number, place)
            for number, of_case in enumerate(allowed)
            for place in np.flatnonzero(of_case).tolist()
        ]
        coming: list[tuple[int, int]] = []
        for _ in range(self.steps):
            while len(coming) < self.recipe.batch_size:
                coming += [places[i] for i in rng.permutation(len(places))]
            batch, coming = coming[: self.recipe.batch_size], coming[self.recipe.batch_size :]
            masks = [self.prepared[number].masks[place] for number, place in batch]
            slices = [self._input(self.prepared[number], place) for number, place in batch]
            yield np.stack(slices), np.stack(masks)[..., np.newaxis].astype(np.float32)

    def predict(
        self, network: "keras.Model", case: "PreparedCase", places: np.ndarray
    ) -> np.ndarray:
        """Return the probability of some slices of a case, (places, s, s) float32."""
        from brainseg.models.engines import run_network

        self._report()
        return run_network(network, np.stack([self._input(case, place) for place in places]))

    def score(self, case: Case, on_grid: np.ndarray) -> CaseScore:
        """Return the score of a case from its probability on the network's grid, (n, s, s) float32."""
        volume = case.volume()
        _, has_mask = case.masks()
        count, height, width = volume.pixels.shape[:3]
        probability = np.zeros((count, height, width), np.float32)
        probability[has_mask] = back_from_grid(on_grid, height, width, pixel_of(volume))
        facts = {"fold": self.fold, "seen": False, "seconds": float("nan")}
        threshold = self.model.threshold_for((self.fold,))
        return score_probability(case, volume, probability, probability >= threshold, facts)

    def _input(self, case: "PreparedCase", place: int) -> np.ndarray:
        """Return a slice as input of the network, (s, s, c) float32, without augmentation."""
        return with_context(case.stack, place, self.model.preprocessing)

    def _report(self) -> None:
        if self._progress:
            self._progress(self._learned, 4 * self.steps)


def _chosen(cohort: Cohort, model: Model, seed: int) -> tuple[int, list[Case]]:
    """Return the fold of a model with the most unseen cases, and these cases."""
    unseen, _ = scorable(cohort, model)
    by_fold = {
        record.number: [case for case in unseen if record.number in model.exposure(case).folds]
        for record in model.folds
    }
    fold = max(by_fold, key=lambda number: len(by_fold[number]))
    cases = by_fold[fold]
    if len(cases) > MOST_CASES:
        drawn = np.random.default_rng(seed).choice(len(cases), MOST_CASES, replace=False)
        cases = [cases[place] for place in sorted(drawn)]
    patients = len({case.patient_id for case in cases})
    if patients < FEWEST_PATIENTS:
        raise CohortError(
            f"{patients} patients of this cohort are new to {model.name}, but a split needs "
            f"{FEWEST_PATIENTS}: open a cohort with more."
        )
    return fold, cases
