"""Masks among the pictures of an upload: known by their names, and each given to its slice.

A case folder holds its masks beside the images, such as ``x_1.png`` and ``x_1_mask.png``, or in a folder
of their own. They are what a prediction can be compared with, and never slices to predict.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from brainseg.io.names import base_of
from brainseg.io.picture_slices import Slice, number_of
from brainseg.io.upload_file import Refusals

MASK_WORDS = frozenset(
    {"mask", "masks", "seg", "segs", "segm", "segmentation", "segmentations", "label", "labels"}
    | {"labelmap", "labelmaps", "gt", "truth", "groundtruth", "annotation", "annotations"}
    | {"annot", "roi", "rois"}
)
IMAGE_WORDS = frozenset({"image", "images", "img", "imgs", "scan", "scans", "ground"})
"""What stands in an image's name where its mask has another word; "ground" is left of ground truth."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_]+")
_NEAR = 32
_MOST_GREY = 0.02
"""A mask with grey edges: how far from 0 and 255 is grey, and how much of the picture may be."""

_MOST_TUMOUR = 0.5
"""Of a picture; a mask that covers more has black and white exchanged, as some writers store 1 bit."""

Key = tuple[str, ...]


def part_masks(slices: list[Slice], refusals: Refusals) -> tuple[list[Slice], list[Slice]]:
    """Return the pictures that are images, and those that are masks.

    A name tells, by a word that not all names share. Where the names come in pairs, such as those of the
    folders "images" and "masks" without the folders, the content tells.

    Args:
        slices: all that could be decoded.
        refusals: gets a sentence for each mask where there is no image at all.
    """
    words = [_mask_words(name) for name, _, _ in slices]
    shared = frozenset.intersection(*words) if len(slices) > 1 else frozenset()
    images: list[Slice] = []
    masks: list[Slice] = []
    for one, own in zip(slices, words, strict=True):
        (masks if own - shared else images).append(one)
    if not masks:
        images, masks = _part_pairs(images)
    if not images:
        images, masks = slices, []
    if not masks and all(words) and all(_is_region(one) for one in images):
        for name, _, _ in images:
            refusals.add(name, "it is a mask, and no image came with it")
        return [], []
    return images, masks


@dataclass(frozen=True, eq=False)
class Truth:
    """The manual masks of a stack.

    Attributes:
        masks: (n, h, w) bool, or None where there is no mask.
        has_mask: (n,) bool, which slices have one; None likewise.
        notes: how many slices have one, as a sentence.
        warnings: what is odd about them, a sentence each.
    """

    masks: np.ndarray | None = None
    has_mask: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def masks_of(slices: list[Slice], masks: list[Slice], refusals: Refusals) -> Truth:
    """Return the masks of a stack.

    Args:
        slices: of the stack, in order.
        masks: each that fits no slice is left out.
        refusals: gets a sentence for each mask that is left out.
    """
    size = slices[0][2].pixels.shape[:2]
    stack, has_mask = np.zeros((len(slices), *size), bool), np.zeros(len(slices), bool)
    for (name, _, decoded), place in zip(masks, _places(slices, masks), strict=True):
        region, (height, width) = as_region(decoded.pixels), decoded.pixels.shape[:2]
        if place is None:
            refusals.add(name, "its name calls it a mask, and no slice has the rest of its name")
        elif has_mask[place]:
            refusals.add(name, "another mask belongs to the same slice")
        elif (height, width) != size:
            refusals.add(
                name, f"the mask is {width} x {height} px, its slice {size[1]} x {size[0]} px"
            )
        elif region is None:
            refusals.add(name, "its name calls it a mask, and its values are not 0 and one other")
        else:
            stack[place], has_mask[place] = region, True
    if not has_mask.any():
        return Truth()
    which = "all" if has_mask.all() else f"{has_mask.sum()} of {len(slices)}"
    note = f"the prediction is compared with the accompanying masks ({which} slices)"
    share = float(np.median(stack[has_mask].mean(axis=(1, 2))))
    inverted = f"The manual masks cover {share:.0%} of the picture: they may be inverted."
    return Truth(stack, has_mask, (note,), (inverted,) if share > _MOST_TUMOUR else ())


def as_region(pixels: np.ndarray) -> np.ndarray | None:
    """Return a mask as (h, w) bool, None where its values are not 0 and one other value or colour.

    Grey at its edges, as JPEG and smoothing leave it, is cut at half.

    Args:
        pixels: (h, w) or (h, w, c), of any dtype.
    """
    values = pixels.max(axis=2) if pixels.ndim == 3 else pixels
    if pixels.ndim == 3 and not (pixels == pixels[..., :1]).all():
        colours = np.unique(pixels[values > 0], axis=0)
        return values > 0 if len(colours) == 1 else None
    levels = np.unique(values)
    if len(levels) <= 2 and (levels[0] == 0 or len(levels) == 1):
        return values > 0
    if values.dtype != np.uint8:
        return None
    grey = np.count_nonzero((values > _NEAR) & (values < 255 - _NEAR))
    has_both = levels[0] <= _NEAR and levels[-1] >= 255 - _NEAR
    return values > 127 if has_both and grey <= _MOST_GREY * values.size else None


def _is_region(one: Slice) -> bool:
    return as_region(one[2].pixels) is not None


def _part_pairs(slices: list[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Return images and masks where each name occurs twice, once as a mask; else all as images."""
    pairs: dict[tuple[str, int | None], list[Slice]] = defaultdict(list)
    for one in slices:
        pairs[base_of(one[0]), one[1]].append(one)
    images: list[Slice] = []
    masks: list[Slice] = []
    for pair in pairs.values():
        regions = [_is_region(one) for one in pair]
        if len(pair) != 2 or not any(regions):
            return slices, []
        # Both are regions where the slice is as empty as its mask: either will do.
        masks.append(pair.pop(regions.index(True)))
        images += pair
    return images, masks


def _places(slices: list[Slice], masks: list[Slice]) -> list[int | None]:
    """Return for each mask the place of its slice: by the rest of its name, else by its number."""
    found: dict[tuple[Key, int | None], list[int]] = defaultdict(list)
    for place, (name, page, _) in enumerate(slices):
        found[_key(name), page].append(place)
    places = [found.get((_key(name), page), []) for name, page, _ in masks]
    if any(places):
        return [place[0] if len(place) == 1 else None for place in places]
    # Where each sequence has a picture of its own, the mask has the name of none of them.
    numbers = [number_of(one) for one in slices]
    of_masks = Counter(number_of(one) for one in masks)
    return [
        numbers.index(number)
        if (number := number_of(one)) is not None
        and of_masks[number] == 1
        and numbers.count(number) == 1
        else None
        for one in masks
    ]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _folders(name: str) -> list[str]:
    return [folder for folder in PurePosixPath(name.replace("\\", "/")).parts[:-1] if folder != "/"]


def _mask_words(name: str) -> frozenset[str]:
    """Return what calls a file a mask: words of its own name, and folders of nothing but such words."""
    own = set(_words(base_of(name)))
    for folder in _folders(name):
        words = set(_words(folder))
        own |= words if words <= MASK_WORDS | IMAGE_WORDS else set()
    return frozenset(own & MASK_WORDS)


def _key(name: str) -> Key:
    """Return what a mask's name shares with its image's: all its words but those for mask and image."""
    words = [
        *(word for folder in _folders(name) for word in _words(folder)),
        *_words(base_of(name)),
    ]
    shared = [word for word in words if word not in MASK_WORDS | IMAGE_WORDS]
    return tuple(word.lstrip("0") or "0" if word.isdecimal() else word for word in shared)
