"""Volume: the slices of one case, from every reader and for every model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

PRE_CONTRAST = "pre-contrast"
FLAIR = "FLAIR"
POST_CONTRAST = "post-contrast"

SEQUENCES = (PRE_CONTRAST, FLAIR, POST_CONTRAST)
"""The order of the channels, as in the files of Buda et al. (2019) read as RGB."""


@dataclass(frozen=True)
class Volume:
    """Stacked slices of one case, with the geometry that their source states.

    Attributes:
        pixels: (n, h, w, 3) uint8, 0..255, channels in the order of ``sequences``.
        spacing_mm: (slice, row, column) in mm if the source states it, else None. Their product is
            the volume of a voxel. The first alone is None if the source states the size of a pixel,
            but neither distance nor thickness of the slices.
        affine: (4, 4) if the source states it, else None: from (slice, row, column, 1), as the pixels
            are indexed, to mm towards the patient's right, front and top (RAS+, as in NIfTI).
        sequences: the name of each channel.
        notes: conversions of the pixels, one sentence each.
        directions: (3, 3) if there is no affine, but the source states the directions of the axes: a
            unit vector for each of slice, row and column in its columns, in the space of ``affine``.
        others: further sequences by name, such as "T2", (n, h, w) uint8: to show, and for models that
            were trained on them.
    """

    pixels: np.ndarray
    spacing_mm: tuple[float | None, float, float] | None = None
    affine: np.ndarray | None = None
    sequences: tuple[str, ...] = SEQUENCES
    notes: tuple[str, ...] = field(default=())
    directions: np.ndarray | None = None
    others: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 4 or shape[-1] != len(self.sequences) or dtype != np.uint8:
            raise ValueError(
                f"a volume is (n, h, w, {len(self.sequences)}) uint8, "
                f"but this array is {shape} {dtype}: convert it before it becomes a Volume"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes to pickle; sequences that share memory once."""
        return vars(self) | ({} if self.pixels.strides[-1] else {"pixels": self.pixels[..., :1]})

    def __setstate__(self, state: dict[str, Any]) -> None:
        pixels = state["pixels"]
        shape = (*pixels.shape[:3], len(state["sequences"]))
        vars(self).update(state, pixels=np.broadcast_to(pixels, shape))

    @cached_property
    def flair_copies(self) -> tuple[str, ...]:
        """Return the other sequences whose pixels equal FLAIR's on every slice."""
        if FLAIR not in self.sequences:
            return ()
        flair = self.sequences.index(FLAIR)
        return tuple(
            name
            for place, name in enumerate(self.sequences)
            if place != flair
            # Slice by slice: an array of flags is as large as a sequence.
            and all(np.array_equal(one[..., place], one[..., flair]) for one in self.pixels)
        )

    @property
    def nbytes(self) -> int:
        """Return the size of the pixels in bytes; sequences that share memory count once."""
        own = self.pixels.nbytes // (1 if self.pixels.strides[-1] else len(self.sequences))
        return own + sum(one.nbytes for one in self.others.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all sequences."""
        return (*self.sequences, *self.others)

    def sequence(self, name: str) -> np.ndarray:
        """Return one sequence as (n, h, w) uint8.

        Raises:
            ValueError: the volume has no sequence of that name.
        """
        if name in self.others:
            return self.others[name]
        if name not in self.sequences:
            raise ValueError(f"sequence is “{name}”; expected one of {', '.join(self.names)}")
        return self.pixels[..., self.sequences.index(name)]
