"""Evaluation: the model's scores by case on this cohort, and what each of them is worth."""

import time

import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.evaluation import (
    LEARNED_FROM,
    Evaluation,
    by_case,
    evaluate,
    keep,
    kept,
    relations,
    seconds_left,
)
from brainseg.metrics import EMPTY_MASK_RULE, bootstrap_interval, dice
from brainseg.models import Model
from dashboard import address, data, model_charts, models, state, widgets

ALLOW_SEEN = "allow_seen"
CHARTS = ("dice_by_case", "dice_by_volume")
TABLE = "scores_table"


def choose(key: str) -> None:
    """Put the case of a clicked bar or point into the address; for charts' ``on_select``."""
    if points := st.session_state[key].selection.points:
        address.put(**{state.CASE: points[0]["customdata"]})


def choose_row(names: list[str]) -> None:
    """Put the case of a clicked row into the address."""
    if rows := st.session_state[TABLE].selection.rows:
        address.put(**{state.CASE: names[rows[0]]})


def offer_scoring(cohort: Cohort, model: Model, label: str) -> None:
    """Offer to score the cases here, and say the command that does the same."""
    chosen, refused = data.scorable(cohort, model)
    seen = list(refused.values()).count(LEARNED_FROM)
    allow_seen = False
    if seen:
        allow_seen = st.checkbox(
            f"Also score the {seen} cases that the model learned from, marked as seen",
            key=ALLOW_SEEN,
            value=not chosen,
        )
    count = len(chosen) + (seen if allow_seen else 0)
    st.caption(f"{count} of {len(cohort.cases)} cases would be scored.")
    if st.button(
        label, key="score", type="primary", disabled=not count, icon=":material/calculate:"
    ):
        score(cohort, model, allow_seen)
    st.caption("The same from the command line:")
    options = models.option_for(model) + " --allow-seen" * allow_seen
    st.code(f"python -m brainseg evaluate DATA{options}", language="bash")


def score(cohort: Cohort, model: Model, allow_seen: bool) -> None:
    """Score the cases with a bar that says how far it is, keep the scores, and show them."""
    bar = st.progress(0.0, "Opening the model, which takes some seconds the first time")
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        left = seconds_left(done, total, time.monotonic() - started)
        words = "" if left is None else f", about {models.duration(left)} left"
        bar.progress(done / total, f"{done} of {total} cases scored{words}")

    try:
        keep(evaluate(cohort, model, allow_seen, show), cohort)
    except BrainsegError as error:
        widgets.refuse(error)
    st.rerun()


def show_summary(evaluation: Evaluation) -> None:
    """Draw mean, median, interval and number of the cases that count, with the rule beside them."""
    counted = evaluation.unseen() or evaluation
    low, high = counted.ci95
    with st.grid(columns=4, min_column_width=160):
        st.metric("Mean Dice", f"{counted.mean_dice:.3f}")
        st.metric("95 % interval of the mean", f"{low:.3f} to {high:.3f}")
        st.metric("Median Dice", f"{counted.median_dice:.3f}")
        st.metric("Cases", len(counted.scores))
    if counted is evaluation and evaluation.seen_cases:
        st.warning(
            "The model learned from all of these patients: the scores say nothing of new ones.",
            icon=":material/visibility:",
        )
    elif evaluation.seen_cases:
        st.warning(
            f"{evaluation.seen_cases} more cases were scored that the model learned from: they are "
            "marked as seen, and left out of these four numbers.",
            icon=":material/visibility:",
        )
    st.caption(EMPTY_MASK_RULE + " Interval: bootstrap over the cases.")


def show_charts(scores: pd.DataFrame, mean: float) -> None:
    """Draw Dice by case and against tumour volume; a click chooses the case."""
    grid = st.grid(columns=2, min_column_width=440)
    with grid.cell():
        st.subheader("Dice by case")
        widgets.figure(
            model_charts.dice_by_case(scores, mean),
            CHARTS[0],
            alt=f"Dice of {len(scores)} cases from {scores['dice'].min():.3f} to "
            f"{scores['dice'].max():.3f}, mean {mean:.3f}",
            key=CHARTS[0],
            on_select=lambda: choose(CHARTS[0]),
            selection_mode="points",
        )
    with grid.cell():
        st.subheader("Dice by tumour volume")
        with_tumour = scores[scores["tumour_vx"] > 0]
        widgets.figure(
            model_charts.dice_by_volume(with_tumour),
            CHARTS[1],
            alt=f"Dice of {len(with_tumour)} cases against the voxels of their masks",
            key=CHARTS[1],
            on_select=lambda: choose(CHARTS[1]),
            selection_mode="points",
        )
        if without := len(scores) - len(with_tumour):
            st.caption(f"{without} cases without tumour have no place on this axis.")


def show_chosen(scores: pd.DataFrame) -> None:
    """Draw the way to the chosen case, or say how to choose one."""
    row = scores[scores["case"] == st.query_params.get(state.CASE)]
    if row.empty:
        st.caption("Click a bar, a point or a row to open its case.")
        return
    case, value, relation = row.iloc[0][["case", "dice", "relation"]]
    with st.container(horizontal=True, border=True, vertical_alignment="center"):
        st.markdown(f"**{widgets.plain(case)}** · Dice {value:.3f}", width="content")
        st.badge(relation, color=models.RELATION_COLOURS[relation])
        for page, label, icon in (
            (state.CASE_PAGE, "Open the case", ":material/neurology:"),
            (state.PREDICTION, "See the prediction", ":material/online_prediction:"),
        ):
            st.page_link(page, label=label, icon=icon, query_params={state.CASE: case})


def show_table(scores: pd.DataFrame) -> None:
    """Draw a row a case, from the lowest to the highest Dice."""
    shown = scores.assign(relation=[[relation] for relation in scores["relation"]])
    number = st.column_config.NumberColumn
    st.dataframe(
        shown[
            ["case", "dice", "relation", "fold", "slices", "tumour_vx", "predicted_vx", "seconds"]
        ],
        hide_index=True,
        key=TABLE,
        on_select=lambda: choose_row(scores["case"].tolist()),
        selection_mode="single-row",
        placeholder="several",
        column_config={
            "dice": st.column_config.ProgressColumn(
                "Dice", format="%.3f", min_value=0, max_value=1, color="primary"
            ),
            "relation": st.column_config.MultiselectColumn(
                "model and patient",
                options=list(models.RELATION_COLOURS),
                color=list(models.RELATION_COLOURS.values()),
                help=models.RELATION_MEANS,
            ),
            "tumour_vx": number("mask (voxels)", format="localized"),
            "predicted_vx": number("prediction (voxels)", format="localized"),
            "seconds": number("seconds", format="%.1f"),
        },
    )
    st.caption(models.RELATION_MEANS)
    widgets.csv_button(scores, "scores")


def show_refused(refused: dict[str, str]) -> None:
    """Say how many cases were not scored, and why each."""
    if not refused:
        st.caption("No case was refused.")
        return
    reasons = pd.Series(refused, name="reason").rename_axis("case").reset_index()
    for reason, count in reasons["reason"].value_counts().items():
        st.caption(f"{count} not scored: {widgets.plain(reason, longest=300)}.")
    with st.expander(f"The {len(reasons)} cases that were not scored", icon=":material/list:"):
        st.dataframe(reasons, hide_index=True)


st.title("Evaluation")
cohort = widgets.open_cohort()
model = models.model_picker()
st.caption(
    f"Model **{widgets.plain(model.name)}**, its own threshold {model.threshold:g}, on this cohort"
)
evaluation = kept(cohort, model)
if evaluation is None:
    st.info("This model has not been scored on this cohort yet.", icon=":material/scoreboard:")
    offer_scoring(cohort, model, "Score these cases")
    widgets.tumour_means()
    st.stop()

scores = by_case(evaluation)
known = dict(zip(evaluation.scores["case"], relations(evaluation, cohort, model), strict=True))
scores.insert(2, "relation", scores["case"].map(known))
show_summary(evaluation)
show_charts(scores, (evaluation.unseen() or evaluation).mean_dice)
show_chosen(scores)
show_table(scores)
show_refused(evaluation.refused)
widgets.tumour_means()
with st.expander("Score again", icon=":material/refresh:"):
    offer_scoring(cohort, model, "Score again")
widgets.code(dice, bootstrap_interval)
