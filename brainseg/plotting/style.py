"""What the charts share, and pictures as figures; there is no Streamlit in it."""

import base64

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainseg.exports import png_bytes
from brainseg.imaging import MASK_COLOUR

MASK_RGB = f"rgb{MASK_COLOUR}"
QUIET = "#7d8793"
"""A grey that is read on white and on near-black: for what is not the point of a chart."""

SERIES_COLOUR = "#0072b2"
NO_TUMOUR_COLOUR = "#56b4e9"
"""Blues of the palette of Okabe and Ito (2008), whose orange is the mask's."""

PALE = "rgba(125, 135, 147, 0.35)"
"""Of all there is, behind what is chosen: :data:`QUIET` that lets the page through."""

PALE_OPACITY = 0.25

LEGEND_ON_TOP = {
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    "showlegend": True,
}

GROUP_COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#e69f00", "#999999")
"""All of that palette that is read on white and on near-black, the mask's orange late, then grey."""

_VALUES = "row %{y}, column %{x}<br>value %{color[0]}<extra></extra>"
_COLOURS = (
    "row %{y}, column %{x}<br>red %{color[0]}, green %{color[1]}, blue %{color[2]}<extra></extra>"
)


def pictures(panels: dict[str, np.ndarray], height_px: int = 400, grey: bool = True) -> go.Figure:
    """Return pictures of one size side by side, zoomed and moved together, a pixel a square.

    Pixel [0, 0] is in the top left corner, as in the file. The zoom stays while the pictures change.

    Args:
        panels: title -> (h, w, 3) uint8 RGB, from left to right.
        height_px: of the figure.
        grey: whether hovering tells one value of the pixel, or its three.
    """
    shape = next(iter(panels.values())).shape
    figure = make_subplots(1, len(panels), subplot_titles=list(panels), horizontal_spacing=0.015)
    for column, picture in enumerate(panels.values(), start=1):
        source = "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()
        template = _VALUES if grey else _COLOURS
        figure.add_image(source=source, hovertemplate=template, row=1, col=column)
    figure.update_xaxes(
        matches="x", range=[-0.5, shape[1] - 0.5], constrain="domain", constraintoward="left"
    )
    figure.update_yaxes(
        matches="y", range=[shape[0] - 0.5, -0.5], constrain="domain", constraintoward="top"
    )
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    for column, title in enumerate(figure.layout.annotations, start=1):
        # To the left, where the buttons that appear above the pictures do not cover it.
        left = figure.layout["xaxis" if column == 1 else f"xaxis{column}"].domain[0]
        title.update(x=left, xanchor="left")
    return figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 28, "b": 0},
        dragmode="pan",
        uirevision=f"{shape}",
    )


def clickable(figure: go.Figure, height_px: int, **layout: object) -> go.Figure:
    """Make a figure's bars and points answer to clicks, and not to drags."""
    return figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        clickmode="event+select",
        dragmode=False,
        **layout,
    )


def quiet(figure: go.Figure, height: int, top: int = 12, **layout: object) -> go.Figure:
    """Give a figure its height and small margins in px, the legend on top, and no drag."""
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
    """Make a figure answer to clicks or to boxes, and leave its looks alone when it does.

    Args:
        figure: is changed.
        drag: False for clicks; "select" for boxes, for Streamlit gives a chart one or the other.
    """
    figure.update_layout(dragmode=drag, clickmode="event+select", selectdirection="any")
    if not drag:
        figure.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    for trace in figure.data:
        answers = trace.type == "bar" or "markers" in (getattr(trace, "mode", None) or "")
        if answers and trace.selected.marker.opacity is None:
            # The chart is drawn again with what was chosen in colour: that is enough.
            look = {"marker": {"opacity": 1}}
            trace.update(selected=look, unselected=look)
    return figure
