"""The slices that a training is watched by: chosen once, predicted after each epoch, kept in the run."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainseg.cohort import Cohort
from brainseg.errors import RunError
from brainseg.preprocessing import fit_to_grid
from brainseg.storage import write_atomically
from brainseg.training.data import PreparedCase
from brainseg.training.runs import Run
from brainseg.volume import FLAIR, SEQUENCES

WATCHED_SLICES = 8


@dataclass(frozen=True, eq=False)
class Watched:
    """Slices of the cases that select, k of them, on the network's grid.

    Attributes:
        image: (k, h, w) uint8, FLAIR as shown.
        truth: (k, h, w) bool, the manual mask.
        cases: k names.
        slice_numbers: k numbers, as in the files.
    """

    image: np.ndarray
    truth: np.ndarray
    cases: tuple[str, ...]
    slice_numbers: tuple[int, ...]


def choose(cases: Sequence[PreparedCase], seed: int) -> list[tuple[int, int]]:
    """Return which slices to watch: one without tumour, the others from the smallest tumour up.

    Args:
        cases: the cases that select.
        seed: the same seed and cases give the same slices.

    Returns:
        :data:`WATCHED_SLICES` pairs of a place in ``cases`` and a place in that case, or fewer where
        there are not so many.
    """
    rng = np.random.default_rng(seed)
    every = [(i, j) for i, case in enumerate(cases) for j in range(len(case.masks))]
    every = [every[place] for place in rng.permutation(len(every))]
    area = {(i, j): int(np.count_nonzero(cases[i].masks[j])) for i, j in every}
    with_tumour = sorted((place for place in every if area[place]), key=area.get)
    without = [place for place in every if not area[place]][:1]
    count = min(WATCHED_SLICES - len(without), len(with_tumour))
    steps = np.linspace(0, len(with_tumour) - 1, count).round().astype(int) if count else []
    return [with_tumour[step] for step in steps] + without


def slices_at(
    places: list[tuple[int, int]], cases: Sequence[PreparedCase], cohort: Cohort
) -> Watched:
    """Return the slices at these places, their FLAIR read again as it is shown."""
    flair = SEQUENCES.index(FLAIR)
    images, truths, names, numbers = [], [], [], []
    for i, j in places:
        case = cases[i]
        shown = cohort.case(case.name).slice_pixels(case.slice_numbers[j])[..., [flair]]
        size = case.masks.shape[1]
        fitted = fit_to_grid(shown[np.newaxis].astype(np.float32), size)[0, ..., 0]
        images.append(np.clip(np.round(fitted), 0, 255).astype(np.uint8))
        truths.append(case.masks[j])
        names.append(case.name)
        numbers.append(case.slice_numbers[j])
    return Watched(np.stack(images), np.stack(truths), tuple(names), tuple(numbers))


def keep_slices(run: Run, watched: Watched) -> None:
    """Write the slices into the run, once."""
    _write(
        run.path / "samples" / "slices.npz",
        image=watched.image,
        truth=watched.truth,
        case=np.array(watched.cases, dtype=np.str_),
        slice_number=np.array(watched.slice_numbers, dtype=np.int64),
    )


def keep_probability(run: Run, epoch: int, probability: np.ndarray) -> None:
    """Write what the network says of the slices after an epoch: (k, h, w), 0..1, kept as uint8."""
    steps = np.round(np.clip(probability, 0, 1) * 255).astype(np.uint8)
    _write(run.path / "samples" / f"epoch-{epoch:04d}.npz", probability=steps)


def watched_of(run: Run) -> Watched | None:
    """Return the slices of a run, or None where it has none (yet, or it is of an older version).

    Raises:
        RunError: the file is damaged.
    """
    path = run.path / "samples" / "slices.npz"
    if not path.exists():
        return None
    stored = _read(run, path, ("image", "truth", "case", "slice_number"))
    return Watched(
        stored["image"],
        stored["truth"],
        tuple(str(name) for name in stored["case"]),
        tuple(int(number) for number in stored["slice_number"]),
    )


def epochs_of(run: Run) -> list[int]:
    """Return the epochs after which the slices were predicted, in their order."""
    names = (path.name for path in (run.path / "samples").glob("epoch-*.npz"))
    found = (re.fullmatch(r"epoch-(\d+)\.npz", name) for name in names)
    return sorted(int(match[1]) for match in found if match)


def probability_of(run: Run, epoch: int) -> np.ndarray:
    """Return what the network said after an epoch, (k, h, w) uint8: 255 is a probability of 1.

    Raises:
        RunError: the slices were not predicted after that epoch, or the file is damaged.
    """
    path = run.path / "samples" / f"epoch-{epoch:04d}.npz"
    if not path.exists():
        raise RunError(
            f"run {run.name} holds no prediction after epoch {epoch}: choose one of "
            f"{', '.join(map(str, epochs_of(run))) or 'none, for it has not ended an epoch'}."
        )
    return _read(run, path, ("probability",))["probability"]


def _write(path: Path, **arrays: np.ndarray) -> None:
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
            "epoch writes its own."
        ) from error
