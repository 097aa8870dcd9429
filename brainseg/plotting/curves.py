"""Charts of training runs, alone and compared."""

import base64
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from brainseg.monitoring.curves import (
    VALIDATION,
    Group,
    downsample,
    higher_is_better,
    in_words,
    smoothed,
)
from brainseg.monitoring.snapshot import Snapshot
from brainseg.plotting.style import BLUE, GREEN, ORANGE, PURPLE, QUIET, SKY, VERMILION

TRAINING_COLOUR, VALIDATION_COLOUR = BLUE, ORANGE
BEST_COLOUR, RESTART_COLOUR, WRONG_COLOUR = GREEN, SKY, VERMILION

RESULT_COLOURS = ((0.0, BLUE), (0.5, PURPLE), (1.0, ORANGE))
"""From the worst result to the best."""

RUN_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
RUN_DASHES = ("solid", "dash", "dot", "dashdot")
MOST_RUNS = len(RUN_COLOURS) * len(RUN_DASHES)
"""Number of runs that one chart can distinguish by colour and dash."""

MOST_POINTS = 1200
"""More than a chart has pixels across; see :func:`brainseg.monitoring.curves.downsample`."""

EPOCHS, TIME = "epochs", "time"
LINEAR, LOG = "linear", "log"


Across = Callable[[pd.DataFrame], pd.Series]
"""Gives the position of each row of a history on the horizontal axis."""


@dataclass(frozen=True)
class Drawing:
    """Settings of the curves.

    Attributes:
        smoothing: strength, 0 (none) to below 1; see :func:`brainseg.monitoring.curves.smoothed`.
        scale: of the vertical axis, :data:`LINEAR` or :data:`LOG`.
        by: :data:`EPOCHS` or :data:`TIME`, along the horizontal axis.
        last: number of the newest epochs, 0 for all.
        epochs: first and last epoch shown; None uses ``last``.
    """

    smoothing: float = 0.0
    scale: str = LINEAR
    by: str = EPOCHS
    last: int = 0
    epochs: tuple[int, int] | None = None

    def part(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that are drawn."""
        if self.epochs is not None:
            return rows[rows["epoch"].between(*self.epochs)]
        return rows.tail(self.last) if self.last else rows


def epochs_between(
    snapshots: Sequence[Snapshot], drawing: Drawing, left: float, right: float
) -> tuple[int, int] | None:
    """Return the first and last epoch between two positions on the horizontal axis, or None.

    Args:
        snapshots: the runs of the chart.
        left, right: in the unit of its horizontal axis.
    """
    across, _ = _across(snapshots, drawing)
    parts = [drawing.part(snapshot.history) for snapshot in snapshots]
    found = [epoch for rows in parts for epoch in rows["epoch"][across(rows).between(left, right)]]
    return (min(found), max(found)) if found else None


def curve(snapshot: Snapshot, group: Group, drawing: Drawing, height_px: int = 270) -> go.Figure:
    """Return the curves of one metric: pale raw values, smoothed values, and marks for events."""
    figure = go.Figure()
    x, unit = _across([snapshot], drawing)
    for column, whose in group.columns.items():
        colour = VALIDATION_COLOUR if whose == VALIDATION else TRAINING_COLOUR
        line = {"color": colour, "width": 2}
        _add_line(figure, snapshot, column, drawing, x, line, name=whose, hover=in_words(column))
    _mark_best(figure, snapshot, group, x, drawing)
    _mark_events(figure, snapshot, group, x, drawing)
    _layout(figure, group.title, drawing, unit, height_px, snapshot.unit)
    if group.stem == "learning_rate":
        figure.update_yaxes(tickformat=".1e")
        if drawing.scale == LINEAR:
            figure.update_yaxes(rangemode="tozero")  # a constant rate has no range
    return figure.update_layout(showlegend=len(group.columns) > 1)


def overlay(
    snapshots: Sequence[Snapshot], column: str, drawing: Drawing, height_px: int = 340
) -> go.Figure:
    """Return one metric of several runs; a run has the same colour in all charts.

    Args:
        snapshots: at most :data:`MOST_RUNS`, in the order of their colours.
        column: the metric; a run without it has no line.
    """
    figure = go.Figure()
    x, unit = _across(snapshots, drawing)
    for index, snapshot in enumerate(snapshots):
        if column in snapshot.history:
            name = html.escape(snapshot.name)
            _add_line(figure, snapshot, column, drawing, x, run_line(index), name, hover=name)
    words, units = in_words(column), sorted({snapshot.unit for snapshot in snapshots})
    title = words[:1].upper() + words[1:]
    _layout(figure, title, drawing, unit, height_px, " or ".join(units))
    return figure.update_layout(showlegend=False)


def run_line(index: int) -> dict:
    """Return the line style of the n-th run of a comparison."""
    colour = RUN_COLOURS[index % len(RUN_COLOURS)]
    dash = RUN_DASHES[index // len(RUN_COLOURS) % len(RUN_DASHES)]
    return {"color": colour, "dash": dash, "width": 2}


def data_url(png: bytes) -> str:
    """Return an image as a data URL for a table cell."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def parallel(table: pd.DataFrame, height_px: int = 380) -> go.Figure:
    """Return one line per run across its settings and its result, coloured by the result.

    Args:
        table: from :func:`brainseg.monitoring.comparison.coordinates`, with a column ``best``.
    """
    dimensions = []
    for name, values in table.items():
        ticks: dict[str, object] = {}
        if isinstance(values.dtype, pd.CategoricalDtype):
            names = [html.escape(text[:24]) for text in values.cat.categories]
            ticks = {"tickvals": list(range(len(names))), "ticktext": names}
            values = values.cat.codes
        dimensions.append({"label": html.escape(str(name)), "values": values, **ticks})
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={
                "color": table["best"],
                "colorscale": RESULT_COLOURS,
                "showscale": True,
                "colorbar": {"title": "best", "thickness": 12},
            },
            labelfont={"size": 13},
            labelangle=-18,
        )
    )
    return figure.update_layout(
        height=height_px, margin={"l": 110, "r": 20, "t": 90, "b": 24}, uirevision=",".join(table)
    )


def dice_by_case_and_epoch(
    scores: pd.DataFrame, chosen: int | None, height_px: int | None = None
) -> go.Figure:
    """Return validation Dice as a heat map, one row per case and one column per epoch; gaps are missing.

    Args:
        scores: one row per case, one column per epoch (ascending), 0..1, NaN where missing; see
            :meth:`brainseg.monitoring.readers.RunReader.case_scores`.
        chosen: an epoch to mark, or None.
        height_px: of the figure; None fits one line per case.
    """
    columns = np.unique(np.linspace(0, scores.shape[1] - 1, 400).round().astype(int))
    part = scores.iloc[:, columns]
    # The hardest case is on top.
    part = part.loc[part.iloc[:, -1].sort_values(ascending=False, na_position="first").index]
    names = part.index.map(html.escape)
    figure = go.Figure(
        go.Heatmap(
            x=part.columns,
            y=list(range(len(part))),
            z=part.to_numpy(),
            text=np.repeat(np.array(names)[:, np.newaxis], part.shape[1], axis=1),
            zmin=0,
            zmax=1,
            colorscale="Viridis",
            colorbar={"title": "Dice", "thickness": 12},
            hoverongaps=False,
            hovertemplate="%{text}<br>epoch %{x}: Dice %{z:.3f}<extra></extra>",
        )
    )
    if chosen is not None:
        figure.add_vline(chosen, line={"color": WRONG_COLOUR, "width": 2, "dash": "dot"})
    step = 1 if scores.shape[1] <= 12 else None
    figure.update_xaxes(title="epoch", showgrid=False, tickformat="d", dtick=step)
    figure.update_yaxes(
        tickvals=list(range(len(part))),
        ticktext=list(names),
        showticklabels=len(part) <= 40,
        showgrid=False,
        title=None if len(part) <= 40 else f"{len(part)} cases, the lowest Dice on top",
    )
    return figure.update_layout(
        height=height_px or min(720, 110 + 20 * len(part)),
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        uirevision="cases",
    )


def _across(snapshots: Sequence[Snapshot], drawing: Drawing) -> tuple[Across, str | None]:
    """Return the horizontal axis and its unit of time, None if it counts epochs."""
    if drawing.by != TIME:
        return (lambda rows: rows["epoch"]), None
    longest = max((snapshot.history["hours"].max() for snapshot in snapshots), default=0)
    factor, unit = (1, "h") if longest > 2 else (60, "min") if longest > 2 / 60 else (3600, "s")
    return (lambda rows: rows["hours"] * factor), unit


def _add_line(
    figure: go.Figure,
    snapshot: Snapshot,
    column: str,
    drawing: Drawing,
    across: Across,
    line: dict,
    name: str,
    hover: str,
) -> None:
    history = snapshot.history
    rows = history.assign(_smooth=smoothed(history[column], drawing.smoothing))
    rows = drawing.part(rows[[*dict.fromkeys(("epoch", "hours", column)), "_smooth"]])
    rows = rows.iloc[downsample(rows[column].to_numpy(), MOST_POINTS)]
    where = f"{snapshot.unit} %{{customdata}}"
    smooth = drawing.smoothing > 0
    finite = rows[column].where(np.isfinite(rows[column]))
    few = "lines+markers" if len(rows) < 60 and not smooth else "lines"
    common = {
        "x": across(rows).to_numpy(),
        "customdata": rows["epoch"],
        "marker": {"size": 5, "color": line["color"]},
        "connectgaps": False,
        "legendgroup": name,
    }
    figure.add_scatter(
        y=finite,
        mode=few,
        line=line | ({"width": 1} if smooth else {}),
        opacity=0.45 if smooth else 1,
        name=f"{name}, raw" if smooth else name,
        showlegend=not smooth,
        hovertemplate=f"{where}: {hover} %{{y:.4~g}}<extra></extra>",
        **common,
    )
    if smooth:
        figure.add_scatter(
            y=rows["_smooth"],
            mode="lines",
            line=line,
            name=name,
            hovertemplate=f"{where}: {hover} %{{y:.4~g}}, smoothed<extra></extra>",
            **common,
        )


def _mark_best(
    figure: go.Figure, snapshot: Snapshot, group: Group, across: Across, drawing: Drawing
) -> None:
    """Mark the best epoch with a star, on the validation curve or the only one."""
    column = list(group.columns)[-1]
    if higher_is_better(column) is None:
        return  # a metric of the machine or the schedule has no best epoch
    rows = drawing.part(snapshot.history)
    best = rows[(rows["epoch"] == snapshot.best_epoch) & np.isfinite(rows[column])]
    if len(best) and np.isfinite(across(best)).all():
        figure.add_scatter(
            x=across(best).to_numpy(),
            y=best[column],
            mode="markers",
            marker={"symbol": "star", "size": 14, "color": BEST_COLOUR, "line": {"width": 0}},
            hovertemplate=f"best {snapshot.unit} {snapshot.best_epoch}: %{{y:.4~g}}<extra></extra>",
            name="best",
            showlegend=False,
        )


def _mark_events(
    figure: go.Figure, snapshot: Snapshot, group: Group, across: Across, drawing: Drawing
) -> None:
    marks = [(epoch, "resumed", RESTART_COLOUR, "dash") for epoch in snapshot.restarts]
    if snapshot.early_stop is not None:
        marks.append((snapshot.early_stop, "stopped early", QUIET, "dot"))
    wrong = [snapshot.invalid[name] for name in group.columns if name in snapshot.invalid]
    marks += [(epoch, "not a number", WRONG_COLOUR, "solid") for epoch in wrong[:1]]
    shown = drawing.part(snapshot.history)
    for epoch, what, colour, dash in marks:
        position = across(shown[shown["epoch"] == epoch])
        if not len(position) or not np.isfinite(position.iloc[0]):
            continue
        figure.add_vline(
            float(position.iloc[0]),
            line={"color": colour, "width": 1.5, "dash": dash},
            annotation={
                "text": what,
                "font": {"color": colour, "size": 11},
                "textangle": -90,
                "xanchor": "right",
                "yanchor": "top",
            },
        )


def _layout(
    figure: go.Figure,
    title: str,
    drawing: Drawing,
    time_unit: str | None,
    height_px: int,
    unit: str,
) -> None:
    across = unit if time_unit is None else f"training time ({time_unit})"
    figure.update_xaxes(title=across, showgrid=False, tickformat=None if time_unit else "d")
    if drawing.scale == LOG:
        figure.update_yaxes(type="log", tickformat="~g", dtick=_log_ticks(figure))
    else:
        figure.update_yaxes(type="linear", nticks=6)
    figure.update_layout(
        title={"text": html.escape(title), "font": {"size": 14}},
        height=height_px,
        margin={"l": 0, "r": 8, "t": 44, "b": 0},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        # A drag selects epochs: the browser's own zoom would be lost at each update.
        dragmode="select",
        selectdirection="h",
    )


def _log_ticks(figure: go.Figure) -> str | None:
    """Return ticks at 1, 2 and 5 where the curves span a wide range, else None (plotly's default)."""
    values = np.concatenate([np.asarray(trace.y, float) for trace in figure.data] or [np.empty(0)])
    values = values[np.isfinite(values) & (values > 0)]
    return "D2" if len(values) and values.max() > 4 * values.min() else None
