"""Overview: what the application does, counts of the cohort, ways in, and a few example cases."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.models import open_model
from brainseg.plotting.counts import small_bars
from brainseg.plotting.style import thinned
from brainseg.statistics import counts
from dashboard.shared import cache, folder_questions, keys, overlays, widgets
from dashboard.shared.cache_keys import last_scored

IN_GALLERY = 8
PICTURE_PX = 130

Links = list[tuple[str, str, str]]


def show_examples(cohort: Cohort, cases: pd.DataFrame) -> None:
    """Draw a case with a small and one with a large tumour, at their largest slices."""
    by_size = cases.sort_values("tumour_vx")
    with st.container(horizontal=True, gap="xsmall"):
        for place in sorted({len(cases) // 4, len(cases) * 3 // 4}):
            shown = cohort, by_size["case"].iloc[place], by_size["largest_slice"].iloc[place]
            overlays.thumbnail(*shown, overlays.OverlayStyle(), width=PICTURE_PX)
    st.caption("FLAIR with the manual mask")


def show_tumour_slices(cohort: Cohort, cases: pd.DataFrame) -> None:
    """Draw the number of slices with tumour, one bar per case."""
    values = cases["slices_with_tumour"].sort_values(ascending=False)
    what = ("slices_with_tumour",)
    _bars(cohort, what, values, "Slices with tumour, one bar per case")


def show_scores(cohort: Cohort, cases: pd.DataFrame) -> None:
    """Draw the Dice of the default model, one bar per case, or say that there is none yet."""
    try:
        model, changed = open_model(), last_scored(cohort)
        unseen = cache.unseen(cohort, model, changed)
    except ModelError:
        unseen = None
    if unseen is None:
        st.caption("This cohort has not been scored yet.")
        return
    values = unseen.scores["dice"].sort_values(ascending=False)
    number = widgets.counted(len(values), "unseen case")
    title = f"Dice of {model.name} on {number}, one bar per case, mean {values.mean():.3f}"
    _bars(cohort, ("dice", model.digest, changed), values, title, top=1.0)


def _bars(
    cohort: Cohort, what: tuple, values: pd.Series, title: str, top: float | None = None
) -> None:
    """Draw bars; `what` is a name, and everything that the values depend on beside the cohort."""
    count, values = len(values), thinned(values)
    if len(values) < count:
        title += f", {len(values):,} of {count:,} drawn"
    chart = cache.made(cohort, ("bars", *what), lambda: small_bars(values, PICTURE_PX, top))
    widgets.figure(chart, f"overview_{what[0]}", title, config={"staticPlot": True})
    st.caption(widgets.plain(title, longest=120))


WAYS_IN: dict[str, tuple[Callable[[Cohort, pd.DataFrame], None], str, Links]] = {
    "Look at cases": (
        show_examples,
        "Open a case, scroll through its slices, compare image and mask.",
        [
            (keys.WORKLIST, "Worklist of all cases", "list"),
            (keys.CASE_PAGE, "One case, slice by slice", "neurology"),
            (keys.BROWSER, "Browser of random slices", "shuffle"),
        ],
    ),
    "Explore the data": (
        show_tumour_slices,
        "Count, plot and check the dataset before you train on it.",
        [
            (keys.DATASET, "Dataset in numbers", "bar_chart"),
            (keys.SIMILAR, "Similar slices", "bubble_chart"),
            (keys.CHECKS, "Checks and findings", "rule"),
        ],
    ),
    "Train and predict": (
        show_scores,
        "Train a model, see how it does on unseen cases, and try it on your own.",
        [
            (keys.PREDICTION, "Run a prediction", "online_prediction"),
            (keys.EVALUATION, "Scores by case", "scoreboard"),
            (keys.TRAINING, "Training runs", "show_chart"),
        ],
    ),
}

st.title("Overview")
st.markdown("Look at brain MRI with tumour masks, check the data, and train and test models on it.")
cohort = widgets.open_cohort(with_label=False)
with st.container(key="tour"):
    widgets.link(keys.TOUR, "**New here?** Take the five-minute tour", "school")
held = cache.made(cohort, ("counts",), lambda: counts(cohort.slices))
table = cache.case_table(cohort)

with st.grid(columns=5, min_column_width=120):
    st.metric("Cases", held["cases"], format="localized")
    st.metric("Slices", held["slices"], format="localized")
    st.metric("Masks", held["masks"], format="localized")
    st.metric("Slices with tumour", held["slices_with_tumour"], format="localized")
    known = table["institution"].nunique()
    st.metric("Institutions", known or "unknown", format="localized" if known else None)
widgets.notes(cohort)
folder_questions.show(cohort)

table = table[table["largest_slice"].notna()]
with st.grid(columns=3, min_column_width=240, border=True):
    for heading, (show, what, links) in WAYS_IN.items():
        with st.container(gap="xsmall"):
            st.header(heading, anchor=False)
            if len(table):
                show(cohort, table)
            st.caption(what)
            for page, label, icon in links:
                widgets.link(page, label, icon)

if len(table):
    st.header("Example cases, each at its largest tumour area")
    # Spread evenly over the list: the first cases would all come from one institution.
    places = sorted({round(i * (len(table) - 1) / (IN_GALLERY - 1)) for i in range(IN_GALLERY)})
    with st.grid(columns=4, min_column_width=160):
        for row in table.iloc[places].itertuples():
            with st.container(gap="xxsmall", key=f"clickable_{row.case}"):
                overlays.thumbnail(cohort, row.case, row.largest_slice, overlays.OverlayStyle())
                shown = {keys.CASE: row.case, keys.SLICE: row.largest_slice}
                widgets.link(keys.CASE_PAGE, widgets.plain(row.case, 26), query=shown)
                # On its own line: behind the name it was cut off in rows of four.
                st.caption(f"slice {row.largest_slice}")
    overlays.legend(overlays.OverlayStyle())

st.caption("Sizes are in the units that the files contain; anything unknown is marked as unknown.")
widgets.tumour_means(cohort)
