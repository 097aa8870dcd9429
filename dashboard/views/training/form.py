"""The form that starts a training: the settings that matter, and all others behind “more”."""

import dataclasses
from collections.abc import Mapping

import streamlit as st

from brainseg.backends import require_keras
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, MissingPackageError
from brainseg.training import jobs
from brainseg.training.config import TrainingConfig
from brainseg.training.runs import Run
from dashboard.shared import keys, url_state, widgets

START = "Start"
"""The view of the page that holds the form."""

MATTER = (
    "name",
    "epochs",
    "steps_per_epoch",
    "batch_size",
    "learning_rate",
    "patience",
    "fold",
    "seed",
)
"""What the form shows at once; every other setting stands behind “more”."""

NOT_ASKED = ("data", "rate_restarts")
"""The page's own cohort, and a list, which a file of settings holds."""

QUICK_LOOK = {
    "name": "quick-look",
    "epochs": 5,
    "steps_per_epoch": 20,
    "batch_size": 8,
    "size": 128,
    "base_features": 8,
    "levels": 4,
}
"""A training of a few minutes on two cores: to see how it goes, not to get a model."""


def fill_in(settings: Mapping[str, object]) -> None:
    """Show the form with these settings, the defaults for all others; for ``on_click``."""
    for setting in _asked():
        value = settings.get(setting.name, setting.default)
        if isinstance(value, setting.type) or (setting.type is float and isinstance(value, int)):
            st.session_state[_key(setting.name)] = setting.type(value)
    url_state.put(**{keys.VIEW: START})


def draw(cohort: Cohort, running: Run | None) -> None:
    """Draw the form; a training that was started is shown by the monitor.

    Args:
        cohort: what is trained on.
        running: the training that goes on, for there is one at a time.
    """
    st.markdown(
        f"Trains on the cases of **{widgets.plain(cohort.root.name)}**, in a process of its own on "
        "this server: it goes on when the page is closed, and is found again."
    )
    ready = _can_train()
    with st.container(horizontal=True):
        st.button(
            "Fill in a quick look",
            on_click=fill_in,
            args=(QUICK_LOOK,),
            icon=":material/bolt:",
            key="training_quick_look",
            help="A few minutes on two cores, to see how a training goes; it gives no good model.",
        )
        st.button(
            "Fill in the defaults",
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
            for name in MATTER:
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
        st.caption("One training at a time: stop the one above, or wait until it has ended.")
    if started:
        _start(cohort, settings)
    st.caption(
        "The same from a terminal: `python -m brainseg train DATA --set epochs=36`; "
        "`python -m brainseg train --settings` lists what can be set."
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
        with st.spinner("Starting: the cases are divided by patient."):
            run = jobs.start(config, cohort.state_dir / "runs")
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        return
    url_state.put(**{keys.RUN: run.name, keys.VIEW: None})
    st.rerun()


def _asked() -> list[dataclasses.Field]:
    return [field for field in dataclasses.fields(TrainingConfig) if field.name not in NOT_ASKED]


def _key(name: str) -> str:
    return f"setting_{name}"


def _field(setting: dataclasses.Field) -> object:
    """Draw the field of one setting and return its value; what it may be is the core's to judge."""
    name, key = setting.name, _key(setting.name)
    st.session_state.setdefault(key, setting.default)
    label = name.replace("_", " ").capitalize()
    more = {"key": key, "help": setting.metadata["help"], "persist_state": "session"}
    if choices := setting.metadata["choices"]:
        return st.selectbox(label, choices, **more)
    if setting.type is int:
        return st.number_input(label, step=1, **more)
    if setting.type is float:
        return st.number_input(label, step=10.0**-6, format="%g", **more)
    return st.text_input(label, **more)
