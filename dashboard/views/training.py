"""Training: the runs there are and how the chosen one went, live while it trains."""

import pandas as pd
import streamlit as st

from brainseg.errors import RunError
from brainseg.runs import (
    ACTIVE,
    Run,
    list_runs,
    runs_table,
    seconds_left,
    silent_for,
    stopped_early,
)
from dashboard import address, model_charts, models, state, widgets

LOOKS_AGAIN_AFTER = "5s"

HOW_TO_TRAIN = """
There is no training of this cohort yet. Start one from the command line, in the folder of the checkout:

```
python -m brainseg train DATA
```

`DATA` is the folder of cases, and `python -m brainseg train --settings` lists what can be set. This
page then shows its curves while it trains.
"""


def sentence(status: dict, config: dict, history: pd.DataFrame) -> str:
    """Return in words how far a run is, its best epoch, and what is to come."""
    epochs = f"epoch {status['epoch']} of {config['epochs']}"
    best = "no epoch has been scored yet"
    if status["best_epoch"] is not None:
        best = (
            f"best validation Dice **{status['best_dice']:.3f}**, at epoch {status['best_epoch']}"
        )
    match status["state"]:
        case "starting":
            return "**Starting**: the cases are being read."
        case "training":
            left = seconds_left(history, config["epochs"])
            time_left = "" if left is None else f" At most {models.duration(left)} left."
            return f"**Training**: {epochs}, {best}.{time_left}"
        case "finished" if stopped_early(status, config):
            waited = status["epoch"] - (status["best_epoch"] or 0)
            return (
                f"**Finished, stopped early** at {epochs}: {best}, and {waited} epochs after it "
                "brought nothing better."
            )
        case "finished":
            return f"**Finished** after all {config['epochs']} epochs: {best}."
        case "stopped":
            return f"**Stopped** at {epochs}: {best}."
        case _:
            why = widgets.plain(status["message"], longest=600)
            return f"**Failed** at {epochs}: {best}. {why}"


def show_progress(run: Run) -> None:
    """Draw what changes while a run trains; reads two small files."""
    try:
        status, config, history = run.status(), run.config(), run.history()
        told = sentence(status, config, history)
    except RunError as error:
        widgets.refuse(error)
    st.markdown(told)
    if status["state"] in ACTIVE:
        st.progress(min(1.0, status["epoch"] / config["epochs"]))
        if silence := silent_for(status, history):
            st.warning(
                f"Nothing was heard of this training for {models.duration(silence.total_seconds())}: "
                "it may have been killed.",
                icon=":material/hourglass_disabled:",
            )
            say_how_to_resume(run)
    elif status["state"] in ("stopped", "failed"):
        say_how_to_resume(run)
    if history.empty:
        st.caption("The curves appear after the first epoch.")
    else:
        show_curves(run, status, config, history)
    # The timer belongs to the run of the whole page, so the page ends it.
    if status["state"] not in ACTIVE and st.session_state.get(LIVE):
        st.session_state[LIVE] = False
        st.rerun()


def say_how_to_resume(run: Run) -> None:
    """Show the command that goes on with a run."""
    st.markdown("To go on after its last whole epoch:")
    st.code(f"python -m brainseg train DATA --resume {run.path}", language="bash")


def show_curves(run: Run, status: dict, config: dict, history: pd.DataFrame) -> None:
    """Draw loss, validation Dice and learning rate by epoch."""
    early = status["epoch"] if stopped_early(status, config) else None
    with st.grid(columns=3, min_column_width=280):
        for column, title in model_charts.TRAINING_TITLES.items():
            last = history[column].iloc[-1]
            widgets.figure(
                model_charts.training_curve(history, column, status["best_epoch"], early),
                f"training_{column}",
                alt=f"{title} of {run.name} over {len(history)} epochs; the last is {last:.4g}",
            )
    legend = ":orange[★] best epoch, whose weights are kept"
    st.caption(legend + (" · dotted line: stopped early" if early else ""))
    widgets.csv_button(history, "training_history")


def show_fold(run: Run) -> None:
    """Draw which cases the run learns from, is selected on, and never reads."""
    fold = run.fold()
    parts = {"Trained on": "trained_on", "Selected on": "selected_on", "Held out": "held_out"}
    st.caption(f"Fold {fold.get('number', 'unknown')}, split by patient")
    with st.grid(columns=3, min_column_width=100):
        for label, part in parts.items():
            st.metric(label, len(fold[part]))
    st.caption(
        "Validation Dice is the mean by case over the cases selected on, at threshold 0.5. They choose "
        "the epoch and the threshold, so it is not the score on unseen cases: those held out are not "
        "even read in training."
    )
    st.page_link(state.EVALUATION, label="Scores on held-out cases", icon=":material/scoreboard:")
    with st.expander("The cases of each part", icon=":material/list:"):
        for label, part in parts.items():
            st.caption(label)
            st.dataframe(pd.DataFrame({"case": fold[part]}), hide_index=True, height=180)


def show_config(run: Run) -> None:
    """Draw every setting of a run."""
    settings = pd.DataFrame(
        [(name, str(value)) for name, value in run.config().items()], columns=["setting", "value"]
    )
    st.dataframe(settings, hide_index=True, height=360)


LIVE = "_training_live"

st.title("Training")
cohort = widgets.open_cohort()
runs = list_runs(cohort.home / "runs")
if not runs:
    st.info(HOW_TO_TRAIN, icon=":material/show_chart:")
    st.stop()

names = [run.name for run in runs]
wrong = address.take(state.RUN, names, names[0])
if wrong is not None:
    st.warning(
        f"There is no run “{widgets.plain(wrong)}” of this cohort: here is the newest.",
        icon=":material/help:",
    )
st.selectbox("Run", names, key=state.RUN, filter_mode="contains", width=420)
address.keep(state.RUN, names, names[0])
run = Run(cohort.home / "runs" / st.session_state[state.RUN])

table = runs_table(runs)
chosen = table[table["run"] == run.name].iloc[0]
st.session_state[LIVE] = chosen["state"] in ACTIVE
again_after = LOOKS_AGAIN_AFTER if st.session_state[LIVE] else None
st.fragment(show_progress, run_every=again_after)(run)

grid = st.grid(columns=2, min_column_width=380, gap="medium")
try:
    with grid.cell():
        st.subheader("Cases")
        show_fold(run)
    with grid.cell():
        st.subheader("Settings")
        show_config(run)
except RunError as error:
    widgets.refuse(error)

st.subheader("All runs of this cohort")
st.dataframe(
    table,
    hide_index=True,
    placeholder="none",
    column_config={
        "best_dice": st.column_config.NumberColumn("best validation Dice", format="%.3f"),
        "best_epoch": "best epoch",
        "epochs": st.column_config.NumberColumn("epochs", help="At the most."),
        "started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
    },
)
widgets.tumour_means()
widgets.code(seconds_left, stopped_early)
