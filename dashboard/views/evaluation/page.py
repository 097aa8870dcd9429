"""Evaluation: scores of a model on unseen cases, with intervals and their rules."""

import numpy as np
import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.cohort.slice_rows import SPACING_COLUMNS
from brainseg.evaluation import (
    Evaluation,
    background,
    distance_unit,
    figure_text,
    interval_text,
    relations,
    summary,
    worst,
)
from brainseg.metrics import (
    EMPTY_MASK_RULE,
    FEWEST_CASES,
    METRICS,
)
from brainseg.models import Model
from brainseg.plotting import scores as evaluation_charts
from dashboard.shared import cache, keys, model_picker, url_state, widgets
from dashboard.shared.cache_keys import last_scored
from dashboard.views.evaluation import inflation, panels, scoring

CASES = "Cases"
INFLATION = "How scores inflate"  # in saved addresses; the page shows “Flattering scores”

VIEWS = (CASES, "Groups", "All figures", "Calibration", "Two models", INFLATION)
TABLE = "scores_table"
CODE = """
from brainseg.evaluation import by_case, load_scores

model = bs.open_model({model!r})
scores = load_scores(cohort, model)  # bs.evaluate(cohort, model) computes them
print(f"mean Dice {{scores.mean_dice:.3f}}, 95% interval", scores.ci95)
by_case(scores).head(10)
"""
HEADLINES = ("surface_dice", "hd95", "lesion_recall", "false_positives", "volume_error")


def with_relations(
    evaluation: Evaluation, cohort: Cohort, model: Model, changed: tuple
) -> pd.DataFrame:
    """Return the scores from the lowest Dice on, with ``relation``, that of the model to the case.

    `changed` is :func:`last_scored` as of when `evaluation` was read, a key only; so below.
    """

    def related() -> pd.DataFrame:
        scores = evaluation.scores.assign(relation=relations(evaluation, cohort, model))
        return scores.sort_values(["dice", "case"], ignore_index=True)

    what = ("relations", evaluation.digest, changed)
    return cache.made(cohort, what, related)


def summary_of(counted: Evaluation, cohort: Cohort, changed: tuple) -> pd.DataFrame:
    """Return the summary of the counted cases by metric; see :func:`brainseg.evaluation.summary`."""
    what = ("summary", counted.digest, changed)
    return cache.made(cohort, what, lambda: summary(counted).set_index("metric"))


def show_headlines(
    counted: Evaluation, evaluation: Evaluation, cohort: Cohort, changed: tuple
) -> None:
    """Draw the summary figures of the counted cases, each with its interval and its rule."""
    what = ("headlines", counted.digest, changed)
    tiles = cache.made(
        cohort, what, lambda: headlines(counted, summary_of(counted, cohort, changed))
    )
    all_new = counted is evaluation and not evaluation.seen_cases
    which = (
        "No scored case was in the training data."
        if all_new
        else "The figures count only cases that the model was not trained on, if there are any."
    )
    with st.grid(columns=4, min_column_width=150):  # eight figures: rows of equal length
        for label, value, interval, meaning in tiles:
            st.metric(
                label, value, delta=interval, delta_color="off", delta_arrow="off", help=meaning
            )
        st.metric("Cases", len(counted.scores), help=which)
    unchanged = (
        "– means that it is undefined, or that every resample has the same value. "
        if any(interval == "–" for _, _, interval, _ in tiles)
        else ""
    )
    st.caption(
        f"Below each figure: its 95% interval, bootstrap by patient over {len(counted.scores)} cases. "
        f"{unchanged}{EMPTY_MASK_RULE} The help of each figure states its own rule."
    )
    if distance_unit(counted) is None:
        st.caption("Distances are missing because only some of the cases have a known spacing.")


def headlines(counted: Evaluation, table: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Return label, value, interval and meaning of each figure, by :func:`summary_of`."""
    dice = METRICS["dice"]
    tiles = [
        (label, figure_text(value), interval_text(*ends), dice.explained)
        for label, value, ends in (
            ("Mean Dice", counted.mean_dice, counted.ci95),
            ("Median Dice", counted.median_dice, counted.median_ci95),
        )
    ]
    for name in HEADLINES:
        row, metric = table.loc[name], METRICS[name]
        label = metric.label if row["how"] != "median" else f"{metric.label}, median"
        interval = interval_text(row["low"], row["high"], row["unit"])
        tiles.append((label, figure_text(row["value"], row["unit"]), interval, metric.explained))
    return tiles


def show_origin(evaluation: Evaluation) -> None:
    """Show which scores came with the model, and the number of cases without one."""
    if shipped := len(evaluation.shipped):
        st.caption(
            f":material/package_2: The scores of {shipped} cases came with the model: their images and "
            "masks are exactly those it was scored on. “Score again” computes them here."
        )
    if left := len(evaluation.unscored):
        st.info(
            f"{left} cases have not been scored yet; the figures are of the others.",
            icon=":material/hourglass_empty:",
        )


def warn_of_seen(counted: Evaluation, evaluation: Evaluation) -> None:
    """Warn of scores on patients that the model was trained on, and of too few cases."""
    if evaluation.seen_cases and counted is evaluation:
        st.warning(
            "The model was trained on all of these patients: the scores do not tell how it does on new "
            "patients.",
            icon=":material/visibility:",
        )
    elif evaluation.seen_cases:
        st.caption(
            f":material/visibility: {evaluation.seen_cases} cases in the training data were scored too; "
            "they are marked as seen and not counted in these figures."
        )
    if len(counted.scores) < FEWEST_CASES:
        st.warning(
            f"Only {len(counted.scores)} cases: the interval is too narrow to rely on.",
            icon=":material/warning:",
        )


def show_cases(
    counted: Evaluation,
    evaluation: Evaluation,
    scores: pd.DataFrame,
    cohort: Cohort,
    model: Model,
    changed: tuple,
) -> None:
    """Draw the cases from the lowest to the highest score, with links to the worst.

    `counted` are the cases that count; `scores` are all of `evaluation`, with ``relation``.
    """
    metric = panels.metric_picker()
    label = METRICS[metric].label
    ordered = scores[scores["case"].isin(counted.scores["case"])]
    ordered = ordered.sort_values([metric, "case"], ignore_index=True)
    row = summary_of(counted, cohort, changed).loc[metric]
    mean = (row["value"], row["low"], row["high"]) if row["cases"] else None
    st.header(f"{label} by case")
    if mean:
        value, interval = figure_text(mean[0]), interval_text(*mean[1:])
        st.caption(f"Dotted line: mean {value}. Band: 95% interval, {interval}.")
    what = ("scores by case", evaluation.digest, changed, metric)
    panels.case_chart(
        cache.made(cohort, what, lambda: evaluation_charts.by_case(ordered, metric, label, mean)),
        "scores_by_case",
        f"{label} of {len(ordered)} cases, sorted, with mean and interval",
        ordered[["case", "relation", metric]],
    )
    st.caption("Click a bar, or a row below, to open its case.")
    show_chosen(scores, model)
    show_worst(counted, cohort, model)
    show_table(scores, cohort, distance_unit(evaluation))


def show_chosen(scores: pd.DataFrame, model: Model) -> None:
    """Draw links to the chosen case, if there is one."""
    row = scores[scores["case"] == st.query_params.get(keys.CASE)]
    if row.empty:
        return
    case, value, relation = row.iloc[0][["case", "dice", "relation"]]
    with st.container(horizontal=True, border=True, vertical_alignment="center"):
        st.markdown(f"**{widgets.plain(case)}** · Dice {value:.3f}", width="content")
        st.badge(relation, color=model_picker.RELATION_COLOURS[relation])
        asked = {keys.CASE: case, keys.MODEL: model.name}
        widgets.link(keys.CASE_PAGE, "Open the case", "neurology", asked)
        widgets.link(keys.PREDICTION, "Try thresholds", "online_prediction", asked)


def sizes_in_ml(scores: pd.DataFrame, cohort: Cohort) -> pd.DataFrame | None:
    """Return the volumes of masks and predictions in ml, or None unless all cases have a spacing."""
    spacings = cohort.slices.groupby("case")[[*SPACING_COLUMNS]].first().loc[scores["case"]]
    if spacings.isna().any(axis=None):
        return None
    voxel_ml = spacings.prod(axis=1).to_numpy() / 1000
    columns = {"tumour_ml": "tumour_vx", "predicted_ml": "predicted_vx"}
    return pd.DataFrame({name: scores[vx] * voxel_ml for name, vx in columns.items()})


def show_worst(counted: Evaluation, cohort: Cohort, model: Model) -> None:
    """Draw links to the ten cases with the lowest Dice, at the slice with the most differing pixels."""
    lowest = worst(counted)
    in_ml = sizes_in_ml(lowest, cohort)
    st.header("Worst ten cases" if len(lowest) == 10 else "Cases, worst first")
    with st.grid(columns="auto", min_column_width=270, gap="xxsmall"):
        for index, row in enumerate(lowest.itertuples()):
            # Sorted by Dice on the case page too, so that its next case is the next one here.
            asked = {keys.CASE: row.case, keys.MODEL: model.name, keys.SORT: "dice"}
            if not pd.isna(row.slice_number):
                asked[keys.SLICE] = str(row.slice_number)
            label = f"**{row.dice:.3f}**  {widgets.plain(row.case)}"
            error = figure_text(row.volume_error, "relative")
            if in_ml is None:
                sizes = f"Mask {row.tumour_vx:,} voxels, predicted {row.predicted_vx:,}: {error}."
            else:
                mask_ml, predicted_ml = in_ml.iloc[index]
                sizes = f"Mask {mask_ml:,.1f} ml, predicted {predicted_ml:,.1f}: {error}."
            widgets.link(keys.CASE_PAGE, label, "neurology", asked, help=sizes)
    st.caption(
        "Lowest Dice first. A link opens the slice where mask and prediction differ in the most pixels."
    )


def table_columns(in_ml: bool, unit: str | None) -> dict:
    """Return the columns of the table of cases, by name; see :func:`show_table`."""
    number = st.column_config.NumberColumn
    return {
        "case": "Case",
        "dice": st.column_config.ProgressColumn(
            "Dice", format="%.3f", min_value=0, max_value=1, color="primary"
        ),
        "relation": st.column_config.MultiselectColumn(
            "Model and patient",
            options=list(model_picker.RELATION_COLOURS),
            color=list(model_picker.RELATION_COLOURS.values()),
            help=model_picker.RELATION_MEANS,
        ),
        "fold": number("Fold", help="Fold that predicted; – if several did."),
        **(
            {
                "tumour_vx": number("Mask (voxels)", format="localized"),
                "predicted_vx": number("Prediction (voxels)", format="localized"),
            }
            if not in_ml
            else {
                "tumour_ml": number("Mask (ml)", format="%.1f"),
                "predicted_ml": number("Prediction (ml)", format="%.1f"),
            }
        ),
        "precision": number("Precision", format="%.3f", help=METRICS["precision"].explained),
        "recall": number("Recall", format="%.3f", help=METRICS["recall"].explained),
        "surface_dice": number("Surface Dice", format="%.3f"),
        # As text, because a column of numbers writes "Infinity"; the spaces keep its order, ∞ last.
        "hd95": st.column_config.TextColumn(
            f"HD95 ({unit})" if unit else "HD95", alignment="right", help=METRICS["hd95"].explained
        ),
        "lesions_found": number("Lesions found"),
        "lesions": number("Lesions"),
        "false_positives": number("False positives"),
        "slices": number("Slices"),
        "seconds": number("Seconds", format="%.1f"),
    }


def show_table(scores: pd.DataFrame, cohort: Cohort, unit: str | None) -> None:
    """Draw the table of cases, lowest Dice first; `unit` is that of the distances, if it is one."""
    in_ml = sizes_in_ml(scores, cohort)
    shown = scores.assign(
        relation=[[relation] for relation in scores["relation"]],
        hd95=scores["hd95"].map(
            lambda one: "∞" if np.isinf(one) else f"{one:7.1f}", na_action="ignore"
        ),
    )
    config = table_columns(in_ml is not None, unit)
    shown = shown if in_ml is None else shown.join(in_ml)

    def choose_row() -> None:
        if rows := st.session_state[TABLE].selection.rows:
            url_state.put(**{keys.CASE: scores["case"].iloc[rows[0]]})

    st.dataframe(
        shown[list(config)],
        hide_index=True,
        key=TABLE,
        on_select=choose_row,
        selection_mode="single-row",
        placeholder="–",
        alt="Scores, one row per case",
        column_config=config,
    )
    st.caption(model_picker.RELATION_MEANS)
    if infinite := int(np.isinf(scores["hd95"]).sum()):
        st.caption(
            f"∞ ({widgets.counted(infinite, 'case')}): more than 5% of an outline lies on slices that "
            "the other mask lacks, so its HD95 is infinite; `inf` in the CSV."
        )
    widgets.csv_button(scores, "scores")


def show_refused(refused: dict[str, str]) -> None:
    """Show how many cases were not scored, and why."""
    if not refused:
        st.caption("All cases were scored.")
        return
    reasons = pd.Series(refused, name="reason").rename_axis("case").reset_index()
    for reason, count in reasons["reason"].value_counts().items():
        st.caption(f"{count} not scored: {widgets.plain(reason, longest=300)}.")
    with st.expander(f"Cases not scored ({len(reasons)})", icon=":material/list:"):
        st.dataframe(reasons, hide_index=True)


st.title("Evaluation")
cohort = widgets.open_cohort()
model = model_picker.model_picker()
changed = last_scored(cohort)
evaluation = cache.scores(cohort, model, changed)
scoring.begin(cohort, model, evaluation)
scoring.progress(cohort, model)
if evaluation is None:
    if background.running() is None:
        name = widgets.plain(model.name)
        st.info(f"{name} has not been scored on this cohort yet.", icon=":material/scoreboard:")
    model_picker.show_compared(cohort, model)
    scoring.offer(cohort, model, None, "Score these cases")
    widgets.tumour_means(cohort)
    st.stop()

counted = cache.unseen(cohort, model, changed) or evaluation
scores = with_relations(evaluation, cohort, model, changed)
cut_at = " or ".join(f"{threshold:g}" for threshold in model.thresholds)
threshold = "threshold" if len(model.thresholds) == 1 else "threshold of each fold"
number, every = len(counted.scores), len(cohort.cases)
which = f"all {every}" if number == every else f"{number} of {every}"
st.caption(
    f"Model **{widgets.plain(model.name)}**, {threshold} {cut_at}, on {which} cases of this cohort."
)
model_picker.show_compared(cohort, model)
show_origin(evaluation)
show_headlines(counted, evaluation, cohort, changed)
warn_of_seen(counted, evaluation)
titles = {INFLATION: "Flattering scores"}
match widgets.choice(
    "View", keys.VIEW, VIEWS, CASES, format_func=lambda view: titles.get(view, view)
):
    case "Cases":
        show_cases(counted, evaluation, scores, cohort, model, changed)
    case "Groups":
        panels.show_groups(counted, cohort, scores[scores["case"].isin(counted.scores["case"])])
        show_chosen(scores, model)
    case "All figures":
        panels.show_figures(counted)
    case "Calibration":
        panels.show_calibration(counted, model)
    case "Two models":
        panels.show_comparison(evaluation, cohort, model)
        show_chosen(scores, model)
    case "How scores inflate":
        inflation.show(evaluation, cohort, model)
show_refused(evaluation.refused)
widgets.tumour_means(cohort)
again = "Score the other cases" if evaluation.unscored else "Score again"
with st.expander(again, icon=":material/refresh:", expanded=bool(evaluation.unscored)):
    scoring.offer(cohort, model, evaluation, again)
widgets.code(CODE.format(model=model.name), cohort)
