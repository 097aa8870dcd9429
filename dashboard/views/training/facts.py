"""Details of a run: cases by part, settings, environment and event log."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st

from brainseg.errors import RunError
from brainseg.monitoring.snapshot import Snapshot
from brainseg.training.runs import Run
from dashboard.shared import keys, widgets

PARTS = {"Training": "trained_on", "Validation": "selected_on", "Held out": "held_out"}


def draw(run: Run, snapshot: Snapshot) -> None:
    """Draw cases, settings, events and environment of a run."""
    grid = st.grid(columns=2, min_column_width=380, gap="medium")
    with grid.cell(), _shown_if_damaged():
        st.header("Cases")
        _draw_fold(run.fold())
    with grid.cell():
        st.header("Settings")
        settings = [(name, str(value)) for name, value in snapshot.config.items()]
        rows = pd.DataFrame(settings, columns=["setting", "value"])
        st.dataframe(rows, hide_index=True, height=360)
    grid = st.grid(columns=2, min_column_width=380, gap="medium")
    with grid.cell():
        _draw_events(snapshot.events)
    with grid.cell(), _shown_if_damaged():
        if about := run.about():
            st.header("Environment")
            rows = pd.DataFrame(_rows(about), columns=["name", "value"])
            st.dataframe(rows, hide_index=True, height=360)


@contextmanager
def _shown_if_damaged() -> Iterator[None]:
    try:
        yield
    except RunError as error:
        st.info(widgets.sentence(error), icon=":material/info:")


def draw_all(table: pd.DataFrame) -> None:
    """Draw the table of :func:`brainseg.training.runs.runs_table`."""
    st.header("All runs of this cohort")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="none",
        column_config={
            "best_dice": st.column_config.NumberColumn("best validation Dice", format="%.3f"),
            "best_epoch": "best epoch",
            "epochs": st.column_config.NumberColumn("epochs", help="Maximum number of epochs."),
            "started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
    )


def _draw_fold(fold: Mapping[str, Any]) -> None:
    st.caption(f"Fold {fold.get('number', 'unknown')}, split by patient")
    with st.grid(columns=3, min_column_width=100):
        for label, part in PARTS.items():
            st.metric(label, len(fold[part]))
    st.caption(
        "Validation Dice is the mean over the validation cases at threshold 0.5. They choose the epoch "
        "and the threshold, so it is not the score on unseen cases. Held-out cases are not read in "
        "training."
    )
    widgets.link(keys.EVALUATION, "Scores on held-out cases", "scoreboard")
    with st.expander("Cases of each part", icon=":material/list:"):
        for label, part in PARTS.items():
            st.caption(label)
            st.dataframe(pd.DataFrame({"case": fold[part]}), hide_index=True, height=180)


def _draw_events(events: pd.DataFrame) -> None:
    if events.empty:
        return
    st.header("Event log")
    at = pd.to_datetime(events["at"], utc=True, format="ISO8601", errors="coerce")
    st.dataframe(
        events.assign(at=at.dt.strftime("%Y-%m-%d %H:%M:%S")),
        hide_index=True,
        placeholder="",
        column_config={
            "epoch": st.column_config.NumberColumn("after epoch"),
            "at": st.column_config.TextColumn("at (UTC)"),
        },
    )


def _rows(facts: Mapping[str, object], of: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in facts.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{name}: ")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            rows.append((of + name, "unknown" if value is None else text))
    return rows
