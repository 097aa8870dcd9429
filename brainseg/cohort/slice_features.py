"""Features of one slice: of its image and of the tumour in it.

The index computes them when it decodes a file, so tables and checks need not read it again. Features of
the whole head are measured on a thumbnail of :data:`GRID` x :data:`GRID` cells.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, reduce

import cv2
import numpy as np

from brainseg.cohort.mask_edges import edge_offset
from brainseg.preprocessing import HEAD_SHARE
from brainseg.volume import FLAIR, SEQUENCES

GRID = 64
"""Cells per side of the thumbnail on which the head is found."""

TUMOUR_GRID = 32
"""Cells per side of the tumour's coarse outline; see :func:`tumour_cells`."""

ISLAND_PX = 1
"""A component of the mask of at most this size, in px, is an island: a drawing error."""

PINHOLE_PX = 4
"""A hole in the mask of at most this size, in px, is a drawing error, too."""

FINGERPRINT_BITS = 256
"""Length of the perceptual hash."""

LEAST_HEAD = 0.1
"""With a smaller head (the top of the skull) texture and similarity are meaningless."""

WHOLE_IMAGE = 0.98
"""A larger head cannot be distinguished from a bright background."""

LEAST_FLAIR = 10
"""Darker FLAIR, 0..255, shows nothing to compare."""

_SIDE_OF_HASH = 16
_SMOOTH_FREQUENCIES = 4  # the coarsest ones distinguish a head from none, but not heads
_SECOND_DIFFERENCE = np.array([1, -2, 1], np.float32)
_RIM = np.ones((GRID, GRID), bool)
_RIM[1:-1, 1:-1] = False


@cache
def column_of(quantity: str, sequence: str) -> str:
    """Return the column of one quantity of one sequence, such as ``mean_post_contrast``."""
    return f"{quantity}_{sequence.replace('-', '_').lower()}"


@dataclass(frozen=True)
class _Head:
    """The thumbnail of a slice and the head in it.

    Attributes:
        planes: by sequence, (GRID, GRID) uint8.
        brightness: by sequence, the 99th percentile of its plane, 0..255.
        tissue: (GRID, GRID) uint8 of 0 and 1; bright cells within the outline.
        outline: (GRID, GRID) uint8 of 0 and 1; the convex outline of the largest bright region.
        grey: the sequences whose air is as bright as tissue; the others show the head.
        is_distinct: whether part of the image is background.
    """

    planes: dict[str, np.ndarray]
    brightness: dict[str, int]
    tissue: np.ndarray
    outline: np.ndarray
    grey: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        return cv2.countNonZero(self.outline) / GRID**2

    @property
    def is_distinct(self) -> bool:
        return self.share < WHOLE_IMAGE


def _flair(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else image[..., SEQUENCES.index(FLAIR)]


def describe_slice(image: np.ndarray, tumour: np.ndarray | None) -> dict:
    """Measure the head, the texture and the tumour of a slice.

    Args:
        image: (h, w, 3) uint8, or (h, w) for a grey image, which is treated as FLAIR only.
        tumour: (h, w) uint8 of 0 and 1, or None without a usable mask.

    Returns:
        Columns of the index. For each image: ``constant``, the sequences with a single value, separated
        by spaces; ``brightness_*`` by sequence, the 99th percentile of the thumbnail, 0..255;
        ``head_px``, pixels within the convex outline of the head, missing if the head is as large as the
        image (:data:`WHOLE_IMAGE`); ``grey_background``, the sequences whose background is as bright as
        tissue, so that the others show the head.

        If the head is smaller than the image: ``head_mean_*`` by sequence, over the head without the
        tumour, 0..255. If it covers :data:`LEAST_HEAD` of the image, for a window of half the height and
        width in the middle of the head: ``sharpness_*``, the standard deviation of the Laplacian divided
        by that of the window, and ``noise_*``, Gaussian noise after Immerkaer (1996, Computer Vision and
        Image Understanding 64, 300-302) in grey levels; and ``fingerprint``, see :func:`fingerprint`.

        With a usable mask, ``area_px`` and ``components``, 0 without tumour. With a tumour, all of
        :func:`_size_and_shape`; ``tumour_mean_*`` by sequence, 0..255; and, if the head is smaller than
        the image, ``outside_head_px``, the tumour pixels outside the convex outline, and the columns of
        :func:`brainseg.cohort.mask_edges.edge_offset`.
    """
    head = _find_head(image)
    row = {
        "constant": " ".join(_constant(image, head.planes)),
        **_by_sequence("brightness", head.planes, head.brightness.values()),
        "head_px": round(head.share * image.shape[0] * image.shape[1])
        if head.is_distinct
        else None,
        "grey_background": " ".join(head.grey),
    }
    if tumour is None:
        return row | _of_head(image, head)
    if not cv2.countNonZero(tumour):
        return row | _of_head(image, head) | {"area_px": 0, "components": 0}
    cells = _cells_with(tumour)
    left, top, width, height = cv2.boundingRect(tumour)
    box = slice(top, top + height), slice(left, left + width)
    return (
        row
        | _of_head(image, replace(head, tissue=head.tissue & ~cells))
        | _size_and_shape(tumour, cells)
        | _by_sequence("tumour_mean", head.planes, cv2.mean(image[box], tumour[box]))
        | {"outside_head_px": _px_outside(tumour, cells, head) if head.is_distinct else None}
        | (edge_offset(_flair(image), tumour) if head.is_distinct else {})
    )


def fingerprint(plane: np.ndarray) -> str:
    """Return the perceptual hash of a picture: the signs of its middle frequencies.

    As in pHash (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010), the
    signs of a discrete cosine transform hardly change with brightness, compression or some noise. The
    coarsest frequencies are omitted, because all heads share them.

    Args:
        plane: (GRID, GRID) uint8.

    Returns:
        :data:`FINGERPRINT_BITS` as hexadecimal digits.
    """
    low, high = _SMOOTH_FREQUENCIES, _SMOOTH_FREQUENCIES + _SIDE_OF_HASH
    spectrum = cv2.dct(plane.astype(np.float32))
    return np.packbits(spectrum[low:high, low:high] > 0).tobytes().hex()


def perimeter(mask: np.ndarray) -> float:
    """Return the length of a mask's outlines in px, including those of holes.

    By the formula of Cauchy and Crofton in four directions, the length is pi times the mean breadth, and
    the breadth in a direction is half the number of changes along it times the distance between lines.
    For a disc this is right to some percent; counting pixel edges would give the outline of a square.

    Args:
        mask: (h, w) uint8 of 0 and 1 whose outermost rows and columns are 0.
    """
    along = np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    down = np.count_nonzero(mask[1:] != mask[:-1])
    falling = np.count_nonzero(mask[1:, 1:] != mask[:-1, :-1])
    rising = np.count_nonzero(mask[1:, :-1] != mask[:-1, 1:])
    return float(np.pi / 8 * (along + down + (falling + rising) / np.sqrt(2)))


def tumour_cells(grid: str) -> np.ndarray:
    """Return (TUMOUR_GRID, TUMOUR_GRID) bool from a ``tumour_grid`` of the index.

    The image is divided into as many rows and columns of cells; cells with any tumour are True.
    """
    bits = np.unpackbits(packed_cells([grid]))
    return bits.reshape(TUMOUR_GRID, TUMOUR_GRID).astype(bool)


def packed_cells(grids: Iterable[str]) -> np.ndarray:
    """Return (n, TUMOUR_GRID ** 2 / 8) uint8 from n columns ``tumour_grid``: a bit a cell."""
    joined = bytes.fromhex("".join(grids))
    return np.frombuffer(joined, np.uint8).reshape(-1, TUMOUR_GRID**2 // 8)


def _find_head(image: np.ndarray) -> _Head:
    thumbnail = cv2.split(_thumbnail(image))
    planes = dict(zip(SEQUENCES if len(thumbnail) > 1 else (FLAIR,), thumbnail, strict=True))
    rank = GRID**2 * 99 // 100
    brightness = {
        # A stable sort of bytes is a radix sort: half the time of a partition.
        sequence: int(np.sort(plane, axis=None, kind="stable")[rank])
        for sequence, plane in planes.items()
    }
    tissue, outline = _outline(planes, brightness)
    head = _Head(planes, brightness, tissue, outline)
    if head.is_distinct:
        return head
    level = HEAD_SHARE * max(brightness.values())
    grey = tuple(name for name, plane in planes.items() if np.median(plane[_RIM]) > level)
    dark = {
        name: plane for name, plane in planes.items() if name not in grey and brightness[name] > 0
    }
    if not dark or not grey:
        return replace(head, grey=grey)
    tissue, outline = _outline(dark, brightness)
    return replace(head, tissue=tissue, outline=outline, grey=grey)


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Return (GRID, GRID) or (GRID, GRID, 3) uint8: each cell is the mean of its pixels."""
    # OpenCV halves a picture fast, so that all steps together take a third of the time of one.
    while not any(side % (2 * GRID) for side in image.shape[:2]):
        size = image.shape[1] // 2, image.shape[0] // 2
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if image.shape[:2] == (GRID, GRID):
        return image
    return cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA)


def _outline(
    planes: dict[str, np.ndarray], brightness: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return tissue and outline of a head as any of the planes shows it; see :class:`_Head`."""
    outline = np.zeros((GRID, GRID), np.uint8)
    brightest = max(brightness[name] for name in planes)
    if brightest == 0:
        return outline, outline
    merged = reduce(cv2.max, planes.values())
    bright = cv2.threshold(merged, HEAD_SHARE * brightest, 1, cv2.THRESH_BINARY)[1]
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.fillConvexPoly(outline, cv2.convexHull(max(contours, key=cv2.contourArea)), 1)
    return cv2.bitwise_and(bright, outline), outline


def _of_head(image: np.ndarray, head: _Head) -> dict:
    """Return the brightness of the head's tissue and, of a large head, textures and fingerprint."""
    row = {}
    if head.is_distinct and cv2.countNonZero(head.tissue):
        means = [cv2.mean(plane, head.tissue)[0] for plane in head.planes.values()]
        row = _by_sequence("head_mean", head.planes, means)
    if head.share < LEAST_HEAD:
        return row
    sharpness, noise = _textures(_middle(image, head.outline))
    row |= _by_sequence("sharpness", head.planes, sharpness)
    row |= _by_sequence("noise", head.planes, noise)
    if head.brightness[FLAIR] >= LEAST_FLAIR:
        row["fingerprint"] = fingerprint(head.planes[FLAIR])
    return row


def _size_and_shape(tumour: np.ndarray, cells: np.ndarray) -> dict:
    """Return size, position and shape of the tumour in one slice.

    Args:
        tumour: (h, w) uint8 of 0 and 1, not all 0.
        cells: (GRID, GRID) bool, the cells with any tumour.

    Returns:
        ``area_px``; ``components``, whose pixels touch at least at a corner;
        ``largest_component_px``; ``islands``, components of :data:`ISLAND_PX`; ``holes`` and
        ``hole_px``, regions that the tumour encloses, corners included, and their pixels;
        ``pinholes``, those of at most :data:`PINHOLE_PX`; ``perimeter_px``, see :func:`perimeter`;
        ``tumour_row`` and ``tumour_column``, the centroid in px from 0 at the top left;
        ``tumour_grid``, see :func:`tumour_cells`.
    """
    left, top, width, height = cv2.boundingRect(tumour)
    # With an empty rim, so that the surroundings of the tumour are one region.
    part = np.zeros((height + 2, width + 2), np.uint8)
    part[1:-1, 1:-1] = tumour[top : top + height, left : left + width]
    _, _, parts, centres = cv2.connectedComponentsWithStats(part, connectivity=8)
    sizes = parts[1:, cv2.CC_STAT_AREA]
    gap_sizes = gaps_in(part)[:, cv2.CC_STAT_AREA]
    column, row = sizes @ centres[1:] / sizes.sum()
    return {
        "area_px": int(sizes.sum()),
        "components": len(sizes),
        "largest_component_px": int(sizes.max()),
        "islands": int((sizes <= ISLAND_PX).sum()),
        "pinholes": int((gap_sizes <= PINHOLE_PX).sum()),
        "holes": len(gap_sizes),
        "hole_px": int(gap_sizes.sum()),
        "perimeter_px": perimeter(part),
        "tumour_row": float(row + top - 1),
        "tumour_column": float(column + left - 1),
        "tumour_grid": np.packbits(_coarse_cells(cells)).tobytes().hex(),
    }


def gaps_in(framed: np.ndarray) -> np.ndarray:
    """Return the regions that a mask encloses, corners included, as (k, 5) rows of OpenCV's statistics.

    Args:
        framed: (h, w) uint8 of 0 and 1 with an empty rim.
    """
    _, _, gaps, _ = cv2.connectedComponentsWithStats(1 - framed, connectivity=8)
    # Label 0 is the mask here, and the region around it begins in the rim.
    return gaps[1:][gaps[1:, cv2.CC_STAT_LEFT] > 0]


def _by_sequence(quantity: str, sequences: Iterable[str], values: Iterable[float | None]) -> dict:
    # cv2.mean gives four values, whatever the image has.
    pairs = zip(sequences, values, strict=False)
    return {column_of(quantity, sequence): value for sequence, value in pairs}


def _constant(image: np.ndarray, planes: dict[str, np.ndarray]) -> list[str]:
    """Return the sequences with a single value; a constant thumbnail comes first, as it is fast."""
    whole = image.reshape(*image.shape[:2], -1)
    return [
        sequence
        for channel, (sequence, plane) in enumerate(planes.items())
        if plane[0, 0] == plane[-1, -1]
        and (plane == plane[0, 0]).all()
        and (whole[..., channel] == whole[0, 0, channel]).all()
    ]


def _cells_with(mask: np.ndarray) -> np.ndarray:
    """Return (GRID, GRID) bool: the cells of a grid over a mask of 0 and 1 that contain any 1."""
    # As floats, so that one pixel in a cell of hundreds is not rounded away.
    mean = cv2.resize(mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(mean > 0)


def _coarse_cells(cells: np.ndarray) -> np.ndarray:
    """Return (TUMOUR_GRID, TUMOUR_GRID) bool from (GRID, GRID): the larger cells with any tumour."""
    parts = GRID // TUMOUR_GRID
    return np.asarray(cells.reshape(TUMOUR_GRID, parts, TUMOUR_GRID, parts).any(axis=(1, 3)))


def _middle(image: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return a window of half the image's height and width, around the middle of the head."""
    left, top, width, height = cv2.boundingRect(outline)
    rows, columns = (
        _half(side, (start + length / 2) / GRID)
        for side, start, length in zip(image.shape, (top, left), (height, width), strict=False)
    )
    return np.ascontiguousarray(image[rows, columns])


def _half(side: int, middle: float) -> slice:
    """Return half of a side around a position of 0..1 on it, moved to stay within the side."""
    start = min(max(round(middle * side - side / 4), 0), side - side // 2)
    return slice(start, start + side // 2)


def _textures(window: np.ndarray) -> tuple[list[float | None], list[float]]:
    """Return sharpness and noise of each plane of a window; no sharpness where it is of one value.

    Args:
        window: (h, w) or (h, w, c) uint8.
    """
    deviations = cv2.meanStdDev(window)[1].ravel().tolist()
    side = np.sqrt(window.shape[0] * window.shape[1])
    edges = cv2.split(cv2.Laplacian(window, cv2.CV_16S))
    second = cv2.split(cv2.sepFilter2D(window, cv2.CV_16S, _SECOND_DIFFERENCE, _SECOND_DIFFERENCE))
    sharpness = [
        cv2.norm(plane, cv2.NORM_L2) / side / deviation if deviation > 0 else None
        for plane, deviation in zip(edges, deviations, strict=True)
    ]
    noise = [cv2.norm(plane, cv2.NORM_L1) / side**2 * np.sqrt(np.pi / 2) / 6 for plane in second]
    return sharpness, noise


def _px_outside(tumour: np.ndarray, cells: np.ndarray, head: _Head) -> int:
    """Return the number of tumour pixels more than one cell outside of the head's outline."""
    # A cell to spare: the outline on a thumbnail is no finer.
    wide = cv2.dilate(head.outline, np.ones((3, 3), np.uint8))
    if not (cells & (wide == 0)).any():
        return 0
    height, width = tumour.shape
    full = cv2.resize(wide, (width, height), interpolation=cv2.INTER_NEAREST)
    return int(np.count_nonzero(tumour & (1 - full)))
