"""Measures: worked by hand, and against brute force on random shapes."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from support.cohorts import blob

from brainseg.statistics.measures import (
    Diameters,
    by_slice,
    components_of_plane,
    diameters,
    largest_component,
    measure_case,
    measure_volume,
)


def plane(*rows: str) -> np.ndarray:
    """Return (h, w) bool from rows of text, # inside."""
    return np.array([[character == "#" for character in row] for row in rows])


def random_shape(seed: int, side: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=(side, side)), rng.uniform(0.5, 4))
    return smooth > np.quantile(smooth, rng.uniform(0.5, 0.99))


def farthest_by_brute_force(mask: np.ndarray) -> tuple:
    """Return the ends of the longest diameter, comparing all pixels with all."""
    points = [tuple(point) for point in np.argwhere(mask).tolist()]
    pairs = itertools.combinations_with_replacement(points, 2)
    return min(
        pairs, key=lambda ab: (-((ab[1][0] - ab[0][0]) ** 2 + (ab[1][1] - ab[0][1]) ** 2), ab)
    )


def chord_by_half_planes(points: np.ndarray, first, last, through) -> float:
    """Return the length of the hull's chord through a point, at a right angle to first-last."""
    along = np.subtract(last, first)
    across = np.array([-along[1], along[0]]) / np.hypot(*along)
    equations = ConvexHull(points).equations
    slope = equations[:, :2] @ across
    offset = equations[:, :2] @ through + equations[:, 2]
    with np.errstate(divide="ignore"):
        bounds = -offset / slope
    parallel = np.abs(slope) < 1e-12
    high = bounds[(slope > 0) & ~parallel].min()
    low = bounds[(slope < 0) & ~parallel].max()
    return high - low


def test_a_rectangle_is_measured_by_its_diagonal_and_the_chord_across_it():
    found = diameters(plane("......", ".####.", ".####.", ".####.", "......"))
    # From centre to centre 3 columns and 2 rows. The chord through a corner beside the diagonal
    # leaves by the long side, 4/3 columns away.
    assert found.longest == pytest.approx(np.sqrt(13))
    assert found.longest_ends == ((1, 1), (3, 4))
    assert found.perpendicular == pytest.approx(np.hypot(2, 4 / 3))
    assert found.perpendicular_ends == ((3, 1), (1, pytest.approx(1 + 4 / 3)))


def test_a_cross_has_two_equal_arms_and_the_first_in_reading_order_is_the_longest():
    found = diameters(plane("..#..", "..#..", "#####", "..#..", "..#.."))
    assert found == Diameters(4.0, ((0, 2), (4, 2)), 4.0, ((2, 0), (2, 4)))


def test_a_pixel_has_no_length_and_a_line_no_width():
    assert diameters(plane("...", ".#.")) == Diameters(0.0, ((1, 1), (1, 1)), 0.0, ((1, 1), (1, 1)))
    line = diameters(plane("#...", ".#..", "..#."))
    assert line.longest == pytest.approx(np.sqrt(8))
    assert line.perpendicular == 0.0
    assert line.perpendicular_ends == ((0, 0), (0, 0))
    assert diameters(plane("...", "...")) is None


def test_a_crescent_measures_as_if_it_were_filled():
    crescent = plane("#####", "#...#", "#...#")
    assert diameters(crescent) == diameters(np.ones((3, 5), bool))


def test_only_the_largest_component_is_measured_and_of_equals_the_first():
    two = plane("##.....", "##...##", ".....##", ".....##")
    assert np.array_equal(largest_component(two), plane(".......", ".....##", ".....##", ".....##"))
    assert diameters(two).longest == pytest.approx(np.sqrt(5))
    equals = plane("...##", ".....", "##...")
    assert diameters(equals).longest_ends == ((0, 3), (0, 4))
    beside = plane("..##", "#...", "#...")
    assert diameters(beside).longest_ends == ((0, 2), (0, 3))


def test_pixels_that_touch_at_a_corner_belong_together():
    assert components_of_plane(plane("#..", ".#.", "..#")) == 1
    assert components_of_plane(plane("#.#", "...", "#.#")) == 4
    assert components_of_plane(plane("...")) == 0
    stack = np.zeros((3, 4, 4), bool)
    stack[0, 0, 0] = stack[1, 1, 1] = stack[2, 2, 2] = True
    assert measure_volume(stack).components == 1
    assert measure_volume(stack, np.array([True, False, True])).components == 2


@pytest.mark.parametrize("seed", range(40))
def test_the_diameters_agree_with_brute_force(seed):
    mask = random_shape(seed)
    found = diameters(mask)
    part = largest_component(mask)
    first, last = farthest_by_brute_force(part)
    assert found.longest_ends == (first, last)
    assert found.longest == pytest.approx(np.hypot(*np.subtract(last, first)))
    one, other = np.array(found.perpendicular_ends)
    assert found.perpendicular == pytest.approx(np.hypot(*(other - one)))
    assert (other - one) @ np.subtract(last, first) == pytest.approx(0, abs=1e-7)
    points = np.argwhere(part)
    if len(points) < 3 or np.linalg.matrix_rank(points - points[0]) < 2:
        assert found.perpendicular == 0
        return
    corners = points[ConvexHull(points).vertices]
    steps = np.linspace(0.001, 0.999, 300)[:, np.newaxis]
    between = (1 - steps) * np.array(first) + steps * np.array(last)
    chords = [chord_by_half_planes(points, first, last, on) for on in [*corners, *between]]
    assert found.perpendicular == pytest.approx(max(chords), abs=1e-7)


@pytest.mark.parametrize("turn", range(4))
def test_lengths_do_not_depend_on_the_orientation_of_the_slice(turn):
    for seed in range(10):
        mask = largest_component(random_shape(seed))
        found, turned = diameters(mask), diameters(np.rot90(mask, turn))
        assert turned.longest == pytest.approx(found.longest)
    ellipse = np.hypot(*(np.mgrid[-20:21, -20:21] / np.array([18, 9])[:, None, None])) <= 1
    found = diameters(np.rot90(ellipse, turn))
    assert found.longest == pytest.approx(36)
    assert found.perpendicular == pytest.approx(18)


def test_diameters_of_non_square_pixels_are_longest_in_millimetres():
    mask = np.zeros((12, 12), bool)
    mask[1, 1:10] = mask[1:8, 1] = True
    in_px, in_mm = diameters(mask), diameters(mask, (2.0, 0.5))
    assert in_px.longest == pytest.approx(10)
    assert in_px.longest_ends == in_mm.longest_ends == ((1, 9), (7, 1))
    assert in_mm.longest == pytest.approx(np.hypot(12, 4))
    (one, other) = np.array(in_mm.perpendicular_ends) * (2.0, 0.5)
    assert (other - one) @ np.array([12, -4]) == pytest.approx(0, abs=1e-9)
    square = diameters(mask, (0.7, 0.7))
    assert square.longest == pytest.approx(7)
    assert square.perpendicular == pytest.approx(0.7 * in_px.perpendicular)


def test_a_slice_by_slice_table_leaves_the_unknown_missing():
    masks = np.stack([blob(20, 20) > 0, blob(22, 22, 12) > 0, np.zeros((64, 64), bool)])
    table = by_slice(masks, [1, 2, 10], np.array([True, False, True]))
    assert list(table.columns) == [
        "slice_number",
        "area_px",
        "components",
        "longest_px",
        "perpendicular_px",
    ]
    assert table["slice_number"].tolist() == [1, 2, 10]
    assert table["area_px"].tolist() == [100, pd.NA, 0]
    assert table["components"].tolist() == [1, pd.NA, 0]
    assert table["longest_px"].isna().tolist() == [False, True, True]
    assert table.loc[0, "longest_px"] == pytest.approx(np.hypot(9, 9))


def test_there_are_millimetres_only_with_a_spacing():
    masks = (blob(20, 20, 10) > 0)[np.newaxis]
    table = by_slice(masks, [1], spacing_mm=(5.0, 0.5, 0.8))
    assert table.loc[0, "area_mm2"] == pytest.approx(100 * 0.4)
    assert table.loc[0, "longest_mm"] == pytest.approx(np.hypot(4.5, 7.2))
    assert table.loc[0, "longest_px"] == pytest.approx(np.hypot(9, 9))
    assert measure_volume(masks, spacing_mm=(5.0, 0.5, 0.8)).volume_ml == pytest.approx(0.2)
    assert measure_volume(masks).volume_ml is None


def test_a_volume_is_counted_over_the_known_slices():
    masks = np.zeros((4, 20, 20), bool)
    masks[0, :3, :3] = masks[1, 10:12, 10:12] = masks[3, 0, 0] = True
    whole = measure_volume(masks)
    assert (whole.volume_vx, whole.components, whole.slices, whole.known) == (14, 3, 3, 4)
    assert whole.largest_share == pytest.approx(9 / 14)
    part = measure_volume(masks, np.array([False, True, True, True]))
    assert (part.volume_vx, part.components, part.slices, part.known) == (5, 2, 2, 3)
    nothing = measure_volume(np.zeros((2, 5, 5), bool))
    assert (nothing.volume_vx, nothing.components, nothing.largest_share) == (0, 0, None)


def test_slices_add_up_to_the_volume_on_the_sample_cohort(sample_root):
    from brainseg.cohort import Cohort

    cohort = Cohort.open(sample_root)
    for name in cohort.cases:
        case = cohort.case(name)
        masks, there = case.masks()
        table = by_slice(masks, case.readable["slice_number"], there)
        assert table["area_px"].sum() == measure_volume(masks, there).volume_vx
        assert table["area_px"].tolist() == case.readable["area_px"].tolist()


def test_a_case_has_the_longest_diameter_of_its_slices_and_its_slice_number():
    masks = np.stack([blob(20, 20, 4) > 0, blob(22, 22, 10) > 0, np.zeros((64, 64), bool)])
    whole = measure_case(masks, [5, 7, 9], spacing_mm=(5.0, 0.5, 0.5))
    assert (whole["volume_vx"], whole["longest_slice"], whole["slices"]) == (116, 7, 2)
    assert whole["longest_px"] == pytest.approx(np.hypot(9, 9))
    assert whole["longest_mm"] == pytest.approx(np.hypot(9, 9) / 2)
    assert measure_case(masks, [5, 7, 9], np.array([True, False, True]))["longest_slice"] == 5
    nothing = measure_case(masks[2:], [9])
    assert (nothing["longest_px"], nothing["longest_slice"]) == (None, None)
    assert "longest_mm" not in nothing
