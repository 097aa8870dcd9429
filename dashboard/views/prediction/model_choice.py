"""Who predicts: a model as it is meant for the patient, or one of its folds; and a second to compare."""

from dataclasses import dataclass

import streamlit as st

from brainseg.cohort import Case
from brainseg.errors import ModelError
from brainseg.inference.comparison import exposure_of_fold
from brainseg.inference.prediction import FAST, FULL, MODES
from brainseg.models import Model, open_model
from brainseg.models.exposure import CaseExposure
from brainseg.volume import Volume
from dashboard.shared import keys, model_picker, url_state, widgets

NOBODY = "nobody"


@dataclass(frozen=True)
class Viewpoint:
    """A model, or one fold of it.

    Attributes:
        model: the model.
        fold: its number, or None for the model as it is meant for a patient.
    """

    model: Model
    fold: int | None = None

    def exposure(self, case: Case | None, volume: Volume | None = None) -> CaseExposure:
        """Return whether it was trained on a case or a volume, and which folds therefore predict.

        Args:
            case: None for an upload.
            volume: as for :meth:`brainseg.models.Model.exposure`.
        """
        if self.fold is None:
            return self.model.exposure(case, volume)
        return exposure_of_fold(self.model, self.fold, case, volume)


def choose() -> tuple[Viewpoint, Viewpoint | None, str]:
    """Return the model that predicts, the one it is compared with or None, and the mode."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        model = model_picker.model_picker()
        means = " ".join(f"{mode}: {MODES[mode]}." for mode in (FAST, FULL))
        mode = widgets.choice("Effort", keys.MODE, (FAST, FULL), FAST, help=means)
        every = _every(model)
        left = Viewpoint(model)
        right = _pick("Compare with", keys.RIGHT, {NOBODY: None} | every, NOBODY)
        if right is not None and len(model.folds) > 1:
            own = {name: one for name, one in every.items() if one.model.folder == model.folder}
            left = _pick("On the left", keys.LEFT, {model.name: Viewpoint(model)} | own, model.name)
    return left, right, mode


def _pick(
    label: str, key: str, options: dict[str, Viewpoint | None], default: str
) -> Viewpoint | None:
    names = list(options)
    wrong = url_state.take(key, names, default)
    if wrong is not None:
        st.warning(
            f"There is no “{widgets.plain(wrong)}” to compare with: here is {default}.",
            icon=":material/help:",
        )
    st.selectbox(label, names, key=key, width=200)
    url_state.keep(key, names, default)
    return options[st.session_state[key]]


def _every(chosen: Model) -> dict[str, Viewpoint]:
    """Return all that can be compared with a model: the others, and the folds of each."""
    every = {}
    for name, place in model_picker.model_choices().items():
        try:
            model = chosen if name == chosen.name else open_model(place)
        except ModelError:
            continue  # it says why where it is chosen to predict
        if model.folder != chosen.folder:
            every[name] = Viewpoint(model)
        if len(model.folds) > 1:
            folds = (record.number for record in model.folds)
            every |= {f"{name}: fold {fold}": Viewpoint(model, fold) for fold in folds}
    return every
