"""Case: one patient's study in the viewer, with its review, details and files."""

from dataclasses import replace
from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from brainseg.cohort import Case, Cohort
from brainseg.cohort.dicom_source import dicom_source, is_of_dicom
from brainseg.cohort.patients import patient_facts
from brainseg.errors import BrainsegError, CohortError, ModelError
from brainseg.exports import file_stem
from brainseg.exports.nifti import PLACEHOLDER_AFFINE
from brainseg.exports.payload import CasePayload
from brainseg.inference.prediction import STANDARD
from brainseg.inference.record import CaseRecord
from brainseg.models import Model
from brainseg.reviews import open_reviews
from dashboard.shared import (
    ahead,
    cache,
    drawn,
    keys,
    model_picker,
    review_form,
    selection,
    url_state,
    viewer,
    viewer_layout,
    waiting,
    widgets,
)
from dashboard.shared.case_findings import CaseFindings

REFRESH_S = 1.0


def open_case(
    cohort: Cohort, case: Case, model: Model | None
) -> tuple[CasePayload, review_form.ShownPrediction | None]:
    """Return the case for the viewer, and its prediction; show the model's warnings."""
    try:
        if model is None:
            return cache.case_payload(cohort, case.name), None
        exposure = model.exposure(case)
        warnings, unsuitable = cache.warnings_of(cohort, case.name, model, exposure)
        model_picker.warn(warnings, unsuitable)
        if model_picker.held_back((cohort.identity, case.name), unsuitable):
            return cache.case_payload(cohort, case.name), None
        start = partial(cache.predicting, cohort, case.name, model, exposure, STANDARD)
        key = (cohort.identity, case.name, model.digest)
        if waiting.result_of(start, f"Predicting with {widgets.plain(model.name)}", key) is None:
            return cache.case_payload(cohort, case.name), None
        payload = cache.case_payload(cohort, case.name, model)
    except (CohortError, ModelError) as error:
        widgets.refuse(error)
    model_picker.exposure_badge(exposure)
    return payload, review_form.ShownPrediction(model, exposure, viewer.identity(payload))


def offer_files(cohort: Cohort, case: str, model: Model | None) -> None:
    """Offer the report and all files of the case; each is created on request."""

    def reviews() -> pd.DataFrame | None:
        try:
            return open_reviews(cohort).of(case)
        except BrainsegError:
            return None  # the review form shows the error

    # Now: what creates a file on request has no session.
    measurements = drawn.of_case(cohort, case).items

    def record() -> CaseRecord:
        return replace(cache.case_record(cohort, case, model), measurements=measurements)

    def files() -> bytes:
        # Imported here, as below: the libraries of files and reports load only when one is requested.
        from brainseg.exports.case import case_files, zip_bytes

        shown = record()
        source = dicom_source(cohort.case(case)) if shown.measurements else None
        return zip_bytes(case_files(shown, reviews(), date.today(), source))

    def report() -> bytes:
        from brainseg.exports.report import case_report

        return case_report(record(), reviews(), date.today())

    def structured_report() -> bytes:
        from brainseg.exports.about import about_text
        from brainseg.exports.case import zip_bytes
        from brainseg.exports.dicom_sr import dicom_sr_files

        made, noted = dicom_sr_files(record(), dicom_source(cohort.case(case)))
        return zip_bytes(made | {f"{stem}_about.txt": about_text(noted, list(made))})

    stem = file_stem(case)
    with st.container(horizontal=True, gap="small"):
        widgets.download("Report (PDF)", report, f"{stem}_report.pdf", "picture_as_pdf")
        widgets.download("All files (ZIP)", files, f"{stem}.zip", "folder_zip")
        if measurements and is_of_dicom(cohort.case(case)):
            label, name = "Measurements (DICOM SR, ZIP)", f"{stem}_dicom_sr.zip"
            widgets.download(label, structured_report, name, "straighten")
    st.caption(
        "ZIP: sequences, mask, (if a model is chosen) probability, prediction and components removed at "
        "the model's own threshold as NIfTI, measures and drawn measurements as CSV, report."
    )
    if cohort.case(case).spacing_mm is None:
        st.caption(f":material/warning: {PLACEHOLDER_AFFINE}")


def _volume_words(row: pd.Series) -> str:
    if pd.isna(row["tumour_vx"]):
        return "unknown"
    voxels = f"{row['tumour_vx']:,} voxels"
    return voxels if pd.isna(row["tumour_ml"]) else f"{row['tumour_ml']:,.1f} ml ({voxels})"


def _spacing_words(case: Case) -> str:
    spacing = case.spacing_mm
    if spacing is None:
        return "unknown (not in the files), as is the orientation"
    return " x ".join(f"{mm:g}" for mm in spacing) + " mm (slice, row, column)"


def show_details(cohort: Cohort, case: str) -> None:
    """Show the facts of the case and of its patient."""
    row = cache.case_table(cohort).set_index("case").loc[case]
    known = row.notna()
    st.table(
        {
            "Patient": widgets.plain(row["patient_id"]),
            "Institution": widgets.plain(row["institution"]) if known["institution"] else "unknown",
            "Slices": str(row["slices"]),
            "Slices with tumour": str(row["slices_with_tumour"]) if row["masks"] else "unknown",
            "Usable masks": str(row["masks"]),
            "Tumour volume": _volume_words(row),
            "Spacing": _spacing_words(cohort.case(case)),
        },
        hide_header=True,
        border="horizontal",
        alt=f"Case details of {case}",
    )
    st.header("Patient", anchor=False)
    if cohort.patients is None:
        st.caption("No patient data: this cohort has no data.csv.")
        return
    facts = patient_facts(cohort.patients, cohort.codebook, row["patient_id"])
    if facts.empty:
        st.caption("data.csv has no row for this patient.")
        return
    columns = ["column", "code"] + (["label"] if facts["label"].notna().any() else [])
    shown = facts[columns].rename(columns=str.capitalize)
    st.dataframe(shown, hide_index=True, placeholder="missing")
    if "label" not in columns:
        st.caption("Codes as in data.csv (no codebook.csv found).")


@st.fragment(run_every=REFRESH_S)
def await_findings(cohort: Cohort) -> None:
    """Show that the checks run, and list their findings once they have finished."""
    checking = cache.checking(cohort).result
    if not checking.done():
        st.caption(":material/hourglass_top: The checks are running; their findings follow here.")
    elif checking.exception() is not None:
        st.caption(selection.CHECKS_FAILED)
    else:
        url_state.draw_again()


header = viewer_layout.header()
with header:
    st.title("Case", width="content", anchor=False)
    widgets.link(keys.WORKLIST, "Worklist", "list")
cohort = widgets.open_cohort(header)
go = selection.stepper(cohort)
widgets.require_known_case(cohort)
with header:
    case = widgets.case_picker(cohort, label_visibility="collapsed", width=widgets.CASE_PX)
    model = model_picker.optional_picker()
    here = selection.place(cohort, case.name)
    for label, where, key, other in (
        ("Previous case", viewer.PREVIOUS, "←", here.before),
        ("Next case", viewer.NEXT, "→", here.after),
    ):
        back = where == viewer.PREVIOUS
        shown = f"{label} ({key})"
        widgets.step_button(label, go, where, back=back, disabled=other is None, help=shown)
    if here.number is not None:
        st.caption(f"{here.number} of {here.of}", width="content")
    selection.chip(cohort, "clear_here", here.of)
picture, side = viewer_layout.picture_and_side()
with side:
    # In a container of their own: messages must not change the chosen tab.
    with st.container(gap="xsmall"):
        selection.show_errors(here)
        review_form.show_result()
        payload, prediction = open_case(cohort, case, model)
    layers, measurements, findings, review, about = st.tabs(
        ["Layers", "Measure", "Findings", "Review", "Case"]
    )
with picture:
    panels = {viewer.LAYERS: layers, viewer.MEASUREMENTS: measurements, viewer.FINDINGS: findings}
    drawings = drawn.of_case(cohort, case.name)
    found = selection.findings_of(cohort, case.name)
    listed = None if found is None else CaseFindings(cohort, case.name, found)
    viewer.show(payload, go, True, panels, listed, drawings)
if found is None:
    with findings:
        await_findings(cohort)
with review:
    review_form.form(cohort, case.name, here.after, prediction)
with about:
    offer_files(cohort, case.name, prediction.model if prediction else None)
    show_details(cohort, case.name)
    widgets.tumour_means(cohort)
ahead.want(ahead.cases(cohort, here.around, model))
