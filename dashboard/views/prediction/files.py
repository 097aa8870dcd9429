"""Downloads of the prediction page: each kind of file alone, and all of them as one archive."""

from collections.abc import Callable
from datetime import date

import streamlit as st

from brainseg.exports import file_stem
from brainseg.exports.nifti import affine_warning
from brainseg.inference.record import CaseRecord
from brainseg.io import DicomSource, NiftiSource
from brainseg.volume import FLAIR
from dashboard.shared import widgets
from dashboard.views.prediction.subject import UPLOAD, Subject

KEEP_IDENTITY = "keep_identity"


def offer(subject: Subject, record: CaseRecord) -> None:
    """Offer the files of a prediction; each is created on request.

    Args:
        subject: what was predicted.
        record: with the prediction, at the threshold that the viewer shows.
    """
    st.subheader("Files", anchor=False)
    source = subject.source
    of_dicom = isinstance(source, DicomSource)
    keep = of_dicom and _keep_identity()

    def made(kinds: tuple[str, ...] | None = None) -> dict[str, bytes]:
        # Imported here: the PDF and archive libraries load only when a file is requested.
        from brainseg.exports.prediction import FOR_A_PAGE, prediction_files

        return prediction_files(record, source, kinds or FOR_A_PAGE, keep, date.today())

    def packed(*kinds: str) -> Callable[[], bytes]:
        def pack() -> bytes:
            from brainseg.exports.case import zip_bytes

            return zip_bytes(made(kinds))

        return pack

    def alone(kind: str, ending: str) -> Callable[[], bytes]:
        return lambda: next(data for name, data in made((kind,)).items() if name.endswith(ending))

    stem = file_stem(record.case)
    with st.container(horizontal=True, gap="small"):
        _button("All files (ZIP)", packed(), f"{stem}_prediction.zip", "zip", "folder_zip")
        _button("NIfTI (ZIP)", packed("nifti"), f"{stem}_nifti.zip", "zip", "view_in_ar")
        if of_dicom:
            _button(
                "DICOM segmentation (ZIP)",
                packed("dicom-seg"),
                f"{stem}_dicom_seg.zip",
                "zip",
                "radiology",
            )
        overlay = alone("overlay", "_overlay.png")
        _button("Overlay (PNG)", overlay, f"{stem}_overlay.png", "png", "image")
        table = alone("csv", "_slices.csv")
        _button("Slices (CSV)", table, f"{stem}_slices.csv", "csv", "table")
        report = alone("pdf", "_report.pdf")
        _button("Report (PDF)", report, f"{stem}_report.pdf", "pdf", "picture_as_pdf")
    _describe(record, source)


def _button(label: str, content: Callable[[], bytes], name: str, kind: str, icon: str) -> None:
    mime = {"csv": "text/csv", "png": "image/png"}.get(kind, f"application/{kind}")
    st.download_button(
        label,
        content,
        file_name=name,
        mime=mime,
        icon=f":material/{icon}:",
        key=f"download {label}",
        on_click="ignore",
    )


def _keep_identity() -> bool:
    from brainseg.exports.dicom_seg import KEEP_IDENTITY as MEANS

    keep = st.checkbox(
        "Write the patient's name and id into the DICOM segmentation", key=KEEP_IDENTITY
    )
    st.caption(MEANS)
    return keep


def _describe(record: CaseRecord, source: NiftiSource | DicomSource | None) -> None:
    st.caption(
        f"At the threshold {record.predicted.threshold:g} of the viewer. NIfTI: mask, probability and, "
        "if several passes were averaged, their standard deviation. Overlay: the slice with the "
        "largest area."
    )
    if source is None and (warning := affine_warning(record.volume)):
        st.caption(f":material/warning: {widgets.plain(warning, longest=400)}")
    if record.case == UPLOAD:
        st.caption(
            f"Exports contain neither file names nor patient tags. The outline lies on {FLAIR}."
        )
