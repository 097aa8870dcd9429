"""Overview: counts of the cohort, a few example cases, and links to the other pages."""

import streamlit as st

from brainseg.statistics import counts
from dashboard.shared import cache, keys, overlays, widgets

IN_GALLERY = 8

WAYS_IN = {
    "Look at cases": (
        "Open a patient's study, scroll through its slices, compare image and mask.",
        [
            (keys.WORKLIST, "Worklist of all cases", "list"),
            (keys.CASE_PAGE, "One case, slice by slice", "neurology"),
            (keys.BROWSER, "Random slices", "shuffle"),
        ],
    ),
    "Explore the data": (
        "Count, plot and check the dataset before you train on it.",
        [
            (keys.DATASET, "Dataset in numbers", "bar_chart"),
            (keys.CHECKS, "Checks and findings", "rule"),
        ],
    ),
    "Train and predict": (
        "Follow a training, see how well a model does on unseen cases, and try it on your own.",
        [
            (keys.PREDICTION, "Run a prediction", "online_prediction"),
            (keys.EVALUATION, "Scores by case", "scoreboard"),
            (keys.TRAINING, "Training runs", "show_chart"),
        ],
    ),
}

st.title("Overview")
st.markdown(
    "brainseg shows brain MRI with manual tumour masks, checks the dataset, trains a network on it "
    "and shows what the network predicts. "
    "Sizes are in pixels and voxels; anything unknown is marked as unknown."
)
cohort = widgets.open_cohort()
held = counts(cohort.slices)

with st.grid(columns=5, min_column_width=120):
    st.metric("Cases", held["cases"], format="localized")
    st.metric("Slices", held["slices"], format="localized")
    st.metric("Masks", held["masks"], format="localized")
    st.metric("Slices with tumour", held["slices_with_tumour"], format="localized")
    st.metric("Institutions", len(held["institutions"]), format="localized")
widgets.notes(cohort)

with st.grid(columns=3, min_column_width=240, border=True):
    for heading, (what, links) in WAYS_IN.items():
        with st.container(gap="xsmall"):
            st.header(heading, anchor=False)
            st.caption(what)
            for page, label, icon in links:
                widgets.link(page, label, icon)

table = cache.case_table(cohort)
table = table[table["largest_slice"].notna()]
if len(table):
    st.header("Example cases at their largest slice")
    # Spread evenly over the list: the first cases would all come from one institution.
    places = sorted({round(i * (len(table) - 1) / (IN_GALLERY - 1)) for i in range(IN_GALLERY)})
    with st.grid(columns=4, min_column_width=160):
        for row in table.iloc[places].itertuples():
            with st.container(gap="xxsmall"):
                overlays.thumbnail(cohort, row.case, row.largest_slice, overlays.OverlayStyle())
                shown = {keys.CASE: row.case, keys.SLICE: row.largest_slice}
                widgets.link(keys.CASE_PAGE, widgets.plain(row.case, 26), query=shown)
                # On its own line: behind the name it was cut off in rows of four.
                st.caption(f"slice {row.largest_slice}")
    overlays.legend(overlays.OverlayStyle())

widgets.tumour_means()
