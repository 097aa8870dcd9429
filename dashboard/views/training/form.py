"""The form that starts a training: the main settings, and all others under “More settings”."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import streamlit as st

from brainseg.backends import check_keras
from brainseg.cohort import Cohort
from brainseg.cohort.splits import too_few_patients
from brainseg.errors import BrainsegError, MissingPackageError
from brainseg.exports import png_bytes
from brainseg.imaging import contour
from brainseg.people import OWNER
from brainseg.preprocessing import context_channel
from brainseg.storage import state_dir, usual_state_dir
from brainseg.training import jobs
from brainseg.training.augmentation_preview import augmented_slices
from brainseg.training.command import command_of
from brainseg.training.config import SettingsError, TrainingConfig
from brainseg.training.runs import Run
from brainseg.volume import SEQUENCES
from dashboard.shared import cache, keys, signing_in, source_code, url_state, widgets

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

NOT_ASKED = ("data", "label", "sequences", "rate_restarts")
"""Settings without a usual field: the page's own cohort, its labels and sequences, and a list that only
a settings file can contain."""

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


PREVIEWED = 5
"""Number of augmented variations in the preview."""

_DRAWN = "_augmentation drawn"
_LABEL, _SEQUENCES = "setting_label", "setting_sequences"


def fill_in(settings: Mapping[str, object]) -> None:
    """Fill the form with these settings and defaults for the others; for ``on_click``."""
    for setting in _asked():
        value = settings.get(setting.name, setting.default)
        kind = cast(type, setting.type)
        if isinstance(value, kind) or (kind is float and isinstance(value, int)):
            st.session_state[_key(setting.name)] = kind(value)
    st.session_state[_LABEL] = str(settings.get("label", ""))
    chosen = settings.get("sequences", ())
    st.session_state[_SEQUENCES] = [*chosen] if isinstance(chosen, list | tuple) else []
    url_state.put(**{keys.VIEW: START})


def draw(cohort: Cohort, running: Run | None) -> None:
    """Draw the form; it starts nothing while another training is running."""
    st.markdown(
        f"Trains on the cases of **{widgets.plain(cohort.root.name)}** on this server. Runs in the "
        "background; you can leave this page."
    )
    if signing_in.lacks(OWNER, "train"):
        return
    ready = _can_train()
    _presets()
    ranges = TrainingConfig.ranges(_values())
    asked = {setting.name: setting for setting in _asked()}
    with st.container(border=True):
        with st.grid(columns=4, min_column_width=170) as fields:
            for name in MAIN:
                _field(asked.pop(name), ranges[name])
            if cohort.labels:
                _label_field(cohort)
            with fields.cell(column_span=2):
                _sequences_field(cohort)
        with (
            st.expander("More settings", icon=":material/tune:"),
            st.grid(columns=4, min_column_width=170),
        ):
            for setting in asked.values():
                _field(setting, ranges[setting.name])
        config, problems = _checked(cohort)
        _show_problems(problems)
        started = st.button(
            "Start the training",
            type="primary",
            icon=":material/play_arrow:",
            disabled=running is not None or not ready or bool(problems),
            key="start_training_button",
        )
    if running is not None:
        st.caption(
            "Only one training can run at a time: stop the one above, or wait until it ends."
        )
    if config is None:
        return
    if started:
        _start(cohort, config)
    st.caption("The same in a terminal:")
    st.code(_command(cohort, config), language="bash", wrap_lines=True)
    _preview(cohort, config)


def _show_problems(problems: Sequence[str]) -> None:
    if problems:
        bullet = "- " if len(problems) > 1 else ""
        sentences = [f"{bullet}{widgets.sentence(problem)}" for problem in problems]
        st.error("\n".join(sentences), icon=":material/error:")


def _presets() -> None:
    """Draw the buttons that fill the form."""
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


def _values() -> dict[str, Any]:
    """Return the values of the form, the defaults before it is drawn."""
    values: dict[str, Any] = {"sequences": tuple(st.session_state.get(_SEQUENCES, ()))}
    for setting in _asked():
        kind = cast(type, setting.type)
        values[setting.name] = kind(st.session_state.get(_key(setting.name), setting.default))
    return values


def _checked(cohort: Cohort) -> tuple[TrainingConfig | None, list[str]]:
    """Return the settings of the form, or None and everything that is wrong with them."""
    values, problems, config = _values(), [], None
    try:
        label = st.session_state.get(_LABEL, "") if cohort.labels else ""
        config = TrainingConfig.from_settings(values | {"data": str(cohort.root), "label": label})
    except SettingsError as error:
        problems = error.problems
    if refusal := too_few_patients(cohort.slices, max(2, values["folds"])):
        problems = [*problems, refusal]
    return None if problems else config, problems


def _command(cohort: Cohort, config: TrainingConfig) -> str:
    """Return the command that trains with these settings and lists its run on this page."""
    runs = cohort.state_dir / "runs"
    is_usual = state_dir().resolve() == usual_state_dir().resolve()
    local = dataclasses.replace(config, data=source_code.data_folder(cohort.root))
    return command_of(local, None if is_usual or not source_code.is_local() else runs)


def _preview(cohort: Cohort, config: TrainingConfig) -> None:
    """Show a slice as the network may see it in training, on request."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if not st.toggle("Preview augmentation", key="preview_augmentation"):
            return
        st.session_state.setdefault(_DRAWN, 0)
        widgets.button("Draw others", "casino", "draw_others", _draw_others, type="tertiary")
    try:
        cohort = cohort.of_label(config.label or None)
        areas = cohort.slices.groupby("case")["area_px"].sum().sort_values()
        case = cohort.case(str(areas.index[len(areas) // 2]))
        drawn = augmented_slices(case, config, PREVIEWED, st.session_state[_DRAWN])
    except BrainsegError as error:
        widgets.error(error)
        return
    sequences = config.preprocessing.sequences
    shown = widgets.plain(sequences[context_channel(sequences)])
    with st.grid(columns=PREVIEWED + 1, min_column_width=130, gap="small"):
        for number, (plane, mask) in enumerate(drawn):
            title = f"Variation {number}" if number else "Original"
            picture = contour(np.repeat(plane[..., np.newaxis], 3, axis=2), mask)
            with st.container(gap="xsmall"):
                alt = f"{shown} of {case.name} with the outline of its mask: {title.lower()}"
                st.image(png_bytes(picture), width="stretch", alt=alt)
                st.caption(title)
    st.caption(
        f"{shown} of {widgets.plain(case.name)} at {config.size} px with the manual mask. Each slice of "
        f"a batch is varied like this, with strength {config.augmentation:g}."
    )


def _draw_others() -> None:
    st.session_state[_DRAWN] += 1


def _can_train() -> bool:
    """Return whether Keras is installed; where it is not, show how to add it."""
    try:
        check_keras("Training")
    except MissingPackageError as error:
        st.info(str(error), icon=":material/extension:")
        return False
    return True


def _start(cohort: Cohort, config: TrainingConfig) -> None:
    try:
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


def _label_field(cohort: Cohort) -> None:
    """Draw the choice of the label that the network learns."""
    words = ["", *map(cohort.label_words, cohort.labels)]
    if st.session_state.get(_LABEL, "") not in words:  # of a run of another cohort
        st.session_state[_LABEL] = ""
    st.selectbox(
        "Label to learn",
        words,
        key=_LABEL,
        format_func=lambda label: label or "Union of all labels",
        help="The masks that the network learns.",
        persist_state="session",
    )


def _sequences_field(cohort: Cohort) -> None:
    """Draw the choice of the sequences that the network sees: those of the first case."""
    known = [*SEQUENCES, *cache.other_sequences(cohort, cohort.cases[0])]
    chosen = st.session_state.get(_SEQUENCES, [])
    st.session_state[_SEQUENCES] = [name for name in chosen if name in known]
    st.multiselect(
        "Sequences to learn from",
        known,
        key=_SEQUENCES,
        placeholder=", ".join(SEQUENCES),
        help="The network sees these, in this order; without a choice, it sees the three sequences that "
        "are shown. Every case must have them, and so must each case that it predicts.",
        persist_state="session",
    )


def _field(setting: dataclasses.Field, range_: str) -> None:
    """Draw the field of a setting, with its unit and range."""
    name, key, metadata = setting.name, _key(setting.name), setting.metadata
    st.session_state.setdefault(key, setting.default)
    label = name.replace("_", " ").capitalize()
    if metadata["unit"]:
        label += f" ({metadata['unit']})"
    more: dict[str, Any] = {
        "key": key,
        "help": f"{metadata['help']} Range: {range_}.",
        "persist_state": "session",
    }
    if metadata["choices"] == (0, 1):
        st.session_state[key] = bool(st.session_state[key])
        st.checkbox(label, **more)
    elif choices := metadata["choices"]:
        st.selectbox(label, choices, format_func=lambda choice: choice or "none", **more)
    elif setting.type is int:
        st.number_input(label, step=1, **more)
    elif setting.type is float:
        st.number_input(label, step=10.0**-6, format="%g", **more)
    else:
        st.text_input(label, **more)
