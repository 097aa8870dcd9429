"""Prepare a volume as a network's input: the same for training, evaluation and prediction."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from brainseg.imaging import level_counts
from brainseg.volume import FLAIR, SEQUENCES, Volume

HEAD_SHARE = 0.1
"""A pixel belongs to the head if it is brighter than this fraction of its sequence's bright end."""

CLIP = (-3.0, 5.0)
"""Standard deviations kept: beyond them lie background and single bright vessels."""


@dataclass(frozen=True)
class Preprocessing:
    """The input that a model expects, as in its manifest.

    Attributes:
        size: height and width of the network's grid in px.
        context_slices: neighbouring slices on each side that add their FLAIR as channels; without
            FLAIR, their first sequence.
        normalisation: only ``case-head`` so far: zero mean and unit deviation of each sequence over
            the head's pixels of the whole case.
        sequences: the sequences of a case that the model sees, by name, in the order of its channels.
    """

    size: int = 256
    context_slices: int = 1
    normalisation: str = "case-head"
    sequences: tuple[str, ...] = SEQUENCES

    def __post_init__(self) -> None:
        if self.normalisation != "case-head":
            raise ValueError(
                f"normalisation is “{self.normalisation}”, but only “case-head” is known: "
                "correct the manifest or the configuration"
            )
        if not self.sequences or len(set(self.sequences)) < len(self.sequences):
            raise ValueError(
                f"sequences is {self.sequences}, but must name each sequence once: correct the "
                "manifest or the configuration"
            )

    @property
    def channels(self) -> int:
        """Return the number of channels of the network's input."""
        return len(self.sequences) + 2 * self.context_slices

    @property
    def needs_others(self) -> bool:
        """Return whether it uses :attr:`brainseg.volume.Volume.others`, such as T2."""
        return not set(self.sequences) <= set(SEQUENCES)

    def why_not(self, volume: Volume) -> str | None:
        """Return why a volume cannot be prepared, such as “there is no T2, only …”, or None."""
        missing = [name for name in self.sequences if name not in volume.names]
        if not missing:
            return None
        return f"there is no {' and no '.join(missing)}, only {', '.join(volume.names)}"

    def pixels_of(self, volume: Volume) -> np.ndarray:
        """Return the sequences of a volume, (n, h, w, c) uint8; raises ValueError if one is missing."""
        if self.sequences == volume.sequences:
            return volume.pixels
        return np.stack([volume.sequence(name) for name in self.sequences], axis=-1)


def context_channel(sequences: tuple[str, ...]) -> int:
    """Return which of some sequences the neighbouring slices add: FLAIR, or the first without it."""
    return sequences.index(FLAIR) if FLAIR in sequences else 0


@dataclass(frozen=True)
class Block:
    """Some slices of a case with their neighbours, as :func:`prepared` needs them.

    Attributes:
        pixels: (m, h, w, c) uint8.
        levels: (c, 256) float32, the normalised value of each level of each sequence in this case.
        first: index in ``pixels`` of the first slice that is wanted.
        count: number of slices that are wanted.
        pixel: height and width of a pixel, equal if unknown.
    """

    pixels: np.ndarray
    levels: np.ndarray
    first: int
    count: int
    pixel: tuple[float, float]


def prepare(volume: Volume, how: Preprocessing) -> np.ndarray:
    """Return a volume as a network's input.

    A slice keeps its proportions: in mm where the spacing of its rows and columns is known, else in px.

    Returns:
        (n, size, size, channels) float32: the sequences, then the FLAIR of the neighbours
        from the farthest before to the farthest after. At the ends a slice is its own neighbour.

    Raises:
        ValueError: the volume lacks a sequence; see :meth:`Preprocessing.why_not`.
    """
    return prepared(next(blocks_of(volume, how, len(volume))), how)


def blocks_of(volume: Volume, how: Preprocessing, most: int) -> Iterator[Block]:
    """Yield a volume in blocks of at most ``most`` slices, 1 or more, for :func:`prepared`."""
    pixels, reach, count = how.pixels_of(volume), how.context_slices, len(volume)
    levels = _normalised_levels(pixels)
    for first in range(0, count, most):
        start, end = max(0, first - reach), min(count, first + most + reach)
        wanted = min(most, count - first)
        yield Block(pixels[start:end], levels, first - start, wanted, pixel_of(volume))


def prepared(block: Block, how: Preprocessing) -> np.ndarray:
    """Return the wanted slices of a block as :func:`prepare` returns those of a volume."""
    darkest = block.levels.min()
    # One by one: a case of large slices as float32 would be four times its size.
    stack = np.concatenate(
        [
            fit_to_grid(_look_up(plane[np.newaxis], block.levels), how.size, block.pixel, darkest)
            for plane in block.pixels
        ]
    )
    places = range(block.first, block.first + block.count)
    return np.stack([with_context(stack, place, how) for place in places])


def back_to_block(planes: np.ndarray, block: Block) -> np.ndarray:
    """Return the output of a network for a block, on the grid of its volume.

    Args:
        planes: (k, size, size) float32, 0..1, one for each wanted slice.
        block: what was prepared.

    Returns:
        (k, h, w) float32, within the range of ``planes``.
    """
    height, width = block.pixels.shape[1:3]
    return back_from_grid(planes, height, width, block.pixel)


def normalise(pixels: np.ndarray) -> np.ndarray:
    """Return a case with each sequence at zero mean and unit deviation over the head's pixels.

    Args:
        pixels: (n, h, w, c) uint8 of one whole case.

    Returns:
        (n, h, w, c) float32 within :data:`CLIP`; a sequence without contrast is all 0.
    """
    return _look_up(pixels, _normalised_levels(pixels))


def fit_to_grid(
    stack: np.ndarray,
    size: int,
    pixel: tuple[float, float] = (1.0, 1.0),
    margin: float | None = None,
) -> np.ndarray:
    """Return (n, h, w, c) float32 scaled to fit (n, size, size, c).

    Args:
        stack: (n, h, w, c) float32.
        size: of the grid, px.
        pixel: height and width of a pixel in one unit: the grid's are square.
        margin: the value around the slices; the darkest of the stack without.
    """
    height, width = stack.shape[1:3]
    top, left, tall, wide = _place_on_grid(height, width, size, pixel)
    if (height, width) == (tall, wide) == (size, size):
        return stack
    fitted = np.full(
        (len(stack), size, size, stack.shape[-1]),
        stack.min() if margin is None else margin,
        np.float32,
    )
    shrinks = tall <= height and wide <= width
    for place, plane in enumerate(stack):
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        for channels in range(0, plane.shape[-1], 4):  # OpenCV resizes at most four at once
            some = np.s_[channels : channels + 4]
            resized = cv2.resize(plane[..., some], (wide, tall), interpolation=how)
            # OpenCV drops the axis of a single channel.
            within = np.s_[top : top + tall, left : left + wide, some]
            fitted[place][within] = resized.reshape(tall, wide, -1)
    return fitted


def back_from_grid(
    planes: np.ndarray, height: int, width: int, pixel: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    """Return (n, size, size) float32 on the (n, height, width) grid they came from.

    Args:
        planes: within 0..1.
        height: of the grid that :func:`fit_to_grid` was given, px.
        width: likewise.
        pixel: likewise.
    """
    size = planes.shape[1]
    top, left, tall, wide = _place_on_grid(height, width, size, pixel)
    if (height, width) == (tall, wide) == (size, size):
        return planes
    inside = planes[:, top : top + tall, left : left + wide]
    back = np.empty((len(planes), height, width), np.float32)
    for place, plane in enumerate(inside):
        back[place] = cv2.resize(plane, (width, height)).clip(0, 1)
    return back


def with_context(stack: np.ndarray, place: int, how: Preprocessing) -> np.ndarray:
    """Return one slice of (n, h, w, c) with the FLAIR of its neighbours as further channels."""
    channel = context_channel(how.sequences)
    steps = [step for step in range(-how.context_slices, how.context_slices + 1) if step]
    neighbours = [min(max(place + step, 0), len(stack) - 1) for step in steps]
    return np.concatenate(
        [stack[place], *(stack[other][..., channel : channel + 1] for other in neighbours)], axis=-1
    ).astype(np.float32)


def _normalised_levels(pixels: np.ndarray) -> np.ndarray:
    """Return the normalised value of each level of each sequence, (c, 256) float32.

    Levels darker or brighter than any pixel get the value of the nearest one, so that the smallest
    value is one of the case.
    """
    counts = [level_counts(channel) for channel in np.moveaxis(pixels, -1, 0)]
    return np.stack([_levels_of(counted) for counted in counts])


def _levels_of(counted: np.ndarray) -> np.ndarray:
    """Return the normalised value of each level, (256,) float32, from the counts of levels, (256,)."""
    levels, counts = np.arange(256), counted.astype(np.float64)
    bright_end = np.searchsorted(np.cumsum(counts[1:]), 0.995 * counts[1:].sum()) + 1
    counts[: int(np.ceil(HEAD_SHARE * bright_end)) + 1] = 0
    if counts.sum() == 0:
        return np.zeros(256, np.float32)
    mean = np.average(levels, weights=counts)
    deviation = np.sqrt(np.average((levels - mean) ** 2, weights=counts))
    if deviation == 0:
        return np.zeros(256, np.float32)
    present = np.flatnonzero(counted)
    held = levels.clip(present[0], present[-1])
    return np.clip((held - mean) / deviation, *CLIP).astype(np.float32)


def _look_up(pixels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the normalised values, float32, of pixels, (n, h, w, c) uint8."""
    # 256 levels are normalised once and looked up, instead of every pixel of the case.
    found = np.empty(pixels.shape, np.float32)
    for channel, table in enumerate(levels):
        found[..., channel] = table[pixels[..., channel]]
    return found


def pixel_of(volume: Volume) -> tuple[float, float]:
    """Return height and width of a pixel, equal if unknown."""
    return (1.0, 1.0) if volume.spacing_mm is None else volume.spacing_mm[1:]


def _place_on_grid(
    height: int, width: int, size: int, pixel: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Return top, left, height and width of an image centred on the grid at its own proportions."""
    tall, wide = height * pixel[0], width * pixel[1]
    scale = size / max(tall, wide)
    tall, wide = max(1, round(tall * scale)), max(1, round(wide * scale))
    return (size - tall) // 2, (size - wide) // 2, tall, wide
