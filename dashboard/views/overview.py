"""Overview: what the cohort holds, a look at a few cases, and a way in for each kind of visitor."""

import streamlit as st

from brainseg.statistics import counts
from dashboard.shared import cache, keys, overlays, widgets

IN_GALLERY = 8

WAYS_IN = {
    "Look at cases": (
        "Open a patient's study, scroll through its slices, compare image and mask.",
        [
            (keys.WORKLIST, "Worklist of all cases", ":material/list:"),
            (keys.CASE_PAGE, "One case, slice by slice", ":material/neurology:"),
            (keys.BROWSER, "Random slices", ":material/shuffle:"),
        ],
    ),
    "Explore the data": (
        "Count, plot and check what the folder holds before anything is learned from it.",
        [
            (keys.DATASET, "Dataset in numbers", ":material/bar_chart:"),
            (keys.CHECKS, "Checks and findings", ":material/rule:"),
        ],
    ),
    "Train and predict": (
        "Follow a training, see how well a model does on cases it never saw, and try it.",
        [
            (keys.PREDICTION, "Predict a slice", ":material/online_prediction:"),
            (keys.EVALUATION, "Scores by case", ":material/scoreboard:"),
            (keys.TRAINING, "Training runs", ":material/show_chart:"),
        ],
    ),
}

st.title("Overview")
st.markdown(
    "brainseg shows brain MRI slices with the tumour masks that people drew on them, checks such a "
    "dataset, trains a network on it and shows what the network predicts. "
    "It counts in pixels and voxels, and it says where it does not know."
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
            st.subheader(heading, anchor=False)
            st.caption(what)
            for page, label, icon in links:
                st.page_link(page, label=label, icon=icon)

table = cache.case_table(cohort)
table = table[table["largest_slice"].notna()]
if len(table):
    st.subheader("Where the tumour is largest")
    # Cases from the whole list, evenly: the first ones would all be of one institution.
    places = sorted({round(i * (len(table) - 1) / (IN_GALLERY - 1)) for i in range(IN_GALLERY)})
    with st.grid(columns=4, min_column_width=160):
        for row in table.iloc[places].itertuples():
            with st.container(gap="xxsmall"):
                overlays.thumbnail(cohort, row.case, row.largest_slice, overlays.Look())
                st.page_link(
                    keys.CASE_PAGE,
                    label=widgets.plain(row.case, 26),
                    query_params={keys.CASE: row.case, keys.SLICE: str(row.largest_slice)},
                )
                # On a line of its own: behind the name it was cut off where four stand in a row.
                st.caption(f"slice {row.largest_slice}")
    overlays.legend(overlays.Look())

widgets.tumour_means()
