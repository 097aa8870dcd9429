"""The parts of the evaluation page below its summary: all figures, groups, calibration, two models."""

import html

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.evaluation import (
    Calibration,
    Comparison,
    Evaluation,
    by_group,
    calibration,
    compare,
    dice_at_thresholds,
    figure_text,
    interval_text,
    subgroups,
    summary,
)
from brainseg.evaluation.calibration import REGION
from brainseg.evaluation.comparison import ASSUMES, FEWEST_PATIENTS
from brainseg.evaluation.groups import tumour_sizes
from brainseg.metrics import FEWEST_CASES, METRICS
from brainseg.models import Model, open_model
from brainseg.plotting import scores as evaluation_charts
from brainseg.statistics.correlation import rank_correlation
from dashboard.shared import cache, keys, model_picker, url_state, widgets
from dashboard.shared.cache_keys import last_scored

SHARES = [metric.name for metric in METRICS.values() if metric.is_share and not metric.of[0]]
NO_INTERVAL = (
    f"Groups of fewer than {FEWEST_CASES} patients have no interval (hollow): too few patients "
    "to resample."
)


def metric_picker() -> str:
    """Return the chosen metric of a case, 0..1."""
    label_of = {name: METRICS[name].label for name in SHARES}.__getitem__
    metric = METRICS[
        widgets.select("Metric", keys.METRIC, SHARES, "dice", format_func=label_of, width=260)
    ]
    st.caption(
        f"**{metric.label}**: {metric.plain} {metric.good} Empty masks: {metric.rule}.",
        help=metric.explained,
    )
    return metric.name


def show_figures(counted: Evaluation) -> None:
    """Draw all figures with their intervals and their rules for empty masks."""
    table = summary(counted)
    rows = []
    for row in table.itertuples():
        metric = METRICS[row.metric]
        both_empty, missed, false_alarm = metric.empty_masks
        rows.append(
            {
                "Figure": metric.label,
                "Over the cases": row.how,
                "Value": figure_text(row.value, row.unit),
                "95% interval": interval_text(row.low, row.high, row.unit),
                "Cases": row.cases,
                "Infinite (∞)": row.infinite,
                "Both empty": both_empty,
                "Tumour missed": missed,
                "False alarm": false_alarm,
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="figures",
        height="content",
        alt="All figures with intervals and rules for empty masks",
    )
    st.caption(
        "The last three columns give the value of a case if mask and prediction are both empty, if only "
        "the prediction is empty (missed tumour), and if only the mask is empty (false alarm). In a "
        "median, ∞ is larger than any number; – is undefined and not counted. Intervals: bootstrap by "
        "patient. Distances are in mm in 3D; without a spacing, in pixels within a slice."
    )
    widgets.csv_button(table, "figures")
    with st.expander("Definitions", icon=":material/menu_book:"):
        for metric in METRICS.values():
            source = f" ({metric.source})" if metric.source else ""
            st.markdown(
                f"- **{metric.label}**{source}: {metric.plain} {metric.meaning.replace('|', '&#124;')}."
            )


def show_groups(counted: Evaluation, cohort: Cohort, scores: pd.DataFrame) -> None:
    """Draw a metric by group and by volume; `scores` are the counted rows with ``relation``."""
    metric = metric_picker()
    label = METRICS[metric].label
    known = subgroups(counted, cohort)
    groups = by_group(counted, known, metric)
    grid = st.grid(columns=2, min_column_width=440)
    with grid.cell():
        st.header("By group")
        widgets.figure(
            evaluation_charts.by_group(groups, float(counted.scores[metric].mean()), label),
            "scores_by_group",
            alt=f"Mean {label} of {len(groups)} groups of cases with 95% intervals",
            table=groups,
        )
        st.caption(
            f"{NO_INTERVAL} Small, medium and large each contain a third of the cases; “no …” means "
            "that the sequence is missing and repeats FLAIR; grades are codes of data.csv."
        )
    with grid.cell():
        st.header("By tumour volume")
        sizes, column = tumour_sizes(scores, cohort)
        sized = scores.assign(**{column: sizes})
        with_tumour = sized[(sized[column] > 0) & sized[metric].notna()]
        case_chart(
            evaluation_charts.by_volume(with_tumour, metric, label, column),
            "scores_by_volume",
            f"{label} of {len(with_tumour)} cases against the volume of their masks",
            with_tumour[["case", "institution", "relation", column, metric]],
        )
        found = rank_correlation(with_tumour[column], with_tumour[metric])
        st.caption(f"{f'{found.in_words()}. ' if found else ''}Click a point to open its case.")
        if without := int((scores["tumour_vx"] == 0).sum()):
            st.caption(f"{without} cases without tumour cannot be shown on this axis.")


def case_chart(chart: go.Figure, key: str, alt: str, table: pd.DataFrame) -> None:
    """Draw a chart of cases; a click puts the case into the address."""

    def choose() -> None:
        if points := st.session_state[key].selection.points:
            url_state.put(**{keys.CASE: points[0]["customdata"]})

    widgets.figure(chart, key, alt, table, key=key, on_select=choose, selection_mode="points")


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign, a real minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def show_calibration(counted: Evaluation, model: Model) -> None:
    """Draw the reliability of the probabilities, and Dice against the threshold."""
    found = calibration(counted)
    if found is None:
        st.info("These scores were saved without probabilities: score the cases again.")
        return
    grid = st.grid(columns=2, min_column_width=440)
    with grid.cell():
        st.header("Reliability")
        widgets.figure(
            evaluation_charts.reliability(found.curve),
            "reliability",
            alt=f"Share of tumour against predicted probability over {found.cases} cases; expected "
            f"calibration error {found.error:.4f}",
            table=found.curve,
        )
        _show_calibration_error(found)
    with grid.cell():
        st.header("Threshold")
        curve = dice_at_thresholds(counted)
        own = ", ".join(f"{threshold:g}" for threshold in model.thresholds)
        widgets.figure(
            evaluation_charts.dice_at_thresholds(curve, model.thresholds),
            "dice_by_threshold",
            alt=f"Mean Dice by case at thresholds from 0.01 to 0.99; the model's own: {own}",
            table=curve,
        )
        st.caption(
            f"Dotted line: the model's own threshold, {own}, chosen per fold on its validation cases. "
            "Choosing it on these cases would inflate the score; “Flattering scores” shows by how much."
        )


def _show_calibration_error(found: Calibration) -> None:
    st.markdown(
        f"Expected calibration error **{found.error:.4f}** (95% interval {found.error_low:.4f} to "
        f"{found.error_high:.4f}, {found.cases} cases): the mean distance, over the voxels, between the "
        "predicted probability and the observed share of tumour."
    )
    if (found.curve["from"] < 0.1).any():
        lowest = found.curve.iloc[0]
        share = lowest["voxels"] / found.curve["voxels"].sum()
        st.caption(
            f"{100 * share:.0f}% of the voxels have a probability below 0.1 and dominate this number; "
            f"judge by the curve. {REGION} Bins of 0.1; voxels of all cases pooled."
        )


def show_comparison(first: Evaluation, cohort: Cohort, model: Model) -> None:
    """Draw a paired comparison of this model with another one."""
    choices = model_picker.model_choices().items()
    others = {name: named for name, named in choices if name != model.name}
    if not others:
        st.info(
            "There is only one model. Train one on the training page, or name its folder in "
            "BRAINSEG_MODEL.",
            icon=":material/compare_arrows:",
        )
        return
    names = list(others)
    chosen = widgets.select("Compare with", keys.OTHER, names, names[0], noun="model", width=320)
    try:
        other = open_model(others[chosen])
    except ModelError as error:
        widgets.error(error)
        return
    second = cache.scores(cohort, other, last_scored(cohort))
    name = widgets.plain(other.name)
    if second is None:
        st.info(f"{name} has not been scored on this cohort yet.", icon=":material/scoreboard:")
        # A button, because a link to the open page does not change the browser's address.
        st.button(
            f"Go to {name} and score it",
            on_click=url_state.put,
            kwargs={keys.MODEL: other.name, keys.VIEW: None, keys.OTHER: None},
        )
        return
    metric = metric_picker()
    found = compare(first, second, metric)
    if found is None:
        st.warning(
            "The two models share no case that neither was trained on: there is nothing to compare.",
            icon=":material/warning:",
        )
        return
    _show_comparison(found, METRICS[metric].label)


def _show_comparison(found: Comparison, label: str) -> None:
    first, second = widgets.plain(found.first), widgets.plain(found.second)
    better, equal, worse = found.wins
    with st.grid(columns=4, min_column_width=190):
        st.metric(
            f"Mean difference, {second} − {first}",
            signed(found.mean),
            delta=f"{signed(found.low)} to {signed(found.high)}",
            delta_color="off",
            delta_arrow="off",
        )
        st.metric("Wilcoxon signed-rank, p", _p_text(found.p_value))
        st.metric(
            "Rank-biserial effect",
            signed(found.effect, 2),
            help="−1: the first is better on every patient; 0: no difference; +1: the second is.",
        )
        st.metric(
            "Cases better, equal, worse",
            f"{better} / {equal} / {worse}",
            help=f"Cases on which {second} is better than, equal to, or worse than {first}.",
        )
    if found.patients < FEWEST_PATIENTS:
        st.warning(
            f"{found.patients} patients are too few: with fewer than {FEWEST_PATIENTS}, p cannot fall "
            "below 0.05, however clear the difference.",
            icon=":material/warning:",
        )
    if found.patients < FEWEST_PATIENTS:
        result = "is too narrow to rely on: so few patients do not show which model is better."
    elif found.better is None:
        result = "contains 0: on these cases neither model is shown to be better."
    else:
        winner = widgets.plain(found.better)
        result = f"does not contain 0: on these cases **{winner}** is better on average."
    st.markdown(f"The interval of the mean difference {result}")
    difference_chart(found, f"{label}: {found.second} − {found.first}")
    more = f" {found.left_out} more are left out: scored once only, or in the training data."
    left_out = more if found.left_out else ""
    st.caption(f"{len(found.cases)} cases of {found.patients} patients. {ASSUMES}{left_out}")
    case_chart(
        evaluation_charts.comparison(found.cases, found.first, found.second, label),
        "two_models",
        f"{label} of {found.first} and {found.second} on {len(found.cases)} cases; the second is "
        f"better on {better} and worse on {worse}",
        found.cases.rename(columns={"first": found.first, "second": found.second}),
    )
    st.caption("Click a point to open its case.")


def difference_chart(found: Comparison, label: str) -> None:
    """Draw the mean difference of a comparison with its interval."""
    widgets.figure(
        evaluation_charts.difference(found.mean, found.low, found.high, html.escape(label)),
        "mean_difference",
        alt=f"{label}: mean difference {signed(found.mean)}, 95% interval {signed(found.low)} to "
        f"{signed(found.high)}",
    )


def _p_text(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"
