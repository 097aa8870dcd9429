"""Uploads: the files, the pages of a multipage TIFF, and the assignment of series to sequences."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.errors import DecodeError
from brainseg.exports import png_bytes
from brainseg.imaging import automatic_window, windowed
from brainseg.io import ALL_PAGES, PagesError, Upload, assemble_all, left_out, open_upload
from brainseg.io.limits import MAX_INFLATED_BYTES, MAX_MEGAPIXELS, MAX_SLICES
from brainseg.io.sequence_choice import Choice, propose
from brainseg.io.upload import Series
from brainseg.volume import FLAIR, SEQUENCES, Volume
from dashboard.server import uploads
from dashboard.shared import waiting, widgets
from dashboard.views.prediction import session_uploads
from dashboard.views.prediction.subject import Subject, from_example, from_upload

FILES, MASKS, BOX = "upload", "upload_masks", "your_files"
EXAMPLE = "_example"
NOT_GIVEN = "not given"
_NOT_USED = " was not used: "
_NONE = -1
_READING = "Reading the files"

THUMBNAIL_PX = 128


def _uploader() -> list:
    return st.file_uploader(
        "TIFF, PNG or JPEG slices, a volume (NIfTI, NRRD, MetaImage, MGH), a DICOM series, a ZIP of "
        f"them, or a case folder dropped here: up to {uploads.MAX_FILES:,} files and "
        f"{uploads.MAX_BYTES // 2**20} MiB",
        accept_multiple_files=True,
        key=FILES,
        on_change=_fold,
        args=(FILES,),
        help=f"At most {MAX_MEGAPIXELS} megapixels per slice, {MAX_SLICES} slices and "
        f"{MAX_INFLATED_BYTES // 2**20} MiB unpacked. Several files are read as slices of one stack or "
        "as its sequences. Uploaded masks are compared with the prediction.",
    )


def choose(target: str) -> Subject:
    """Return the upload or the example; stop the page if there is none yet.

    Args:
        target: what the model predicts, with which an upload is compared if its masks have such a label.
    """
    chosen = st.session_state.get(FILES)
    label = f"Your files ({len(chosen)})" if chosen else "Your files"
    lines = st.container(horizontal=True, gap="small")
    with (
        lines,
        st.expander(
            label,
            expanded=not chosen,
            icon=":material/upload_file:",
            key=BOX,
            on_change="rerun",
        ),
    ):
        uploaded = _uploader()
        masks = _mask_uploader() if uploaded else []
        _privacy()
    session = session_uploads.session_id()
    if uploaded:
        if refusal := uploads.refusal(session):
            st.error(refusal, icon=":material/block:")
            st.stop()
        st.session_state.pop(EXAMPLE, None)
        return _from_files(uploaded, masks, lines, target)
    uploads.forgive(session)
    if not st.session_state.get(EXAMPLE):
        session_uploads.forget()
        _nothing_yet()
    widgets.button(
        "Close the example", "close", "close_example", lambda: st.session_state.pop(EXAMPLE, None)
    )
    return from_example()


def _fold(uploader: str) -> None:
    """Fold the box when files are added, so that the picture has the window; not when one is removed."""
    count, known = len(st.session_state[uploader] or ()), f"_{uploader} count"
    st.session_state[BOX] = count <= st.session_state.get(known, 0)
    st.session_state[known] = count


def _mask_uploader() -> list:
    return st.file_uploader(
        "Add masks: one for each slice, a volume of labels or a DICOM segmentation",
        accept_multiple_files=True,
        key=MASKS,
        on_change=_fold,
        args=(MASKS,),
        help="On the grid of the images. Masks of slices need the slices' names or numbers. The "
        "prediction is compared with them.",
    )


def _nothing_yet() -> None:
    """Show how uploads are handled, offer the example, and stop the page."""
    with st.container(border=True):
        st.markdown("**No file at hand?**")
        st.caption("A synthetic head (no patient data) with a mask, so Dice can be shown.")
        widgets.button(
            "Try the example",
            "play_circle",
            "example",
            lambda: st.session_state.update({EXAMPLE: True}),
        )
    st.stop()


def _privacy() -> None:
    st.caption(
        ":material/lock: Your files stay in the memory of this session. They are not written to disk, "
        "not shown to other visitors and not named in logs or addresses. They are deleted when you "
        f"remove them, or {uploads.CLOSES_AFTER_S:.0f} seconds after you close the page."
    )


def _from_files(uploaded: list, masks: list, lines: DeltaGenerator, target: str) -> Subject:
    ids = session_uploads.identity([*uploaded, *masks])
    session_uploads.drop_others(ids)
    try:
        upload, pages = _opened(uploaded, masks, ids)
        about_files = lines.container(width="stretch")
        assignment = _assign(upload, (ids, pages), lines)
        key = (ids, pages, tuple(assignment.items()))
        volume: Volume = session_uploads.cached(
            (*key, "volume"), lambda: assemble_all(upload, assignment)
        )
        with about_files:
            _show_use(upload, len(ids), (*upload.refused, *left_out(upload, assignment)))
    except DecodeError as error:
        # Its traceback refers to the files, which must go when they are removed.
        widgets.error(error.with_traceback(None))
        st.stop()
    return from_upload(upload, assignment, volume, key, _choose_label(upload, ids, lines, target))


def _choose_label(
    upload: Upload, ids: tuple[str, ...], lines: DeltaGenerator, target: str
) -> str | None:
    """Return the label of the masks to compare with, None for their union."""
    if upload.labels is None:
        return None
    options = [None, *upload.labels.labels]
    with lines:
        return st.selectbox(
            "Label",
            options,
            index=options.index(target) if target in options else 0,
            format_func=lambda one: f"Label: {(one or 'all (union)').removeprefix('label ')}",
            key=f"label of {hash(ids)}",
            width=widgets.CASE_PX,
            label_visibility="collapsed",
        )


def _show_use(upload: Upload, files: int, not_used: tuple[str, ...]) -> None:
    """Show in one folded line what became of the files, and why some were not used.

    That another study was left out stays in sight: it may be of another patient.
    """
    icon = ":material/warning:" if not_used else ":material/check_circle:"
    with st.expander(upload.summary(files, len(not_used)), icon=icon, key="use_of_files"):
        if not not_used:
            st.caption("Every file was used.")
            return
        table = pd.DataFrame(
            [sentence.partition(_NOT_USED)[::2] for sentence in not_used],
            columns=["Not used", "Reason"],
        )
        alt = "Files that were not used, with the reason"
        st.dataframe(table, hide_index=True, alt=alt)
    for sentence in not_used:
        if _NOT_USED not in sentence:
            st.warning(widgets.sentence(sentence), icon=":material/block:")


def _opened(uploaded: list, masks: list, ids: tuple[str, ...]) -> tuple[Upload, tuple]:
    """Return the readable content, with the chosen page of each multipage TIFF."""
    counts: dict[int, int] = session_uploads.cached((ids, "pages"), dict)
    while True:
        pages = {index: _choose_page(ids[index], index, count) for index, count in counts.items()}
        chosen = tuple(pages.items())
        try:
            return session_uploads.cached(
                (ids, "upload", chosen), partial(_open, uploaded, masks, pages)
            ), chosen
        except PagesError as error:
            if error.file_index in counts:
                raise
            counts[error.file_index] = error.pages


def _open(uploaded: list, masks: list, pages: Mapping[int, int]) -> Upload:
    ids = session_uploads.identity([*uploaded, *masks])
    key = ("reading", ids, tuple(pages.items()))
    if waiting.is_cancelled(_READING, key):
        st.stop()
    wait = partial(waiting.job_result, doing=_READING, key=key)
    return open_upload(session_uploads.files_of(uploaded, masks), pages, wait=wait)


def _choose_page(identity: str, index: int, count: int) -> int:
    options = [ALL_PAGES, *range(count)]
    return st.selectbox(
        f"File {index + 1} has {count} pages",
        options,
        format_func=lambda page: (
            f"all {count} pages, as slices of one stack"
            if page == ALL_PAGES
            else f"page {page + 1}"
        ),
        key=f"page of {identity}",
        width=340,
    )


def _assign(upload: Upload, key: tuple, lines: DeltaGenerator) -> dict[str, int | None]:
    """Return the series of each sequence, guessed or chosen; stop the page while one is undecided."""
    choice = propose(upload)
    found = all(index is not None for index in choice.assignment.values())
    certain = found or (len(upload.series) == 1 and not choice.questions)
    # Folded, it needs no line of its own.
    with (
        lines if certain else st.container(),
        st.expander("Assign sequences", icon=":material/layers:", expanded=not certain),
    ):
        st.caption(
            f"{upload.kind}: {_sizes(upload)}. Sequences on another grid are resampled to the grid of "
            f"{FLAIR}; a missing sequence is replaced by {FLAIR}, as in incomplete training cases."
        )
        with st.grid(columns=6, min_column_width=120, gap="small"):
            pictures = session_uploads.cached(
                (*key, "thumbnails"), lambda: list(map(_small, upload.series))
            )
            for series, picture in zip(upload.series, pictures, strict=True):
                with st.container():
                    st.image(picture, width=110, alt=f"Middle slice of {series.label}")
                    st.caption(widgets.plain(series.label))
                    st.caption(widgets.plain(series.suggestion.in_words(), longest=300))
        with st.grid(columns=3, min_column_width=200, gap="small"):
            chosen = {
                sequence: _choose_series(upload, sequence, choice, key) for sequence in SEQUENCES
            }
        open_ones = [one for one in choice.questions if chosen[one.sequence] is None]
        for question in open_ones:
            st.warning(
                widgets.sentence(
                    f"Choose the series for {question.sequence}, or “{NOT_GIVEN}”: {question.reason}."
                ),
                icon=":material/help:",
            )
    if open_ones:
        st.stop()
    return {sequence: None if index == _NONE else index for sequence, index in chosen.items()}


def _sizes(upload: Upload) -> str:
    """Return the number of stacks and of their slices: "2 stacks of 20 or 176 slices"."""
    slices = sorted({len(series.pixels) for series in upload.series})
    count = len(upload.series)
    return (
        f"{count} {'stack' if count == 1 else 'stacks'} of {' or '.join(map(str, slices))} "
        f"{'slice' if slices == [1] else 'slices'}"
    )


def _choose_series(upload: Upload, sequence: str, choice: Choice, key: tuple) -> int | None:
    """Return the index of a series, :data:`_NONE`, or None while the choice is open."""
    options = [_NONE, *range(len(upload.series))]
    guess = choice.assignment[sequence]
    guessed = options.index(_NONE if guess is None else guess)
    return st.selectbox(
        sequence,
        options,
        index=None if choice.question(sequence) else guessed,
        placeholder="Choose a series",
        format_func=lambda index: NOT_GIVEN if index == _NONE else upload.series[index].label,
        key=f"{sequence} of {hash(key)}",
    )


def _small(series: Series) -> bytes:
    """Return the middle slice of a series as a small PNG."""
    middle = series.pixels[len(series.pixels) // 2]
    step = -(-max(middle.shape) // THUMBNAIL_PX)
    return png_bytes(windowed(middle[::step, ::step], automatic_window(series.pixels)))
