"""Prediction: what the model finds on a slice, beside the mask, with the threshold in your hand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from brainseg.errors import BrainsegError, DecodeError
from brainseg.exports import csv_bytes, png_bytes
from brainseg.formats import IMAGE_SUFFIXES, MAX_MEGAPIXELS
from brainseg.imaging import ALL_SEQUENCES, MASK_COLOUR, PREDICTION_COLOUR, heat
from brainseg.metrics import EMPTY_MASK_RULE, dice
from brainseg.models import Model
from brainseg.prediction import Prediction, area_by_slice, dice_of_case, predict
from dashboard import address, charts, data, model_charts, models, overlays, state, uploads, widgets

FROM_COHORT, FROM_UPLOAD = "a case of this cohort", "your own image"
AREA_CHART = "predicted_area_by_slice"
PAGE = "upload_page"
LONGEST_SHOWN_PX = 1024

UPLOAD = "upload"
OPENING = "Predicting; opening the model takes some seconds the first time"


@dataclass(frozen=True)
class Source:
    """What is predicted, wherever it came from.

    Attributes:
        name: of the downloads, and of what a picture shows.
        numbers: the slice numbers, in the order of the planes.
        place: which of the slices is shown, from 0.
        pixels: (h, w, 3) uint8 of that slice.
        masks: (n, h, w) bool.
        there: (n,) bool, False where a slice has no usable mask.
        prediction: of all slices.
    """

    name: str
    numbers: list[int]
    place: int
    pixels: np.ndarray
    masks: np.ndarray
    there: np.ndarray
    prediction: Prediction

    @property
    def mask(self) -> np.ndarray | None:
        """Return the mask of the slice that is shown, (h, w) bool, or None without one."""
        return self.masks[self.place] if self.there[self.place] else None


def case_source(model: Model) -> Source:
    """Return a slice of the cohort that the person chose, with the prediction of its whole case."""
    cohort = widgets.open_cohort()
    # A case that the model learned from would show it better than it is.
    case = widgets.case_picker(cohort, default=model.first_unseen(cohort))
    try:
        opens_at = overlays.opening_slice(cohort, case)
        number = overlays.slice_with_steps(case, opens_at)
        with st.spinner(OPENING, show_time=True):
            prediction = data.prediction(cohort, case.name, model)
        volume = data.volume(cohort, case.name)
        masks, there = data.masks(cohort, case.name)
    except BrainsegError as error:
        widgets.refuse(error)
    numbers = case.readable["slice_number"].tolist()
    place = numbers.index(number)
    show_notes(volume.notes)
    return Source(case.name, numbers, place, volume.pixels[place], masks, there, prediction)


def upload_source(model: Model) -> Source:
    """Return the page of an uploaded image that the person chose, with its prediction."""
    file = st.file_uploader(
        "One slice as TIFF, PNG or JPEG",
        type=[suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES],
        key="upload",
        help=f"At most {MAX_MEGAPIXELS} MP. Three channels are read as pre-contrast, FLAIR and "
        "post-contrast; one grey channel stands in for all three.",
    )
    st.caption(
        "The image stays in this session's memory: it is not written to disk, not shared with other "
        "visitors, and gone when you remove it or close the page."
    )
    if file is None:
        uploads.forget()
        st.stop()
    upload = uploads.Upload.of(file)
    try:
        page = choose_page(uploads.pages(upload))
        with st.spinner(OPENING, show_time=True):
            volume, prediction = uploads.predicted(upload, page, model)
    except DecodeError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        st.stop()
    except BrainsegError as error:
        widgets.refuse(error)
    show_notes(volume.notes)
    nothing = np.zeros(volume.pixels.shape[:3], bool)
    return Source("upload", [page + 1], 0, volume.pixels[0], nothing, np.zeros(1, bool), prediction)


def choose_page(pages: int) -> int:
    """Return the page of an uploaded TIFF, from 0, asked for where there are several."""
    if pages == 1:
        return 0
    st.info(
        f"This file holds {pages} pages. One is predicted at a time: choose it here.",
        icon=":material/layers:",
    )
    return int(st.number_input("Page", 1, pages, key=PAGE, width=160)) - 1


def show_notes(notes: tuple[str, ...]) -> None:
    """Say what was done to the pixels on the way."""
    for note in notes:
        st.caption(f":material/info: {widgets.plain(note, longest=300)}")


def choose_threshold(model: Model) -> float:
    """Return the threshold that the person set, here or in the address; the model's own without."""
    steps = sorted({round(percent / 100, 2) for percent in range(1, 100)} | {model.threshold})
    wrong = address.take(state.THRESHOLD, steps, model.threshold)
    if wrong is not None:
        st.warning(
            f"“{widgets.plain(wrong)}” is no threshold from 0.01 to 0.99: here is the model's own.",
            icon=":material/help:",
        )
    st.select_slider(
        "Threshold",
        steps,
        key=state.THRESHOLD,
        help=f"A pixel of at least this probability is predicted tumour. {model.threshold:g} is the "
        "model's own, chosen with the cases that it was selected on.",
    )
    address.keep(state.THRESHOLD, steps, model.threshold)
    return float(st.session_state[state.THRESHOLD])


def show_standing(source: Source, uploaded: bool) -> None:
    """Say what the model knows of the patient."""
    if not uploaded:
        models.standing_badge(source.prediction.standing)
        return
    folds = models.fold_words(source.prediction.standing.folds)
    st.badge(f"upload: predicted by {folds}", icon=":material/upload_file:", color="gray")
    st.caption(
        "Whether the model learned from this patient cannot be told from an image. One slice alone "
        "has no neighbours to look at, so it may come out differently than within its case."
    )


def say_where_none(areas: pd.DataFrame, source: Source, threshold: float) -> None:
    """Say in words that nothing is predicted on the slice, or on all slices, where that is so."""
    if areas["predicted_px"].iloc[source.place]:
        return
    highest = float(source.prediction.probability[source.place].max())
    elsewhere = int((areas["predicted_px"] > 0).sum())
    told = f"**No tumour predicted on this slice** at the threshold {threshold:g}"
    if len(areas) > 1 and not elsewhere:
        highest = float(source.prediction.probability.max())
        none = f"**No tumour predicted on any of the {len(areas)} slices**"
        told = f"{none} at the threshold {threshold:g}"
    told += f". The highest probability is {highest:.3f}."
    if elsewhere:
        told += f" Slices of this case with a prediction: {elsewhere}."
    st.info(told, icon=":material/search_off:")


def draw(source: Source, planes: np.ndarray, look: overlays.Look, threshold: float) -> np.ndarray:
    """Draw the slice with its mask, with the prediction, and with the probability; return the second.

    Args:
        source: what is shown.
        planes: (n, h, w) bool, the prediction at the threshold.
        look: how it is drawn.
        threshold: marked on the scale.
    """
    probability = source.prediction.probability[source.place]
    # More would only cost time: no screen shows it, and the downloads hold all of it.
    step = -(-max(probability.shape) // LONGEST_SHOWN_PX)
    pixels, probability = source.pixels[::step, ::step], probability[::step, ::step]
    mask = None if source.mask is None else source.mask[::step, ::step]
    predicted = planes[source.place][::step, ::step]
    beside = "Manual mask" if source.mask is not None else "No mask"
    panels = {
        beside: look.overlay(pixels, mask),
        f"Prediction at {threshold:g}": look.overlay(pixels, predicted, colour=PREDICTION_COLOUR),
        "Probability": heat(look.image(pixels), probability),
    }
    figure = charts.pictures(panels, 350, grey=look.sequence != ALL_SEQUENCES)
    widgets.figure(
        model_charts.with_probability(figure, probability),
        "prediction",
        alt=f"{source.name}, slice {source.numbers[source.place]}: {beside.lower()}, prediction of "
        f"{int(predicted.sum())} pixels, and probability up to {probability.max():.2f}",
    )
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.caption("Probability 0", width="content")
        scale = png_bytes(model_charts.probability_scale(threshold))
        st.image(scale, alt="Colours of the probability from 0 to 1, a line at the threshold")
        st.caption(f"1, line at {threshold:g}", width="content")
    colours = {"prediction": PREDICTION_COLOUR}
    if source.mask is not None:
        colours = {"manual mask": MASK_COLOUR} | colours
    overlays.swatches(colours)
    shrunk = f" Shown at 1/{step} of its size." if step > 1 else ""
    st.caption(f"Hover the third picture for the probability.{shrunk}")
    return look.overlay(source.pixels, planes[source.place], colour=PREDICTION_COLOUR)


def show_numbers(source: Source, planes: np.ndarray, areas: pd.DataFrame) -> None:
    """Draw areas and Dice of the slice and of the case; without a mask there is no Dice."""
    here, number = areas[source.place : source.place + 1], source.numbers[source.place]
    what = "This image" if source.name == UPLOAD else f"Slice {number}"
    with st.grid(columns=2, min_column_width=380):
        numbers_of(what, "px", here, here["dice"].iat[0])
        if len(areas) > 1:
            of_case = dice_of_case(planes, source.masks, source.there)
            numbers_of(f"Case of {len(areas)} slices", "voxels", areas, of_case)


def numbers_of(what: str, unit: str, areas: pd.DataFrame, score: float | None) -> None:
    """Draw a box of numbers: what is predicted, what the mask holds, and their Dice."""
    predicted, known = int(areas["predicted_px"].sum()), areas["mask_px"].notna()
    with st.container(border=True):
        st.markdown(f"**{what}**")
        with st.grid(columns=3, min_column_width=100):
            st.metric(f"Predicted ({unit})", f"{predicted:,}")
            if known.any():
                manual = int(areas["mask_px"].sum())
                empty = "" if predicted or manual else " (both empty)"
                st.metric(f"Manual mask ({unit})", f"{manual:,}")
                st.metric("Dice", f"{score:.3f}{empty}", help=EMPTY_MASK_RULE)
        if not known.any():
            st.caption("No usable mask, so there is no Dice.")
        elif left_out := int((~known).sum()):
            are = (
                "slice without a usable mask is"
                if left_out == 1
                else "slices without a usable mask are"
            )
            st.caption(f"{left_out} {are} not counted in mask and Dice.")


def jump() -> None:
    """Go to the slice whose bar was clicked."""
    if points := st.session_state[AREA_CHART].selection.points:
        address.put(**{state.SLICE: int(points[0]["customdata"])})


def show_areas(source: Source, areas: pd.DataFrame) -> None:
    """Draw the area by slice of a case; a click goes to the slice."""
    number = source.numbers[source.place]
    widgets.figure(
        model_charts.predicted_area_by_slice(areas, number),
        AREA_CHART,
        alt=f"Predicted and manual tumour area of each slice of {source.name}; {number} is shown",
        key=AREA_CHART,
        on_select=jump,
        selection_mode="points",
    )


def offer_downloads(
    source: Source, plane: np.ndarray, overlay: np.ndarray, areas: pd.DataFrame
) -> None:
    """Offer mask and overlay of the slice as PNG and the areas as CSV."""
    stem = f"{source.name}_{source.numbers[source.place]}"
    with st.container(horizontal=True):
        for label, content, ending, mime in (
            ("Predicted mask", lambda: png_bytes(plane), "_prediction.png", "image/png"),
            ("Overlay", lambda: png_bytes(overlay), "_overlay.png", "image/png"),
            ("Area by slice", lambda: csv_bytes(areas), "_areas.csv", "text/csv"),
        ):
            st.download_button(
                f"{label} ({ending[-3:].upper()})",
                content,
                file_name=stem + ending,
                mime=mime,
                icon=":material/download:",
                key=f"download{ending}",
                on_click="ignore",
            )


st.title("Prediction")
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    chosen = widgets.choice("Predict", state.SOURCE, (FROM_COHORT, FROM_UPLOAD), FROM_COHORT)
    model = models.model_picker()
data.warm_up(model)

uploaded = chosen == FROM_UPLOAD
source = upload_source(model) if uploaded else case_source(model)
look = overlays.controls()
threshold = choose_threshold(model)
with st.container(horizontal=True, vertical_alignment="center"):
    show_standing(source, uploaded)
    st.caption(
        f"Model {widgets.plain(model.name)}, its own threshold {model.threshold:g}", width="content"
    )

planes = source.prediction.mask(threshold)
areas = area_by_slice(planes, source.numbers, source.masks, source.there)
say_where_none(areas, source, threshold)
overlay = draw(source, planes, look, threshold)
show_numbers(source, planes, areas)
if not uploaded:
    show_areas(source, areas)
offer_downloads(source, planes[source.place], overlay, areas)
st.caption(
    f"Predicted by {widgets.plain(model.name)}, {models.fold_words(source.prediction.standing.folds)}, "
    f"in {source.prediction.seconds:.1f} s for {len(areas)} {'slice' if len(areas) == 1 else 'slices'}; "
    "another threshold does not run the network again."
)
widgets.tumour_means()
widgets.code(predict, dice)
