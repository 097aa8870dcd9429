"""A look at the first cases of a folder while the index of all is made."""

import time
from contextlib import suppress

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.exports import png_bytes
from brainseg.imaging import contour, shown
from dashboard.shared import cache
from dashboard.shared.background import Work

AFTER_S = 1.5
"""An index that is made, or read, within this time shows no pictures: they would only flash."""

PICTURE_PX = 420
CASE, SLICE = "first_case", "first_slice_of"


def wait_for_index(index: Work[Cohort], root: str, changed: float, looking: str) -> None:
    """Show the progress of the index until it is made, and the first cases if that takes a while.

    `looking` is shown until the number of slices is known.
    """
    if index.ready(0.1):
        return
    whole, began, drawn = st.empty(), time.monotonic(), False
    with whole.container():
        bar, pictures = st.empty(), st.empty()
    while not index.ready(0.1):
        text = index.message("Indexing the cohort (first time only)") if index.total else looking
        bar.progress(index.share(), text)
        waits = time.monotonic() - began > AFTER_S
        if waits and not drawn and cache.first_cases(root, changed).ready(0):
            with pictures.container():
                draw(root, changed)
            drawn = True
    whole.empty()


def draw(root: str, changed: float) -> None:
    """Draw a case and a slice of choice, once the first cases are read."""
    work = cache.first_cases(root, changed)
    with suppress(BrainsegError):  # the index names the reason
        if work.ready(0):
            _draw(work.result.result())


def _draw(cohort: Cohort) -> None:
    st.markdown(
        f"Meanwhile, the first {len(cohort)} cases: FLAIR with the outline of the manual mask. "
        "Everything else opens without a click once all cases are indexed."
    )
    case = cohort.case(st.selectbox("Case", cohort.cases, key=CASE, width=320))
    numbers = case.readable["slice_number"].tolist()
    if not numbers:
        st.caption("No slice of this case can be read.")
        return
    number = numbers[len(numbers) // 2]
    if len(numbers) > 1:
        number = st.select_slider(
            "Slice", numbers, number, key=f"{SLICE} {case.name}", width=PICTURE_PX
        )
    picture = shown(
        cache.slice_pixels(cohort, case.name, number),
        windows=cache.grey_windows(cohort, case.name),
    )
    mask = cache.slice_mask(cohort, case.name, number)
    outlined = picture if mask is None else contour(picture, mask)
    alt = f"FLAIR of {case.name}, slice {number}, with the outline of its mask"
    st.image(png_bytes(outlined), width=PICTURE_PX, alt=alt)
