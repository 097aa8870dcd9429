"""Case: one patient's study slice by slice, opened where the tumour is largest."""

import streamlit as st

from brainseg.errors import CohortError
from brainseg.imaging import ALL_SEQUENCES
from brainseg.patients import patient_facts
from dashboard import address, charts, data, overlays, state, widgets


def jump() -> None:
    """Go to the slice whose bar was clicked."""
    if points := st.session_state[AREA_KEY].selection.points:
        address.put(slice=int(points[0]["x"]))


st.title("Case")
cohort = widgets.open_cohort()
widgets.require_known_case(cohort)

with st.container(horizontal=True, vertical_alignment="bottom"):
    widgets.step_button("Previous case", "Shift+K", widgets.step_case, cohort, -1)
    with st.container(width="stretch"):
        case = widgets.case_picker(cohort)
    widgets.step_button("Next case", "Shift+J", widgets.step_case, cohort, 1)

row = data.case_table(cohort).set_index("case").loc[case.name]
try:
    opens_at = overlays.opening_slice(cohort, case)
except CohortError as error:
    widgets.refuse(error)
overlays.say_copies(cohort, case)

look = overlays.controls()
number = overlays.slice_with_steps(case, opens_at)
parts = st.grid(columns=2, min_column_width=330, gap="medium")
with parts.container():
    try:
        pixels = data.slice_pixels(cohort, case.name, number)
        mask = data.slice_mask(cohort, case.name, number)
    except CohortError as error:
        widgets.refuse(error)
    name = f"slice {number}: {look.sequence}"
    widgets.figure(
        charts.pictures(
            {name: look.overlay(pixels, mask)}, 520, grey=look.sequence != ALL_SEQUENCES
        ),
        "case",
        alt=overlays.describe(case.name, number, mask, look),
        config=overlays.ZOOM_CONFIG,
    )
    st.caption(overlays.HOW_TO_ZOOM)
    overlays.legend(look)
    overlays.say_mask(mask)

with parts.container():
    AREA_KEY = f"area of {case.name}"
    widgets.figure(
        charts.area_by_slice(case.slices, number),
        "area_by_slice",
        alt=f"Tumour area of each slice of {case.name}; slice {number} is shown",
        key=AREA_KEY,
        on_select=jump,
        selection_mode="points",
        config={"displayModeBar": False},
    )
    st.caption("Click a bar to go to its slice.")
    voxels = "unknown" if row.isna()["tumour_vx"] else f"{row['tumour_vx']:,} voxels"
    institution = "unknown" if row.isna()["institution"] else widgets.plain(row["institution"])
    st.table(
        {
            "Patient": widgets.plain(row["patient_id"]),
            "Institution": institution,
            "Slices": str(row["slices"]),
            "Slices with tumour": str(row["slices_with_tumour"]) if row["masks"] else "unknown",
            "Usable masks": str(row["masks"]),
            "Tumour volume": voxels,
            "Size of a slice": f"{pixels.shape[1]} × {pixels.shape[0]} px",
            "Spacing, orientation": "unknown: the files hold neither",
        },
        hide_header=True,
        border="horizontal",
        alt=f"What is known of {case.name}",
    )
    st.page_link(
        state.PREDICTION,
        label="Predict this slice",
        icon=":material/online_prediction:",
        query_params={state.CASE: case.name, state.SLICE: str(number)},
    )
    st.page_link(
        state.BROWSER,
        label="Image, mask and overlay side by side",
        icon=":material/compare:",
        query_params={state.CASE: case.name, state.SLICE: str(number)},
    )
    st.subheader("Patient")
    if cohort.patients is None:
        st.caption("There is no data.csv beside the cases, so nothing is known of the patient.")
    else:
        told = patient_facts(cohort.patients, cohort.codebook, row["patient_id"])
        if told.empty:
            st.caption("data.csv does not hold this patient.")
        else:
            columns = ["column", "code"] + ["label"] * bool(told["label"].notna().any())
            st.dataframe(told[columns], hide_index=True, placeholder="missing")
            if "label" not in columns:
                st.caption("Codes as in data.csv; a codebook.csv beside it would name them.")

widgets.tumour_means()
