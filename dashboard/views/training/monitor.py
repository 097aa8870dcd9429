"""The training monitor: run picker, status and actions, curve controls and curves."""

import re
import shlex
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from brainseg.errors import BrainsegError
from brainseg.monitoring.curves import groups, in_words
from brainseg.monitoring.external_logs import Log
from brainseg.monitoring.snapshot import Snapshot, sentence
from brainseg.people import OWNER
from brainseg.plotting import curves
from brainseg.plotting.curves import EPOCHS, LINEAR, LOG, TIME, Drawing
from brainseg.timing import duration
from brainseg.training import jobs
from brainseg.training.runs import KILLED, Run
from dashboard.shared import cache, keys, signing_in, url_state, widgets
from dashboard.views.training import form

REFRESH_S = 2.0
"""Interval of updates while a training runs; an update reads only what was appended to its files."""

IDLE_REFRESH_S = 5.0
"""Interval of updates otherwise: a log may still grow, and a run may be resumed elsewhere."""

STOP, RESUME = "Stop", "Resume"

CAN_RESUME = ("stopped", "failed", KILLED)

SMOOTHINGS = range(0, 96, 5)
LAST = (0, 1000, 300, 100, 30)

STATE_BADGES: dict[str, tuple[Literal["blue", "green", "orange", "red"], str]] = {
    "starting": ("blue", ":material/hourglass_top:"),
    "training": ("blue", ":material/model_training:"),
    "finished": ("green", ":material/check_circle:"),
    "stopped": ("orange", ":material/pause_circle:"),
    "failed": ("red", ":material/error:"),
    KILLED: ("red", ":material/cancel:"),
    "damaged": ("red", ":material/broken_image:"),
}

Shown = Run | Log
"""A run or a log."""

_ASKED = "_monitor asked"
_FAILED = "_monitor failed"


def read(shown: Shown) -> Snapshot:
    """Return the current state of a training; reads only what was appended to its files."""
    if isinstance(shown, Run):
        return cache.run_reader(str(shown.path)).read()
    return cache.log_reader(shown.name, str(shown.path), shown.kind).read()


def picker(choices: Sequence[str], labels: dict[str, str]) -> str:
    """Return the name of the chosen run or log; the first is the default."""
    return widgets.select(
        "Run",
        keys.RUN,
        choices,
        choices[0],
        format_func=lambda name: labels.get(name, name),
        filter_mode="contains",
        width=520,
    )


def look_again(shown: Sequence[Shown], drawn: Sequence[Snapshot]) -> None:
    """Redraw the page when one of these differs from its snapshot; checks every few seconds."""
    versions = [snapshot.version for snapshot in drawn]
    st.fragment(_look, run_every=IDLE_REFRESH_S)(shown, versions)


def _look(shown: Sequence[Shown], versions: Sequence[int]) -> None:
    if [read(one).version for one in shown] != versions:
        url_state.draw_again()


def status(shown: Shown, drawn: Snapshot) -> None:
    """Draw the status of a training and its actions; updates every few seconds.

    A snapshot newer than that of the curves on the page redraws the page.
    """
    is_running = drawn.is_active and isinstance(shown, Run)
    interval_s = REFRESH_S if is_running else IDLE_REFRESH_S
    st.fragment(_status, run_every=interval_s)(shown, drawn.version)


def _status(shown: Shown, version: int) -> None:
    if isinstance(shown, Run):
        _carry_out_request(shown)
    snapshot = read(shown)
    if snapshot.version != version:
        url_state.draw_again()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if snapshot.state is not None:
            colour, icon = STATE_BADGES[snapshot.state]
            st.badge(snapshot.state, icon=icon, color=colour)
        st.markdown(widgets.plain(sentence(snapshot), longest=700), width="content")
    if snapshot.is_active and snapshot.config:
        _progress(snapshot)
    for warning in snapshot.warnings:
        draw = st.error if warning.severe else st.warning
        draw(
            f"**{warning.kind.capitalize()}**, since {snapshot.unit} {warning.epoch}. "
            + widgets.sentence(warning.message),
            icon=":material/warning:",
        )
    if snapshot.silence_s is not None:
        st.warning(
            f"This training has not reported for {duration(snapshot.silence_s)}: it may have been "
            "killed, or its machine may be off.",
            icon=":material/hourglass_disabled:",
        )
    for note in snapshot.notes:
        st.info(widgets.sentence(note), icon=":material/info:")
    if isinstance(shown, Run):
        _actions(shown, snapshot)


def _progress(snapshot: Snapshot) -> None:
    status, config = snapshot.status, snapshot.config
    current = (status.get("step") or 0) / config.get("steps_per_epoch", 1)
    done = (status.get("epoch", 0) + current) / config["epochs"]
    parts = [f"{done:.0%}"]
    if status.get("slices_per_second"):
        parts.append(f"{status['slices_per_second']:.0f} slices/s")
    if status.get("memory_mb"):
        parts.append(f"{status['memory_mb'] / 1024:.1f} GiB")
    st.progress(min(1.0, max(0.0, done)), " · ".join(parts))


def _actions(run: Run, snapshot: Snapshot) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, is_possible in (
            (STOP, "stop", snapshot.is_active and run.is_alive()),
            (RESUME, "play_arrow", snapshot.state in CAN_RESUME),
        ):
            if is_possible and not signing_in.lacks(OWNER, f"{label.lower()} a training"):
                st.button(
                    label,
                    icon=f":material/{icon}:",
                    key=f"training_{label.lower()}",
                    type="primary",
                    on_click=_ask,
                    args=(label, run.name),
                )
        if snapshot.config and st.button(
            "New training with these settings",
            icon=":material/content_copy:",
            key="training_again",
            on_click=form.fill_in,
            args=(dict(snapshot.config),),
            type="tertiary",
        ):
            st.rerun()  # redraws the whole page: the form is outside this fragment
    if snapshot.state in CAN_RESUME:
        with st.expander("Resume from a terminal", icon=":material/terminal:"):
            command = f"python -m brainseg train --resume {shlex.quote(str(run.path))}"
            st.code(command, language="bash", wrap_lines=True)


def _ask(label: str, run_name: str) -> None:
    """Remember a click, as an epoch that ends at that moment redraws the page before its button."""
    st.session_state[_ASKED] = label, run_name
    st.session_state.pop(_FAILED, None)


def _carry_out_request(run: Run) -> None:
    """Stop or resume a run if requested and redraw the page, or show why it failed."""
    label, run_name = st.session_state.pop(_ASKED, (None, None))
    if run_name == run.name:
        try:
            if label == STOP:
                with st.spinner("Stopping after the current batch and saving its state"):
                    jobs.stop(run)
            else:
                with st.spinner("Resuming from the last saved state"):
                    jobs.resume(run)
        except BrainsegError as error:
            st.session_state[_FAILED] = run.name, str(error)
        else:
            st.rerun()
    failed_run, why = st.session_state.get(_FAILED, (None, ""))
    if failed_run == run.name:
        widgets.error(why)


def drawing_controls(timed: bool) -> Drawing:
    """Draw the curve controls, with the time axis if it is known, and return the chosen drawing."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        url_state.take(keys.SMOOTHING, SMOOTHINGS, 0)
        st.slider(
            "Smoothing",
            SMOOTHINGS[0],
            SMOOTHINGS[-1],
            step=SMOOTHINGS.step,
            format="%d%%",
            key=keys.SMOOTHING,
            width=180,
            help="Exponential moving average; the original curve stays visible behind it. At 60% each "
            "epoch weighs 0.4, and earlier epochs 0.6 times as much as the next.",
        )
        url_state.keep(keys.SMOOTHING, SMOOTHINGS, 0)
        scale = widgets.choice("Scale", keys.SCALE, (LINEAR, LOG), LINEAR)
        ways = (EPOCHS, TIME) if timed else (EPOCHS,)
        by = widgets.choice("X axis", keys.BY, ways, EPOCHS) if timed else EPOCHS
        last = widgets.select(
            "Show",
            keys.LAST,
            LAST,
            0,
            noun="number of epochs",
            format_func=lambda count: f"last {count}" if count else "all epochs",
            width=150,
        )
        epochs = _chosen_epochs()
        if epochs is not None:
            st.button(
                f"Show all (now epochs {epochs[0]} to {epochs[1]})",
                icon=":material/zoom_out:",
                key="epochs_all",
                on_click=url_state.put,
                kwargs={keys.EPOCHS: None},
            )
    return Drawing(st.session_state[keys.SMOOTHING] / 100, scale, by, last, epochs)


def _chosen_epochs() -> tuple[int, int] | None:
    """Return the first and last epoch in the address, or None if it has no valid range."""
    asked = re.fullmatch(r"(\d{1,9})\.\.(\d{1,9})", st.query_params.get(keys.EPOCHS, ""), re.ASCII)
    if asked is None or int(asked[1]) > int(asked[2]):
        return None
    return int(asked[1]), int(asked[2])


def draggable(name: str, snapshots: Sequence[Snapshot], drawing: Drawing) -> dict:
    """Return the options of a chart in which a drag zooms all charts to those epochs.

    The range is in the address, so that it survives updates of the charts.
    """
    key = f"{name}_chart"

    def choose() -> None:
        boxes = st.session_state[key].selection.box
        if boxes:
            left, right = sorted(boxes[0]["x"])
            epochs = curves.epochs_between(snapshots, drawing, left, right)
            if epochs is not None:
                url_state.put(**{keys.EPOCHS: f"{epochs[0]}..{epochs[1]}"})

    return {"key": key, "on_select": choose, "selection_mode": "box"}


def draw_curves(snapshot: Snapshot, drawing: Drawing) -> None:
    """Draw one chart per metric, and offer the numbers as CSV."""
    history = snapshot.history
    if history.empty:
        st.caption(f"The curves appear after the first {snapshot.unit}.")
        return
    with st.grid(columns=3, min_column_width=280):
        for group in groups(list(history)):
            last = "; ".join(
                f"{in_words(column)} {history[column].iloc[-1]:.4g} at the last"
                for column in group.columns
            )
            name = f"training_{group.stem}"
            widgets.figure(
                curves.curve(snapshot, group, drawing),
                name,
                alt=f"{group.title} of {snapshot.name} over {len(history)} {snapshot.unit}s: {last}",
                **draggable(name, [snapshot], drawing),
            )
    why = "its weights are saved" if snapshot.status else "by the score named above"
    st.caption(
        f":green[★] best {snapshot.unit} ({why}). Drag over a chart to zoom all charts to those "
        f"{snapshot.unit}s."
    )
    widgets.csv_button(history, "training_history")
