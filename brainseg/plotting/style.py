"""Colours and layout shared by all charts, and images as figures."""

import base64
from typing import TypeVar

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainseg.exports import png_bytes

QUIET = "#7d8793"
BLUE, ORANGE, GREEN = "#0072b2", "#be7e0e", "#0fa167"
PURPLE, SKY, VERMILION = "#92557a", "#1293fe", "#a84a2c"
"""Colours of marks: 3:1 on white and on near-black, and distinct for colour-blind readers, too.

The hues of Okabe and Ito (2008), whose orange and sky blue have 2.3 on white; the grey is for secondary
marks.
"""

INK = "#10151b"
"""Text inside bars of these colours, except the blue and the dark ones."""

SERIES_COLOUR, TUMOUR_COLOUR, NO_TUMOUR_COLOUR = BLUE, ORANGE, SKY

PALE = "rgba(125, 135, 147, 0.35)"
"""Colour of all cases, behind the chosen ones: a transparent :data:`QUIET`."""

PALE_OPACITY = 0.25

LEGEND_ON_TOP = {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"}, "showlegend": True}

MOST_DRAWN = 2000
"""Most bars or points of one kind in a chart: more of them hide each other and slow the browser."""

Rows = TypeVar("Rows", pd.Series, pd.DataFrame)

GROUP_COLOURS = (BLUE, GREEN, PURPLE, VERMILION, SKY, ORANGE, QUIET)
"""Colours of groups; the last one is for other and missing values."""

_VALUES = "row %{y}, column %{x}<br>value %{customdata[0]}<extra></extra>"
_COLOURS = (
    "row %{y}, column %{x}<br>"
    "red %{customdata[0]}, green %{customdata[1]}, blue %{customdata[2]}<extra></extra>"
)


def pictures(
    panels: dict[str, np.ndarray],
    height_px: int = 400,
    grey: bool = True,
    stored: np.ndarray | None = None,
) -> go.Figure:
    """Return images of one size side by side, with square pixels and a shared zoom.

    Pixel [0, 0] is in the top left corner, as in the file. The zoom is preserved when the images change.

    Args:
        panels: title -> (h, w, 3) uint8 RGB, from left to right.
        height_px: of the figure.
        grey: show one value of the pixel on hover instead of three.
        stored: (h, w, 3) uint8, the values to show on hover; by default those of the picture.
    """
    shape = next(iter(panels.values())).shape
    figure = make_subplots(1, len(panels), subplot_titles=list(panels), horizontal_spacing=0.015)
    for column, picture in enumerate(panels.values(), start=1):
        source = "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()
        template = _VALUES if grey else _COLOURS
        values = (picture if stored is None else stored)[..., : 1 if grey else 3]
        figure.add_image(
            source=source, customdata=values, hovertemplate=template, row=1, col=column
        )
    figure.update_xaxes(
        matches="x", range=[-0.5, shape[1] - 0.5], constrain="domain", constraintoward="left"
    )
    figure.update_yaxes(
        matches="y", range=[shape[0] - 0.5, -0.5], constrain="domain", constraintoward="top"
    )
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    for column, title in enumerate(figure.layout.annotations, start=1):
        # On the left, so that the buttons above the images do not cover it.
        left = figure.layout["xaxis" if column == 1 else f"xaxis{column}"].domain[0]
        title.update(x=left, xanchor="left")
    return figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 28, "b": 0},
        dragmode="pan",
        uirevision=f"{shape}",
    )


def clickable(figure: go.Figure, height_px: int, **layout: object) -> go.Figure:
    """Make the bars and points of a figure clickable, and disable dragging."""
    return figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        clickmode="event+select",
        dragmode=False,
        **layout,
    )


def quiet(figure: go.Figure, height: int, top: int = 12, **layout: object) -> go.Figure:
    """Set the height (px), small margins and a legend on top, and disable dragging."""
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": top, "b": 8},
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 1,
            "yanchor": "top",
            "x": 0,
            "traceorder": "normal",
        },
        dragmode=False,
        **layout,
    )


def selectable(figure: go.Figure, drag: str | bool = False) -> go.Figure:
    """Make a figure selectable by clicks or boxes, without changing its colours when selected.

    Args:
        figure: is changed.
        drag: False for clicks, "select" for boxes: Streamlit supports only one of them per chart.
    """
    figure.update_layout(dragmode=drag, clickmode="event+select", selectdirection="any")
    if not drag:
        figure.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    for trace in figure.data:
        answers = trace.type == "bar" or "markers" in (getattr(trace, "mode", None) or "")
        if answers and trace.selected.marker.opacity is None:
            # The chart is drawn again with the chosen cases in colour.
            style = {"marker": {"opacity": 1}}
            trace.update(selected=style, unselected=style)
    return figure


def thinned(rows: Rows, most: int = MOST_DRAWN) -> Rows:
    """Return at most some rows, evenly spaced from the first to the last."""
    if len(rows) <= most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def note_thinned(figure: go.Figure, drawn: int, total: int) -> None:
    """Note in a figure's ``layout.meta`` that it draws only some of the cases, for the text below it."""
    if drawn < total:
        figure.layout.meta = (
            f"{drawn:,} of {total:,} cases are drawn, evenly spaced; counts and medians are of all. A "
            "selection in the chart chooses among the drawn cases."
        )
