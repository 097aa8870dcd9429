"""Dataset: what a cohort holds, by question; what is chosen in one chart is chosen in all of them."""

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
    "Choose a question. Click a bar or drag over points to choose cases: every other chart, and the "
    "worklist, then shows those. A second click takes it back. The camera above a chart saves it as PNG."
)
widgets.notes(cohort)
cache.atlas(cohort)  # starts to read, and waits for nothing

now = dataset_context.explore(cohort)
with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    filters.values("institution", now.every, 240)
    with st.popover("More filters", icon=":material/tune:"):
        filters.more(now.every, cohort.codebook)
    st.page_link(keys.TOUR, label="Guided tour", icon=":material/school:")
    st.page_link(keys.SIMILAR, label="Similar slices", icon=":material/bubble_chart:")
selection.say(cohort)
section = widgets.choice(
    "Question", keys.SECTION, tuple(SECTIONS), "What is here", label_visibility="collapsed"
)
if not now.names:
    st.info("No case fits what is chosen: clear it above.", icon=":material/filter_alt_off:")
    st.stop()
if len(now.names) < len(cohort.cases):
    st.caption("In full colour: what you chose. Pale, behind it: all cases.")
SECTIONS[section].draw(now)
widgets.tumour_means()
