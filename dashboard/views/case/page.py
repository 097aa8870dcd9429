"""Case: one patient's study in the viewer, with its review, details and files."""

from datetime import date

import pandas as pd
import streamlit as st

from brainseg.cohort.patients import patient_facts
from brainseg.errors import BrainsegError, CohortError, ModelError
from brainseg.exports import file_stem
from brainseg.exports.nifti import PLACEHOLDER_AFFINE
from brainseg.reviews import open_reviews
from dashboard.shared import cache, model_picker, review_form, selection, viewer, widgets


def files() -> bytes:
    """Return the case's files as a ZIP archive, created on request."""
    from brainseg.exports.case import case_files, zip_bytes

    return zip_bytes(
        case_files(cache.case_record(cohort, case.name, model), reviews(), date.today())
    )


def report() -> bytes:
    """Return the one-page report of the case as PDF."""
    from brainseg.exports.report import case_report

    return case_report(cache.case_record(cohort, case.name, model), reviews(), date.today())


def reviews() -> pd.DataFrame | None:
    """Return the case's reviews, or None if they cannot be read; the form shows the error."""
    try:
        return open_reviews(cohort).of(case.name)
    except BrainsegError:
        return None


top = st.container(horizontal=True, vertical_alignment="bottom")
top.title("Case", width="content", anchor=False)
cohort = widgets.open_cohort()
go = selection.stepper(cohort)
widgets.require_known_case(cohort)

with top:
    case = widgets.case_picker(cohort, width=widgets.CASE_PX)
    model = model_picker.optional_picker()
    here = selection.place(cohort, case.name)
    widgets.step_button(
        "Previous case", go, viewer.PREVIOUS, back=True, disabled=here.before is None
    )
    widgets.step_button("Next case", go, viewer.NEXT, disabled=here.after is None)
    if here.number is not None:
        st.caption(f"case {here.number} of {here.of}", width="content")
selection.show(cohort)

prediction = None
try:
    if model is not None:
        exposure = model.exposure(case)
        warnings, unsuitable = cache.warnings_of(cohort, case.name, model, exposure)
        model_picker.warn(warnings, unsuitable)
        if model_picker.held_back((cohort.identity, case.name), unsuitable):
            model = None
    if model is None:
        shown = cache.case_payload(cohort, case.name)
    else:
        with st.spinner(f"{widgets.plain(model.name)} predicts this case", show_time=True):
            shown = cache.case_payload(cohort, case.name, model)
        model_picker.exposure_badge(exposure)
        of = viewer.identity(shown)
        prediction = review_form.ShownPrediction(model, exposure, of)
except (CohortError, ModelError) as error:
    widgets.refuse(error)
viewer.show(shown, go, reports=True)

parts = st.grid(columns=2, min_column_width=330, gap="large")
with parts.container():
    review_form.form(cohort, case.name, here.after, prediction)

    st.subheader("Files", anchor=False)
    stem = file_stem(case.name)
    with st.container(horizontal=True):
        widgets.download("Report (PDF)", report, f"{stem}_report.pdf", "picture_as_pdf")
        widgets.download("All files (ZIP)", files, f"{stem}.zip", "folder_zip")
    st.caption(
        "ZIP: sequences, mask, (if a model is chosen) probability, prediction and components removed at "
        "the model's own threshold as NIfTI, measurements as CSV, report."
    )
    # The images of a cohort have no place in space.
    st.caption(f":material/warning: {PLACEHOLDER_AFFINE}")

with parts.container():
    row = cache.case_table(cohort).set_index("case").loc[case.name]
    known = row.notna()
    st.subheader("Case details", anchor=False)
    st.table(
        {
            "Patient": widgets.plain(row["patient_id"]),
            "Institution": widgets.plain(row["institution"]) if known["institution"] else "unknown",
            "Slices": str(row["slices"]),
            "Slices with tumour": str(row["slices_with_tumour"]) if row["masks"] else "unknown",
            "Usable masks": str(row["masks"]),
            "Tumour volume": f"{row['tumour_vx']:,} voxels" if known["tumour_vx"] else "unknown",
            "Spacing, orientation": "unknown (not in the files)",
        },
        hide_header=True,
        border="horizontal",
        alt=f"Case details of {case.name}",
    )
    st.subheader("Patient", anchor=False)
    if cohort.patients is None:
        st.caption("No patient data: this cohort has no data.csv.")
    else:
        facts = patient_facts(cohort.patients, cohort.codebook, row["patient_id"])
        if facts.empty:
            st.caption("data.csv has no row for this patient.")
        else:
            columns = ["column", "code"] + (["label"] if facts["label"].notna().any() else [])
            st.dataframe(facts[columns], hide_index=True, placeholder="missing")
            if "label" not in columns:
                st.caption("Codes as in data.csv (no codebook.csv found).")

widgets.tumour_means()
