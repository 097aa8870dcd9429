"""One way from a volume to a network's input, for training, evaluation and live prediction alike."""

from dataclasses import dataclass

import cv2
import numpy as np

from brainseg.volume import FLAIR, SEQUENCES, Volume

HEAD_SHARE = 0.1
"""A pixel belongs to the head where it is brighter than this share of its sequence's bright end."""

CLIP = (-3.0, 5.0)
"""Standard deviations kept: beyond them lie background and single bright vessels."""


@dataclass(frozen=True)
class Preprocessing:
    """What a model expects; its manifest holds these values.

    Attributes:
        size: height and width of the network's grid in px.
        context_slices: how many neighbouring slices on each side add their FLAIR as channels.
        normalisation: only ``case-head`` so far: zero mean and unit deviation of each sequence over
            the head's pixels of the whole case.
    """

    size: int = 256
    context_slices: int = 1
    normalisation: str = "case-head"

    def __post_init__(self) -> None:
        if self.normalisation != "case-head":
            raise ValueError(
                f"normalisation is “{self.normalisation}”, but only “case-head” is known: "
                "correct the manifest or the configuration"
            )

    @property
    def channels(self) -> int:
        """Return the number of channels of the network's input."""
        return len(SEQUENCES) + 2 * self.context_slices


def prepare(volume: Volume, how: Preprocessing) -> np.ndarray:
    """Return a volume as a network's input.

    Returns:
        (n, size, size, channels) float32: the three sequences, then the FLAIR of the neighbours
        from the farthest before to the farthest after. At the ends a slice is its own neighbour.
    """
    stack = fit_to_grid(normalise(volume.pixels), how.size)
    return np.stack([with_context(stack, place, how.context_slices) for place in range(len(stack))])


def normalise(pixels: np.ndarray) -> np.ndarray:
    """Return a case with each sequence at zero mean and unit deviation over the head's pixels.

    Args:
        pixels: (n, h, w, 3) uint8 of one whole case.

    Returns:
        (n, h, w, 3) float32 within :data:`CLIP`; a sequence without contrast is all 0.
    """
    normalised = np.zeros(pixels.shape, np.float32)
    for channel in range(pixels.shape[-1]):
        sequence = pixels[..., channel]
        counts = np.bincount(sequence.ravel(), minlength=256).astype(np.float64)
        bright_end = np.searchsorted(np.cumsum(counts[1:]), 0.995 * counts[1:].sum()) + 1
        counts[: int(np.ceil(HEAD_SHARE * bright_end)) + 1] = 0
        if counts.sum() == 0:
            continue
        levels = np.arange(256)
        mean = np.average(levels, weights=counts)
        deviation = np.sqrt(np.average((levels - mean) ** 2, weights=counts))
        if deviation == 0:
            continue
        # 256 levels are normalised once and looked up, instead of every pixel of the case.
        table = np.clip((levels - mean) / deviation, *CLIP).astype(np.float32)
        normalised[..., channel] = table[sequence]
    return normalised


def fit_to_grid(stack: np.ndarray, size: int) -> np.ndarray:
    """Return (n, h, w, c) float32 scaled to fit (n, size, size, c), its margin the darkest value."""
    height, width = stack.shape[1:3]
    if (height, width) == (size, size):
        return stack
    top, left, tall, wide = _place_on_grid(height, width, size)
    fitted = np.full((len(stack), size, size, stack.shape[-1]), stack.min(), np.float32)
    shrinks = tall < height
    for place, plane in enumerate(stack):
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(plane, (wide, tall), interpolation=how)
        # OpenCV drops the axis of a single channel.
        fitted[place, top : top + tall, left : left + wide] = resized.reshape(tall, wide, -1)
    return fitted


def back_from_grid(probability: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return (n, size, size) probabilities on the (n, height, width) grid they came from, 0..1."""
    size = probability.shape[1]
    if (height, width) == (size, size):
        return probability
    top, left, tall, wide = _place_on_grid(height, width, size)
    inside = probability[:, top : top + tall, left : left + wide]
    return np.stack([cv2.resize(plane, (width, height)) for plane in inside]).clip(0, 1)


def with_context(stack: np.ndarray, place: int, context_slices: int) -> np.ndarray:
    """Return one slice of (n, h, w, 3) with the FLAIR of its neighbours as further channels."""
    flair = SEQUENCES.index(FLAIR)
    steps = [step for step in range(-context_slices, context_slices + 1) if step]
    neighbours = [min(max(place + step, 0), len(stack) - 1) for step in steps]
    return np.concatenate(
        [stack[place], *(stack[other][..., flair : flair + 1] for other in neighbours)], axis=-1
    ).astype(np.float32)


def _place_on_grid(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Return top, left, height and width of an image centred on the grid at its own proportions."""
    scale = size / max(height, width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    return (size - tall) // 2, (size - wide) // 2, tall, wide
