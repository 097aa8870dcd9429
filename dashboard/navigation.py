"""The script of each visitor: the pages, their order, and the notice at the bottom of each."""

from pathlib import Path

import streamlit as st

from brainseg import RESEARCH_USE, memory
from dashboard.shared import keys

memory.collect_garbage(every_s=10)
st.set_page_config(
    page_title="brainseg",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    menu_items={"About": f"brainseg: brain MRI segmentations. {RESEARCH_USE}"},
)

OVERVIEW = st.Page(
    keys.OVERVIEW, title="Overview", icon=":material/home:", url_path="overview", default=True
)
STYLE_OF_PAGES = Path(__file__).with_name("static") / "pages.css"

PAGES = {
    "": [OVERVIEW],
    "Cases": [
        st.Page(keys.WORKLIST, title="Worklist", icon=":material/list:", url_path="worklist"),
        st.Page(keys.CASE_PAGE, title="Case", icon=":material/neurology:", url_path="case"),
        st.Page(keys.BROWSER, title="Browser", icon=":material/shuffle:", url_path="browser"),
    ],
    "Data": [
        st.Page(keys.DATASET, title="Dataset", icon=":material/bar_chart:", url_path="dataset"),
        st.Page(
            keys.SIMILAR,
            title="Similar slices",
            icon=":material/bubble_chart:",
            url_path="similar",
        ),
        st.Page(keys.TOUR, title="Guided tour", icon=":material/school:", url_path="tour"),
        st.Page(keys.CHECKS, title="Checks", icon=":material/rule:", url_path="checks"),
    ],
    "Model": [
        st.Page(keys.TRAINING, title="Training", icon=":material/show_chart:", url_path="training"),
        st.Page(
            keys.EVALUATION,
            title="Evaluation",
            icon=":material/scoreboard:",
            url_path="evaluation",
        ),
        st.Page(
            keys.PREDICTION,
            title="Prediction",
            icon=":material/online_prediction:",
            url_path="prediction",
        ),
    ],
}

page = st.navigation(PAGES)
st.session_state[keys.PAGE] = page.url_path
# Where the picture needs the window, the navigation opens on request.
of_viewer = page.url_path in ("case", "prediction")
st.set_page_config(initial_sidebar_state="collapsed" if of_viewer else "auto")
st.html(STYLE_OF_PAGES)

st.bottom.caption(f":material/science: **{RESEARCH_USE}**", text_alignment="center")
page.run()
