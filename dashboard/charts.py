"""DataFrames and arrays become plotly figures here; there is no Streamlit in it."""

import base64
import html
import itertools

import numpy as np
import pandas as pd
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

MOST_NAMED_BARS = 20
NARROWEST_WITH_TEXT = 0.12
MOST_MARKED_INSTITUTIONS = 12

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


def slice_strip(figure: go.Figure, chosen: int, title: str, height_px: int) -> go.Figure:
    """Make a figure by slice number a strip that marks a slice and answers to clicks.

    Args:
        figure: is changed.
        chosen: the slice number that is shown.
        title: of the vertical axis.
        height_px: of the figure.
    """
    figure.add_vline(chosen, line={"color": QUIET, "width": 2, "dash": "dot"})
    figure.update_xaxes(title="slice", showgrid=False, fixedrange=True)
    figure.update_yaxes(title=title, rangemode="tozero", nticks=4, fixedrange=True)
    return clickable(figure, height_px, bargap=0.15)


def clickable(figure: go.Figure, height_px: int, **layout: object) -> go.Figure:
    """Make a figure's bars and points answer to clicks, and not to drags."""
    return figure.update_layout(
        height=height_px,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        clickmode="event+select",
        dragmode=False,
        **layout,
    )


def tumour_share(table: pd.DataFrame) -> go.Figure:
    """Return one bar that is cut into slices with, without, and of unknown tumour.

    Args:
        table: from :func:`brainseg.statistics.tumour_shares`.
    """
    figure = go.Figure()
    for row in table[table["slices"] > 0].itertuples():
        text = f"{row.slices:,} {row.what}<br>{row.of_all:.1%}"
        figure.add_bar(
            x=[row.slices],
            y=[""],
            orientation="h",
            name=row.what,
            marker=_marker_of(row.what),
            # A narrow part has no room: the page and the hover say its number.
            text=[text if row.of_all >= NARROWEST_WITH_TEXT else ""],
            textposition="inside",
            insidetextanchor="middle",
            hovertemplate=f"{text}<extra></extra>",
        )
    _quiet(figure, height=70, top=0, barmode="stack", showlegend=False)
    figure.update_traces(insidetextfont={"size": 14, "color": "#1d2733"}, constraintext="none")
    figure.update_yaxes(visible=False)
    return figure.update_xaxes(visible=False, range=[0, table["slices"].sum()])


def slices_by_case(cases: pd.DataFrame) -> go.Figure:
    """Return a bar a case, cut into slices with, without, and of unknown tumour.

    Args:
        cases: from :func:`brainseg.statistics.case_table`; its order is kept.
    """
    names = cases["case"].map(html.escape)
    both = np.stack([cases["case"], names], axis=1)
    place = list(range(len(cases)))
    parts = {
        "with tumour": cases["slices_with_tumour"],
        "without tumour": cases["masks"] - cases["slices_with_tumour"],
        "without a usable mask": cases["unusable"],
    }
    figure = go.Figure()
    for what, number in parts.items():
        if number.any():
            figure.add_bar(
                x=place,
                y=number,
                name=what,
                marker=_marker_of(what),
                customdata=both,
                hovertemplate="%{customdata[1]}<br>%{y} slices %{fullData.name}<extra></extra>",
            )
    _quiet(figure, height=340, top=40, barmode="stack", bargap=0.15)
    figure.update_yaxes(title="Slices")
    if len(cases) <= MOST_NAMED_BARS:
        figure.update_xaxes(
            tickvals=place, ticktext=names, tickangle=-40, ticklabeloverflow="allow"
        )
    else:
        figure.update_xaxes(showticklabels=False, title=f"{len(cases)} cases, by institution")
    _mark_institutions(figure, cases["institution"].fillna("unknown").tolist())
    return figure


def area_histogram(bins: pd.DataFrame) -> go.Figure:
    """Return how many slices have which tumour area.

    Args:
        bins: from :func:`brainseg.statistics.area_histogram`, its ``bins``.
    """
    figure = go.Figure(
        go.Bar(
            x=(bins["from_px"] + bins["to_px"]) / 2,
            y=bins["slices"],
            width=bins["to_px"] - bins["from_px"],
            marker={**_marker_of("with tumour"), "line": {"width": 0}},
            customdata=bins[["from_px", "to_px"]],
            hovertemplate="%{customdata[0]:,} to %{customdata[1]:,} px<br>%{y} slices<extra></extra>",
        )
    )
    _quiet(figure, height=300, bargap=0.08)
    figure.update_xaxes(title="Tumour area of the slice (px)", rangemode="tozero")
    return figure.update_yaxes(title="Slices")


def patients_by_code(table: pd.DataFrame, column: str) -> go.Figure:
    """Return a bar a code of one column of ``data.csv``; patients without a value are hatched.

    Args:
        table: from :func:`brainseg.statistics.patients_by_code`.
        column: the column's name, for the axis.
    """
    missing = table["code"].isna()
    label = table["label"].fillna(table["code"]).fillna("missing").map(html.escape)
    figure = go.Figure(
        go.Bar(
            x=list(range(len(table))),
            y=table["patients"],
            marker={
                "color": [QUIET if gap else SERIES_COLOUR for gap in missing],
                "pattern": {"shape": ["/" if gap else "" for gap in missing]},
            },
            customdata=label,
            hovertemplate="%{customdata}<br>%{y} patients<extra></extra>",
        )
    )
    _quiet(figure, height=300, bargap=0.2)
    figure.update_xaxes(
        title=html.escape(column), tickvals=list(range(len(table))), ticktext=label, type="linear"
    )
    return figure.update_yaxes(title="Patients")


def _marker_of(what: str) -> dict:
    """Return the look of one part: the mask's orange for tumour, hatched where nothing is known."""
    if what == "with tumour":
        return {"color": MASK_RGB}
    if what == "without tumour":
        return {"color": NO_TUMOUR_COLOUR}
    return {"color": QUIET, "pattern": {"shape": "/"}}


def _mark_institutions(figure: go.Figure, institutions: list[str]) -> None:
    """Write each institution over its cases, with a line between two."""
    runs = [(name, len(list(run))) for name, run in itertools.groupby(institutions)]
    if not 1 < len(runs) <= MOST_MARKED_INSTITUTIONS:
        return
    start = 0
    for name, length in runs:
        if start:
            figure.add_vline(x=start - 0.5, line={"width": 1, "dash": "dot", "color": QUIET})
        figure.add_annotation(
            x=start + (length - 1) / 2,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=html.escape(name),
            showarrow=False,
        )
        start += length


def _quiet(figure: go.Figure, height: int, top: int = 12, **layout: object) -> go.Figure:
    """Give a figure its height and small margins in px, the legend on top, and no drag."""
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": top, "b": 8},
        legend={"orientation": "h", "y": 1.1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        dragmode=False,
        **layout,
    )
