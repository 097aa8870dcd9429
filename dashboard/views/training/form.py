"""The form that starts a training: the main settings, and all others under “More settings”."""

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

import streamlit as st

from brainseg.backends import require_keras
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, MissingPackageError
from brainseg.training import jobs
from brainseg.training.config import TrainingConfig
from brainseg.training.runs import Run
from dashboard.shared import keys, url_state, widgets

START = "Start"
"""The view of the page with the form."""

MAIN = (
    "name",
    "epochs",
    "steps_per_epoch",
    "batch_size",
    "learning_rate",
    "patience",
    "fold",
    "seed",
)
"""The main settings; all others are under “More settings”."""

NOT_ASKED = ("data", "rate_restarts")
"""Settings without a field: the page's own cohort, and a list that only a settings file can contain."""

QUICK_LOOK = {
    "name": "quick-look",
    "epochs": 6,
    "steps_per_epoch": 30,
    "batch_size": 8,
    "learning_rate": 0.003,
    "averaging": 0.9,
    "size": 128,
    "network": "lite_unet",
    "encoder": "efficientnet-lite0",
}
"""About two minutes on two cores; on the sample cohort it reaches a validation Dice of 0.8."""


def fill_in(settings: Mapping[str, object]) -> None:
    """Fill the form with these settings and defaults for the others; for ``on_click``."""
    for setting in _asked():
        value = settings.get(setting.name, setting.default)
        kind = cast(type, setting.type)
        if isinstance(value, kind) or (kind is float and isinstance(value, int)):
            st.session_state[_key(setting.name)] = kind(value)
    url_state.put(**{keys.VIEW: START})


def draw(cohort: Cohort, running: Run | None) -> None:
    """Draw the form; it starts nothing while another training is running."""
    st.markdown(
        f"Trains on the cases of **{widgets.plain(cohort.root.name)}** on this server. Runs in the "
        "background; you can leave this page."
    )
    ready = _can_train()
    with st.container(horizontal=True):
        st.button(
            "Quick preset",
            on_click=fill_in,
            args=(QUICK_LOOK,),
            icon=":material/bolt:",
            key="training_quick_look",
            help="About two minutes on two cores. Finds most tumours of the sample cohort; for a good "
            "model of real images, use the defaults.",
        )
        st.button(
            "Defaults",
            on_click=fill_in,
            args=({},),
            icon=":material/settings_backup_restore:",
            key="training_defaults",
            type="tertiary",
        )
    asked = {setting.name: setting for setting in _asked()}
    with st.form("start_training"):
        settings = {}
        with st.grid(columns=4, min_column_width=170):
            for name in MAIN:
                settings[name] = _field(asked.pop(name))
        with (
            st.expander("More settings", icon=":material/tune:"),
            st.grid(columns=4, min_column_width=170),
        ):
            for setting in asked.values():
                settings[setting.name] = _field(setting)
        started = st.form_submit_button(
            "Start the training",
            type="primary",
            icon=":material/play_arrow:",
            disabled=running is not None or not ready,
            key="start_training_button",
        )
    if running is not None:
        st.caption(
            "Only one training can run at a time: stop the one above, or wait until it ends."
        )
    if started:
        _start(cohort, settings)
    st.caption(
        "In a terminal: `python -m brainseg train DATA --set epochs=36`; "
        "`python -m brainseg train --settings` lists all settings."
    )


def _can_train() -> bool:
    """Return whether Keras is installed; where it is not, show how to add it."""
    try:
        require_keras("Training")
    except MissingPackageError as error:
        st.info(str(error), icon=":material/extension:")
        return False
    return True


def _start(cohort: Cohort, settings: dict) -> None:
    try:
        config = TrainingConfig.from_settings(settings | {"data": str(cohort.root)})
        with st.spinner("Starting: splitting the cases by patient"):
            run = jobs.start(config, cohort.state_dir / "runs")
    except BrainsegError as error:
        widgets.error(error)
        return
    url_state.put(**{keys.RUN: run.name, keys.VIEW: None})
    st.rerun()


def _asked() -> list[dataclasses.Field]:
    return [field for field in dataclasses.fields(TrainingConfig) if field.name not in NOT_ASKED]


def _key(name: str) -> str:
    return f"setting_{name}"


def _field(setting: dataclasses.Field) -> object:
    """Draw the field of a setting and return its value, which the core validates."""
    name, key = setting.name, _key(setting.name)
    st.session_state.setdefault(key, setting.default)
    label = name.replace("_", " ").capitalize()
    more: dict[str, Any] = {
        "key": key,
        "help": setting.metadata["help"],
        "persist_state": "session",
    }
    if choices := setting.metadata["choices"]:
        return st.selectbox(label, choices, **more)
    if setting.type is int:
        return st.number_input(label, step=1, **more)
    if setting.type is float:
        return st.number_input(label, step=10.0**-6, format="%g", **more)
    return st.text_input(label, **more)
