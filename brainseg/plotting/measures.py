"""Points and curves of the measures of a cohort; the chosen cases are in colour, all cases pale.

The ``customdata`` of a point is the name of its case.
"""

import html

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainseg.plotting.style import (
    GROUP_COLOURS,
    NO_TUMOUR_COLOUR,
    PALE,
    QUIET,
    SERIES_COLOUR,
    TUMOUR_COLOUR,
    note_thinned,
    quiet,
    selectable,
    thinned,
)
from brainseg.statistics.atlas import INSIDE

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")
_OF_TUMOUR = {
    "with tumour": ("with tumour", TUMOUR_COLOUR, "circle"),
    "without tumour": ("without tumour", NO_TUMOUR_COLOUR, "diamond"),
}


def intensities(table: pd.DataFrame) -> go.Figure:
    """Return the distribution of intensities inside and outside the tumour, one panel per sequence.

    Args:
        table: from :func:`brainseg.statistics.atlas.intensity_table`.
    """
    sequences = table["sequence"].drop_duplicates().tolist()
    titles = [
        f"{name} · {int(rows['cases'].iloc[0])} cases"
        for name, rows in table.groupby("sequence", sort=False)
    ]
    figure = make_subplots(1, len(sequences), subplot_titles=titles, shared_yaxes=True)
    for panel, sequence in enumerate(sequences, start=1):
        for region, rows in table[table["sequence"] == sequence].groupby("place", sort=False):
            inside = region == INSIDE
            figure.add_scatter(
                x=(rows["from_level"] + rows["to_level"]) / 2,
                y=rows["share"],
                name=region,
                legendgroup=region,
                showlegend=panel == 1,
                mode="lines",
                # The dash also distinguishes them without colour.
                line={
                    "color": TUMOUR_COLOUR if inside else NO_TUMOUR_COLOUR,
                    "width": 2.5,
                    "dash": "solid" if inside else "dot",
                },
                customdata=rows[["from_level", "to_level", "voxels"]],
                hovertemplate="%{customdata[0]} to %{customdata[1]}: %{y:.1%} of the voxels "
                "(%{customdata[2]:,})<extra>%{fullData.name}</extra>",
                row=1,
                col=panel,
            )
    quiet(figure, height=320, top=64)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(title="intensity as stored", range=[0, 255], showgrid=False)
    figure.update_yaxes(title="share of voxels", col=1)
    return figure.update_yaxes(tickformat=".0%", rangemode="tozero")


def strips(
    cases: pd.DataFrame, measure: str, group: pd.Series, chosen: pd.Series, title: str
) -> go.Figure:
    """Return one point per case, side by side by group, with the median of the chosen cases.

    Args:
        cases: ``case`` and the measure, one row per case; cases without a value are not drawn.
        measure: the column on the vertical axis.
        group: of the same rows; missing values are a group of their own.
        chosen: bool on the same rows; the others are pale.
        title: of the vertical axis, with the unit.
    """
    names = group.astype("str").fillna("missing")
    order = sorted(names.unique(), key=_last)
    known = cases[measure].notna()
    offsets = pd.Series(0.0, index=cases.index)
    figure, ticks, drawn = go.Figure(), [], 0
    for index, name in enumerate(order):
        here = known & (names == name)
        colour = QUIET if name == "missing" else SERIES_COLOUR
        # For all cases at once, so that a point does not move when the choice changes.
        offsets[here] = index + _offsets(int(here.sum()))
        for front, every in ((False, cases[here & ~chosen]), (True, cases[here & chosen])):
            rows = thinned(every)
            drawn += len(rows)
            figure.add_scatter(
                x=offsets[rows.index],
                y=rows[measure].astype("float64"),
                mode="markers",
                marker={"size": 8, "color": colour if front else PALE},
                customdata=rows[["case"]],
                text=rows["case"].map(html.escape),
                hovertemplate="%{text}<br>%{y:,.4~r}<extra></extra>",
            )
        picked = cases.loc[here & chosen, measure].astype("float64")
        if len(picked):
            figure.add_scatter(
                x=[index - 0.32, index + 0.32],
                y=[picked.median()] * 2,
                mode="lines",
                line={"color": TUMOUR_COLOUR, "width": 3},
                hovertemplate=f"median of {len(picked)}: %{{y:,.4~r}}<extra></extra>",
            )
        ticks.append(f"{html.escape(name)}<br>n {len(picked)}")
    note_thinned(figure, drawn, int(known.sum()))
    quiet(figure, height=340, showlegend=False)
    figure.update_xaxes(
        tickvals=list(range(len(order))),
        ticktext=ticks,
        title=html.escape(str(group.name)),
        range=[-0.6, len(order) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(title=title, rangemode="tozero", tickformat=",.6~r")
    return selectable(figure, "select")


def scatter(
    cases: pd.DataFrame, x: tuple[str, str], y: tuple[str, str], chosen: pd.Series, group: pd.Series
) -> go.Figure:
    """Return one point per case by two measures, coloured by group.

    Args:
        cases: ``case`` and both measures, one row per case; cases without both are not drawn.
        x, y: column and title of each axis.
        chosen: bool on the same rows; the others are pale.
        group: of the same rows; missing values are a group of their own.
    """
    known = cases[x[0]].notna() & cases[y[0]].notna()
    figure = go.Figure()
    styles = group_styles(group)
    groups = styles.drop_duplicates("name").sort_values("name", key=lambda names: names.map(_last))
    parts = [("not chosen", PALE, "circle", known & ~chosen)]
    parts += [(*row, known & chosen & (styles["name"] == row[0])) for row in groups.to_numpy()]
    drawn = 0
    for name, colour, symbol, here in parts:
        rows, count = thinned(cases[here]), int(here.sum())
        drawn += len(rows)
        figure.add_scatter(
            x=rows[x[0]].astype("float64"),
            y=rows[y[0]].astype("float64"),
            mode="markers",
            name=html.escape(f"{name} (n {count})"),
            showlegend=colour != PALE and bool(len(rows)),
            marker={"size": 9, "color": colour, "symbol": symbol},
            customdata=rows[["case"]],
            text=rows["case"].map(html.escape),
            hovertemplate="%{text}<br>%{x:,.4~r}; %{y:,.4~r}<extra>%{fullData.name}</extra>",
        )
    note_thinned(figure, drawn, int(known.sum()))
    quiet(figure, height=440, top=40)
    figure.update_xaxes(title=html.escape(x[1]), tickformat=",.6~r")
    figure.update_yaxes(title=html.escape(y[1]), tickformat=",.6~r")
    return selectable(figure, "select")


def inside_and_outside(
    cases: pd.DataFrame, inside: str, outside: str, chosen: pd.Series, group: pd.Series
) -> go.Figure:
    """Return one point per case: mean intensity of the tumour against the rest of the head.

    Args:
        cases: ``case`` and both columns (0..255).
        inside, outside: the columns of the tumour, and of the head without it.
        chosen, group: as for :func:`scatter`.
    """
    figure = scatter(
        cases, (outside, "outside the tumour"), (inside, "inside the tumour"), chosen, group
    )
    ends = [max(1.0, cases[name].fillna(0).max()) for name in (outside, inside)]
    dotted = {"mode": "lines", "line": {"color": QUIET, "dash": "dot"}, "hoverinfo": "skip"}
    figure.add_scatter(x=[0, min(ends)], y=[0, min(ends)], showlegend=False, **dotted)
    figure.update_xaxes(range=[0, 1.05 * ends[0]])
    return figure.update_yaxes(range=[0, 1.05 * ends[1]])


def group_styles(group: pd.Series) -> pd.DataFrame:
    """Return ``name``, ``colour`` and ``symbol`` of each row; only the largest groups have their own.

    Args:
        group: missing values are a group of their own, in grey.
    """
    names = group.astype("str")
    common = names.value_counts().index[: len(GROUP_COLOURS) - 1].sort_values()
    styles = {
        name: (name, GROUP_COLOURS[index], _SYMBOLS[index]) for index, name in enumerate(common)
    } | _OF_TUMOUR
    missing, other = ("missing", GROUP_COLOURS[-1], "x"), ("other", GROUP_COLOURS[-1], "circle")
    number, known = pd.factorize(names)
    of_name = [*(styles.get(name, other) for name in known), missing]  # the last one is number -1
    rows = [of_name[one] for one in number]
    return pd.DataFrame(rows, columns=["name", "colour", "symbol"], index=group.index)


def _last(name: str) -> tuple[bool, str]:
    """Return the sort key of a group: by name, "missing" and "other" last."""
    return name in ("missing", "other"), name


def _offsets(count: int) -> np.ndarray:
    """Return fixed horizontal offsets, -0.3..0.3, that keep points from overlapping."""
    golden = (np.sqrt(5) - 1) / 2
    return 0.6 * ((np.arange(count) * golden + 0.5) % 1) - 0.3
