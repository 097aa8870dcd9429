"""Downloads of the prediction page: each kind of file alone, and all of them as one archive."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import streamlit as st

from brainseg.exports import file_stem
from brainseg.exports.nifti import affine_warning
from brainseg.inference.record import CaseRecord
from brainseg.io import DicomSource, NiftiSource
from brainseg.volume import FLAIR
from dashboard.shared import widgets
from dashboard.views.prediction.subject import UPLOAD, Subject

KEEP_IDENTITY = "keep_identity"


def offer(subject: Subject, record: CaseRecord, threshold: float) -> None:
    """Offer the files of a prediction at the viewer's threshold; each is created on request."""
    source = subject.source
    of_dicom = isinstance(source, DicomSource)
    keep = of_dicom and _keep_identity()
    # Now: what creates a file on request has no session.
    measured = replace(record, measurements=subject.drawn.items)

    def made(kinds: tuple[str, ...] | None = None) -> dict[str, bytes]:
        # Imported here: the PDF and archive libraries load only when a file is requested.
        from brainseg.exports.prediction import FOR_A_PAGE, prediction_files

        return prediction_files(measured, source, kinds or FOR_A_PAGE, keep, date.today())

    def packed(*kinds: str) -> bytes:
        from brainseg.exports.case import zip_bytes

        return zip_bytes(made(kinds))

    def alone(kind: str, ending: str) -> bytes:
        return next(data for name, data in made((kind,)).items() if name.endswith(ending))

    segmentation, report = partial(packed, "dicom-seg"), partial(packed, "dicom-sr")
    files: list[tuple[str, Callable[[], bytes], str, str]] = [
        ("All files (ZIP)", packed, "prediction.zip", "folder_zip"),
        ("NIfTI (ZIP)", partial(packed, "nifti"), "nifti.zip", "view_in_ar"),
    ]
    if of_dicom:
        files.append(("DICOM segmentation (ZIP)", segmentation, "dicom_seg.zip", "radiology"))
        if measured.measurements:
            files.append(("Measurements (DICOM SR, ZIP)", report, "dicom_sr.zip", "straighten"))
    files += [
        ("Overlay (PNG)", partial(alone, "overlay", "_overlay.png"), "overlay.png", "image"),
        ("Slices (CSV)", partial(alone, "csv", "_slices.csv"), "slices.csv", "table"),
        ("Report (PDF)", partial(alone, "pdf", "_report.pdf"), "report.pdf", "picture_as_pdf"),
    ]
    stem = file_stem(record.case)
    with st.container(horizontal=True, gap="small"):
        for label, content, ending, icon in files:
            widgets.download(label, content, f"{stem}_{ending}", icon)
    _describe(record, threshold, source)


def _keep_identity() -> bool:
    from brainseg.exports.dicom_seg import KEEP_IDENTITY as MEANS

    keep = st.checkbox("Write the patient's name and id into the DICOM files", key=KEEP_IDENTITY)
    st.caption(MEANS)
    return keep


def _describe(
    record: CaseRecord, threshold: float, source: NiftiSource | DicomSource | None
) -> None:
    st.caption(
        f"At the threshold {threshold:g} of the viewer. NIfTI: mask, probability and, "
        "if several passes were averaged, their standard deviation. Overlay: the slice with the "
        "largest area."
    )
    if source is None and (warning := affine_warning(record.volume)):
        st.caption(f":material/warning: {widgets.plain(warning, longest=400)}")
    if record.case == UPLOAD:
        st.caption(
            f"Exports contain neither file names nor patient tags. The outline lies on {FLAIR}."
        )
