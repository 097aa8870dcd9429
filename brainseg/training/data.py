"""Training data: prepared cases, and batches drawn from them."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brainseg.cohort import Case
from brainseg.errors import CohortError
from brainseg.preprocessing import Preprocessing, fit_to_grid, normalise, pixel_of, with_context
from brainseg.training.augmentation import augment
from brainseg.training.config import TrainingConfig
from brainseg.volume import Volume

if TYPE_CHECKING:
    import keras

PHANTOM_SEED = 7_000
"""Offset of the phantoms' seeds, so that none equals a case of the default sample cohort."""

MOST_WORKERS = 8
"""More threads would only wait for each other, and each uses memory for a batch."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case on the network's grid.

    Attributes:
        stack: (n, s, s, c) float16, normalised by case, a channel per sequence.
        masks: (n, s, s) bool.
        name: name of the case.
        slice_numbers: (n,) slice numbers, as in the files.
        pixel: height and width of a pixel of the case's own grid, equal if unknown.
    """

    stack: np.ndarray
    masks: np.ndarray
    name: str = ""
    slice_numbers: tuple[int, ...] = ()
    pixel: tuple[float, float] = (1.0, 1.0)

    @cached_property
    def has_tumour(self) -> np.ndarray:
        """Return (n,) bool: True where a slice has tumour; cached, as every draw needs it."""
        return np.any(self.masks, axis=(1, 2))

    def inputs(self, how: Preprocessing) -> np.ndarray:
        """Return all slices as the network's input, (n, s, s, c) float32."""
        return np.stack([with_context(self.stack, index, how) for index in range(len(self.stack))])


def prepare_case(case: Case, how: Preprocessing) -> PreparedCase:
    """Return a case on the network's grid, without the slices that have no usable mask.

    Raises:
        CohortError: the case has no usable mask, or lacks a sequence.
    """
    masks, has_mask = case.masks()
    if not has_mask.any():
        raise CohortError(f"{case.name} has no usable mask: exclude it from the folds.")
    numbers = case.readable["slice_number"].to_numpy()[has_mask]
    volume = read_sequences(case, how)
    # A slice without a mask is neither a positive nor a negative example.
    return PreparedCase(
        *_on_grid(volume, masks, how, has_mask),
        name=case.name,
        slice_numbers=tuple(int(number) for number in numbers),
        pixel=pixel_of(volume),
    )


def read_sequences(case: Case, how: Preprocessing) -> Volume:
    """Return the volume of a case with the sequences to learn from.

    Raises:
        CohortError: the case lacks one of them, or no slice can be read.
    """
    volume = case.volume(with_others=how.needs_others)
    if reason := how.why_not(volume):
        raise CohortError(
            f"{case.name} cannot be used for this training: {reason}. Choose sequences that every case "
            "has, or remove the case."
        )
    return volume


def prepare_phantom(seed: int, number: int, how: Preprocessing) -> PreparedCase:
    """Return synthetic case ``number`` (from 0) of a training's seed, on the grid."""
    # Imported here: it loads more of SciPy than the pages need, which import this module.
    from brainseg.sample.phantom import synthesize_case

    phantom = synthesize_case(PHANTOM_SEED + seed, number + 1)
    return PreparedCase(*_on_grid(Volume(phantom.pixels), phantom.masks, how))


def make_feed(
    cases: list[PreparedCase],
    config: TrainingConfig,
    first: int = 0,
    part: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> "keras.utils.PyDataset":
    """Return an endless Keras dataset of training batches from number ``first`` on, for any backend.

    Of each array of a batch it gives what ``part`` returns, by default all.

    Threads call :func:`draw_batch` while the network is busy, until ``close`` is called.
    """
    import keras

    workers = config.workers or min(MOST_WORKERS, os.cpu_count() or 1)

    class Feed(keras.utils.PyDataset):
        num_batches = None

        def __init__(self, cases: list[PreparedCase]) -> None:
            # Keras's own workers exist on some backends only, and restart with each epoch.
            super().__init__(workers=1)
            self._cases = cases
            self._drawn: dict[int, Future] = {}
            self._threads = ThreadPoolExecutor(workers, thread_name_prefix="feed")

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            number = first + index
            for later in range(number, number + workers + 1):
                if later not in self._drawn:
                    self._drawn[later] = self._threads.submit(
                        draw_batch, self._cases, config, later
                    )
            slices, masks = self._drawn.pop(number).result()
            return part(slices), part(masks)

        def close(self) -> None:
            """Release threads and cases, as TensorFlow keeps a reference to the dataset for ever."""
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._cases = []
            self._drawn.clear()

    return Feed(cases)


def draw_batch(
    cases: list[PreparedCase], config: TrainingConfig, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of slices (b, s, s, c) and their masks (b, s, s, 1), both float32.

    A case is drawn before its slice, so that long cases do not dominate, and every batch has the same
    share of slices with tumour. The seed and the number of the batch since the training started
    determine it, so that a resumed training sees the same batches.
    """
    rng = np.random.default_rng([config.seed, number])
    with_tumour = round(config.batch_size * config.tumour_share)
    pairs = [
        _draw_pair(cases, rng, index < with_tumour, config) for index in range(config.batch_size)
    ]
    slices, masks = zip(*pairs, strict=True)
    return np.stack(slices), np.stack(masks)[..., np.newaxis]


def _draw_pair(
    cases: list[PreparedCase], rng: np.random.Generator, tumour: bool, config: TrainingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return an augmented slice (w, w, c) and its mask (w, w), cropped to ``window`` where it is set."""
    slice_, mask = augment(
        *_draw(cases, rng, tumour, config),
        rng,
        config.augmentation,
        config.preprocessing.sequences,
    )
    if not config.window:
        return slice_, mask
    top, left = rng.integers(0, config.size - config.window + 1, 2)
    crop = np.s_[top : top + config.window, left : left + config.window]
    return slice_[crop], mask[crop]


def _draw(
    cases: list[PreparedCase], rng: np.random.Generator, tumour: bool, config: TrainingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return a slice (s, s, c) and its mask (s, s) float32 of a case drawn at random."""
    case = cases[rng.integers(len(cases))]
    candidates = np.flatnonzero(case.has_tumour == tumour)
    index = int(rng.choice(candidates if len(candidates) else np.arange(len(case.masks))))
    return (
        with_context(case.stack, index, config.preprocessing),
        case.masks[index].astype(np.float32),
    )


def _on_grid(
    volume: Volume, masks: np.ndarray, how: Preprocessing, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen slices, (n, s, s, c) float16, normalised, and their masks, (n, s, s) bool."""
    chosen = np.ones(len(volume), bool) if chosen is None else chosen
    # The whole case is normalised, as in a prediction.
    normalised = normalise(how.pixels_of(volume))
    stack = fit_to_grid(normalised[chosen], how.size, pixel_of(volume), normalised.min())
    planes = masks[chosen, ..., np.newaxis].astype(np.float32)
    on_grid = fit_to_grid(planes, how.size, pixel_of(volume))
    return stack.astype(np.float16), on_grid[..., 0] >= 0.5
