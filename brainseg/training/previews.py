"""Preview slices of a training: chosen once, predicted after each epoch, saved in the run."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.cohort import Cohort
from brainseg.errors import RunError
from brainseg.preprocessing import fit_to_grid
from brainseg.storage import write_atomically
from brainseg.training.data import PreparedCase
from brainseg.training.runs import Run
from brainseg.volume import FLAIR, SEQUENCES

PREVIEW_SLICES = 8


@dataclass(frozen=True, eq=False)
class PreviewSlices:
    """Slices of validation cases, k of them, on the network's grid.

    Attributes:
        image: (k, h, w) uint8, FLAIR as displayed.
        truth: (k, h, w) bool, the manual mask.
        cases: names of the k cases.
        slice_numbers: k numbers, as in the files.
    """

    image: np.ndarray
    truth: np.ndarray
    cases: tuple[str, ...]
    slice_numbers: tuple[int, ...]


def choose(cases: Sequence[PreparedCase], seed: int) -> list[tuple[int, int]]:
    """Choose the preview slices: one without tumour, the others evenly by tumour size.

    Returns:
        Pairs of an index in ``cases`` and a slice index in that case, at most :data:`PREVIEW_SLICES`;
        the same for the same seed and cases.
    """
    rng = np.random.default_rng(seed)
    every = [(i, j) for i, case in enumerate(cases) for j in range(len(case.masks))]
    every = [every[index] for index in rng.permutation(len(every))]
    area = {(i, j): int(np.count_nonzero(cases[i].masks[j])) for i, j in every}
    with_tumour = sorted((pair for pair in every if area[pair]), key=area.__getitem__)
    without = [pair for pair in every if not area[pair]][:1]
    count = min(PREVIEW_SLICES - len(without), len(with_tumour))
    chosen = np.linspace(0, len(with_tumour) - 1, count).round().astype(int)
    return [with_tumour[index] for index in chosen] + without


def read_slices(
    indices: list[tuple[int, int]], cases: Sequence[PreparedCase], cohort: Cohort
) -> PreviewSlices:
    """Return the slices at pairs of case and slice index, with FLAIR as displayed."""
    flair = SEQUENCES.index(FLAIR)
    images, truths, names, numbers = [], [], [], []
    for i, j in indices:
        case = cases[i]
        displayed = cohort.case(case.name).slice_pixels(case.slice_numbers[j])[..., [flair]]
        size = case.masks.shape[1]
        fitted = fit_to_grid(displayed[np.newaxis].astype(np.float32), size, case.pixel)[0, ..., 0]
        images.append(np.clip(np.round(fitted), 0, 255).astype(np.uint8))
        truths.append(case.masks[j])
        names.append(case.name)
        numbers.append(case.slice_numbers[j])
    return PreviewSlices(np.stack(images), np.stack(truths), tuple(names), tuple(numbers))


def save_slices(run: Run, slices: PreviewSlices) -> None:
    """Save the preview slices in the run."""
    _write(
        run.path / "samples" / "slices.npz",
        image=slices.image,
        truth=slices.truth,
        case=np.array(slices.cases, dtype=np.str_),
        slice_number=np.array(slices.slice_numbers, dtype=np.int64),
    )


def save_probability(run: Run, epoch: int, probability: np.ndarray) -> None:
    """Save the predictions after an epoch: (k, h, w) probabilities 0..1, stored as uint8."""
    stored = np.round(np.clip(probability, 0, 1) * 255).astype(np.uint8)
    _write(run.path / "samples" / f"epoch-{epoch:04d}.npz", probability=stored)


def load_slices(run: Run) -> PreviewSlices | None:
    """Return the preview slices of a run, or None if it has none (yet).

    Raises:
        RunError: the file is damaged.
    """
    path = run.path / "samples" / "slices.npz"
    if not path.exists():
        return None
    stored = _read(run, path, ("image", "truth", "case", "slice_number"))
    return PreviewSlices(
        stored["image"],
        stored["truth"],
        tuple(str(name) for name in stored["case"]),
        tuple(int(number) for number in stored["slice_number"]),
    )


def preview_epochs(run: Run) -> list[int]:
    """Return the epochs with predicted preview slices, ascending."""
    names = (path.name for path in (run.path / "samples").glob("epoch-*.npz"))
    found = (re.fullmatch(r"epoch-(\d+)\.npz", name) for name in names)
    return sorted(int(match[1]) for match in found if match)


def load_probability(run: Run, epoch: int) -> np.ndarray:
    """Return the predictions after an epoch, (k, h, w) uint8: 255 is a probability of 1.

    Raises:
        RunError: there is no prediction of that epoch, or the file is damaged.
    """
    path = run.path / "samples" / f"epoch-{epoch:04d}.npz"
    if not path.exists():
        raise RunError(
            f"run {run.name} has no prediction of epoch {epoch}: choose one of "
            f"{', '.join(map(str, preview_epochs(run))) or 'none, as no epoch has ended'}."
        )
    return _read(run, path, ("probability",))["probability"]


def _write(path: Path, **arrays: Any) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    write_atomically(path, file.getvalue())


def _read(run: Run, path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"samples/{path.name} of run {run.name} cannot be read ({error}): delete it; the next "
            "epoch writes a new one."
        ) from error
