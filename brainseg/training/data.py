"""What a network is fed with while it trains: prepared cases, and batches drawn from them."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brainseg.cohort import Case
from brainseg.errors import CohortError
from brainseg.preprocessing import fit_to_grid, normalise, with_context
from brainseg.sample.phantom import synthesize_case
from brainseg.training.augmentation import augment
from brainseg.training.config import TrainingConfig

if TYPE_CHECKING:
    import keras

PHANTOM_SEED = 7_000
"""Phantoms of a training come from seeds that no sample cohort is made with by default."""

MOST_WORKERS = 8
"""More threads than this only wait for each other, and each keeps a batch in memory."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case on the network's grid, ready to be drawn from.

    Attributes:
        stack: (n, s, s, 3) float16, normalised by case.
        masks: (n, s, s) bool.
        name: of the case.
        slice_numbers: n of them, as in the files.
    """

    stack: np.ndarray
    masks: np.ndarray
    name: str = ""
    slice_numbers: tuple[int, ...] = ()

    @cached_property
    def has_tumour(self) -> np.ndarray:
        """Return (n,) bool: which slices have tumour; looked at once, for each draw asks."""
        return self.masks.any(axis=(1, 2))

    def inputs(self, context_slices: int) -> np.ndarray:
        """Return all slices as the network's input, (n, s, s, c) float32."""
        return np.stack(
            [with_context(self.stack, i, context_slices) for i in range(len(self.stack))]
        )


def prepare_case(case: Case, size: int) -> PreparedCase:
    """Return a case of a cohort on the grid; slices without a usable mask are left out.

    Args:
        case: see :class:`brainseg.cohort.Case`.
        size: of the grid, px.

    Raises:
        CohortError: the case has no usable mask.
    """
    masks, there = case.masks()
    if not there.any():
        raise CohortError(f"{case.name} has no mask that can be used: leave it out of the folds.")
    numbers = case.readable["slice_number"].to_numpy()[there]
    # A slice whose mask is unknown teaches neither tumour nor its absence.
    return PreparedCase(
        *_on_grid(case.volume().pixels[there], masks[there], size),
        name=case.name,
        slice_numbers=tuple(int(number) for number in numbers),
    )


def prepare_phantom(seed: int, number: int, size: int) -> PreparedCase:
    """Return phantom ``number`` (from 0) of a training's seed on the grid."""
    phantom = synthesize_case(PHANTOM_SEED + seed, number + 1)
    return PreparedCase(*_on_grid(phantom.pixels, phantom.masks, size))


def make_feed(
    cases: list[PreparedCase], config: TrainingConfig, first: int = 0
) -> "keras.utils.PyDataset":
    """Return the endless batches of a training, for any backend of Keras; ``fit`` counts its steps.

    Threads draw the batches to come while the network is busy, until its ``close`` is called; see
    :func:`draw_batch`.

    Args:
        cases: to draw from.
        config: batch size, share, context, augmentation, seed and workers.
        first: number of the batch to begin with.
    """
    import keras

    workers = config.workers or min(MOST_WORKERS, os.cpu_count() or 1)

    class Feed(keras.utils.PyDataset):
        num_batches = None

        def __init__(self, cases: list[PreparedCase]) -> None:
            # Keras's own workers exist on some backends only, and begin anew with each epoch.
            super().__init__(workers=1)
            self._cases = cases
            self._drawn: dict[int, Future] = {}
            self._threads = ThreadPoolExecutor(workers, thread_name_prefix="feed")

        def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
            number = first + place
            for coming in range(number, number + workers + 1):
                if coming not in self._drawn:
                    self._drawn[coming] = self._threads.submit(
                        draw_batch, self._cases, config, coming
                    )
            return self._drawn.pop(number).result()

        def close(self) -> None:
            """Let go of the threads and the cases: TensorFlow keeps what it was fed from for good."""
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._cases = []
            self._drawn.clear()

    return Feed(cases)


def draw_batch(
    cases: list[PreparedCase], config: TrainingConfig, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of slices (b, s, s, c) and their masks (b, s, s, 1), both float32.

    Cases are drawn before slices, so that a long case teaches no more than a short one, and every
    batch holds the same share of slices with tumour.

    Args:
        cases: to draw from.
        config: batch size, share, context, augmentation and seed.
        number: of the batch since the training began; it alone decides the batch, so that a resumed
            training sees what it would have seen.
    """
    rng = np.random.default_rng([config.seed, number])
    with_tumour = round(config.batch_size * config.tumour_share)
    pairs = [
        _draw_pair(cases, rng, place < with_tumour, config) for place in range(config.batch_size)
    ]
    slices, masks = zip(*pairs, strict=True)
    return np.stack(slices), np.stack(masks)[..., np.newaxis]


def _draw_pair(
    cases: list[PreparedCase], rng: np.random.Generator, tumour: bool, config: TrainingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return a varied slice (w, w, c) and its mask (w, w), a window of the grid where one is set."""
    slice_, mask = augment(*_draw(cases, rng, tumour, config), rng, config.augmentation)
    if not config.window:
        return slice_, mask
    top, left = rng.integers(0, config.size - config.window + 1, 2)
    where = np.s_[top : top + config.window, left : left + config.window]
    return slice_[where], mask[where]


def _draw(
    cases: list[PreparedCase], rng: np.random.Generator, tumour: bool, config: TrainingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return a slice (s, s, c) and its mask (s, s) float32 of a case drawn at random."""
    case = cases[rng.integers(len(cases))]
    places = np.flatnonzero(case.has_tumour == tumour)
    place = int(rng.choice(places if len(places) else np.arange(len(case.masks))))
    return (
        with_context(case.stack, place, config.context_slices),
        case.masks[place].astype(np.float32),
    )


def _on_grid(pixels: np.ndarray, masks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, s, s, 3) float16, normalised, and (n, s, s) bool."""
    stack = fit_to_grid(normalise(pixels), size)
    planes = masks[..., np.newaxis].astype(np.float32)
    return stack.astype(np.float16), fit_to_grid(planes, size)[..., 0] >= 0.5
