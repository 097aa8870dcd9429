"""Spearman's correlation with its interval."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from brainseg.statistics.correlation import FEWEST, rank_correlation


def test_the_correlation_is_that_of_scipy_ties_included():
    rng = np.random.default_rng(0)
    first = pd.Series(rng.integers(0, 9, 60))
    second = first + pd.Series(rng.normal(0, 4, 60))
    found = rank_correlation(first, second)
    assert found.rho == pytest.approx(spearmanr(first, second).statistic)
    assert found.low < found.rho < found.high
    assert found.in_words().startswith("Spearman’s ρ +0.")
    assert found.in_words().endswith("n 60)")


def test_the_interval_covers_the_true_value_in_about_95_of_100_samples():
    rng = np.random.default_rng(1)
    true = 6 / np.pi * np.arcsin(0.5 / 2)  # Spearman's of a normal pair with a correlation of 0.5
    covered = 0
    for _ in range(400):
        x = rng.normal(size=40)
        found = rank_correlation(
            pd.Series(x), pd.Series(x / 2 + np.sqrt(0.75) * rng.normal(size=40))
        )
        covered += found.low <= true <= found.high
    assert 0.92 < covered / 400 < 0.98


def test_rows_with_a_missing_value_are_left_out_and_few_pairs_have_no_interval():
    first = pd.Series([1, 2, 3, None, 5], dtype="Float64")
    found = rank_correlation(first, pd.Series([4.0, 5.0, 9.0, 1.0, 7.0]))
    assert found.pairs == 4 < FEWEST
    assert np.isnan(found.low) and "interval" not in found.in_words()


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, None, None]])
def test_a_constant_or_too_few_pairs_have_no_correlation(values):
    assert rank_correlation(pd.Series(values), pd.Series([1.0, 2.0, 3.0, 4.0])) is None
