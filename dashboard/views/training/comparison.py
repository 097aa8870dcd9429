"""Comparison of runs: one chart per metric, results, and the settings that differ."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from brainseg.exports import png_bytes
from brainseg.monitoring.comparison import (
    FEWEST_PARALLEL,
    RESULTS,
    common_metrics,
    comparison,
    coordinates,
)
from brainseg.monitoring.curves import NOT_CURVES, groups, in_words
from brainseg.monitoring.snapshot import Snapshot
from brainseg.plotting import curves
from dashboard.shared import keys, url_state, widgets
from dashboard.views.training import monitor

OPENED_WITH = 4
"""Number of newest runs compared by default."""


def draw(choices: Mapping[str, monitor.Shown], labels: dict[str, str]) -> None:
    """Draw the comparison of the chosen runs and logs, by name, the newest first."""
    chosen = _chosen(list(choices), labels)
    if len(chosen) < 2:
        st.info("Choose two or more runs.", icon=":material/compare_arrows:")
    if not chosen:
        return
    snapshots = [monitor.read(choices[name]) for name in chosen]
    for snapshot in snapshots:
        for note in snapshot.notes:
            st.info(widgets.sentence(note), icon=":material/info:")
    table = comparison(snapshots)
    _table(table)
    timed = any(snapshot.history["hours"].notna().any() for snapshot in snapshots)
    drawing = monitor.drawing_controls(timed)
    _curves(snapshots, drawing)
    _parallel(table)
    monitor.look_again([choices[name] for name in chosen], snapshots)


def _chosen(names: list[str], labels: dict[str, str]) -> list[str]:
    default = names[:OPENED_WITH]
    for wrong in url_state.take_several(keys.RUNS, names, default)[:3]:
        st.warning(f"Unknown run “{widgets.plain(wrong)}”.", icon=":material/help:")
    st.multiselect(
        "Runs",
        names,
        key=keys.RUNS,
        format_func=lambda name: labels.get(name, name),
        filter_mode="contains",
        max_selections=curves.MOST_RUNS,
        placeholder="Choose runs to compare",
    )
    url_state.keep_several(keys.RUNS, default)
    return st.session_state[keys.RUNS]


def _table(table: pd.DataFrame) -> None:
    differing = [name for name in table.columns if name not in RESULTS]
    shown = table.copy()
    shown.insert(0, "line", [_swatch(index) for index in range(len(table))])
    shown["measured"] = shown["measured"].map(in_words, na_action="ignore")
    for name in differing:
        shown[name] = shown[name].map(_setting_in_words)
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="unknown",
        column_config={
            "line": st.column_config.ImageColumn("", width=50),
            "run": "Run",
            "state": "State",
            "epochs_done": "Epochs done",
            "measured": st.column_config.TextColumn("Metric", help="The metric of “Best”."),
            "best": st.column_config.NumberColumn("Best", format="%.3f"),
            "best_epoch": "Best epoch",
            "hours": st.column_config.NumberColumn("Training (h)", format="%.2f"),
        },
    )
    settings = ", ".join(f"`{name}`" for name in differing)
    difference = f"Differing settings: {settings}." if differing else "All settings are the same."
    if len(table) > 1:
        st.caption(f"{difference} Shared settings are not listed.")
    widgets.csv_button(table, "compared_runs")


def _setting_in_words(value: object) -> str | None:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return None if value is None else str(value) or "default"


def _swatch(index: int) -> str:
    """Return the line of a run in the charts as a small picture, for the table."""
    line = curves.run_line(index)
    red, green, blue = (int(line["color"][i : i + 2], 16) for i in (1, 3, 5))
    period = {"solid": (1, 1), "dash": (8, 11), "dot": (2, 5), "dashdot": (6, 8)}[line["dash"]]
    drawn = np.arange(40) % period[1] < period[0]
    picture = np.zeros((12, 40, 4), np.uint8)
    picture[4:8, drawn] = (red, green, blue, 255)
    return curves.data_url(png_bytes(picture))


def _curves(snapshots: list[Snapshot], drawing: curves.Drawing) -> None:
    columns = dict.fromkeys(name for snapshot in snapshots for name in snapshot.history)
    ordered = [column for group in groups(list(columns)) for column in group.columns]
    metrics = common_metrics(snapshots, [name for name in ordered if name not in NOT_CURVES])
    if not metrics:
        st.caption("These runs have no metric in common yet.")
        return
    with st.grid(columns=2, min_column_width=360):
        for column in metrics:
            name = f"compared_{column}"
            widgets.figure(
                curves.overlay(snapshots, column, drawing),
                name,
                alt=f"{in_words(column)} of {len(snapshots)} runs: "
                + "; ".join(_last(snapshot, column) for snapshot in snapshots),
                **monitor.draggable(name, snapshots, drawing),
            )
    st.caption(
        "Colour and dash identify the run, as in the table. Drag over a chart to zoom all charts to "
        "those epochs."
    )


def _last(snapshot: Snapshot, column: str) -> str:
    values = snapshot.history.get(column, pd.Series(dtype="float64")).dropna()
    return f"{snapshot.name} " + (f"{values.iloc[-1]:.4g} at the last" if len(values) else "none")


def _parallel(table: pd.DataFrame) -> None:
    parts = coordinates(table)
    if len(parts) < FEWEST_PARALLEL:
        if len(table) > 1:
            st.caption(
                f"With {FEWEST_PARALLEL} or more finished runs, a parallel-coordinates chart relates "
                "settings to results."
            )
        return
    measured = table["measured"].dropna().unique()
    st.header("Settings and results")
    if len(measured) > 1:
        words = " and ".join(in_words(name) for name in measured)
        st.warning(
            f"“best” refers to different metrics ({words}): compare runs with the same metric.",
            icon=":material/warning:",
        )
    widgets.figure(
        curves.parallel(parts),
        "parallel_coordinates",
        alt=f"One line per run ({len(parts)} runs) across {', '.join(parts)}",
        table=parts.reset_index(),
    )
    st.caption("Drag along an axis to select runs; drag an axis name to reorder.")
