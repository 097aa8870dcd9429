"""How scores inflate: what a split by slice claims, and the same predictions counted otherwise."""

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.evaluation import (
    Evaluation,
    Leakage,
    conventions,
    figure_text,
    kept_leakage,
    leakage_path,
)
from brainseg.evaluation.leakage import SHIPPED
from brainseg.models import Model
from brainseg.plotting import scores
from dashboard.shared import widgets
from dashboard.views.evaluation import scoring


def show(evaluation: Evaluation, cohort: Cohort, model: Model) -> None:
    """Draw both, for who reads published scores."""
    st.subheader("Split by slice, split by patient")
    here = kept_leakage(leakage_path(cohort, model), model)
    shown = here or kept_leakage(model.folder / SHIPPED, model)
    if shown is not None:
        _show_leakage(shown, cohort, is_of_here=here is not None)
    else:
        st.markdown(
            "A split by slice puts slices of one patient into the training and into the test: the "
            "network is then scored on patients that it knows. How much that claims can be measured."
        )
    label = "Measure it on this cohort" if here is None else "Measure it again"
    with st.expander(label, expanded=shown is None, icon=":material/model_training:"):
        scoring.offer_leakage(cohort, model)
    st.subheader("The same predictions, counted otherwise")
    _show_conventions(evaluation)


def _show_leakage(leakage: Leakage, cohort: Cohort, is_of_here: bool) -> None:
    """Draw both splits under each rule of counting, and what the leakage alone adds."""
    rules, found = leakage.table, leakage.comparison
    cases, slices = len(leakage.by_patient.scores), len(leakage.by_patient.slices)
    if not is_of_here:
        _say_whose(leakage, cohort)
    st.markdown(
        f"Four copies of this model’s network learned further, {leakage.recipe.passes} times over half "
        "of the data: two on half of the patients, two on half of the slices of all patients. Each was "
        "scored on the half that it did not learn from. Start, batches, threshold, and the "
        f"{slices:,} slices of {cases} cases that score are the same: **only the split differs**."
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
        ends = f"{found.low:+.3f} to {found.high:+.3f}"
        honest, claimed = rules["by_patient"].iloc[0], rules["by_slice"].iloc[-1]
        st.markdown(
            f"The split alone, by case: **{found.mean:+.3f}** (95 % interval {ends}, bootstrap by "
            f"patient, {len(found.cases)} cases). Split and counting together, from by case and by "
            f"patient to all slices and by slice: {honest:.3f} becomes **{claimed:.3f}**.".replace(
                "-", "−"
            )
        )


def _say_whose(leakage: Leakage, cohort: Cohort) -> None:
    """Say of which cases a measurement is that was not made here."""
    names = leakage.by_patient.scores["case"]
    told = f"Measured beforehand on {len(names)} cases that this model never saw"
    if set(names) <= set(cohort.cases):
        told += "; this cohort holds them."
    else:
        first, last = widgets.plain(names.iloc[0]), widgets.plain(names.iloc[-1])
        told += f" ({first} to {last}), not on this cohort."
    st.info(told, icon=":material/science:")


def _show_conventions(evaluation: Evaluation) -> None:
    """Draw the same predictions under other rules of counting."""
    rules = conventions(evaluation)
    if rules.empty:
        st.info(
            "No case is left that the model never saw, so there is no honest figure to compare."
        )
        return
    unseen = evaluation.unseen() or evaluation
    st.markdown(
        "One network, one set of predictions, other rules of counting. The first bar is how this page "
        "counts; the band is its 95 % interval. Not every rule flatters every network, but a figure "
        "without its rule says nothing."
    )
    widgets.figure(
        scores.conventions(rules, unseen.ci95),
        "conventions",
        alt="; ".join(f"{row.rule}: {row.dice:.3f}" for row in rules.itertuples()),
    )
    for row in rules.itertuples():
        changed = "" if row.Index == 0 else f" ({row.difference:+.3f})".replace("-", "−")
        st.markdown(
            f"- **{row.rule}**: {figure_text(row.dice)}{changed}, {row.n:,} {row.unit}. {row.what}"
        )
    widgets.csv_button(rules, "conventions")
    if not evaluation.seen_cases:
        st.info(
            "To see what cases that the model learned from would claim, score them too: tick the box "
            "under “Score again”.",
            icon=":material/school:",
        )
