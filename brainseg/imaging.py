"""Pictures of slices, with masks as fill, contour, hatch or heat map.

A picture is (h, w, 3) uint8 RGB, a mask (h, w) bool, a colour RGB 0..255, and an opacity 0 (invisible)
to 1 (opaque). Each function returns a copy.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from brainseg.volume import FLAIR, SEQUENCES, Volume

GreyWindow = tuple[int, int]
"""The values 0..255 of a sequence that are drawn black and white; those beyond them likewise."""

STORED: GreyWindow = (0, 255)
"""The window that shows values as stored."""

WINDOW_PERCENTILES = (1, 99)
"""Ends of an automatic window, of all values above 0 of a sequence in a case."""

MASK_COLOUR = (230, 159, 0)
"""Orange of the colour-blind safe palette of Okabe and Ito (2008)."""

PREDICTION_COLOUR = (86, 180, 233)
"""Sky blue of the same palette."""

OTHER_COLOUR = (204, 121, 167)
"""Reddish purple: the second prediction in a comparison."""

BOTH_COLOUR = (0, 158, 115)
"""Bluish green: where mask and prediction agree."""

REMOVED_COLOUR = (213, 94, 0)
"""Vermilion, always hatched: components that were removed from a prediction."""

COLOURS = {
    "mask": MASK_COLOUR,
    "prediction": PREDICTION_COLOUR,
    "other": OTHER_COLOUR,
    "both": BOTH_COLOUR,
    "removed": REMOVED_COLOUR,
}
"""Colours by meaning, RGB 0..255, for pictures, charts, reports and the viewer."""

LABEL_COLOURS = (
    *((255, 255, 0), (190, 0, 255), (255, 0, 110), (190, 255, 150)),
    *((0, 255, 225), (255, 190, 60), (255, 60, 190), (190, 110, 255)),
)
"""Colours of labels in their order. Colour-blind readers tell them apart, also from a prediction, and on
black their contrast is at least 4.5."""

HATCH_PX = 4
"""Distance between the lines of a hatch, in pixels of the picture."""

ALL_SEQUENCES = "all three as colours"
"""Shows the channels as red, green and blue."""


def level_counts(pixels: np.ndarray) -> np.ndarray:
    """Return the number of pixels of each level, (256,) int64, of (n, h, w) uint8."""
    # NumPy counts in copies of eight bytes a pixel.
    counts = np.zeros(256, np.int64)
    for plane in pixels:
        found = cv2.calcHist([np.ascontiguousarray(plane)], [0], None, [256], [0, 256])
        counts += found.ravel().astype(np.int64)
    return counts


def automatic_window(pixels: np.ndarray) -> GreyWindow:
    """Return the window of a sequence between :data:`WINDOW_PERCENTILES` of its values above 0.

    It equals the viewer's automatic window. Value 0 is background and not counted.

    Args:
        pixels: (n, h, w) uint8, all slices of the case, so that its slices stay comparable.

    Returns:
        :data:`STORED` if the two percentiles are the same value.
    """
    counts = level_counts(pixels)
    counts[0] = 0
    cumulated = counts.cumsum()
    # In whole numbers: as floats, 1% of 700 pixels is more than 7.
    low, high = (
        int(np.searchsorted(100 * cumulated, max(percent * cumulated[-1], 1)))
        for percent in WINDOW_PERCENTILES
    )
    return (low, high) if low < high else STORED


def automatic_windows(volume: Volume) -> dict[str, GreyWindow]:
    """Return the automatic window of each sequence of a case; see :func:`automatic_window`."""
    return {name: automatic_window(volume.sequence(name)) for name in volume.names}


def windowed(pixels: np.ndarray, window: GreyWindow) -> np.ndarray:
    """Return uint8 values of any shape as drawn with a window: 0..255 uint8."""
    low, high = window
    levels = (np.arange(256) - low).clip(0, high - low) * 255 / (high - low)
    return np.rint(levels).astype(np.uint8)[pixels]


def window_in_words(window: GreyWindow) -> str:
    """Return an automatic window in words: “grey values 1 to 159, the case's 1st to 99th percentile”."""
    low, high = window
    how = "as stored" if window == STORED else "the case's 1st to 99th percentile"
    return f"grey values {low} to {high}, {how}"


def shown(
    pixels: np.ndarray, sequence: str = FLAIR, windows: Mapping[str, GreyWindow] | None = None
) -> np.ndarray:
    """Return a slice as a picture: (h, w, 3) uint8 RGB, grey unless it shows all sequences.

    Args:
        pixels: (h, w, 3) uint8 in the order of :data:`brainseg.volume.SEQUENCES`, or (h, w) of
            another sequence.
        sequence: its name, one of :data:`brainseg.volume.SEQUENCES`, or :data:`ALL_SEQUENCES`.
        windows: of each sequence, see :func:`automatic_windows`; by default the values as stored.

    Raises:
        ValueError: the sequence is unknown.
    """
    if pixels.ndim == 2:
        return np.dstack([windowed(pixels, (windows or {}).get(sequence, STORED))] * 3)
    if sequence not in (*SEQUENCES, ALL_SEQUENCES):
        raise ValueError(f"sequence is “{sequence}”; expected one of {', '.join(SEQUENCES)}")
    names = SEQUENCES if sequence == ALL_SEQUENCES else (sequence,) * 3
    used = windows or dict.fromkeys(SEQUENCES, STORED)
    return np.dstack([windowed(pixels[..., SEQUENCES.index(name)], used[name]) for name in names])


def fill(
    picture: np.ndarray,
    mask: np.ndarray,
    opacity: float = 0.4,
    colour: tuple[int, int, int] = MASK_COLOUR,
) -> np.ndarray:
    """Return a picture with a mask blended over it; a new array.

    Args:
        picture: (h, w, 3) uint8.
        mask: (h, w) bool.
        opacity: of the colour, 0..1.
        colour: RGB, 0..255.
    """
    filled = picture.copy()
    blend = (1 - opacity) * picture[mask] + opacity * np.array(colour, np.float32)
    filled[mask] = np.rint(blend).astype(np.uint8)
    return filled


def contour(
    picture: np.ndarray,
    mask: np.ndarray,
    thickness_px: int = 1,
    colour: tuple[int, int, int] = MASK_COLOUR,
    opacity: float = 1.0,
) -> np.ndarray:
    """Return a picture with the outline of a mask, including holes, ``thickness_px`` pixels wide.

    The other arguments are those of :func:`fill`.
    """
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    line = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(line, outlines, -1, 1, thickness_px)
    return fill(picture, line.astype(bool), opacity, colour)


def hatch(
    picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = REMOVED_COLOUR
) -> np.ndarray:
    """Return a picture with a mask outlined and hatched by diagonal lines; see :func:`fill`."""
    rows, columns = np.indices(mask.shape)
    lines = mask & ((rows + columns) % HATCH_PX == 0)
    return contour(fill(picture, lines, 1.0, colour), mask, colour=colour)


def as_hex(colour: tuple[int, int, int]) -> str:
    """Return RGB of 0..255 as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def heat(picture: np.ndarray, probability: np.ndarray, opacity: float = 0.6) -> np.ndarray:
    """Return a picture with a probability, (h, w) 0..1, as a heat map over it.

    The opacity is that at probability 1; lower probabilities are less opaque.
    """
    levels = np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    weight = (opacity * np.clip(probability, 0, 1))[..., np.newaxis]
    return np.rint((1 - weight) * picture + weight * colours).astype(np.uint8)
