"""Measures of tumours that are drawn by hand."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair

from brainseg import statistics
from brainseg.cohort import Cohort
from brainseg.cohort.slice_features import perimeter
from brainseg.statistics import INSIDE, OUTSIDE, compactness
from brainseg.statistics.atlas import make_atlas
from brainseg.volume import FLAIR, POST_CONTRAST


def measured(mask: np.ndarray) -> float:
    plane = np.pad(mask.astype(np.uint8), 1)
    area, length = pd.Series([int(plane.sum())], dtype="Int64"), pd.Series([perimeter(plane)])
    return compactness(area, length).iloc[0]


def disc(radius: float, side: int = 128) -> np.ndarray:
    rows, columns = np.mgrid[0:side, 0:side] - side / 2
    return rows**2 + columns**2 <= radius**2


@pytest.mark.parametrize("radius", [4, 8, 20, 50])
def test_a_disc_is_compact_at_any_size(radius):
    assert 0.88 < measured(disc(radius)) <= 1


def test_a_square_a_bar_and_two_pieces_are_less_compact():
    square, bar = np.zeros((2, 128, 128), bool)
    square[20:60, 20:60] = True
    bar[20:24, 10:110] = True
    assert measured(square) == pytest.approx(np.pi / 4, abs=0.12)
    assert measured(bar) < 0.25
    two = disc(20) | np.roll(disc(20), 42, axis=1)
    assert measured(two) == pytest.approx(measured(disc(20)) / 2)


def test_a_tumour_of_a_few_pixels_has_no_compactness():
    assert pd.isna(measured(np.ones((1, 1), bool)))
    assert pd.isna(measured(np.ones((3, 6), bool)))
    assert not pd.isna(measured(np.ones((4, 5), bool)))


def test_a_slice_is_measured_by_place_size_and_pieces(tiny_cohort):
    write_pair(
        tiny_cohort / FIRST, FIRST, 4, head(4), np.maximum(blob(10, 20, 10), blob(40, 30, 5))
    )
    table = statistics.slice_measures(Cohort.open(tiny_cohort).slices)
    rows = table[table["case"] == FIRST].set_index("slice_number")
    assert rows["position"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert rows["components"].tolist() == [1, 1, 2, pd.NA]
    assert rows.loc[4, "largest_component_px"] == 100
    assert rows.loc[1, "tumour_row"] == rows.loc[1, "tumour_column"] == pytest.approx(24.5)
    assert 0.03 < rows.loc[1, "tumour_fraction"] < 0.06
    assert rows["tumour"].tolist() == [True, True, True, False]


def test_inside_and_outside_the_tumour_are_measured_apart(tiny_cohort):
    image = np.zeros((64, 64, 3), np.uint8)
    image[8:56, 8:56] = 50
    mask = blob(20, 20, 16)
    image[mask > 0] = (50, 200, 50)
    write_pair(tiny_cohort / "lit", "lit", 1, image, mask)
    table = statistics.slice_measures(Cohort.open(tiny_cohort).slices)
    row = table[table["case"] == "lit"].iloc[0]
    assert row[INSIDE[FLAIR]] == 200
    assert row[OUTSIDE[FLAIR]] == pytest.approx(50, abs=4)


def test_what_is_unknown_of_a_slice_is_missing(tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1_mask.tif").unlink()
    write_pair(tiny_cohort / "alone", "alone", 1, head(7), np.zeros((64, 64), np.uint8))
    table = statistics.slice_measures(Cohort.open(tiny_cohort).slices)
    unknown = table[(table["case"] == FIRST) & (table["slice_number"] == 1)].iloc[0]
    about_tumour = ["tumour", "area_px", "tumour_fraction", "components", "compactness"]
    assert unknown[about_tumour].isna().all() and not pd.isna(unknown["position"])
    empty = table[table["case"] == "alone"].iloc[0]
    assert pd.isna(empty["position"])
    assert empty["area_px"] == 0 and not empty["tumour"]
    assert empty[["components", "tumour_row", INSIDE[FLAIR]]].isna().all()


def test_an_intensity_of_a_sequence_that_is_not_there_is_missing(tiny_cohort):
    slices = Cohort.open(tiny_cohort).slices
    table = statistics.slice_measures(slices)
    repeated = table[table["case"] == FLAIR_REPEATED]
    assert repeated[OUTSIDE[POST_CONTRAST]].isna().all()
    assert repeated[OUTSIDE[FLAIR]].notna().all()
    cases = statistics.case_measures(slices).set_index("case")
    assert pd.isna(cases.loc[FLAIR_REPEATED, INSIDE[POST_CONTRAST]])
    assert not pd.isna(cases.loc[FIRST, INSIDE[POST_CONTRAST]])


def test_a_case_is_measured_over_its_voxels(tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    cases = statistics.case_measures(cohort.slices).set_index("case")
    by_slice = statistics.slice_measures(cohort.slices).query("case == @FIRST")
    tumour = by_slice[by_slice["tumour"]]
    expected = np.average(tumour[INSIDE[FLAIR]].astype(float), weights=tumour["area_px"])
    assert cases.loc[FIRST, INSIDE[FLAIR]] == pytest.approx(expected)
    assert cases.loc[FIRST, "largest_area_px"] == 144
    assert cases.loc[FIRST, ["tumour_from", "tumour_to"]].tolist() == [0, 0.5]
    assert cases["components"].isna().all()


def test_the_atlas_adds_the_parts_of_a_case(tiny_cohort):
    for number in (1, 2):
        mask = np.maximum(blob(10, 10, 6), blob(40, 40, 3)) if number == 1 else blob(14, 14, 6)
        write_pair(tiny_cohort / "parts", "parts", number, head(number), mask)
    for mask in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        tifffile.imwrite(mask, np.full((64, 64), 7, np.uint8))
    cohort = Cohort.open(tiny_cohort)
    cases = statistics.case_measures(cohort.slices, make_atlas(cohort)).set_index("case")
    assert cases.loc["parts", "components"] == 2
    assert cases.loc["parts", "largest_share"] == pytest.approx(72 / 81)
    assert cases.loc[OTHER_SITE, ["components", "largest_share", "tumour_vx"]].isna().all()


def test_groups_have_medians_each_with_its_n(tiny_cohort):
    cases = pd.DataFrame({"a": pd.array([1, 2, None, 9], "Float64")})
    group = pd.Series(["x", "x", "x", None], dtype="str")
    table = statistics.group_table(cases, group, ["a"])
    assert table["group"].tolist() == ["x", "unknown"]
    assert table["cases"].tolist() == [3, 1]
    assert table["a"].tolist() == [1.5, 9]
    assert table["a n"].tolist() == [2, 1]


def test_on_the_real_cohort_flair_is_brighter_inside_the_tumour(real_cohort):
    cases = statistics.case_measures(real_cohort.slices)
    assert (cases[INSIDE[FLAIR]] > cases[OUTSIDE[FLAIR]]).all()
    assert cases[INSIDE[POST_CONTRAST]].isna().sum() == 8
    assert cases["compactness"].between(0, 1).all()
