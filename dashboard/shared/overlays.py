"""Slices with their mask: the style that the user chose, pictures, captions and legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from brainseg.cohort import Case, Cohort
from brainseg.errors import CohortError
from brainseg.exports import png_bytes
from brainseg.imaging import ALL_SEQUENCES, MASK_COLOUR, GreyWindow, contour, fill, shown
from brainseg.statistics.units import area_in_words
from brainseg.volume import FLAIR, SEQUENCES
from dashboard.shared import cache, keys, url_state, widgets

CONTOUR, FILL, OFF = "contour", "fill", "off"
MASKS = {CONTOUR: "outline", FILL: "fill", OFF: "off"}
"""Styles of the mask, by their names in the address."""
PERCENT = range(10, 101, 10)

AUTOMATIC, STORED = "auto", "stored"
WINDOWS = {AUTOMATIC: "automatic", STORED: "as stored"}
"""Grey windows by their names in the address, which are the viewer's; see static/viewer/windows.js."""


@dataclass(frozen=True)
class OverlayStyle:
    """How a slice and its mask are drawn.

    Attributes:
        sequence: one of :data:`brainseg.volume.SEQUENCES`, another of the case, or all three as colours.
        mask: one of :data:`MASKS`.
        opacity: of the mask, 0..1.
        window: one of :data:`WINDOWS`.
    """

    sequence: str = FLAIR
    mask: str = CONTOUR
    opacity: float = 1.0
    window: str = AUTOMATIC

    def windows(self, cohort: Cohort, case: str) -> dict[str, GreyWindow] | None:
        """Return the grey windows of a case's sequences, None for values as stored."""
        return cache.grey_windows(cohort, case) if self.window == AUTOMATIC else None

    @property
    def other(self) -> str | None:
        """Return the sequence if it is none of :data:`brainseg.volume.SEQUENCES`."""
        return None if self.sequence in (*SEQUENCES, ALL_SEQUENCES) else self.sequence

    def picture(
        self, pixels: np.ndarray, windows: Mapping[str, GreyWindow] | None = None
    ) -> np.ndarray:
        """Return a slice as a picture; a case without the chosen sequence shows FLAIR."""
        is_missing = self.other is not None and pixels.ndim == 3
        return shown(pixels, FLAIR if is_missing else self.sequence, windows)

    def overlay(
        self,
        pixels: np.ndarray,
        mask: np.ndarray | None,
        windows: Mapping[str, GreyWindow] | None = None,
    ) -> np.ndarray:
        """Return a slice with its mask, (h, w) bool, drawn over it; ``windows`` as :meth:`windows`."""
        picture = self.picture(pixels, windows)
        if mask is None or self.mask == OFF:
            return picture
        draw = fill if self.mask == FILL else contour
        return draw(picture, mask, opacity=self.opacity)

    def thumbnail(self, cohort: Cohort, case: str, slice_number: int) -> tuple[bytes, str]:
        """Return a slice with its mask as a PNG file, and its description.

        Raises:
            CohortError: the slice cannot be read.
        """
        pixels = cache.slice_pixels(cohort, case, slice_number, self.other)
        mask = cache.slice_mask(cohort, case, slice_number)
        picture = png_bytes(self.overlay(pixels, mask, self.windows(cohort, case)))
        return picture, describe(case, slice_number, mask, self)


def controls(others: Sequence[str] = ()) -> OverlayStyle:
    """Draw the controls and return the chosen style; ``others`` are further sequences to choose."""
    names = (*SEQUENCES, *others, ALL_SEQUENCES)
    with st.container(horizontal=True, gap="medium"):
        # Of a cohort with more sequences the colours are the three of the model.
        shown_as = {ALL_SEQUENCES: "first three as colours"} if others else {}
        sequence = widgets.choice(
            "Sequence", keys.SEQUENCE, names, FLAIR, format_func=lambda one: shown_as.get(one, one)
        )
        window = window_picker()
        mask = widgets.choice("Mask", keys.MASK, tuple(MASKS), CONTOUR, format_func=MASKS.get)
        if mask == OFF:
            return OverlayStyle(sequence, OFF, window=window)
        default = 40 if mask == FILL else 100
        url_state.take(keys.OPACITY, PERCENT, default)
        st.slider("Opacity", 10, 100, step=10, format="%d%%", key=keys.OPACITY, width=150)
        url_state.keep(keys.OPACITY, PERCENT, default)
    return OverlayStyle(sequence, mask, st.session_state[keys.OPACITY] / 100, window)


def window_picker() -> str:
    """Draw the choice of the grey window, and return one of :data:`WINDOWS`."""
    return widgets.choice(
        "Window",
        keys.PRESET,
        tuple(WINDOWS),
        AUTOMATIC,
        format_func=WINDOWS.get,
        help="Automatic: from the 1st to the 99th percentile of the case's grey values. As stored: "
        "from 0 to 255.",
    )


def panels(
    pixels: np.ndarray,
    mask: np.ndarray | None,
    style: OverlayStyle,
    windows: Mapping[str, GreyWindow] | None = None,
) -> dict[str, np.ndarray]:
    """Return the pictures of a slice, (h, w, 3) uint8, by title: image, mask and overlay.

    Without a usable mask, None, it is the image alone. ``windows`` is as :meth:`OverlayStyle.windows`.
    """
    image = {f"Image: {style.sequence}": style.picture(pixels, windows)}
    if mask is None:
        return image
    black_and_white = np.repeat(mask[..., np.newaxis] * np.uint8(255), 3, axis=2)
    return image | {"Mask": black_and_white, "Overlay": style.overlay(pixels, mask, windows)}


def describe(case: str, slice_number: int, mask: np.ndarray | None, style: OverlayStyle) -> str:
    """Return a description of a picture of a slice for screen readers."""
    if mask is None:
        return f"{style.sequence} of {case}, slice {slice_number}; no usable mask"
    area_px = int(mask.sum())
    what = f"manual mask of {area_px} pixels" if area_px else "manual mask without tumour"
    return f"{style.sequence} of {case}, slice {slice_number}, with the {what}"


def thumbnail(
    cohort: Cohort,
    case: str,
    slice_number: int,
    style: OverlayStyle,
    width: int | Literal["stretch"] = "stretch",
) -> None:
    """Draw a slice with its mask, ``width`` px wide, or the error if it cannot be read."""
    try:
        picture, alt = cache.thumbnail(cohort, case, slice_number, style)
    except CohortError as error:
        st.caption(widgets.plain(str(error), longest=300))
        return
    st.image(picture, width=width, alt=alt)


def framed(picture: np.ndarray, alt: str, caption: str) -> None:
    """Draw a picture of a gallery, (h, w, 3) uint8, with its caption in Markdown below it."""
    with st.container(gap="xsmall"):
        st.image(png_bytes(picture), width="stretch", alt=alt)
        st.caption(caption)


def opening_slice(cohort: Cohort, case: Case) -> int:
    """Return the slice that a case opens at: the one with the largest tumour area, else the middle one.

    Raises:
        CohortError: no slice of the case can be read.
    """
    numbers = case.readable["slice_number"].tolist()
    if not numbers:
        raise CohortError(f"{case.name} has no slice that can be read: choose another case.")
    table = cache.case_table(cohort).set_index("case")
    largest = table.loc[case.name, "largest_slice"]
    known = pd.notna(largest) and largest in numbers
    return int(largest) if known else numbers[len(numbers) // 2]


def slice_with_steps(case: Case, default: int) -> int:
    """Draw a slice slider between previous and next buttons, in a row; return the slice number."""
    numbers = case.readable["slice_number"].tolist()
    step = widgets.step_slice
    widgets.step_button("Previous slice", step, numbers, -1, back=True, shortcut="K")
    with st.container(width="stretch"):
        number = widgets.slice_picker(case, default)
    widgets.step_button("Next slice", step, numbers, 1, shortcut="J")
    return number


ZOOM_CONFIG = {"scrollZoom": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
HOW_TO_ZOOM = (
    "Scroll to zoom, drag to move, double-click to reset; hover to see stored pixel values."
)


def show_missing_sequences(cohort: Cohort, case: Case) -> None:
    """Show which sequences are missing and repeat FLAIR."""
    copies = cache.case_table(cohort).set_index("case").loc[case.name, "flair_copies"]
    if copies:
        for name in copies.split(", "):
            st.info(
                f"{name[0].upper()}{name[1:]} is missing: this channel repeats FLAIR.",
                icon=":material/content_copy:",
            )


def describe_mask(
    mask: np.ndarray | None, spacing_mm: tuple[float | None, float, float] | None = None
) -> None:
    """Describe the mask of a slice in words."""
    if mask is None:
        st.warning("This slice has no usable mask: it is unknown whether it shows tumour.")
    elif not mask.any():
        st.caption("The mask of this slice is empty: no tumour.")
    else:
        share = mask.mean()
        st.caption(
            f"Tumour area {area_in_words(int(mask.sum()), spacing_mm)}, {share:.1%} of the slice."
        )


def legend(style: OverlayStyle) -> None:
    """Draw the legend of the mask."""
    if style.mask != OFF:
        swatches({f"manual mask ({MASKS[style.mask]})": MASK_COLOUR})


def swatches(colours: dict[str, tuple[int, int, int]]) -> None:
    """Draw a legend with a colour sample per entry."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for meaning, colour in colours.items():
            swatch = np.full((14, 14, 3), colour, np.uint8)
            st.image(png_bytes(swatch), width=14, alt=f"colour of {meaning}")
            st.caption(meaning, width="content")
