"""Part of the checks page: masks that the prediction contradicts, with links to their slices."""

from typing import Any

import pandas as pd
import streamlit as st

from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.contradictions import finding_of
from brainseg.checks.finding import Finding
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, ModelError
from brainseg.evaluation import Evaluation, background
from brainseg.evaluation.second_look import (
    NOTICE,
    networks_in_words,
    second_look_table,
    size_in_words,
    where_in_words,
)
from brainseg.models import Model, open_model
from dashboard.shared import cache, keys, model_picker, scoring_progress, widgets
from dashboard.shared.cache_keys import last_scored
from dashboard.views.checks import accepting

MOST_LINKS = 9
SECTION = "second look"


def draw(cohort: Cohort) -> None:
    """Draw the section: the list, or the button that computes it."""
    st.header("Masks worth a second look", anchor="second-look")
    try:
        _draw(cohort, open_model(model_picker.picked()))
    except ModelError as error:  # the rest of the page needs no model
        widgets.error(error)


def _draw(cohort: Cohort, model: Model) -> None:
    st.caption(NOTICE)
    if cohort.slices["area_px"].notna().any():
        model_picker.show_compared(cohort, model)
    changed = last_scored(cohort)
    evaluation = cache.scores(cohort, model, changed)
    if evaluation is not None and evaluation.second_look:
        _list(cohort, model, evaluation, changed)
    _offer(cohort, model, evaluation)


def _list(cohort: Cohort, model: Model, evaluation: Evaluation, changed: tuple) -> None:
    """Draw the table; `changed` is :func:`last_scored` as of when `evaluation` was read, a key only."""
    accepting.show_message(SECTION)
    what = ("second look", model.digest, changed)
    table = cache.made(cohort, what, lambda: second_look_table(evaluation, cohort))
    compared = widgets.counted(len(evaluation.second_look), "case")
    name, listed = widgets.plain(model.name), table["case"].nunique()
    st.markdown(
        f"**{name} contradicts the masks of {listed} of {compared}.** "
        f"{networks_in_words(evaluation)} Places near an outline are left out."
    )
    if table.empty:
        return
    found = [finding_of(row.case, row) for row in table.itertuples()]
    table = table.assign(**_reviewed(cohort, found))
    still = table[~table["accepted"]]
    with st.grid(columns="auto", min_column_width=300, gap="xxsmall"):
        for row in still.head(MOST_LINKS).itertuples():
            _link(row, model)
    if len(still) > MOST_LINKS:
        st.caption(f"The {MOST_LINKS} largest by their share of the tumour; the table has all.")
    if accepted := len(table) - len(still):
        st.caption(f"{accepted} of {len(table)} accepted; the table has the reasons.")
    # The label stays, because another would close the table after each acceptance.
    with st.expander(f"Table of all {len(table)}, to accept some", icon=":material/list:"):
        chosen = _table(table)
        if chosen:
            is_accepted = bool(table["accepted"].iloc[chosen].all())
            accepting.actions(cohort, [found[row] for row in chosen], is_accepted, SECTION)
        else:
            st.caption("Select rows to accept them with a reason: the mask is right, or will stay.")
    widgets.csv_button(table, "second_look", "Second look as CSV")


def _reviewed(cohort: Cohort, found: list[Finding]) -> dict[str, list]:
    """Return the columns ``accepted`` and ``reason`` of the findings; none if they cannot be read."""
    try:
        acceptances = open_acceptances(cohort).of(found)
    except BrainsegError as error:
        widgets.error(error)
        acceptances = [None] * len(found)
    return {
        "accepted": [one is not None and not one.lapsed for one in acceptances],
        "reason": [one.reason if one else None for one in acceptances],
    }


def _link(row: "pd.Series", model: Model) -> None:
    """Draw the link to a slice with the outlines of mask and prediction."""
    label = f"**{widgets.plain(row.case)}** {where_in_words(row)}"
    asked = {keys.CASE: row.case, keys.SLICE: str(row.slice_number), keys.MODEL: model.name}
    with st.container(gap=None):
        widgets.link(keys.CASE_PAGE, label, "neurology", asked)
        st.caption(
            f"{row.kind}: {size_in_words(row)}, {row.share:.0%} of the tumour, probability "
            f"{row.probability:.2f}"
        )


def _table(table: pd.DataFrame) -> list[int]:
    """Draw the table and return the positions of the selected rows."""
    number = st.column_config.NumberColumn
    in_ml = bool(table["volume_ml"].notna().all())
    columns: dict[str, Any] = {
        "case": "Case",
        "slice_number": number("Slice", help="Slice with most of the contradiction."),
        "kind": "What",
        **(
            {"volume_ml": number("Volume (ml)", format="%.1f")}
            if in_ml
            else {"volume_vx": number("Volume (voxels)", format="localized")}
        ),
        **(
            {"area_mm2": number("Area (mm²)", format="%.0f")}
            if in_ml
            else {"area_px": number("Area (px)", format="localized")}
        ),
        "share": number("Share", format="percent", help="Of the larger of mask and prediction."),
        "probability": number("Probability", format="%.2f", help="Mean over these voxels."),
        "dice": number("Dice", format="%.3f", help="Of the whole case."),
        "fold": number("Fold", help="Fold that predicted; – if several did."),
        "passes": number("Passes", help="Predictions that agree, mirror images among them."),
    }
    if table["reason"].notna().any():
        columns |= {"accepted": "Accepted", "reason": "Reason for accepting"}
    drawn = st.dataframe(
        table[list(columns)],
        hide_index=True,
        placeholder="–",
        key=f"second_look {accepting.table_number(SECTION)}",
        on_select="rerun",
        selection_mode="multi-row",
        alt="Contradictions between mask and prediction, the largest share first.",
        column_config=columns,
    )
    return [row for row in drawn.selection.rows if row < len(table)]


def _offer(cohort: Cohort, model: Model, evaluation: Evaluation | None) -> None:
    """Draw the running comparison, or the button that starts it for the cases that lack it."""
    if background.running() is not None:
        scoring_progress.follow(cohort)
        return
    if evaluation is not None and not (evaluation.unscored or evaluation.not_compared):
        return
    last = background.latest(cohort)
    if last is not None and last.state == background.FAILED:
        widgets.error(f"Comparing with {last.model.name} failed: {last.error}")
    chosen, _ = cache.scorable(cohort, model)
    done = set() if evaluation is None else set(evaluation.second_look)
    count = sum(name not in done for name in chosen)
    if not count:
        st.caption("No case has both a mask and a network that did not learn from the patient.")
        return
    st.caption(
        f"{widgets.counted(count, 'case')} not compared yet. Each is predicted by the networks that did "
        "not learn from the patient, and scored too. Runs in the background."
    )
    st.button(
        "Compare masks with predictions",
        key="compare_masks",
        icon=":material/troubleshoot:",
        on_click=scoring_progress.start,
        args=(cohort, model),
    )
