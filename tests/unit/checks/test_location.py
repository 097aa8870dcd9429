"""A finding is marked where the mask has what it is about."""

import numpy as np
import pytest

from brainseg.checks import RULES
from brainseg.checks.location import _PLACES, boxes_of


@pytest.fixture
def mask() -> np.ndarray:
    """Return a mask with a square with a pinhole and a hole of 6 px, and an isolated pixel."""
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:50] = True
    mask[12, 24] = mask[20:22, 30:33] = False
    mask[0, 59] = True
    return mask


@pytest.mark.parametrize(
    ("kind", "boxes"),
    [
        ("mask_island", [(59, 0, 60, 1)]),
        ("mask_pinhole", [(24, 12, 25, 13)]),
        ("mask_hole", [(24, 12, 25, 13), (30, 20, 33, 22)]),
        ("mask_area", [(59, 0, 60, 1), (20, 10, 50, 30)]),
        ("mask_shift", [(59, 0, 60, 1), (20, 10, 50, 30)]),
        ("noisy_slice", []),
    ],
)
def test_each_kind_is_marked_at_its_places(mask, kind, boxes):
    assert sorted(boxes_of(kind, mask)) == sorted(boxes)


def test_an_unknown_or_empty_mask_has_no_place(mask):
    assert boxes_of("mask_island", None) == boxes_of("mask_island", np.zeros((4, 4), bool)) == []


def test_every_kind_with_a_place_is_a_rule():
    assert set(_PLACES) <= set(RULES)
