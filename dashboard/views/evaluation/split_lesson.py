"""Why a split by slice flatters: two neighbouring slices, and the part that each split puts them in."""

import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.evaluation.splits import (
    TRAINING,
    Neighbours,
    likeness,
    separated_neighbours,
    share_beside_training,
    split_table,
)
from brainseg.plotting.splits import split_grid
from brainseg.volume import FLAIR, SEQUENCES
from dashboard.shared import cache, overlays, widgets

MOST_CASES = 8


def show(cohort: Cohort) -> bool:
    """Draw the first two steps of the lesson; False if no case has neighbours with tumour."""
    table = split_table(cohort.slices)
    pair = separated_neighbours(table)
    if pair is None:
        return False
    st.subheader("1. Two neighbouring slices of one patient")
    try:
        _show_pair(cohort, pair, table)
    except CohortError as error:
        st.caption(widgets.sentence(error))
    st.subheader("2. Which slices are in training, and which in test")
    _show_parts(table, pair)
    return True


def _show_pair(cohort: Cohort, pair: Neighbours, table: pd.DataFrame) -> None:
    """Draw the two slices and one of another patient, and how much their grey values agree."""
    shown = [(pair.case, pair.training), (pair.case, pair.test)]
    others = table[(table["case"] != pair.case) & (table["area_px"] > 0)]
    if len(others):
        other = others.loc[others["area_px"].astype("float64").idxmax()]
        shown.append((str(other["case"]), int(other["slice_number"])))
    flair = [cache.slice_pixels(cohort, *one)[..., SEQUENCES.index(FLAIR)] for one in shown]
    with st.grid(columns=3, min_column_width=200):
        for (case, number), pixels in zip(shown, flair, strict=True):
            with st.container(gap="xxsmall"):
                overlays.thumbnail(cohort, case, number, overlays.OverlayStyle())
                same = f"{widgets.plain(case, 40)}, slice {number}"
                if pixels is flair[0] or pixels.shape != flair[0].shape:
                    st.caption(same)
                else:
                    r = likeness(flair[0], pixels)
                    st.caption(f"{same} · correlation with the first **{r:.2f}**")
    st.markdown(
        "The first two are almost the same picture with almost the same mask. A network that was "
        "trained on one of them knows most of the answer for the other."
    )


def _show_parts(table: pd.DataFrame, pair: Neighbours) -> None:
    """Draw the part of each slice of a few cases, and the share of test slices beside training."""
    names = table["case"].drop_duplicates().tolist()
    chosen = [pair.case, *[name for name in names if name != pair.case][: MOST_CASES - 1]]
    some = table[table["case"].isin(chosen)]
    whole = table.loc[table["case"] == pair.case, "by_patient"].iloc[0]
    widgets.figure(
        split_grid(some, pair),
        "split_grid",
        alt=f"Parts of the slices of {len(chosen)} of {len(names)} cases. Split by slice: slices "
        f"{pair.training} and {pair.test} of {pair.case} are in training and in test. Split by patient: "
        f"both are in {whole}.",
        table=some,
    )
    st.markdown(
        f"**Split by slice**: slice {pair.training} is in training, slice {pair.test} in test. Of all "
        f"test slices of this cohort, **{share_beside_training(table, 'by_slice'):.0%}** have a direct "
        f"neighbour in training.  \n**Split by patient**: both are in {whole}, and no test slice has a "
        f"neighbour in {TRAINING}. Shown: {len(chosen)} of {len(names)} cases; the halves are random, "
        "with seed 0."
    )
