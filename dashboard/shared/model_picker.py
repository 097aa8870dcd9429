"""Parts that the pages of a model share: which model, what it knows of a case, how long things take."""

import os
import shlex
from pathlib import Path

import streamlit as st

from brainseg.errors import ModelError
from brainseg.models import (
    DEFAULT_MODEL,
    MODELS,
    Model,
    list_models,
    open_model,
)
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from dashboard.shared import keys, url_state, widgets

RELATION_COLOURS = {HELD_OUT: "green", NEW: "blue", SEEN: "orange", UNKNOWN: "gray"}

RELATION_ICONS = {
    HELD_OUT: ":material/verified:",
    NEW: ":material/fiber_new:",
    SEEN: ":material/visibility:",
    UNKNOWN: ":material/question_mark:",
}

RELATION_MEANS = (
    f"“{HELD_OUT}”: the fold that predicts was not trained on the patient; “{NEW}”: no fold was; "
    f"“{SEEN}”: every fold was, so the score does not show how the model does on new patients."
)


_SHOWN_ANYWAY = "_shown_anyway"
"""Of which images the result is shown although it is not to be relied on; not a widget."""

NO_PREDICTION = "none"
"""The choice of a page that can do without a model."""


def model_choices() -> dict[str, str]:
    """Return the models a page can show, what each is called to what opens it; the default first."""
    named = os.environ.get("BRAINSEG_MODEL")
    choices = {name: name for name in list_models()}
    return {Path(named).name: named} | choices if named else choices


def model_picker() -> Model:
    """Return the chosen model, with a picker where there are several; stop where there is none."""
    choices = model_choices()
    try:
        if len(choices) < 2:
            return open_model(next(iter(choices.values()), None))
        names = list(choices)
        wrong = url_state.take(keys.MODEL, names, names[0])
        if wrong is not None:
            st.warning(
                f"There is no model “{widgets.plain(wrong)}”: here is {widgets.plain(names[0])}.",
                icon=":material/help:",
            )
        st.selectbox("Model", names, key=keys.MODEL, on_change=_forget_threshold, width=220)
        url_state.keep(keys.MODEL, names, names[0])
        return open_model(choices[st.session_state[keys.MODEL]])
    except ModelError as error:
        widgets.refuse(error)


def optional_picker() -> Model | None:
    """Return the model whose prediction a person wants to see, or None; see :data:`NO_PREDICTION`."""
    choices = {NO_PREDICTION: None} | model_choices()
    names = list(choices)
    wrong = url_state.take(keys.MODEL, names, NO_PREDICTION)
    if wrong is not None:
        st.warning(
            f"There is no model “{widgets.plain(wrong)}”: here is the case without a prediction.",
            icon=":material/help:",
        )
    st.selectbox("Prediction", names, key=keys.MODEL, width=200)
    url_state.keep(keys.MODEL, names, NO_PREDICTION)
    chosen = st.session_state[keys.MODEL]
    try:
        return None if chosen == NO_PREDICTION else open_model(choices[chosen])
    except ModelError as error:
        widgets.refuse(error)


def exposure_badge(exposure: CaseExposure, side: str = "") -> None:
    """Say whether the model was trained on the patient, which is what a Dice beside it is worth.

    Args:
        exposure: of the patient.
        side: what stands in front, where two predictions are compared: “Left: ”.
    """
    if exposure.seen and not side:
        return  # It is among the warnings.
    st.badge(
        f"{side}{exposure.in_words().removesuffix('.')}",
        icon=RELATION_ICONS[exposure.relation],
        color=RELATION_COLOURS[exposure.relation],
    )


def warn(sentences: tuple[str, ...], unsuitable: bool = False) -> None:
    """Show the warnings of a prediction, which its files carry, too; the worst first, maybe in red."""
    for place, sentence in enumerate(sentences):
        said = widgets.plain(sentence, longest=600)
        if unsuitable and place == 0:
            st.error(said, icon=":material/report:")
        else:
            st.warning(said, icon=":material/warning:")


def held_back(key: tuple, unsuitable: bool) -> bool:
    """Return whether a result is to stay hidden, with the button that shows it.

    Args:
        key: what stands for the images in this session; another's result is hidden again.
        unsuitable: see :class:`brainseg.inference.record.CaseRecord`.
    """
    if not unsuitable or st.session_state.get(_SHOWN_ANYWAY) == key:
        return False
    st.info(
        "The prediction is hidden, because these do not seem to be MR images of a head. If you show it "
        "anyway, every file made from it carries the warnings above.",
        icon=":material/visibility_off:",
    )
    st.button(
        "Show anyway",
        on_click=st.session_state.__setitem__,
        args=(_SHOWN_ANYWAY, key),
        key="show_anyway",
        icon=":material/visibility:",
    )
    return True


def option_for(model: Model) -> str:
    """Return what a command adds to name this model; nothing where it is the default."""
    if model.folder == MODELS / DEFAULT_MODEL:
        return ""
    named = model.name if model.folder.parent == MODELS else str(model.folder)
    return f" --model {shlex.quote(named)}"


def duration(seconds: float) -> str:
    """Return a time span as a person says it: “40 s”, “12 min”, “1 h 5 min”."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _forget_threshold() -> None:
    # Each model has a threshold of its own; one that was set for another means nothing.
    st.session_state.pop(keys.THRESHOLD, None)
    url_state.put(**{keys.THRESHOLD: None})
