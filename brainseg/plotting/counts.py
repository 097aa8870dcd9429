"""Bar charts of counts: slices and cases by kind, for the chosen cases and for all.

The chosen cases are in colour, all cases pale behind them. The ``customdata`` of a bar is the value or
range that a selection of it means.
"""

import html
import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from brainseg.plotting.style import (
    INK,
    NO_TUMOUR_COLOUR,
    PALE,
    PALE_OPACITY,
    QUIET,
    SERIES_COLOUR,
    TUMOUR_COLOUR,
    note_thinned,
    quiet,
    selectable,
    thinned,
)

MOST_NAMED_BARS = 20
NARROWEST_WITH_TEXT = 0.12
MOST_MARKED_INSTITUTIONS = 12


def tumour_share(table: pd.DataFrame) -> go.Figure:
    """Return one stacked bar of the table of :func:`brainseg.statistics.tumour_shares`."""
    figure = go.Figure()
    for row in table[table["slices"] > 0].itertuples():
        text = f"{row.slices:,} {row.what}<br>{row.of_all:.1%}"
        figure.add_bar(
            x=[row.slices],
            y=[""],
            orientation="h",
            name=row.what,
            marker=_marker_of(row.what),
            # A narrow part has no room for text: the page and the hover text show its number.
            text=[text if row.of_all >= NARROWEST_WITH_TEXT else ""],
            textposition="inside",
            insidetextanchor="middle",
            hovertemplate=f"{text}<extra></extra>",
        )
    quiet(figure, height=70, top=0, barmode="stack", showlegend=False)
    figure.update_traces(insidetextfont={"size": 14, "color": INK}, constraintext="none")
    figure.update_yaxes(visible=False)
    return figure.update_xaxes(visible=False, range=[0, max(1, table["slices"].sum())])


def small_bars(values: pd.Series, height_px: int, top: float | None = None) -> go.Figure:
    """Return bars without axes, in the order of the values.

    Args:
        values: one per bar.
        height_px: of the figure.
        top: of the axis; None for the largest value.
    """
    figure = go.Figure(
        go.Bar(y=values.astype(float), marker={"color": SERIES_COLOUR, "line": {"width": 0}})
    )
    quiet(figure, height=height_px, top=0, showlegend=False, bargap=0.15)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False, range=None if top is None else [0, top])


def slices_by_case(cases: pd.DataFrame, chosen: pd.Series) -> go.Figure:
    """Return one stacked bar per case: slices with, without and with unknown tumour.

    Args:
        cases: from :func:`brainseg.statistics.case_table`; in this order.
        chosen: bool on the same rows; the others are pale.
    """
    total, cases = len(cases), thinned(cases)
    chosen, positions = chosen[cases.index], np.arange(len(cases))
    parts = {
        "with tumour": cases["slices_with_tumour"],
        "without tumour": cases["masks"] - cases["slices_with_tumour"],
        "without a usable mask": cases["unusable"],
    }
    figure = go.Figure()
    for what, number in parts.items():
        for front, rows in ((True, chosen.to_numpy(bool)), (False, ~chosen.to_numpy(bool))):
            if not number[rows].any():
                continue
            figure.add_bar(
                x=positions[rows],
                y=number[rows],
                name=what,
                legendgroup=what,
                showlegend=front,
                opacity=1 if front else PALE_OPACITY,
                marker={**_marker_of(what), "line": {"width": 0}},
                customdata=cases.loc[rows, ["case"]],
                text=cases.loc[rows, "case"].map(html.escape),
                textposition="none",
                hovertemplate="%{text}<br>%{y} slices %{fullData.name}<extra></extra>",
            )
    quiet(figure, height=340, top=52, barmode="stack", bargap=0.15)
    figure.update_yaxes(title="Slices")
    if total <= MOST_NAMED_BARS:
        names = cases["case"].map(html.escape)
        figure.update_xaxes(tickvals=positions, ticktext=names)
        figure.update_xaxes(tickangle=-40, ticklabeloverflow="allow")
    else:
        figure.update_xaxes(showticklabels=False, title=f"{total:,} cases, by institution")
    _mark_institutions(figure, cases["institution"].fillna("unknown").tolist())
    note_thinned(figure, len(cases), total)
    return selectable(figure)


def categories(
    counts: pd.DataFrame, title: str, of: str, missing: str = "missing", tumour: bool = False
) -> go.Figure:
    """Return one bar per value: all cases pale, the chosen in colour; a missing value is hatched.

    Args:
        counts: from :func:`brainseg.statistics.category_counts`, with ``label`` where values have names.
        title: of the axis of values.
        of: the things counted, such as "patients".
        missing: the label of missing values.
        tumour: use the colour of tumours.
    """
    gap, count = counts["value"].isna(), len(counts)
    names = counts["value"].fillna(missing)
    if "label" in counts:
        names = counts["label"].fillna(names)
    colour = TUMOUR_COLOUR if tumour else SERIES_COLOUR
    figure = _overlaid(
        counts,
        {
            "color": [QUIET if one else colour for one in gap],
            "pattern": {"shape": ["/" if one else "" for one in gap]},
        },
        of,
        _chosen_of_all(names.map(html.escape), counts, of),
        x=list(range(count)),
        customdata=[[None if pd.isna(value) else value] for value in counts["value"]],
    )
    figure.data[1].update(
        text=[f"{number:,}" for number in counts["chosen"]],
        textposition="outside",
        cliponaxis=False,
    )
    figure.update_layout(margin={"t": 24}, bargap=0.25)
    figure.update_xaxes(
        title=html.escape(title),
        tickvals=list(range(count)),
        ticktext=names.map(html.escape),
        type="linear",
        range=[-0.6, max(0.6, count - 0.4)],
    )
    return figure


def bins(table: pd.DataFrame, title: str, of: str, tumour: bool = False) -> go.Figure:
    """Return a histogram: all cases pale, the chosen in colour.

    Args:
        table: from :func:`brainseg.statistics.histogram`.
        title: of the horizontal axis, with the unit.
        of: the things counted.
        tumour: use the colour of tumours.
    """
    low, high = table["from"], table["to"]
    # A bin of whole numbers excludes its upper limit, except the last bin.
    highest = high - int(pd.api.types.is_integer_dtype(low))
    highest = highest.where(table.index < len(table) - 1, high)
    figure = _overlaid(
        table,
        {"color": TUMOUR_COLOUR if tumour else SERIES_COLOUR},
        of,
        _chosen_of_all(map("{} to {}".format, map(_number, low), map(_number, high)), table, of),
        x=(low + high) / 2,
        width=high - low,
        customdata=pd.DataFrame({"from": low, "to": highest}),
    )
    return figure.update_xaxes(title=html.escape(title), tickformat=",")


def along(table: pd.DataFrame) -> go.Figure:
    """Return bars of the table of :func:`brainseg.statistics.along_the_case`."""
    hover = [
        f"{row.from_:.0%} to {row.to:.0%} of the way<br>{row.chosen_with_tumour:,} of "
        f"{row.chosen_slices:,} slices with tumour<br>of all cases {row.with_tumour:,} of "
        f"{row.slices:,}"
        for row in table.rename(columns={"from": "from_"}).itertuples()
    ]
    figure = _overlaid(
        pd.DataFrame({"all": table["share"], "chosen": table["chosen_share"]}),
        {"color": TUMOUR_COLOUR},
        "slices with tumour",
        hover,
        x=(table["from"] + table["to"]) / 2,
        width=table["to"] - table["from"],
        customdata=table[["from", "to"]],
    )
    figure.update_xaxes(
        title="Position along the case (last slice: 100%)",
        tickformat=".0%",
        range=[0, 1.005],
        dtick=0.2,
    )
    return figure.update_yaxes(tickformat=".0%")


def _overlaid(
    counts: pd.DataFrame, marker: dict, of: str, hover: list[str], **settings: object
) -> go.Figure:
    """Return bars of ``all`` in pale, and of ``chosen`` in front of them.

    Args:
        counts: ``all`` and ``chosen``.
        marker: of the bars in front.
        of: the things counted.
        hover: text of each bar.
        **settings: of both traces.
    """
    settings |= {"hovertext": hover, "hovertemplate": "%{hovertext}<extra></extra>"}
    pale = {"color": PALE, "line": {"color": QUIET, "width": 1}}
    figure = go.Figure(
        [
            go.Bar(y=counts["all"], marker=pale, **settings),
            go.Bar(y=counts["chosen"], marker=marker | {"line": {"width": 0}}, **settings),
        ]
    )
    quiet(figure, height=300, bargap=0.06, barmode="overlay", showlegend=False)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(title=of.capitalize(), rangemode="tozero", tickformat=",")
    return selectable(figure)


def _chosen_of_all(names: Iterable[str], counts: pd.DataFrame, of: str) -> list[str]:
    """Return the hover text of each bar."""
    return [
        f"{name}<br>{row.chosen:,} of {row.all:,} {of}"
        for name, row in zip(names, counts.itertuples(), strict=True)
    ]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _marker_of(what: str) -> dict:
    """Return the marker of one part: orange for tumour, hatched for unknown."""
    if what == "with tumour":
        return {"color": TUMOUR_COLOUR}
    if what == "without tumour":
        return {"color": NO_TUMOUR_COLOUR}
    return {"color": QUIET, "pattern": {"shape": "/"}}


def _mark_institutions(figure: go.Figure, institutions: list[str]) -> None:
    """Label each institution above its cases, with lines between them."""
    runs = [(name, len(list(run))) for name, run in itertools.groupby(institutions)]
    if not 1 < len(runs) <= MOST_MARKED_INSTITUTIONS:
        return
    start = 0
    for name, length in runs:
        if start:
            figure.add_vline(x=start - 0.5, line={"width": 1, "dash": "dot", "color": QUIET})
        place = {"x": start + (length - 1) / 2, "y": 1, "yref": "paper", "yanchor": "bottom"}
        figure.add_annotation(text=html.escape(name), showarrow=False, **place)
        start += length
