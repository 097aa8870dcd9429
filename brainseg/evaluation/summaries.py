"""One figure per metric over the cases, with its interval and its rule for empty masks."""

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation, json_row
from brainseg.metrics import EMPTY_MASK_RULE, METRICS, Metric, resampling_of
from brainseg.metrics.definitions import DISTANCE, MEAN, RELATIVE
from brainseg.metrics.intervals import weighted_mean, weighted_median, weighted_ratio


def summary(evaluation: Evaluation) -> pd.DataFrame:
    """Return each metric over the scored cases, one row per metric in the order of METRICS.

    Returns:
        ``metric``, ``label``, ``how`` ("mean", "median" or "ratio"), ``unit`` (empty for a share),
        ``value``, ``low`` and ``high`` (95% bootstrap by patient; NaN if the metric is undefined for
        all cases, inf if it is infinite), ``cases`` (with a defined value), ``infinite`` (with an
        infinite value) and ``rule`` for empty masks.
    """
    unit = distance_unit(evaluation)
    return pd.DataFrame(
        {
            "metric": metric.name,
            "label": metric.label,
            "how": metric.summary,
            "unit": (unit or "") if metric.unit == DISTANCE else metric.unit,
            **(_UNDEFINED if metric.unit == DISTANCE and not unit else _figure(evaluation, metric)),
            "rule": metric.rule,
        }
        for metric in METRICS.values()
    )


def distance_unit(evaluation: Evaluation) -> str | None:
    """Return the unit of the distances, px or mm; None if the cases have both."""
    units = evaluation.scores["distance_unit"].unique()
    return units[0] if len(units) == 1 else None


def figure_text(value: float, unit: str = "") -> str:
    """Return a figure as text with its unit: “0.825”, “11.3 px”, “+4%”, “∞”, “–”."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞"
    if unit == RELATIVE:
        percent = round(100 * value)
        return f"{percent:+d}%".replace("-", "−") if percent else "0%"
    if unit in ("px", "mm"):
        return f"{value:.1f} {unit}"
    return f"{value:.2f}" if unit else f"{value:.3f}"


def interval_text(low: float, high: float, unit: str = "") -> str:
    """Return an interval as text: “0.829 to 0.877”; “–” if it is undefined or has no width.

    Without a width it would seem certain, although every resample of the cases only has the same value.
    """
    if low == high and np.isfinite(low):
        return "–"
    ends = [figure_text(end, unit) for end in (low, high)]
    return "–" if "–" in ends else " to ".join(ends)


def as_json(evaluation: Evaluation, groups: pd.DataFrame | None = None) -> dict:
    """Return an evaluation as one JSON object, the output of ``brainseg evaluate --json``.

    ``mean_dice``, ``median_dice`` and their intervals (``ci95``, ``median_ci95``) are over all rows;
    ``unseen`` has the same over the cases that the model never saw (None without any), as do ``metrics``
    and ``groups``. Infinite values are the text "inf", undefined ones None.

    Args:
        evaluation: all scored cases; seen ones are marked, and counted in ``seen_cases``.
        groups: of :func:`brainseg.evaluation.by_group`, or None.
    """
    unseen = evaluation.unseen()
    metrics = summary(unseen or evaluation).to_dict("records")
    return {
        "model": evaluation.model,
        **_means(evaluation),
        "seen_cases": evaluation.seen_cases,
        "unseen": unseen and {"cases": len(unseen.scores), **_means(unseen)},
        "rule": EMPTY_MASK_RULE,
        "metrics": {row.pop("metric"): json_row(row) for row in metrics},
        "groups": [] if groups is None else [json_row(row) for row in groups.to_dict("records")],
        "scores": evaluation.rows,
        "refused": evaluation.refused,
    }


def as_lines(evaluation: Evaluation, groups: pd.DataFrame | None = None) -> list[str]:
    """Return an evaluation as lines for a terminal: cases, groups, then each metric with its rule.

    Args:
        evaluation: all scored cases; seen ones are marked.
        groups: of :func:`brainseg.evaluation.by_group`, or None.
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
        ends = interval_text(row.low, row.high, row.unit)
        lines.append(
            f"{row.label}: {row.how} {figure_text(row.value, row.unit)} ({ends}), "
            f"n = {row.cases}; {row.rule}"
        )
    if unseen and evaluation.seen_cases:
        lines.append(_total(unseen, f"of these {len(unseen.scores)} never seen, as all above"))
    rest = f"{evaluation.seen_cases} of them seen in training, {len(evaluation.refused)} refused"
    lines.append(_total(evaluation, f"{len(evaluation.scores)} cases, {rest}"))
    return [*lines, EMPTY_MASK_RULE]


def _total(evaluation: Evaluation, cases: str) -> str:
    low, high = evaluation.ci95
    return (
        f"{evaluation.model}: mean Dice {evaluation.mean_dice:.3f} (95% interval {low:.3f} to "
        f"{high:.3f}), median {evaluation.median_dice:.3f}, {cases}"
    )


def _means(evaluation: Evaluation) -> dict[str, object]:
    return {
        "mean_dice": evaluation.mean_dice,
        "median_dice": evaluation.median_dice,
        "ci95": list(evaluation.ci95),
        "median_ci95": list(evaluation.median_ci95),
    }


def _figure(evaluation: Evaluation, metric: Metric) -> dict[str, float]:
    """Return value, interval and number of cases of one metric."""
    scores = evaluation.scores
    if metric.of[0]:
        numerator = scores[metric.of[0]].to_numpy(np.float64)
        of = metric.of[1]
        denominator = np.ones(len(scores)) if of == "cases" else scores[of].to_numpy(np.float64)
        if not denominator.sum():
            return _UNDEFINED
        statistic = weighted_ratio(numerator, denominator)
        patients, counted = evaluation.patients, int((denominator > 0).sum())
        value, infinite = numerator.sum() / denominator.sum(), 0
    else:
        defined = scores[metric.name].notna().to_numpy()
        if not defined.any():
            return _UNDEFINED
        values = scores[metric.name].to_numpy(np.float64)[defined]
        is_mean = metric.summary == MEAN
        statistic = weighted_mean(values) if is_mean else weighted_median(values)
        value = np.mean(values) if is_mean else np.median(values)
        patients, counted = evaluation.patients[defined], len(values)
        infinite = int(np.isinf(values).sum())
    low, high = resampling_of(patients, len(patients)).interval(statistic)
    figure = float(value), low, high, counted, infinite
    return dict(zip(_UNDEFINED, figure, strict=True))


_UNDEFINED = {**dict.fromkeys(("value", "low", "high"), float("nan")), "cases": 0, "infinite": 0}
