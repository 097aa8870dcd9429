"""Runs side by side: their curves in one chart a metric, their results, their settings that differ."""

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
"""So many of the newest are compared where nothing is chosen."""


def draw(choices: Mapping[str, monitor.Shown], labels: dict[str, str]) -> None:
    """Draw the comparison of the runs that the person chose, here or in the address.

    Args:
        choices: name -> run or log, the newest first.
        labels: name -> what the picker says beside it.
    """
    chosen = _chosen(list(choices), labels)
    if len(chosen) < 2:
        st.info("Choose two runs or more.", icon=":material/compare_arrows:")
    if not chosen:
        return
    snapshots = [monitor.read(choices[name]) for name in chosen]
    for snapshot in snapshots:
        for note in snapshot.notes:
            st.info(widgets.plain(note, longest=600), icon=":material/info:")
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
        st.warning(f"There is no run “{widgets.plain(wrong)}” to compare.", icon=":material/help:")
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
    shown.insert(0, "line", [_swatch(place) for place in range(len(table))])
    for name in differing:
        shown[name] = shown[name].map(lambda value: None if value is None else str(value))
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="not told",
        column_config={
            "line": st.column_config.ImageColumn("", width=50),
            "measured": st.column_config.TextColumn(
                "measured", help="The metric that “best” is of."
            ),
            "best": st.column_config.NumberColumn(format="%.4f"),
            "epochs_done": "epochs done",
            "best_epoch": "best epoch",
            "hours": st.column_config.NumberColumn("training (h)", format="%.2f"),
        },
    )
    settings = ", ".join(f"`{name}`" for name in differing)
    told = f"The settings differ in {settings}." if differing else "Their settings are the same."
    if len(table) > 1:
        st.caption(f"{told} Settings that all runs share are not listed.")
    widgets.csv_button(table, "compared_runs")


def _swatch(place: int) -> str:
    """Return the line of a run in the charts as a small picture, for the table."""
    line = curves.run_line(place)
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
        st.caption("No metric is in two of these runs yet.")
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
        "Each run has the colour and the dash of its line in the table. Drag over a chart to show "
        "those epochs alone, in all charts."
    )


def _last(snapshot: Snapshot, column: str) -> str:
    values = snapshot.history.get(column, pd.Series(dtype="float64")).dropna()
    return f"{snapshot.name} " + (f"{values.iloc[-1]:.4g} at the last" if len(values) else "none")


def _parallel(table: pd.DataFrame) -> None:
    parts = coordinates(table)
    if len(parts) < FEWEST_PARALLEL:
        if len(table) > 1:
            st.caption(
                f"With {FEWEST_PARALLEL} runs or more that have a result, parallel coordinates show "
                "which settings go with it."
            )
        return
    measured = table["measured"].dropna().unique()
    st.subheader("Settings and results")
    if len(measured) > 1:
        words = " and ".join(in_words(name) for name in measured)
        st.warning(
            f"“best” is of different metrics here ({words}): compare runs that measure the same.",
            icon=":material/warning:",
        )
    widgets.figure(
        curves.parallel(parts),
        "parallel_coordinates",
        alt=f"A line for each of {len(parts)} runs across {', '.join(parts)}",
        table=parts.reset_index(),
    )
    st.caption("Drag along an axis to keep the runs that cross it there; drag its name to move it.")
