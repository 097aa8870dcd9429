"""What a network is fed with while it trains: prepared cases, and batches drawn from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brainseg.augmentation import augment
from brainseg.cohort import Case
from brainseg.errors import CohortError
from brainseg.phantom import synthesize_case
from brainseg.preprocessing import fit_to_grid, normalise, with_context

if TYPE_CHECKING:
    import keras

    from brainseg.training import TrainingConfig

PHANTOM_SEED = 7_000
"""Phantoms of a training come from seeds that no sample cohort is made with by default."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case on the network's grid, ready to be drawn from.

    Attributes:
        stack: (n, s, s, 3) float16, normalised by case.
        masks: (n, s, s) bool.
    """

    stack: np.ndarray
    masks: np.ndarray

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
    # A slice whose mask is unknown teaches neither tumour nor its absence.
    return _on_grid(case.volume().pixels[there], masks[there], size)


def prepare_phantom(seed: int, number: int, size: int) -> PreparedCase:
    """Return phantom ``number`` (from 0) of a training's seed on the grid."""
    phantom = synthesize_case(PHANTOM_SEED + seed, number + 1)
    return _on_grid(phantom.pixels, phantom.masks, size)


def make_feed(cases: list[PreparedCase], config: "TrainingConfig") -> "keras.utils.PyDataset":
    """Return the batches of a training: (b, s, s, c) float32 and masks (b, s, s, 1) float32.

    Cases are drawn before slices, so that a long case teaches no more than a short one, and every
    batch holds the same share of slices with tumour.

    Args:
        cases: to draw from.
        config: batch size, share, context, augmentation and seed.
    """
    import keras

    class Feed(keras.utils.PyDataset):
        first_epoch = 0

        def __init__(self) -> None:
            super().__init__(workers=1, max_queue_size=8)
            self.epoch = 0

        def __len__(self) -> int:
            return config.steps_per_epoch

        def on_epoch_end(self) -> None:
            self.epoch += 1

        def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
            # The step alone decides the batch, so that a resumed epoch sees what it would have seen.
            rng = np.random.default_rng([config.seed, self.first_epoch + self.epoch, step])
            with_tumour = round(config.batch_size * config.tumour_share)
            pairs = [
                augment(*_draw(cases, rng, place < with_tumour, config), rng, config.augmentation)
                for place in range(config.batch_size)
            ]
            slices, masks = zip(*pairs, strict=True)
            return np.stack(slices), np.stack(masks)[..., np.newaxis]

    return Feed()


def _draw(
    cases: list[PreparedCase], rng: np.random.Generator, tumour: bool, config: "TrainingConfig"
) -> tuple[np.ndarray, np.ndarray]:
    """Return a slice (s, s, c) and its mask (s, s) float32 of a case drawn at random."""
    case = cases[rng.integers(len(cases))]
    places = np.flatnonzero(case.has_tumour == tumour)
    place = int(rng.choice(places if len(places) else np.arange(len(case.masks))))
    return (
        with_context(case.stack, place, config.context_slices),
        case.masks[place].astype(np.float32),
    )


def _on_grid(pixels: np.ndarray, masks: np.ndarray, size: int) -> PreparedCase:
    stack = fit_to_grid(normalise(pixels), size)
    planes = masks[..., np.newaxis].astype(np.float32)
    return PreparedCase(stack.astype(np.float16), fit_to_grid(planes, size)[..., 0] >= 0.5)
