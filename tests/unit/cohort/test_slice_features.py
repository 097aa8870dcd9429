"""What one slice tells: on pictures whose numbers can be worked out."""

import cv2
import numpy as np
import pytest

from brainseg.cohort.slice_features import (
    FINGERPRINT_BITS,
    GRID,
    TUMOUR_GRID,
    column_of,
    describe_slice,
    fingerprint,
    perimeter,
    tumour_cells,
)

SIDE = 128


def disc(radius: int, row: int = 64, column: int = 64, side: int = SIDE) -> np.ndarray:
    """Return (side, side) uint8 of 0 and 1."""
    return cv2.circle(np.zeros((side, side), np.uint8), (column, row), radius, 1, cv2.FILLED)


def head(grey: int = 0, bright: int = 160) -> np.ndarray:
    """Return (SIDE, SIDE) uint8: a disc of texture on a background of one value."""
    texture = np.random.default_rng(0).integers(-20, 20, (SIDE, SIDE)) + bright
    return np.where(disc(50), texture, grey).astype(np.uint8)


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("radius", [8, 15, 40])
def test_the_perimeter_of_a_disc_is_that_of_a_disc_and_not_of_a_square(radius: int) -> None:
    assert perimeter(disc(radius)) == pytest.approx(2 * np.pi * radius, rel=0.06)


def test_holes_count_in_the_perimeter() -> None:
    ring = disc(30) - disc(10)
    assert perimeter(ring) == pytest.approx(perimeter(disc(30)) + perimeter(disc(10)), rel=0.01)


def test_size_shape_and_place_of_a_tumour() -> None:
    tumour = disc(10, row=50, column=70)
    tumour[50, 70] = 0  # a pinhole
    tumour[40:45, 20:25] = 1
    tumour[100, 100] = 1  # an island
    row = describe_slice(np.dstack([head()] * 3), tumour)
    assert (row["components"], row["islands"], row["holes"], row["pinholes"]) == (3, 1, 1, 1)
    assert row["area_px"] == tumour.sum() and row["hole_px"] == 1
    assert row["largest_component_px"] == disc(10).sum() - 1
    rows, columns = np.nonzero(tumour)
    assert (row["tumour_row"], row["tumour_column"]) == pytest.approx((rows.mean(), columns.mean()))


def test_the_cells_of_a_tumour_are_those_that_it_touches() -> None:
    tumour = np.zeros((SIDE, SIDE), np.uint8)
    tumour[0, 0], tumour[127, 64] = 1, 1
    cells = tumour_cells(describe_slice(np.dstack([head()] * 3), tumour)["tumour_grid"])
    assert cells.shape == (TUMOUR_GRID, TUMOUR_GRID)
    assert np.argwhere(cells).tolist() == [[0, 0], [31, 16]]


def test_a_slice_without_tumour_has_no_shape_and_one_without_mask_no_area() -> None:
    image = np.dstack([head()] * 3)
    row = describe_slice(image, np.zeros((SIDE, SIDE), np.uint8))
    assert (row["area_px"], row["components"]) == (0, 0) and "tumour_grid" not in row
    assert "area_px" not in describe_slice(image, None)


def test_the_head_is_measured_by_its_outline() -> None:
    row = describe_slice(np.dstack([head()] * 3), None)
    assert row["head_px"] == pytest.approx(int(disc(50).sum()), rel=0.06)
    assert row["grey_background"] == ""
    assert row[column_of("head_mean", "FLAIR")] == pytest.approx(160, abs=6)


def test_a_sequence_on_grey_is_named_and_the_head_is_found_on_the_others() -> None:
    image = np.dstack([head(grey=90), head(), head()])
    row = describe_slice(image, disc(5, row=64, column=2))
    assert row["grey_background"] == "pre-contrast"
    assert row["head_px"] == pytest.approx(int(disc(50).sum()), rel=0.06)
    assert row["outside_head_px"] > 0


def test_where_each_sequence_is_on_grey_or_the_head_fills_the_image_nothing_is_told() -> None:
    on_grey = describe_slice(np.dstack([head(grey=90)] * 3), disc(5))
    assert on_grey["grey_background"] == "pre-contrast FLAIR post-contrast"
    assert on_grey["head_px"] is None and on_grey["outside_head_px"] is None
    filled = np.full((SIDE, SIDE, 3), 120, np.uint8)
    assert describe_slice(filled, None)["head_px"] is None


def test_a_black_slice_has_no_head_and_no_fingerprint() -> None:
    row = describe_slice(np.zeros((SIDE, SIDE, 3), np.uint8), None)
    assert row["head_px"] == 0 and "fingerprint" not in row
    assert row["constant"] == "pre-contrast FLAIR post-contrast"


def test_blur_takes_sharpness_away_and_noise_adds_noise() -> None:
    image = np.dstack([head()] * 3)
    column = column_of("sharpness", "FLAIR")
    blurred = cv2.GaussianBlur(image, (0, 0), 2)
    assert describe_slice(blurred, None)[column] < describe_slice(image, None)[column] / 2


@pytest.mark.parametrize("sigma", [4.0, 12.0])
def test_noise_is_measured_in_grey_levels(sigma: float) -> None:
    plain = np.where(disc(55), 120, 0).astype(np.float64)
    noise = np.random.default_rng(1).normal(0, sigma, plain.shape)
    image = np.clip(plain + noise * disc(55), 0, 255).astype(np.uint8)
    row = describe_slice(np.dstack([image] * 3), None)
    assert row[column_of("noise", "FLAIR")] == pytest.approx(sigma, rel=0.15)


def test_a_fingerprint_outlives_scaling_and_compression_but_not_another_picture() -> None:
    field = np.random.default_rng(2).normal(size=(2, GRID, GRID)).astype(np.float32)
    one, other = (cv2.GaussianBlur(plane, (0, 0), 2) for plane in field)
    one, other = (np.uint8(120 + 60 * plane / plane.std() / 3) for plane in (one, other))
    kept = fingerprint(one)
    assert len(kept) * 4 == FINGERPRINT_BITS
    darker = (one * 0.7).astype(np.uint8)
    lossy = cv2.imdecode(cv2.imencode(".jpg", one)[1], cv2.IMREAD_GRAYSCALE)
    assert max(distance(kept, fingerprint(again)) for again in (darker, lossy)) <= 16
    assert distance(kept, fingerprint(other)) > 80


def test_a_grey_image_stands_for_flair_alone() -> None:
    row = describe_slice(head(), None)
    assert column_of("brightness", "FLAIR") in row
    assert column_of("brightness", "pre-contrast") not in row
