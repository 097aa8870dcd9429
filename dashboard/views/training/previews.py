"""What the network sees: preview slices after each epoch, and Dice of each case by epoch."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from brainseg.errors import RunError
from brainseg.imaging import MASK_COLOUR, PREDICTION_COLOUR, contour
from brainseg.metrics import dice
from brainseg.plotting import curves
from brainseg.training.previews import PreviewSlices, load_probability, load_slices, preview_epochs
from brainseg.training.runs import Run
from dashboard.shared import cache, keys, overlays, url_state, widgets

MOST_TINT = 0.75
"""Opacity of the tint at probability 1."""

THRESHOLD = 0.5
"""Threshold of the validation Dice during training."""


def draw(run: Run, best_epoch: int | None) -> None:
    """Draw the preview slices after the chosen epoch, and Dice by case, with one slider for both."""
    try:
        slices, epochs = load_slices(run), preview_epochs(run)
        scores = cache.run_reader(str(run.path)).case_scores()
    except RunError as error:
        st.info(widgets.sentence(error), icon=":material/info:")
        return
    if slices is None and scores.empty:
        return
    st.header("What the network sees")
    if slices is None or not epochs:
        st.caption("The slices appear after the first epoch.")
        chosen = None
    else:
        chosen = _epoch(epochs, best_epoch)
        _draw_slices(run, slices, chosen)
    if not scores.empty:
        st.markdown("**Validation Dice of each case by epoch**")
        last = scores.iloc[:, -1]
        widgets.figure(
            curves.dice_by_case_and_epoch(scores, chosen),
            "training_dice_by_case",
            alt=f"Dice of {len(scores)} cases over {scores.shape[1]} epochs; after the last the "
            f"lowest is {last.min():.3f}, the highest {last.max():.3f}",
            table=scores.reset_index(),
        )


def _epoch(epochs: Sequence[int], best_epoch: int | None) -> int:
    """Return the epoch of the slider; at the newest epoch, the slider follows the training."""
    newest = epochs[-1]
    wrong = url_state.take(keys.EPOCH, epochs, newest)
    if wrong is not None:
        st.warning(
            f"No slices were saved after epoch “{widgets.plain(wrong)}”: showing epoch {newest}.",
            icon=":material/help:",
        )
    if len(epochs) == 1:
        st.caption(f"After epoch {newest}, the only one so far")
        return newest
    with st.container(horizontal=True, vertical_alignment="bottom"):
        widgets.step_button("Previous epoch", _step, epochs, -1, back=True, shortcut="K")
        with st.container(width="stretch"):
            st.select_slider("After epoch", epochs, key=keys.EPOCH)
        widgets.step_button("Next epoch", _step, epochs, 1, shortcut="J")
        shortcuts = [("Best", "star", best_epoch)] if best_epoch in epochs else []
        for label, icon, epoch in (*shortcuts, ("Newest", "last_page", None)):
            st.button(
                label,
                icon=f":material/{icon}:",
                key=f"epoch_{label.lower()}",
                on_click=url_state.put,
                kwargs={keys.EPOCH: epoch},
            )
    url_state.keep(keys.EPOCH, epochs, newest)
    return st.session_state[keys.EPOCH]


def _step(epochs: Sequence[int], by: int) -> None:
    index = list(epochs).index(st.session_state[keys.EPOCH]) + by
    url_state.put(**{keys.EPOCH: epochs[min(max(index, 0), len(epochs) - 1)]})


def _draw_slices(run: Run, slices: PreviewSlices, epoch: int) -> None:
    try:
        probability = load_probability(run, epoch)
    except RunError as error:
        st.info(widgets.sentence(error), icon=":material/info:")
        return
    if probability.shape != slices.truth.shape:
        st.info(
            f"The slices saved after epoch {epoch} have another size than the run's: choose another "
            "epoch.",
            icon=":material/info:",
        )
        return
    with st.grid(columns=4, min_column_width=150, gap="small"):
        columns = (slices.cases, slices.slice_numbers, slices.image, slices.truth, probability)
        for case, number, image, truth, stored in zip(*columns, strict=True):
            found = stored / np.float32(255)
            picture = _picture(image, truth, found)
            score = dice(truth, found >= THRESHOLD)
            result = f"Dice {score:.2f}" if truth.any() else "no tumour in the mask"
            overlays.framed(
                picture,
                f"FLAIR of {case}, slice {number}, with the probability after epoch {epoch} and the "
                f"outline of the manual mask; {result}",
                f"{widgets.plain(case, 40)}, slice {number} · {result}",
            )
    overlays.swatches(
        {
            "outline of the manual mask": MASK_COLOUR,
            "probability (stronger blue is higher)": PREDICTION_COLOUR,
        }
    )
    st.caption(
        "The same FLAIR slices of validation cases after each epoch; Dice of the slice at threshold 0.5."
    )


def _picture(image: np.ndarray, truth: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return FLAIR, tinted by probability, with the mask's outline, as (h, w, 3) uint8."""
    grey = np.repeat(image[..., np.newaxis], 3, axis=2)
    weight = (MOST_TINT * probability)[..., np.newaxis]
    tinted = (1 - weight) * grey + weight * np.array(PREDICTION_COLOUR, np.float32)
    # One hue: the orange outline would be lost on the yellow end of most colour maps.
    return contour(np.rint(tinted).astype(np.uint8), truth)
