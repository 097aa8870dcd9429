"""Distances between outlines: by hand, by brute force, and against a published implementation."""

import math
import warnings

import numpy as np
import pytest
from scipy import ndimage

from brainseg.metrics import surface_distances

CUT = math.sqrt(0.5)


def square(top: int, left: int, side: int, slices: int = 1, at: int = 0) -> np.ndarray:
    mask = np.zeros((slices, 32, 32), bool)
    mask[at, top : top + side, left : left + side] = True
    return mask


def wobbly(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks, (40, 50) bool, alike but not equal, with several parts and holes."""
    rng = np.random.default_rng(seed)
    first = ndimage.gaussian_filter(rng.standard_normal((40, 50)), 3)
    second = first + ndimage.gaussian_filter(rng.standard_normal((40, 50)), 3) / 2
    return first > 0.05, second > 0.05


def by_brute_force(
    truth: np.ndarray, prediction: np.ndarray, pixel: tuple[float, float]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return (distance, length) of every element of both outlines of (h, w) masks, each to each."""
    row, column = pixel
    elements = []
    for mask in (truth, prediction):
        padded = np.pad(mask, 1).astype(int)
        found = []
        for i in range(padded.shape[0] - 1):
            for j in range(padded.shape[1] - 1):
                (a, b), (c, d) = padded[i : i + 2, j : j + 2].tolist()
                across = (a != c) + (b != d)  # pixel edges that run along a row
                along = (a != b) + (c != d)
                if a + b + c + d in (1, 3):
                    found.append((i, j, math.hypot(row, column) / 2))
                elif a + b + c + d == 2:
                    straight = column if across == 2 else row
                    found.append(
                        (i, j, math.hypot(row, column) if across == along == 2 else straight)
                    )
        elements.append(found)

    def nearest(i: int, j: int, others: list) -> float:
        far = [math.hypot((i - k) * row, (j - m) * column) for k, m, _ in others]
        return min(far, default=math.inf)

    one, other = elements
    return (
        [(nearest(i, j, other), length) for i, j, length in one],
        [(nearest(i, j, one), length) for i, j, length in other],
    )


def percentile(elements: list[tuple[float, float]], share: float) -> float:
    total, reached = sum(length for _, length in elements), 0.0
    for distance, length in sorted(elements):
        reached += length
        if reached >= share * total - 1e-9:
            return distance
    return math.inf


def test_the_outline_of_a_square_by_hand() -> None:
    found = surface_distances(square(10, 10, 4), square(10, 10, 4))
    # Twelve straight elements of 1 px between the corners, and four corners that are cut off.
    assert found.truth_lengths.sum() == pytest.approx(4 * 3 + 4 * CUT)
    assert found.hausdorff() == 0
    assert found.surface_dice() == 1


def test_a_square_that_is_shifted_by_three_pixels_by_hand() -> None:
    found = surface_distances(square(10, 10, 8), square(10, 13, 8))
    assert found.hausdorff(1.0) == 3
    assert found.hausdorff() == 3
    # Each outline is four sides of 7 px and four cut corners. Of each, the outer side with its corners
    # lies 3 px off; of the inner side, its 3 middle px: the others are nearer to top or bottom.
    both = 2 * (4 * 7 + 4 * CUT)
    far = 2 * (7 + 2 * CUT + 3)
    assert found.surface_dice(2.5) == pytest.approx((both - far) / both)
    assert found.surface_dice(3.0) == 1


def test_a_spacing_makes_the_distance_millimetres() -> None:
    found = surface_distances(square(10, 10, 8), square(10, 13, 8), (1.0, 0.5))
    assert found.hausdorff() == 1.5
    down = surface_distances(square(10, 10, 8), square(13, 10, 8), (1.0, 0.5))
    assert down.hausdorff() == 3


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("pixel", [(1.0, 1.0), (0.7, 1.3)])
def test_distances_equal_those_of_brute_force(seed: int, pixel: tuple[float, float]) -> None:
    truth, prediction = (mask[:20, :20] for mask in wobbly(seed))
    found = surface_distances(truth[np.newaxis], prediction[np.newaxis], pixel)
    one, other = by_brute_force(truth, prediction, pixel)
    assert found.truth_lengths.sum() == pytest.approx(sum(length for _, length in one))
    assert sorted(found.from_truth) == pytest.approx(sorted(distance for distance, _ in one))
    assert found.hausdorff(1.0) == pytest.approx(max(max(one)[0], max(other)[0]))
    for share in (0.5, 0.95):
        expected = max(percentile(one, share), percentile(other, share))
        assert found.hausdorff(share) == pytest.approx(expected)
    near = sum(length for distance, length in [*one, *other] if distance <= 2)
    assert found.surface_dice(2) == pytest.approx(
        near / sum(length for _, length in [*one, *other])
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("pixel", [(1.0, 1.0), (0.7, 1.3)])
def test_distances_equal_those_of_deepminds_library(seed: int, pixel: tuple[float, float]) -> None:
    import surface_distance as published

    truth, prediction = wobbly(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = published.compute_surface_distances(truth, prediction, pixel)
    found = surface_distances(truth[np.newaxis], prediction[np.newaxis], pixel)
    for percent in (50, 95, 100):
        robust = published.compute_robust_hausdorff(expected, percent)
        assert found.hausdorff(percent / 100) == pytest.approx(robust)
    # Not at 1 or 2, which the two may round to different sides.
    for tolerance in (0.51, 1.53, 2.51):
        overlap = published.compute_surface_dice_at_tolerance(expected, tolerance)
        assert found.surface_dice(tolerance) == pytest.approx(overlap)


@pytest.mark.parametrize("seed", range(6))
def test_the_whole_hausdorff_distance_equals_that_of_scipy(seed: int) -> None:
    from scipy.spatial.distance import directed_hausdorff

    masks = wobbly(seed)
    corners = []
    for mask in masks:
        padded = np.pad(mask, 1).astype(int)
        sums = padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]
        corners.append(np.argwhere((sums > 0) & (sums < 4)))
    expected = max(directed_hausdorff(*corners)[0], directed_hausdorff(*corners[::-1])[0])
    found = surface_distances(*(mask[np.newaxis] for mask in masks))
    assert found.hausdorff(1.0) == pytest.approx(expected)


def test_a_prediction_on_the_next_slice_is_no_counterpart() -> None:
    found = surface_distances(square(10, 10, 8, 3, at=0), square(10, 10, 8, 3, at=1))
    assert found.hausdorff() == math.inf
    assert found.surface_dice() == 0


def test_slices_are_pooled_and_one_without_counterpart_counts_by_its_length() -> None:
    truth = square(4, 4, 24, 2, at=0)
    small, large = truth.copy(), truth.copy()
    small[1, 0, 0] = (
        True  # an outline of 2.8 px beside one of 95: within the 5% that may lie anywhere
    )
    large[1, 4:10, 4:10] = True  # of 23 px: beyond them
    assert surface_distances(truth, small).hausdorff() == 0
    assert surface_distances(truth, large).hausdorff() == math.inf
    outline = surface_distances(truth, truth).truth_lengths.sum()
    alone = 4 * 5 + 4 * CUT
    expected = 2 * outline / (2 * outline + alone)
    assert surface_distances(truth, large).surface_dice() == pytest.approx(expected)


def test_distances_do_not_depend_on_which_mask_is_which() -> None:
    truth, prediction = (mask[np.newaxis] for mask in wobbly(1))
    one, other = surface_distances(truth, prediction), surface_distances(prediction, truth)
    assert one.hausdorff() == other.hausdorff()
    assert one.surface_dice() == pytest.approx(other.surface_dice())


def test_a_mask_at_the_edge_of_the_image_has_its_whole_outline() -> None:
    mask = np.ones((1, 5, 7), bool)
    found = surface_distances(mask, mask)
    assert found.truth_lengths.sum() == pytest.approx(2 * 4 + 2 * 6 + 4 * CUT)


def test_masks_of_two_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="bring them to one grid first"):
        surface_distances(np.zeros((1, 4, 4), bool), np.zeros((2, 4, 4), bool))
