"""Choice of the model or fold that predicts, of a second one to compare, and of the passes."""

from dataclasses import dataclass

import streamlit as st

from brainseg.cohort import Case
from brainseg.errors import ModelError
from brainseg.inference.comparison import exposure_of_fold
from brainseg.inference.prediction import FAST, FULL, STANDARD
from brainseg.models import Model, open_model
from brainseg.models.exposure import CaseExposure
from brainseg.volume import Volume
from dashboard.shared import keys, model_picker, widgets

NOT_COMPARED = "nobody"
"""No second prediction; the word is part of saved addresses, pages show “none”."""

PASSES = {STANDARD: "as scored", FAST: "single pass", FULL: "all folds, mirrored"}


@dataclass(frozen=True)
class Viewpoint:
    """A model, or one fold of it.

    Attributes:
        model: the model.
        fold: its number, or None for the folds that the model uses for this patient.
    """

    model: Model
    fold: int | None = None

    def exposure(self, case: Case | None, volume: Volume | None = None) -> CaseExposure:
        """Return whether the model was trained on a case (None for an upload), and which folds predict.

        `volume` is as for :meth:`brainseg.models.Model.exposure`.
        """
        if self.fold is None:
            return self.model.exposure(case, volume)
        return exposure_of_fold(self.model, self.fold, case, volume)


def choose() -> tuple[Viewpoint, Viewpoint | None, str]:
    """Draw the choices; return the left and the right model or fold, and the mode of prediction.

    The default is how the model is scored, as on the case page and in files of the command line.
    """
    model = model_picker.model_picker(in_header=True)
    mode = _mode(model)
    every = _every(model)
    left = Viewpoint(model)
    with st.popover("Compare", icon=":material/compare_arrows:", key="compare"):
        right = every.get(_pick("Compare with", keys.RIGHT, [NOT_COMPARED, *every]))
        if right is not None and len(model.folds) > 1:
            own = [name for name, one in every.items() if one.model.folder == model.folder]
            left = every.get(_pick("Left", keys.LEFT, [model.name, *own]), left)
    return left, right, mode


def _mode(model: Model) -> str:
    """Return the chosen mode; the full one is offered where the model is scored with fewer passes."""
    is_scored_in_full = model.inference.flip_tta
    offered = [STANDARD, FAST]
    if not is_scored_in_full or st.query_params.get(keys.MODE) == FULL:
        offered.append(FULL)
    mode = widgets.choice(
        "Passes",
        keys.MODE,
        tuple(offered),
        STANDARD,
        format_func=PASSES.get,
        label_visibility="collapsed",
    )
    return STANDARD if mode == FULL and is_scored_in_full else mode


def _pick(label: str, key: str, names: list[str]) -> str:
    """Return a chosen model or fold, by default the first."""
    return widgets.select(
        label,
        key,
        names,
        names[0],
        noun="model or fold",
        format_func=lambda name: "none" if name == NOT_COMPARED else name,
        width=260,
    )


def _every(chosen: Model) -> dict[str, Viewpoint]:
    """Return what a model can be compared with: the other models, and the folds of each."""
    every = {}
    for name, place in model_picker.model_choices().items():
        try:
            model = chosen if name == chosen.name else open_model(place)
        except ModelError:
            continue  # its error is shown when it is chosen to predict
        if model.folder != chosen.folder:
            every[name] = Viewpoint(model)
        if len(model.folds) > 1:
            folds = (record.number for record in model.folds)
            every |= {f"{name}: fold {fold}": Viewpoint(model, fold) for fold in folds}
    return every
