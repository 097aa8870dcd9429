"""Rank correlation of two measures, with its interval."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

FEWEST = 10
"""Fewer pairs have no interval: it would be too wide to be of use, and its formula too rough."""

_OF_95_PERCENT = 1.959964


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation (1904) of some pairs.

    Attributes:
        rho: -1..1.
        low, high: 95% interval (Bonett and Wright 2000, Psychometrika 65, 23-28); NaN for fewer pairs
            than :data:`FEWEST`.
        pairs: their number.
    """

    rho: float
    low: float
    high: float
    pairs: int

    def in_words(self) -> str:
        """Return the correlation with its interval and the number of pairs."""
        ends = f"95% interval {self.low:+.2f} to {self.high:+.2f}, "
        words = (
            f"Spearman’s ρ {self.rho:+.2f} ({ends if self.low == self.low else ''}n {self.pairs})"
        )
        return words.replace("-", "−")


def rank_correlation(first: pd.Series, second: pd.Series) -> RankCorrelation | None:
    """Return the correlation of the rows with both values; None where it is not defined.

    Args:
        first, second: numbers of the same rows; missing values are left out.
    """
    pairs = pd.DataFrame({"first": first, "second": second}).astype("float64").dropna()
    if len(pairs) < 3 or pairs.nunique().min() < 2:
        return None
    rho = float(pairs.rank().corr().iloc[0, 1])
    low = high = float("nan")
    if len(pairs) >= FEWEST and abs(rho) < 1:
        half = _OF_95_PERCENT * np.sqrt((1 + rho**2 / 2) / (len(pairs) - 3))
        low, high = np.tanh(np.arctanh(rho) + np.array([-half, half])).tolist()
    return RankCorrelation(rho, low, high, len(pairs))
