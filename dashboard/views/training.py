"""Training: start one, follow it live, compare runs; also those that other programs wrote."""

import streamlit as st

from brainseg import jobs
from brainseg.cohort import Cohort
from brainseg.curves import smoothed, thinned
from brainseg.errors import BrainsegError, RunError
from brainseg.foreign_runs import folders_named, logs_in
from brainseg.runs import Run, list_runs, runs_table
from brainseg.training_warnings import warnings_of
from dashboard import (
    address,
    compared_runs,
    foreign_logs,
    monitoring,
    network_sees,
    run_facts,
    state,
    training_form,
    widgets,
)

MONITOR, COMPARE, START, LOGS = "Monitor", "Compare", training_form.START, "Logs"

HOW_TO_BEGIN = """
There is no training of this cohort yet. Start one here, or from the command line in the folder of the
checkout:

```
python -m brainseg train DATA
```

`DATA` is the folder of cases. Its curves appear on this page while it trains.
"""


def say_running(running: Run) -> None:
    """Say which training goes on, with a way to it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("training now", icon=":material/model_training:", color="blue")
        st.markdown(widgets.plain(running.name), width="content")
        st.button(
            "Show",
            key="show_running",
            icon=":material/visibility:",
            on_click=address.put,
            kwargs={state.RUN: running.name, state.VIEW: None},
            type="tertiary",
        )


def find_running(cohort: Cohort) -> Run | None:
    """Return the training that goes on, also after a restart of the server; None where none does."""
    try:
        return jobs.running(cohort.home / "runs")
    except RunError as error:
        st.warning(widgets.plain(str(error), longest=600), icon=":material/warning:")
        return None


def show_monitor(shown: monitoring.Shown) -> None:
    """Draw one training."""
    snapshot = monitoring.read(shown)
    monitoring.standing(shown, snapshot)
    if snapshot.history.empty:
        st.caption(f"The curves appear after the first {snapshot.unit}.")
    else:
        drawing = monitoring.drawing_controls(bool(snapshot.history["hours"].notna().any()))
        monitoring.draw_curves(snapshot, drawing)
    if isinstance(shown, Run):
        st.fragment(network_sees.draw)(shown, snapshot.best_epoch)
        run_facts.draw(shown, snapshot)


st.title("Training")
cohort = widgets.open_cohort()
runs = list_runs(cohort.home / "runs")
logs = logs_in([monitoring.logs_folder(cohort.home), *folders_named()])
choices: dict[str, monitoring.Shown] = {run.name: run for run in runs}
choices |= {log.name: log for log in logs}
table = runs_table(runs)
labels = dict(zip(table["run"], table["run"] + " · " + table["state"], strict=True))
labels |= {log.name: f"{log.name} · {log.kind}" for log in logs}

view = widgets.choice(
    "View",
    state.VIEW,
    (MONITOR, COMPARE, START, LOGS),
    MONITOR if choices else START,
    label_visibility="collapsed",
)
running, shown = find_running(cohort), None
place = st.container()
try:
    if view == START:
        if not choices:
            st.info(HOW_TO_BEGIN, icon=":material/show_chart:")
        training_form.draw(cohort, running)
    elif view == LOGS:
        foreign_logs.draw(monitoring.logs_folder(cohort.home), logs)
    elif not choices:
        st.info(HOW_TO_BEGIN, icon=":material/show_chart:")
    elif view == COMPARE:
        compared_runs.draw(choices, labels)
    else:
        shown = choices[monitoring.picker(list(choices), labels)]
        show_monitor(shown)
except BrainsegError as error:
    widgets.refuse(error)

if running is not None and (shown is None or shown.name != running.name):
    with place:
        say_running(running)
if runs and view in (MONITOR, COMPARE):
    run_facts.draw_all(table)
widgets.tumour_means()
widgets.code(warnings_of, smoothed, thinned)
