"""Parts of the monitor: which training, how it stands, how its curves are drawn, and the curves."""

import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from brainseg.errors import BrainsegError
from brainseg.monitoring.curves import groups, in_words
from brainseg.monitoring.external_logs import Log
from brainseg.monitoring.readers import RunReader
from brainseg.monitoring.snapshot import Snapshot, sentence
from brainseg.plotting import curves
from brainseg.plotting.curves import EPOCHS, LINEAR, LOG, TIME, Drawing
from brainseg.timing import duration
from brainseg.training import jobs
from brainseg.training.runs import KILLED, Run
from dashboard.shared import cache, keys, url_state, widgets
from dashboard.views.training import form

LOOKS_AGAIN_AFTER_S = 2.0
"""While a training goes on; a look reads what its files gained."""

LOOKS_AGAIN_AT_REST_AFTER_S = 5.0
"""A log never says whether it still grows, and a run that rests may be gone on with from elsewhere."""

STOP, RESUME = "Stop", "Resume"

CAN_GO_ON = ("stopped", "failed", KILLED)

SMOOTHINGS = range(0, 96, 5)
LAST = (0, 1000, 300, 100, 30)

STATE_LOOKS = {
    "starting": ("blue", ":material/hourglass_top:"),
    "training": ("blue", ":material/model_training:"),
    "finished": ("green", ":material/check_circle:"),
    "stopped": ("orange", ":material/pause_circle:"),
    "failed": ("red", ":material/error:"),
    KILLED: ("red", ":material/cancel:"),
    "damaged": ("red", ":material/broken_image:"),
}

Shown = Run | Log
"""What the monitor can show."""

_ASKED = "_monitor asked"
_FAILED = "_monitor failed"


def read(shown: Shown) -> Snapshot:
    """Return what is known of a training now; only what its files gained is read."""
    if isinstance(shown, Run):
        return cache.run_follower(str(shown.path)).read()
    return cache.log_follower(shown.name, str(shown.path), shown.kind).read()


def follower_of(run: Run) -> RunReader:
    """Return the follower of a run that all visitors share."""
    return cache.run_follower(str(run.path))


def picker(choices: Sequence[str], labels: dict[str, str]) -> str:
    """Return the name of the training that the person chose, here or in the address.

    Args:
        choices: names of runs and logs, the default first.
        labels: name -> what the picker says beside it.
    """
    wrong = url_state.take(keys.RUN, choices, choices[0])
    if wrong is not None:
        st.warning(
            f"There is no run “{widgets.plain(wrong)}” of this cohort: here is "
            f"{widgets.plain(choices[0])}.",
            icon=":material/help:",
        )
    st.selectbox(
        "Run",
        choices,
        key=keys.RUN,
        format_func=lambda name: labels.get(name, name),
        filter_mode="contains",
        width=520,
    )
    url_state.keep(keys.RUN, choices, choices[0])
    return st.session_state[keys.RUN]


def look_again(shown: Sequence[Shown], drawn: Sequence[Snapshot]) -> None:
    """Draw the page again when one of these has changed; a look every few seconds, and nothing to see.

    Args:
        shown: runs and logs.
        drawn: what the page draws, in the same order.
    """
    versions = [snapshot.version for snapshot in drawn]
    st.fragment(_look, run_every=LOOKS_AGAIN_AT_REST_AFTER_S)(shown, versions)


def _look(shown: Sequence[Shown], versions: Sequence[int]) -> None:
    if [read(one).version for one in shown] != list(versions):
        url_state.draw_again()


def standing(shown: Shown, drawn: Snapshot) -> None:
    """Draw how a training stands and what can be done, and look again every few seconds.

    Args:
        shown: the run or the log.
        drawn: what the page draws its curves from; where more is known, the page is drawn again.
    """
    goes_on = drawn.is_active and isinstance(shown, Run)
    again = LOOKS_AGAIN_AFTER_S if goes_on else LOOKS_AGAIN_AT_REST_AFTER_S
    st.fragment(_standing, run_every=again)(shown, drawn.version)


def _standing(shown: Shown, version: int) -> None:
    if isinstance(shown, Run):
        _do_what_was_asked(shown)
    snapshot = read(shown)
    if snapshot.version != version:
        url_state.draw_again()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if snapshot.state is not None:
            colour, icon = STATE_LOOKS[snapshot.state]
            st.badge(snapshot.state, icon=icon, color=colour)
        st.markdown(widgets.plain(sentence(snapshot), longest=700), width="content")
    if snapshot.is_active and snapshot.config:
        _progress(snapshot)
    for warning in snapshot.warnings:
        st.warning(
            f"**{warning.kind.capitalize()}**, since {snapshot.unit} {warning.epoch}. "
            + widgets.plain(warning.message, longest=600),
            icon=":material/warning:",
        )
    if snapshot.silence_s is not None:
        st.warning(
            f"Nothing was heard of this training for {duration(snapshot.silence_s)}: it may have been "
            "killed, or its machine is off.",
            icon=":material/hourglass_disabled:",
        )
    for note in snapshot.notes:
        st.info(widgets.plain(note, longest=600), icon=":material/info:")
    if isinstance(shown, Run):
        _actions(shown, snapshot)


def _progress(snapshot: Snapshot) -> None:
    status, config = snapshot.status, snapshot.config
    begun = (status.get("step") or 0) / config.get("steps_per_epoch", 1)
    done = (status.get("epoch", 0) + begun) / config["epochs"]
    told = [f"{done:.0%}"]
    if status.get("slices_per_second"):
        told.append(f"{status['slices_per_second']:.0f} slices/s")
    if status.get("memory_mb"):
        told.append(f"{status['memory_mb'] / 1024:.1f} GiB")
    st.progress(min(1.0, max(0.0, done)), " · ".join(told))


def _actions(run: Run, snapshot: Snapshot) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if snapshot.is_active and run.is_alive():
            _button(STOP, "stop", run)
        if snapshot.state in CAN_GO_ON:
            _button(RESUME, "play_arrow", run)
        if snapshot.config and st.button(
            "New training with these settings",
            icon=":material/content_copy:",
            key="training_again",
            on_click=form.fill_in,
            args=(dict(snapshot.config),),
            type="tertiary",
        ):
            st.rerun()  # of the whole page, for the form is no part of this fragment
    if snapshot.state in CAN_GO_ON:
        with st.expander("Resume from a terminal", icon=":material/terminal:"):
            st.code(f"python -m brainseg train DATA --resume {run.path}", language="bash")


def _button(label: str, icon: str, run: Run) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"training_{label.lower()}",
        type="primary",
        on_click=_ask,
        args=(label, run.name),
    )


def _ask(label: str, run_name: str) -> None:
    """Remember a click: an epoch that ends just then draws the page again before its button."""
    st.session_state[_ASKED] = label, run_name
    st.session_state.pop(_FAILED, None)


def _do_what_was_asked(run: Run) -> None:
    """Stop or resume where that was asked, say in one sentence where it failed, draw the page again."""
    label, run_name = st.session_state.pop(_ASKED, (None, None))
    if run_name == run.name:
        says, work = {
            STOP: ("Stopping: it ends its batch and keeps its state.", jobs.stop),
            RESUME: ("Going on where it ended.", jobs.resume),
        }[label]
        try:
            with st.spinner(says):
                work(run)
        except BrainsegError as error:
            st.session_state[_FAILED] = run.name, str(error)
        else:
            st.rerun()
    failed_run, why = st.session_state.get(_FAILED, (None, ""))
    if failed_run == run.name:
        st.error(widgets.plain(why, longest=600), icon=":material/error:")


def drawing_controls(timed: bool) -> Drawing:
    """Return how the person wants curves drawn, here or in the address.

    Args:
        timed: whether anything tells how long the epochs took.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        url_state.take(keys.SMOOTHING, SMOOTHINGS, 0)
        st.slider(
            "Smoothing",
            SMOOTHINGS[0],
            SMOOTHINGS[-1],
            step=SMOOTHINGS.step,
            format="%d %%",
            key=keys.SMOOTHING,
            width=180,
            help="An exponential moving average over the curve as it is, which stays behind it. At "
            "60 % each epoch weighs 0.4, and the one before 0.6 times as much.",
        )
        url_state.keep(keys.SMOOTHING, SMOOTHINGS, 0)
        scale = widgets.choice("Scale", keys.SCALE, (LINEAR, LOG), LINEAR)
        ways = (EPOCHS, TIME) if timed else (EPOCHS,)
        by = widgets.choice("Along", keys.BY, ways, EPOCHS) if timed else EPOCHS
        url_state.take(keys.LAST, LAST, 0)
        st.selectbox(
            "Show",
            LAST,
            key=keys.LAST,
            format_func=lambda last: f"the last {last}" if last else "all epochs",
            width=150,
        )
        url_state.keep(keys.LAST, LAST, 0)
        epochs = _chosen_epochs()
        if epochs is not None:
            st.button(
                f"Epochs {epochs[0]} to {epochs[1]}: show all",
                icon=":material/zoom_out:",
                key="epochs_all",
                on_click=url_state.put,
                kwargs={keys.EPOCHS: None},
            )
    strength, last = st.session_state[keys.SMOOTHING] / 100, st.session_state[keys.LAST]
    return Drawing(strength, scale, by, last, epochs)


def _chosen_epochs() -> tuple[int, int] | None:
    """Return the first and the last epoch that the address asks for; None of what is no range."""
    asked = re.fullmatch(r"(\d{1,9})\.\.(\d{1,9})", st.query_params.get(keys.EPOCHS, ""), re.ASCII)
    if asked is None or int(asked[1]) > int(asked[2]):
        return None
    return int(asked[1]), int(asked[2])


def draggable(name: str, snapshots: Sequence[Snapshot], drawing: Drawing) -> dict:
    """Return what makes a drag over a chart show these epochs alone, in all charts of the page.

    The range stands in the address, and so outlives each update of the charts.

    Args:
        name: of the chart, as for :func:`dashboard.shared.widgets.figure`.
        snapshots: that the chart shows.
        drawing: how it is drawn.
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
    """Draw a chart a metric, and offer the numbers."""
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
    what = "whose weights are kept" if snapshot.status else "by the score named above"
    st.caption(
        f":green[★] best {snapshot.unit}, {what}. Drag over a chart to show those {snapshot.unit}s "
        "alone, in all charts, also while more are added."
    )
    widgets.csv_button(history, "training_history")


def logs_folder(home: Path) -> Path:
    """Return where a cohort keeps the logs that a person added."""
    return home / "logs"
