"""Two models on the same cases: the difference case by case, with a paired test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import bootstrap_interval

ASSUMES = (
    "Wilcoxon signed-rank test (Wilcoxon 1945), two-sided, on one difference per patient: it assumes "
    "that patients are independent and that differences are symmetric about their median. The interval "
    "of the mean difference, a bootstrap by patient, assumes only the first."
)
FEWEST_PATIENTS = 6
"""With fewer, the p-value of the two-sided test cannot fall below 0.05."""


@dataclass(frozen=True)
class Comparison:
    """The second model compared with the first, on cases that neither of them learned from.

    Attributes:
        first, second: names of the models.
        cases: ``case``, ``patient_id``, ``first``, ``second`` (the scores) and ``difference`` (second
            minus first), one row per case, from the largest loss of the second to its largest gain.
        left_out: number of cases that only one of the two can be scored on.
        mean: of the differences over the cases.
        low, high: its 95% interval, bootstrap by patient.
        p_value: of the test; 1 if no patient differs.
        effect: matched-pairs rank-biserial correlation (Kerby 2014), -1..1: the ranks that favour the
            second minus those that favour the first, divided by all; 0 if no patient differs.
        patients: number of patients in the test.
    """

    first: str
    second: str
    cases: pd.DataFrame
    left_out: int
    mean: float
    low: float
    high: float
    p_value: float
    effect: float
    patients: int

    @property
    def wins(self) -> tuple[int, int, int]:
        """Return the number of cases on which the second is better, equal, and worse."""
        better, worse = (int((self.cases["difference"] * sign > 0).sum()) for sign in (1, -1))
        return better, len(self.cases) - better - worse, worse

    @property
    def better(self) -> str | None:
        """Return the better model, or None if the interval of the mean difference includes 0."""
        if self.low <= 0 <= self.high:
            return None
        return self.second if self.mean > 0 else self.first


def compare(first: Evaluation, second: Evaluation, metric: str = "dice") -> Comparison | None:
    """Return how two models differ case by case, or None without a common unseen case.

    Cases that either model learned from are left out.

    Args:
        first, second: the scores of two models on one cohort.
        metric: a column of the scores with values 0..1.
    """
    unseen = [
        one.scores.loc[~one.scores["seen"], ["case", "patient_id", metric]].rename(
            columns={metric: name}
        )
        for one, name in ((first, "first"), (second, "second"))
    ]
    cases = unseen[0].merge(unseen[1].drop(columns="patient_id"), on="case").dropna()
    if cases.empty:
        return None
    cases["difference"] = cases["second"] - cases["first"]
    by_patient = cases.groupby("patient_id")["difference"].mean().to_numpy()
    low, high = bootstrap_interval(
        cases["difference"].to_numpy(), patients=cases["patient_id"].to_numpy(object)
    )
    p_value, effect = _signed_ranks(by_patient)
    return Comparison(
        first.model,
        second.model,
        cases.sort_values(["difference", "case"], ignore_index=True),
        len(set(first.scores["case"]) | set(second.scores["case"])) - len(cases),
        float(cases["difference"].mean()),
        low,
        high,
        p_value,
        effect,
        len(by_patient),
    )


def _signed_ranks(differences: np.ndarray) -> tuple[float, float]:
    """Return the p-value of Wilcoxon's test and the rank-biserial correlation."""
    # Imported here, because it takes half a second.
    from scipy.stats import rankdata, wilcoxon

    differing = differences[differences != 0]
    if not len(differing):
        return 1.0, 0.0
    ranks = rankdata(np.abs(differing))
    effect = float((ranks * np.sign(differing)).sum() / ranks.sum())
    return float(wilcoxon(differing, method="auto").pvalue), effect
