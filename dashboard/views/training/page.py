"""Training: start a run, follow it live, compare runs, and import logs of other tools."""

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, RunError
from brainseg.monitoring.external_logs import configured_folders, find_logs
from brainseg.training import jobs
from brainseg.training.runs import Run, list_runs, runs_table
from dashboard.shared import keys, url_state, widgets
from dashboard.views.training import (
    comparison,
    external_logs,
    facts,
    form,
    monitor,
    own_models,
    previews,
    use,
)

MONITOR, COMPARE, START, LOGS, MODELS = "Monitor", "Compare", form.START, "Logs", "Models"

HOW_TO_BEGIN = (
    "No training runs yet. Start one {where}, or in a terminal; the quick preset takes about two "
    "minutes. The curves appear on this page during training."
)


def show_running(running: Run) -> None:
    """Show which training is running, with a button that opens it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("training now", icon=":material/model_training:", color="blue")
        st.markdown(widgets.plain(running.name), width="content")
        st.button(
            "Show",
            key="show_running",
            icon=":material/visibility:",
            on_click=url_state.put,
            kwargs={keys.RUN: running.name, keys.VIEW: None},
            type="tertiary",
        )


CODE = """
import matplotlib.pyplot as plt

from brainseg.training.runs import Run

run = Run.open(cohort.state_dir / "runs" / {run!r})
history = run.history()
figure, axis = plt.subplots()
axis.plot(history["epoch"], history["validation_dice"])
axis.set_xlabel("Epoch")
axis.set_ylabel("Validation Dice")
figure
"""


def find_running(cohort: Cohort) -> Run | None:
    """Return the running training, also after a restart of the server, or None."""
    try:
        return jobs.running(cohort.state_dir / "runs")
    except RunError as error:
        st.warning(widgets.sentence(error), icon=":material/warning:")
        return None


def show_monitor(cohort: Cohort, shown: monitor.Shown) -> None:
    """Draw one training."""
    snapshot = monitor.read(shown)
    monitor.status(shown, snapshot)
    if isinstance(shown, Run):
        use.draw(cohort, shown, snapshot)
    if snapshot.history.empty:
        st.caption(f"The curves appear after the first {snapshot.unit}.")
    else:
        drawing = monitor.drawing_controls(bool(snapshot.history["hours"].notna().any()))
        monitor.draw_curves(snapshot, drawing)
    if isinstance(shown, Run):
        st.fragment(previews.draw)(shown, snapshot.best_epoch)
        facts.draw(shown, snapshot)


st.title("Training")
cohort = widgets.open_cohort(with_label=False)
imported, runs = cohort.state_dir / "logs", list_runs(cohort.state_dir / "runs")
logs = find_logs([imported, *configured_folders()])
choices: dict[str, monitor.Shown] = {run.name: run for run in runs}
choices |= {log.name: log for log in logs}
table = runs_table(runs)
labels = dict(zip(table["run"], table["run"] + " · " + table["state"], strict=True))
labels |= {log.name: f"{log.name} · {log.kind}" for log in logs}

view = widgets.choice(
    "View",
    keys.VIEW,
    (MONITOR, COMPARE, START, LOGS, MODELS),
    MONITOR if choices else START,
    label_visibility="collapsed",
)
running, shown = find_running(cohort), None
place = st.container()
use.show_messages()
try:
    if view == START:
        if not choices:
            st.info(HOW_TO_BEGIN.format(where="below"), icon=":material/show_chart:")
        form.draw(cohort, running)
    elif view == LOGS:
        external_logs.draw(imported, logs)
    elif view == MODELS:
        own_models.draw()
    elif not choices:
        st.info(HOW_TO_BEGIN.format(where="under “Start”"), icon=":material/show_chart:")
    elif view == COMPARE:
        comparison.draw(choices, labels)
    else:
        shown = choices[monitor.picker(list(choices), labels)]
        show_monitor(cohort, shown)
except BrainsegError as error:
    widgets.refuse(error)

if running is not None and (shown is None or shown.name != running.name):
    with place:
        show_running(running)
if runs and view in (MONITOR, COMPARE):
    facts.draw_all(table)
widgets.tumour_means(cohort)
if isinstance(shown, Run):
    widgets.code(CODE.format(run=shown.name), cohort)
