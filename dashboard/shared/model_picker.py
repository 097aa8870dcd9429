"""Parts that pages share about models: pickers, training-data badge, warnings, durations."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Literal

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.models import (
    DEFAULT_MODEL,
    MODELS,
    Model,
    list_models,
    list_run_models,
    open_model,
)
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from brainseg.models.places import find_model
from brainseg.models.remote import is_address, shown_name
from dashboard.shared import cache, keys, url_state, widgets

Colour = Literal["green", "blue", "orange", "gray"]

RELATION_COLOURS: dict[str, Colour] = {
    HELD_OUT: "green",
    NEW: "blue",
    SEEN: "orange",
    UNKNOWN: "gray",
}

RELATION_ICONS = {
    HELD_OUT: ":material/verified:",
    NEW: ":material/fiber_new:",
    SEEN: ":material/visibility:",
    UNKNOWN: ":material/question_mark:",
}

RELATION_MEANS = (
    f"“{HELD_OUT}”: the predicting fold was not trained on the patient; “{NEW}”: no fold was; "
    f"“{SEEN}”: every fold was, so the score does not tell how the model does on new patients."
)


_SHOWN_ANYWAY = "_shown_anyway"
"""Session key: the images whose hidden prediction the user chose to show."""

NO_PREDICTION = "none"
"""Option of the picker for no prediction."""


MOST_RUNS = 20
"""Runs to choose from; older ones are chosen on the training page."""


def model_choices() -> dict[str, str]:
    """Return the available models, name -> argument of :func:`open_model`; the default first.

    They are those of this package, those of the user, and the newest training runs.
    """
    named = os.environ.get("BRAINSEG_MODEL")
    cohort = cache.opened()
    runs = list_run_models(cohort.identity if cohort else None)
    asked = [name for name in runs[MOST_RUNS:] if name == st.query_params.get(keys.MODEL)]
    choices = {name: name for name in (*list_models(), *runs[:MOST_RUNS], *asked)}
    if not named:
        return choices
    return {shown_name(named) if is_address(named) else Path(named).name: named} | choices


def digests() -> list[str]:
    """Return the digests of all models that can be opened."""
    found = []
    for opens in model_choices().values():
        with suppress(ModelError):
            found.append(open_model(opens).digest)
    return found


def model_picker(in_header: bool = False) -> Model:
    """Return the chosen model, with a picker if there are several; stop the page if there is none.

    `in_header` is for the line of a page where no control has a label above it.
    """
    return opened(picked(in_header))


def picked(in_header: bool = False) -> str | None:
    """Return the argument of :func:`open_model` for the chosen model; see :func:`model_picker`."""
    choices = model_choices()
    chosen = next(iter(choices), None)
    if chosen is not None and len(choices) > 1:
        chosen = widgets.select(
            "Model",
            keys.MODEL,
            list(choices),
            chosen,
            on_change=_forget_threshold,
            width=220,
            label_visibility="collapsed" if in_header else "visible",
            format_func=lambda name: f"Model: {name}" if in_header else name,
        )
    return choices.get(chosen or "")


def optional_picker() -> Model | None:
    """Return the model whose prediction the user chose, or None for :data:`NO_PREDICTION`."""
    choices = model_choices()
    names = [NO_PREDICTION, *choices]
    chosen = widgets.select(
        "Prediction",
        keys.MODEL,
        names,
        NO_PREDICTION,
        noun="model",
        width=200,
        label_visibility="collapsed",
        format_func=lambda name: f"Prediction: {name}",
    )
    return None if chosen == NO_PREDICTION else opened(choices[chosen])


def opened(name: str | None) -> Model:
    """Return a model by name or folder, or show why it cannot be opened and stop the page."""
    try:
        return open_model(name)
    except ModelError as error:
        widgets.refuse(error)


def show_compared(cohort: Cohort, model: Model) -> None:
    """Show what the prediction is compared with, unless it is what the model learned."""
    if not cohort.labels and cohort.target == model.target:
        return
    target, masks = (widgets.plain(one, 300) for one in (model.target, cohort.masks_in_words))
    other = "; choose another label above" if cohort.labels else ""
    st.info(
        f"The model predicts {target}. It is compared with {masks}{other}.", icon=":material/label:"
    )


def exposure_badge(exposure: CaseExposure, side: str = "") -> None:
    """Show whether the model was trained on the patient, on which the meaning of a Dice depends.

    `side` is a prefix if two predictions are compared: “Left: ”.
    """
    if exposure.seen and not side:
        return  # The warnings say so.
    colour, icon = RELATION_COLOURS[exposure.relation], RELATION_ICONS[exposure.relation]
    # Not st.badge, which cuts a sentence that is longer than its line.
    st.markdown(f":small[:{colour}[{icon} {widgets.sentence(f'{side}{exposure.in_words()}')}]]")


def warn(sentences: tuple[str, ...], unsuitable: bool = False) -> None:
    """Show the warnings of a prediction; the first in red if the images are unsuitable."""
    for index, sentence in enumerate(map(widgets.sentence, sentences)):
        if unsuitable and index == 0:
            st.error(sentence, icon=":material/report:")
        else:
            st.warning(sentence, icon=":material/warning:")


def held_back(key: tuple, unsuitable: bool) -> bool:
    """Return whether a result stays hidden; if so, draw the button that shows it.

    Args:
        key: identifies the images in this session; the result of other images is hidden again.
        unsuitable: see :class:`brainseg.inference.record.CaseRecord`.
    """
    if not unsuitable or st.session_state.get(_SHOWN_ANYWAY) == key:
        return False
    st.info(
        "The prediction is hidden because the images do not look like head MRI. If you show it anyway, "
        "all files exported from it carry the warnings above.",
        icon=":material/visibility_off:",
    )
    widgets.button(
        "Show anyway", "visibility", "show_anyway", st.session_state.__setitem__, _SHOWN_ANYWAY, key
    )
    return True


def option_for(model: Model) -> str:
    """Return the command-line option for this model; empty for the default."""
    if model.folder == MODELS / DEFAULT_MODEL:
        return ""
    by_name = find_model(model.name).resolve() == model.folder
    named = model.name if by_name else str(model.folder)
    return f" --model {shlex.quote(named)}"


def duration(seconds: float) -> str:
    """Return a duration in words: “40 s”, “12 min”, “1 h 5 min”."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _forget_threshold() -> None:
    # Each model has its own threshold; one set for another model is meaningless.
    st.session_state.pop(keys.THRESHOLD, None)
    url_state.put(**{keys.THRESHOLD: None})
