"""One page of an image file as stored, and its conversion to a slice of 8 bits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.limits import check_planes
from brainseg.io.window import Window, depth_of
from brainseg.volume import SEQUENCES


@dataclass(frozen=True)
class Decoded:
    """One page of an image file, as stored.

    Attributes:
        pixels: (h, w) or (h, w, c) in the file's own dtype and range; may be read-only.
        pages: number of pages in the file.
        notes: one sentence for each conversion of colours or orientation.
        maximum: the largest value that the file can store, if it is less than that of the dtype.
        white_is_zero: whether the file stores its pixels inverted; ``pixels`` has white as maximum.
    """

    pixels: np.ndarray
    pages: int = 1
    notes: tuple[str, ...] = ()
    maximum: int | None = None
    white_is_zero: bool = False

    @property
    def channels(self) -> int:
        """Return the number of channels; 1 for a grey image."""
        return 1 if self.pixels.ndim == 2 else self.pixels.shape[2]


def to_three_channels(
    decoded: Decoded, windows: Sequence[Window] = ()
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return pixels as (h, w, 3) uint8 with a note for each conversion.

    Args:
        decoded: an image file.
        windows: one for each channel, for pixels of more than 8 bits that are one slice of several;
            without them, the window is the range of this image alone.

    Raises:
        DecodeError: too small, not one or three channels, or pixels that are not numbers.
    """
    check_usable(decoded)
    decoded = spread_few_bits(decoded)
    pixels, notes = decoded.pixels, list(decoded.notes)
    pixels, rescaled = _to_uint8(pixels, windows)
    notes += rescaled
    if decoded.channels == 1:
        notes.append("one grey channel, used for all three sequences")
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    return np.require(pixels, requirements=("C", "W")), tuple(notes)


def spread_few_bits(decoded: Decoded) -> Decoded:
    """Return an image of 2 to 7 bits per pixel as one of 8 bits, with a note; others unchanged."""
    most = decoded.maximum
    if most is None or most >= 255:
        return decoded
    pixels = np.rint(decoded.pixels * (255 / most)).astype(np.uint8)
    note = f"{most.bit_length()}-bit grey, 0 to {most} spread over 0 to 255"
    return replace(decoded, pixels=pixels, notes=(*decoded.notes, note), maximum=None)


def check_usable(decoded: Decoded) -> None:
    """Raise if a decoded image cannot become a slice.

    Raises:
        DecodeError: too small, not one or three channels, or pixels that are not numbers.
    """
    pixels = decoded.pixels
    check_planes(1, *pixels.shape[:2])
    if decoded.channels not in (1, 3):
        raise DecodeError(f"{decoded.channels} channels; expected 1 or 3")
    if pixels.dtype.kind not in "buif":
        raise DecodeError(f"pixels of type {pixels.dtype}; expected whole numbers or floats")
    if pixels.dtype.kind == "f":
        invalid = int(pixels.size - np.isfinite(pixels).sum())
        if invalid:
            raise DecodeError(f"{invalid} invalid pixels (not a number, or infinite)")


def is_deep(pixels: np.ndarray) -> bool:
    """Return whether pixels need a window to become 8 bits."""
    return pixels.dtype not in (np.dtype(np.uint8), np.dtype(bool))


def _to_uint8(pixels: np.ndarray, windows: Sequence[Window]) -> tuple[np.ndarray, list[str]]:
    if pixels.dtype == np.uint8:
        return pixels, []
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255, ["black and white, read as 0 and 255"]
    if windows:
        return _windowed(pixels, windows)
    low, high = pixels.min(), pixels.max()
    span = float(high) - float(low)
    if not math.isfinite(span):
        raise DecodeError(f"range {low:g} to {high:g} is too wide to be rescaled")
    scale = 255.0 / span if span else 0.0
    rescaled = np.rint((pixels.astype(np.float64) - float(low)) * scale).astype(np.uint8)
    return rescaled, [f"{depth_of(pixels)} rescaled, range {low:g} to {high:g}"]


def _windowed(pixels: np.ndarray, windows: Sequence[Window]) -> tuple[np.ndarray, list[str]]:
    planes = pixels.reshape(*pixels.shape[:2], -1)
    eight = np.dstack([w.apply(planes[..., channel]) for channel, w in enumerate(windows)])
    if all(window == Window(0, 255) for window in windows):
        return eight.reshape(pixels.shape), [f"{depth_of(pixels)}, values kept as they are"]
    ranges = [f"{window.low:g} to {window.high:g}" for window in windows]
    if len(ranges) > 1:
        ranges = [f"{name} {values}" for name, values in zip(SEQUENCES, ranges, strict=True)]
    note = (
        f"{depth_of(pixels)} rescaled, range {', '.join(ranges)} for the whole case; "
        "values beyond it are set to its ends"
    )
    return eight.reshape(pixels.shape), [note]
