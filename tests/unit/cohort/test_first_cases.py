"""The first cases of a folder, opened without the others and without a saved index."""

import pandas as pd
import pytest
from support.cohorts import FIRST

from brainseg.cohort import Cohort
from brainseg.cohort.first_cases import open_first_cases
from brainseg.errors import CohortError


def test_the_first_cases_have_the_rows_of_the_whole_index(tiny_cohort, home):
    found = open_first_cases(tiny_cohort, 2)
    assert not any(home.iterdir()), "nothing is saved"
    whole = Cohort.open(tiny_cohort)
    assert found.cases == whole.cases[:2]
    rows = whole.slices[whole.slices["case"].isin(found.cases)]
    pd.testing.assert_frame_equal(found.slices, rows)
    assert found.identity != whole.identity


def test_fewer_cases_than_asked_for_are_all(tiny_cohort):
    assert FIRST in open_first_cases(tiny_cohort, 50).cases
    assert len(open_first_cases(tiny_cohort, 50)) == 3


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(CohortError):
        open_first_cases(tmp_path)
