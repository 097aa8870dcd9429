"""The head in its image: found in spite of holes and ghosts, and boxed as it is on most slices."""

import numpy as np

from brainseg.cohort.head import Box, bright_end, head_box, head_masks, in_box
from brainseg.volume import Volume


def volume_of(flair: np.ndarray) -> Volume:
    return Volume(np.repeat(flair[..., np.newaxis], 3, axis=3).astype(np.uint8))


def disc(radius: float, side: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return rows**2 + columns**2 <= radius**2


def test_holes_belong_to_the_head_and_specks_outside_do_not():
    head, ventricle = disc(20), disc(5)
    flair = np.where(head & ~ventricle, 100, 0)
    flair[2, 2] = 100
    found = head_masks(volume_of(flair[np.newaxis]))[0]
    np.testing.assert_array_equal(found, head)


def test_a_black_slice_and_a_black_case_have_no_head():
    flair = np.stack([np.where(disc(20), 100, 0), np.zeros((64, 64), int)])
    assert head_masks(volume_of(flair)).any(axis=(1, 2)).tolist() == [True, False]
    black = volume_of(np.zeros((2, 64, 64)))
    assert bright_end(black) == 0
    assert not head_masks(black).any()
    assert head_box(head_masks(black)) == Box(0, 0, 64, 64)


def test_the_box_leaves_out_what_is_head_on_few_slices():
    heads = np.repeat(disc(10)[np.newaxis], 10, axis=0)
    heads[0, :, :5] = True
    box = head_box(heads)
    rows, columns = np.flatnonzero(disc(10).any(axis=1)), np.flatnonzero(disc(10).any(axis=0))
    assert box == Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert (box.height, box.width) == (len(rows), len(columns))


def test_a_cell_holds_the_mean_of_what_lies_in_it():
    planes = np.zeros((1, 8, 8), bool)
    planes[0, 2:4, 4:6] = True
    cells = in_box(planes, Box(2, 4, 6, 8), 2, 2)
    np.testing.assert_allclose(cells, [[[1, 0], [0, 0]]])
    halves = in_box(np.eye(4)[np.newaxis], Box(0, 0, 4, 4), 2, 2)
    np.testing.assert_allclose(halves, [[[0.5, 0], [0, 0.5]]])


def test_a_box_smaller_than_the_grid_is_enlarged():
    assert in_box(np.ones((2, 8, 8)), Box(1, 1, 4, 4), 10, 9).shape == (2, 10, 9)


def test_one_bright_pixel_does_not_move_the_bright_end():
    flair = np.full((1, 64, 64), 100)
    flair[0, 0, 0] = 255
    assert bright_end(volume_of(flair)) == 100
