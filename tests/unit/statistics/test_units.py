"""Units of sizes: ml and mm² with a spacing, never voxels of unlike scans."""

import numpy as np
import pandas as pd
import pytest
from support.volume_cohorts import SPACING_MM, brats, three_labels

from brainseg.cohort import Cohort
from brainseg.plotting.chosen_cases import ChosenCases
from brainseg.plotting.cohort_figures import offered_measures, tumour_area
from brainseg.statistics import case_measures, slice_measures
from brainseg.statistics.units import area_column, area_in_words, volume_column


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    root = tmp_path_factory.mktemp("brats")
    brats(root, values=three_labels, suffix=".nii")
    return Cohort.open(root)


def table(tumour_ml: list[float | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tumour_vx": pd.array([10, 20, None], "Int64"),
            "tumour_ml": pd.array(tumour_ml, "Float64"),
        }
    )


def test_volumes_are_compared_in_ml_only_if_all_cases_have_them() -> None:
    assert volume_column(table([1.0, 2.0, None])) == "tumour_ml"
    assert volume_column(table([None, None, None])) == "tumour_vx"
    assert volume_column(table([None, None, None]).drop(columns="tumour_ml")) == "tumour_vx"


def test_cases_with_and_without_spacing_are_compared_by_the_share_of_the_head() -> None:
    assert volume_column(table([1.0, None, None])) == "tumour_fraction"
    assert "tumour_vx" not in offered_measures(table([1.0, None, None]))


def test_areas_are_in_mm2_where_the_files_state_a_spacing(cohort: Cohort) -> None:
    slices = slice_measures(cohort.slices)
    assert area_column(slices) == "area_mm2"
    _, row, column = SPACING_MM
    expected = (three_labels() > 0).sum(axis=(1, 2)) * row * column
    assert slices["area_mm2"].tolist() == pytest.approx([*expected, *expected])
    assert case_measures(cohort.slices)["largest_area_mm2"].tolist() == pytest.approx(
        [expected.max()] * 2
    )
    bins, figure = tumour_area(ChosenCases(cohort))
    assert figure.layout.xaxis.title.text == "Tumour area on the slice (mm²)"
    assert np.asarray(bins["all"]).sum() == 6


def test_measures_offer_one_unit(cohort: Cohort) -> None:
    offered = offered_measures(case_measures(cohort.slices))
    assert offered[0] == "tumour_ml"
    assert {"largest_area_mm2", "compactness"} < {*offered}
    assert not {"tumour_vx", "largest_area_px", "tumour_fraction"} & {*offered}


def test_an_area_in_words_has_its_unit() -> None:
    assert area_in_words(1200, None) == "1,200 px"
    assert area_in_words(1200, (None, 0.5, 0.5)) == "300 mm²"
