"""Ways to get a flattering score: a split by slice, and other ways of averaging."""

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.evaluation import (
    Evaluation,
    Leakage,
    conventions,
    figure_text,
    leakage_path,
    load_leakage,
)
from brainseg.evaluation.leakage import SHIPPED
from brainseg.models import Model
from brainseg.plotting import scores
from dashboard.shared import widgets
from dashboard.views.evaluation import scoring, split_lesson
from dashboard.views.evaluation.panels import difference_chart, signed


def show(evaluation: Evaluation, cohort: Cohort, model: Model) -> None:
    """Draw the effect of a split by slice, and of other ways of averaging."""
    st.header("Split by slice, split by patient")
    if split_lesson.show(cohort):
        st.subheader("3. What that does to the score")
    here = load_leakage(leakage_path(cohort, model), model)
    shown = here or load_leakage(model.folder / SHIPPED, model)
    if shown is not None:
        _show_leakage(shown, cohort, is_of_here=here is not None)
    else:
        st.markdown(
            "A split by slice puts slices of one patient into both training and test, so the network is "
            "scored on patients it was trained on. The effect on the score can be measured."
        )
    label = "Measure on this cohort" if here is None else "Measure again"
    with st.expander(label, expanded=shown is None, icon=":material/model_training:"):
        scoring.offer_leakage(cohort, model)
    st.header("Other ways of averaging")
    _show_conventions(evaluation)


def _show_leakage(leakage: Leakage, cohort: Cohort, is_of_here: bool) -> None:
    """Draw the scores of both splits by averaging rule, and the effect of the leakage alone."""
    rules, found = leakage.table, leakage.comparison
    cases, slices = len(leakage.by_patient.scores), len(leakage.by_patient.slices)
    if not is_of_here:
        _show_source(leakage, cohort)
    st.markdown(
        f"Four copies of this model’s network were trained further, for {leakage.recipe.passes} passes "
        "over half of the data: two on half of the patients, two on half of the slices of all patients. "
        "Each was scored on the other half. Initial weights, batches, threshold and the "
        f"{slices:,} scored slices of {cases} cases are the same: **only the split differs**."
    )
    widgets.figure(
        scores.two_splits(rules),
        "two_splits",
        alt="; ".join(
            f"{row.rule}: split by patient {row.by_patient:.3f}, split by slice {row.by_slice:.3f}"
            for row in rules.itertuples()
        ),
        table=rules,
    )
    if found is not None:
        ends = f"{signed(found.low)} to {signed(found.high)}"
        honest, claimed = rules["by_patient"].iloc[0], rules["by_slice"].iloc[-1]
        st.markdown(
            f"Effect of the split alone, averaged by case: **{signed(found.mean)}** (95% interval "
            f"{ends}, bootstrap by patient, {len(found.cases)} cases). Split and averaging together, "
            "from split by patient and mean by case to split by slice and all slices: "
            f"{honest:.3f} becomes **{claimed:.3f}**."
        )
        difference_chart(found, "Dice by case: split by slice − split by patient")


def _show_source(leakage: Leakage, cohort: Cohort) -> None:
    """Show which cases a measurement used that was not made here."""
    names = leakage.by_patient.scores["case"]
    source = f"Measured beforehand on {len(names)} cases that this model was not trained on"
    if set(names) <= set(cohort.cases):
        source += "; this cohort contains them."
    else:
        first, last = widgets.plain(names.iloc[0]), widgets.plain(names.iloc[-1])
        source += f" ({first} to {last}), not on this cohort."
    st.info(source, icon=":material/science:")


def _show_conventions(evaluation: Evaluation) -> None:
    """Draw the score of the same predictions under other averaging rules."""
    rules = conventions(evaluation)
    if rules.empty:
        st.info(
            "Every case was in the training data, so there is no unbiased score to compare with."
        )
        return
    unseen = evaluation.unseen() or evaluation
    st.markdown(
        "The same network and predictions under other averaging rules. The first bar is the rule of "
        "this page; the band is its 95% interval. Not every rule flatters every network, but a score "
        "without its rule is meaningless."
    )
    widgets.figure(
        scores.conventions(rules, unseen.ci95),
        "conventions",
        alt="; ".join(f"{row.rule}: {row.dice:.3f}" for row in rules.itertuples()),
    )
    for row in rules.itertuples():
        changed = "" if row.Index == 0 else f" ({signed(row.difference)})"
        st.markdown(
            f"- **{row.rule}**: {figure_text(row.dice)}{changed}, {row.n:,} {row.unit}. {row.what}"
        )
    widgets.csv_button(rules, "conventions")
    if not evaluation.seen_cases:
        st.info(
            "To see the scores of cases in the training data, score them too: tick the box under “Score "
            "again”.",
            icon=":material/school:",
        )
