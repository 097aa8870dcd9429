"""The move by which a mask fits the edges of FLAIR best."""

import cv2
import numpy as np
import pytest

from brainseg.cohort.mask_edges import edge_offset


def tumour(width: int, row: int, column: int, radius: int) -> np.ndarray:
    mask = np.zeros((width, width), np.uint8)
    cv2.circle(mask, (column, row), radius, 1, cv2.FILLED)
    return mask


def bright(mask: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return FLAIR with noise whose bright region is a mask moved by rows and columns."""
    moved = np.roll(mask, (rows, columns), axis=(0, 1))
    noise = np.random.default_rng(0).normal(0, 4, mask.shape)
    return np.clip(90 + 80 * moved + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("move", [(0, 0), (6, -4), (-8, 8)])
@pytest.mark.parametrize("centre", [(120, 130), (8, 9), (247, 250)])
def test_the_move_of_a_mask_is_found_anywhere_in_the_image(
    move: tuple[int, int], centre: tuple[int, int]
) -> None:
    mask = tumour(256, *centre, radius=20)
    flair = bright(mask, *move) if centre == (120, 130) else bright(mask, 0, 0)
    expected = move if centre == (120, 130) else (0, 0)
    found = edge_offset(flair, mask)
    assert (found["edge_row"], found["edge_column"]) == expected
    assert (found["edge_share"] == 1) == (expected == (0, 0))
    assert found["edge_share"] <= 1


def test_distances_are_in_pixels_of_the_image() -> None:
    mask = tumour(512, 250, 260, radius=40)
    found = edge_offset(bright(mask, 8, -12), mask)
    assert (found["edge_row"], found["edge_column"]) == (8, -12)


def test_a_small_mask_and_one_on_even_grey_have_no_place() -> None:
    assert edge_offset(bright(tumour(256, 50, 50, 20), 0, 0), tumour(256, 50, 50, 3)) == {}
    assert edge_offset(np.full((256, 256), 90, np.uint8), tumour(256, 50, 50, 20)) == {}
