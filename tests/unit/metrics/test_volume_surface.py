"""Distances between surfaces in 3D: by hand, by brute force, and near those of DeepMind's library."""

import numpy as np
import pytest
from scipy import ndimage

from brainseg.evaluation.scoring import measure
from brainseg.metrics import surface_distances_3d

SPACING = (5.0, 0.9, 0.8)


def box(*at: slice) -> np.ndarray:
    mask = np.zeros((12, 24, 24), bool)
    mask[at] = True
    return mask


def wobbly(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = ndimage.gaussian_filter(rng.standard_normal((8, 14, 14)), 2)
    second = first + ndimage.gaussian_filter(rng.standard_normal((8, 14, 14)), 2) / 2
    return first > 0.05, second > 0.05


def faces(mask: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return centre in mm and area of each face, voxel by voxel."""
    padded, found = np.pad(mask, 1), []
    for voxel in np.argwhere(padded):
        for axis in range(3):
            for side in (-1, 1):
                step = np.zeros(3, int)
                step[axis] = side
                if not padded[tuple(voxel + step)]:
                    area = float(np.prod(np.delete(SPACING, axis)))
                    found.append(((voxel - 1 + step / 2) * SPACING, area))
    return found


def test_a_box_that_is_moved_by_a_slice_by_hand() -> None:
    one = box(slice(3, 6), slice(4, 12), slice(4, 12))
    other = box(slice(4, 7), slice(4, 12), slice(4, 12))
    found = surface_distances_3d(one, other, SPACING)
    caps = 2 * 64 * 0.9 * 0.8
    sides = 3 * 2 * 8 * (5 * 0.8 + 5 * 0.9)
    assert found.truth_lengths.sum() == pytest.approx(caps + sides)
    # The distance to the next slice, which within a slice would be infinite.
    assert found.hausdorff() <= 5
    assert found.hausdorff(1.0) == pytest.approx(5)
    assert surface_distances_3d(one, one, SPACING).surface_dice() == 1


@pytest.mark.parametrize("seed", range(3))
def test_distances_equal_those_of_brute_force(seed: int) -> None:
    truth, prediction = wobbly(seed)
    found = surface_distances_3d(truth, prediction, SPACING)
    one, other = faces(truth), faces(prediction)
    centres = np.array([centre for centre, _ in other])
    expected = [float(np.linalg.norm(centres - centre, axis=1).min()) for centre, _ in one]
    assert sorted(found.from_truth) == pytest.approx(sorted(expected))
    assert found.truth_lengths.sum() == pytest.approx(sum(area for _, area in one))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:surface_distance")
@pytest.mark.parametrize("seed", range(5))
def test_hd95_is_near_that_of_deepminds_library(seed: int) -> None:
    import surface_distance as published

    truth, prediction = wobbly(seed)
    theirs = published.compute_robust_hausdorff(
        published.compute_surface_distances(truth, prediction, SPACING), 95
    )
    # Its surface runs through the corners of the voxels, ours through their faces.
    ours = surface_distances_3d(truth, prediction, SPACING).hausdorff()
    assert abs(ours - theirs) <= np.linalg.norm(SPACING)


def test_an_empty_mask_is_infinitely_far_and_two_are_equal() -> None:
    some, none = box(slice(3, 6), slice(4, 12), slice(4, 12)), np.zeros((12, 24, 24), bool)
    assert surface_distances_3d(some, none, SPACING).hausdorff() == np.inf
    assert surface_distances_3d(some, none, SPACING).surface_dice() == 0
    assert surface_distances_3d(none, none, SPACING).hausdorff() == 0
    assert surface_distances_3d(none, none, SPACING).surface_dice() == 1


def test_a_case_with_a_spacing_is_measured_in_3d_and_without_one_in_its_slices() -> None:
    one = box(slice(3, 6), slice(4, 12), slice(4, 12))
    other = box(slice(4, 7), slice(4, 12), slice(4, 12))
    assert measure(one, other, SPACING)["hd95"] == pytest.approx(5)
    assert measure(one, other, SPACING)["distance_unit"] == "mm"
    assert measure(one, other, (None, 0.9, 0.8))["hd95"] == np.inf
    assert measure(one, other)["distance_unit"] == "px"
