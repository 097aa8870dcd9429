"""One figure a metric over the cases, with its interval and its rule for empty masks."""

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import EMPTY_MASK_RULE, METRICS, Metric, Resampling, resampling_of
from brainseg.metrics.definitions import DISTANCE, MEAN, MEDIAN, RELATIVE
from brainseg.metrics.intervals import weighted_mean, weighted_median, weighted_ratio


def summary(evaluation: Evaluation) -> pd.DataFrame:
    """Return each metric over the scored cases, a row a metric in the order of METRICS.

    Returns:
        ``metric``, ``label``, ``how`` ("mean", "median" or "ratio"), ``unit`` (empty for a share),
        ``value``, ``low`` and ``high`` (95 % bootstrap by patient; NaN where the metric is not
        defined for any case, inf where it is infinite), ``cases`` (those that it is defined for),
        ``infinite`` (those of them whose value is infinite) and ``rule`` for empty masks.
    """
    unit = distance_unit(evaluation)
    rows = []
    for metric in METRICS.values():
        figure = _figure(evaluation, metric) if metric.unit != DISTANCE or unit else _undefined()
        rows.append(
            {
                "metric": metric.name,
                "label": metric.label,
                "how": metric.summary,
                "unit": (unit or "") if metric.unit == DISTANCE else metric.unit,
                **figure,
                "rule": metric.rule,
            }
        )
    return pd.DataFrame(rows)


def distance_unit(evaluation: Evaluation) -> str | None:
    """Return the unit of the distances, px or mm; None where cases of both are not to be mixed."""
    units = evaluation.scores["distance_unit"].unique()
    return units[0] if len(units) == 1 else None


def figure_text(value: float, unit: str = "") -> str:
    """Return a figure as it is printed, with its unit: “0.825”, “11.3 px”, “+4 %”, “∞”, “–”."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞"
    if unit == RELATIVE:
        percent = round(100 * value)
        return f"{percent:+d} %".replace("-", "−") if percent else "0 %"
    if unit in ("px", "mm"):
        return f"{value:.1f} {unit}"
    return f"{value:.2f}" if unit else f"{value:.3f}"


def as_json(evaluation: Evaluation, groups: pd.DataFrame | None = None) -> dict:
    """Return an evaluation as one JSON object: what ``brainseg evaluate --json`` prints.

    ``mean_dice``, ``median_dice`` and their intervals (``ci95``, ``median_ci95``) are over all rows;
    ``unseen`` holds the same over the cases that the model never saw (None where there is none), as do
    ``metrics`` and ``groups`` where there are some. Infinite values are the text "inf", undefined ones
    None.

    Args:
        evaluation: all scored cases; seen ones are marked, and counted in ``seen_cases``.
        groups: of :func:`brainseg.evaluation.by_group`, where they are wanted.
    """
    unseen = evaluation.unseen()
    table = summary(unseen or evaluation).set_index("metric")
    return {
        "model": evaluation.model,
        "mean_dice": evaluation.mean_dice,
        "median_dice": evaluation.median_dice,
        "ci95": list(evaluation.ci95),
        "median_ci95": list(evaluation.median_ci95),
        "seen_cases": evaluation.seen_cases,
        "unseen": unseen
        and {
            "cases": len(unseen.scores),
            "mean_dice": unseen.mean_dice,
            "median_dice": unseen.median_dice,
            "ci95": list(unseen.ci95),
            "median_ci95": list(unseen.median_ci95),
        },
        "rule": EMPTY_MASK_RULE,
        "metrics": {name: _as_dict(row) for name, row in table.iterrows()},
        "groups": [] if groups is None else [_as_dict(row) for _, row in groups.iterrows()],
        "scores": evaluation.rows,
        "refused": evaluation.refused,
    }


def as_lines(evaluation: Evaluation, groups: pd.DataFrame | None = None) -> list[str]:
    """Return an evaluation as lines for a terminal: cases, groups, then each metric with its rule.

    Args:
        evaluation: all scored cases; seen ones are marked.
        groups: of :func:`brainseg.evaluation.by_group`, where they are wanted.
    """
    lines = [
        f"{row.case}: {row.dice:.3f}{' (seen)' if row.seen else ''}"
        for row in evaluation.scores.itertuples()
    ]
    for row in [] if groups is None else groups.itertuples():
        interval = f" ({row.low:.3f} to {row.high:.3f})" if row.low == row.low else ""
        lines.append(f"{row.trait} {row.group}: Dice {row.mean:.3f}{interval}, n = {row.cases}")
    unseen = evaluation.unseen()
    for row in summary(unseen or evaluation).itertuples():
        ends = " to ".join(figure_text(end, row.unit) for end in (row.low, row.high))
        lines.append(
            f"{row.label}: {row.how} {figure_text(row.value, row.unit)} ({ends}), "
            f"n = {row.cases}; {row.rule}"
        )
    if unseen and evaluation.seen_cases:
        lines.append(_told(unseen, f"of these {len(unseen.scores)} never seen, as all above"))
    told = f"{evaluation.seen_cases} of them seen in training, {len(evaluation.refused)} refused"
    lines.append(_told(evaluation, f"{len(evaluation.scores)} cases, {told}"))
    return [*lines, EMPTY_MASK_RULE]


def _told(evaluation: Evaluation, cases: str) -> str:
    low, high = evaluation.ci95
    return (
        f"{evaluation.model}: mean Dice {evaluation.mean_dice:.3f} (95 % interval {low:.3f} to "
        f"{high:.3f}), median {evaluation.median_dice:.3f}, {cases}"
    )


def _figure(evaluation: Evaluation, metric: Metric) -> dict[str, float]:
    """Return value, interval and number of cases of one metric."""
    scores = evaluation.scores
    if metric.of[0]:
        numerator = scores[metric.of[0]].to_numpy(np.float64)
        of = metric.of[1]
        denominator = np.ones(len(scores)) if of == "cases" else scores[of].to_numpy(np.float64)
        if not denominator.sum():
            return _undefined()
        statistic = weighted_ratio(numerator, denominator)
        drawn, counted = _drawn(evaluation), int((denominator > 0).sum())
        value, infinite = numerator.sum() / denominator.sum(), 0
    else:
        defined = scores[metric.name].notna().to_numpy()
        if not defined.any():
            return _undefined()
        values = scores[metric.name].to_numpy(np.float64)[defined]
        of_cases = {MEAN: (np.mean, weighted_mean), MEDIAN: (np.median, weighted_median)}
        of_values, of_weights = of_cases[metric.summary]
        statistic, value = of_weights(values), of_values(values)
        drawn, counted = _drawn(evaluation, defined), len(values)
        infinite = int(np.isinf(values).sum())
    low, high = drawn.interval(statistic)
    return {
        "value": float(value),
        "low": low,
        "high": high,
        "cases": counted,
        "infinite": infinite,
    }


def _drawn(evaluation: Evaluation, defined: np.ndarray | None = None) -> Resampling:
    patients = evaluation.patients if defined is None else evaluation.patients[defined]
    return resampling_of(patients, len(patients))


def _undefined() -> dict[str, float]:
    nothing = float("nan")
    return {"value": nothing, "low": nothing, "high": nothing, "cases": 0, "infinite": 0}


def _as_dict(row: pd.Series) -> dict:
    def value_of(value: object) -> object:
        if isinstance(value, float | np.floating):
            if np.isnan(value):
                return None
            return float(value) if np.isfinite(value) else "inf"
        return int(value) if isinstance(value, np.integer) else value

    return {name: value_of(value) for name, value in row.items()}
