"""Masks among uploaded pictures: recognised by their names, and each assigned to its slice.

A case folder contains its masks next to the images, such as ``x_1.png`` and ``x_1_mask.png``, or in a
folder of their own. A prediction is compared with them; they are never predicted.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from brainseg.io.label_maps import LabelMap
from brainseg.io.mask_names import Key, key_of, mask_words
from brainseg.io.masks import (
    NOT_INVERTED,
    covers_rim,
    label_areas,
    label_as_bool,
    labels_as_bool,
    plain_mask,
    region_of,
)
from brainseg.io.names import base_of
from brainseg.io.picture_slices import Slice, number_of
from brainseg.io.upload_file import Refusals


def part_masks(slices: list[Slice], refusals: Refusals) -> tuple[list[Slice], list[Slice]]:
    """Return the pictures that are images, and those that are masks.

    A mask has a mask word in its name that not all names share. Where each name occurs twice, as in the
    folders "images" and "masks" without the folder names, the content decides.

    Args:
        slices: all that could be decoded.
        refusals: gets one sentence per mask if there is no image at all.
    """
    words = [mask_words(name) for name, _, _ in slices]
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
        masks: (n, h, w) bool, or None without any mask.
        has_mask: (n,) bool, True for slices with a mask; None without any mask.
        notes: the number of masks and how they were converted, one sentence each.
        warnings: one sentence for each problem with the masks.
        labels: the labels of the masks, if they have several.
    """

    masks: np.ndarray | None = None
    has_mask: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    labels: LabelMap | None = None


def masks_of(slices: list[Slice], masks: list[Slice], refusals: Refusals) -> Truth:
    """Return the masks of a stack.

    Args:
        slices: of the stack, in order.
        masks: the mask files; those that match no slice are left out.
        refusals: gets one sentence per mask that is left out.
    """
    size = slices[0][2].pixels.shape[:2]
    stack, has_mask = np.zeros((len(slices), *size), bool), np.zeros(len(slices), bool)
    conversions: dict[str, None] = {}
    planes: dict[int, np.ndarray] = {}
    for (name, _, decoded), index in zip(masks, _slice_indices(slices, masks), strict=True):
        (region, notes), (height, width) = region_of(decoded), decoded.pixels.shape[:2]
        plain = plain_mask(decoded)[0]
        region = labels_as_bool(plain) if region is None else region
        if index is None:
            refusals.add(name, "its name calls it a mask, and no slice has the rest of its name")
        elif has_mask[index]:
            refusals.add(name, "another mask belongs to the same slice")
        elif (height, width) != size:
            refusals.add(
                name, f"the mask is {width} x {height} px, its slice {size[1]} x {size[0]} px"
            )
        elif region is None:
            refusals.add(
                name, "its name calls it a mask, and its values are not 0 and one other, nor labels"
            )
        else:
            stack[index], has_mask[index] = region, True
            planes[index] = plain
            conversions |= dict.fromkeys(note for note in notes if note == NOT_INVERTED)
    if not has_mask.any():
        return Truth()
    which = "all" if has_mask.all() else f"{has_mask.sum()} of {len(slices)}"
    compared = f"the prediction is compared with the accompanying masks ({which} slices)"
    notes = (compared, *(f"masks {note}" for note in conversions))
    labels = _labels(planes, stack.shape)
    inverted = [mask for mask in stack[has_mask] if covers_rim(mask)]
    if not inverted:
        return Truth(stack, has_mask, notes, labels=labels)
    share = float(np.median([mask.mean() for mask in inverted]))
    warning = (
        f"The manual masks cover {share:.0%} of the picture and its rim: they may be inverted."
    )
    return Truth(stack, has_mask, notes, (warning,), labels)


def _labels(planes: dict[int, np.ndarray], shape: tuple[int, ...]) -> LabelMap | None:
    """Return the labels of masks by slice, numbers or colours; None if they have one."""
    areas = {index: label_areas(plane) for index, plane in planes.items()}
    found = {name for of in areas.values() for name in of}
    if len(found) < 2 or any(plane.any() and not areas[index] for index, plane in planes.items()):
        return None
    names = sorted(found, key=lambda name: (len(name), name))
    values = np.zeros(shape, np.uint8)
    for index, plane in planes.items():
        for name in areas[index]:
            values[index][label_as_bool(plane, name)] = names.index(name) + 1
    numbered = {f"label {name}": (place,) for place, name in enumerate(names, start=1)}
    return LabelMap(values, numbered)


def _is_region(one: Slice) -> bool:
    return region_of(one[2])[0] is not None


def _part_pairs(slices: list[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Return images and masks if each name occurs twice, once as a mask; otherwise all are images."""
    pairs: dict[tuple[str, int | None], list[Slice]] = defaultdict(list)
    for one in slices:
        pairs[base_of(one[0]), one[1]].append(one)
    images: list[Slice] = []
    masks: list[Slice] = []
    for pair in pairs.values():
        regions = [_is_region(one) for one in pair]
        if len(pair) != 2 or not any(regions):
            return slices, []
        # Both are regions where the slice is as empty as its mask: either is right.
        masks.append(pair.pop(regions.index(True)))
        images += pair
    return images, masks


def _slice_indices(slices: list[Slice], masks: list[Slice]) -> list[int | None]:
    """Return the index of each mask's slice, matched by the rest of its name or else by its number."""
    by_name: dict[tuple[Key, int | None], list[int]] = defaultdict(list)
    for index, (name, page, _) in enumerate(slices):
        by_name[key_of(name), page].append(index)
    matches = [by_name.get((key_of(name), page), []) for name, page, _ in masks]
    if any(matches):
        return [match[0] if len(match) == 1 else None for match in matches]
    # Where each sequence has its own picture, the mask shares its name with none of them.
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
