"""Dataset: what a cohort contains, by question. A choice in one chart applies to all of them."""

import streamlit as st

from dashboard.shared import cache, dataset_context, filters, keys, selection, widgets
from dashboard.views.dataset import (
    brightness,
    comparison,
    contents,
    patients,
    place,
    shape,
    size,
    tables,
)

SECTIONS = {
    "What is here": contents,
    "How large": size,
    "Where": place,
    "Which shape": shape,
    "How bright": brightness,
    "Patients": patients,
    "Compare": comparison,
    "Tables": tables,
}

st.title("Dataset")
cohort = widgets.open_cohort()
st.markdown(
    "Choose a question. Click a bar or drag over points to choose cases: all charts and the worklist "
    "then show them. Click again to undo. The camera above a chart saves it as PNG."
)
widgets.notes(cohort)
cache.atlas(cohort)  # starts reading in the background

chosen = dataset_context.shown_cases(cohort)
with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    filters.values("institution", chosen.every, 240)
    with st.popover("More filters", icon=":material/tune:"):
        filters.more(chosen.every, cohort.codebook)
selection.show(cohort)
section = widgets.choice(
    "Question", keys.SECTION, tuple(SECTIONS), "What is here", label_visibility="collapsed"
)
if not chosen.names:
    st.info("No case matches the filter: clear it above.", icon=":material/filter_alt_off:")
    st.stop()
if len(chosen.names) < len(cohort.cases):
    st.caption("Colour: your selection. Grey: all cases.")
SECTIONS[section].draw(chosen)
widgets.tumour_means(cohort)
