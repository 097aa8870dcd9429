"""Worklist: every case in one table that sorts and filters, and leads to the case."""

import streamlit as st

from brainseg.statistics import UNKNOWN, case_table
from dashboard import address, data, state, widgets

ALL = "all"
TABLE_KEY = "cases"

st.title("Worklist")
cohort = widgets.open_cohort()
widgets.notes(cohort)

table = data.case_table(cohort)
table = table.assign(
    institution=table["institution"].fillna(UNKNOWN),
    tumour_share=table["tumour_share"].round(2),
    notes=[
        f"{row.unusable} without usable mask" if row.unusable else "" for row in table.itertuples()
    ],
)
institutions = (ALL, *sorted(table["institution"].unique()))

with st.container(horizontal=True, vertical_alignment="bottom"):
    wrong = address.take(state.INSTITUTION, institutions, ALL)
    st.selectbox("Institution", institutions, key=state.INSTITUTION, width=220)
    address.keep(state.INSTITUTION, institutions, ALL)
    address.take_text(state.SEARCH)
    searched = st.text_input(
        "Case contains",
        key=state.SEARCH,
        type="search",
        placeholder="part of a case's name",
        icon=":material/search:",
        max_chars=100,
        width=320,
    )
    address.keep_text(state.SEARCH)
if wrong is not None:
    st.warning(f"There is no institution “{widgets.plain(wrong)}” in this cohort: here are all.")

if (institution := st.session_state[state.INSTITUTION]) != ALL:
    table = table[table["institution"] == institution]
if searched:
    table = table[table["case"].str.contains(searched, case=False, regex=False)]
if table.empty:
    st.info("No case fits these filters: clear one of them.")
    st.stop()

st.caption(f"{len(table)} of {len(cohort.cases)} cases. Choose a row to open the case.")
chosen = st.dataframe(
    table,
    key=TABLE_KEY,
    hide_index=True,
    height=min(38 + 35 * len(table), 640),
    on_select="rerun",
    selection_mode="single-row",
    placeholder="unknown",
    column_order=[
        "case",
        "institution",
        "slices",
        "slices_with_tumour",
        "tumour_share",
        "tumour_vx",
        "flair_copies",
        "notes",
    ],
    column_config={
        "case": st.column_config.TextColumn("Case"),
        "institution": st.column_config.TextColumn("Institution"),
        "slices": st.column_config.NumberColumn("Slices"),
        "slices_with_tumour": st.column_config.NumberColumn("Slices with tumour"),
        "tumour_share": st.column_config.ProgressColumn(
            "Share with tumour",
            help="Slices with tumour of those with a usable mask",
            format="percent",
            min_value=0,
            max_value=1,
        ),
        "tumour_vx": st.column_config.NumberColumn("Tumour (voxels)", format="localized"),
        "flair_copies": st.column_config.TextColumn(
            "FLAIR in place of",
            help="Sequences that are not there: on every slice they repeat FLAIR",
        ),
        "notes": st.column_config.TextColumn("Notes"),
    },
    alt="All cases with their institution, slices and tumour volume",
)
if rows := chosen.selection.rows:
    # The filters go along: Streamlit leaves an entry of this page with the new parameters in the
    # browser's history, and that is where the back button leads.
    filters = st.query_params.to_dict()
    name = table["case"].iloc[rows[0]]
    st.switch_page(state.CASE_PAGE, query_params={**filters, state.CASE: name})

widgets.csv_button(table, "worklist")
widgets.tumour_means()
widgets.code(case_table)
