"""Maps: where in the head the tumours are, and which slices are similar.

The ``customdata`` of a point is what a selection of it means.
"""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from brainseg.plotting.measures import group_styles
from brainseg.plotting.style import PALE, QUIET, VERMILION, quiet, selectable
from brainseg.statistics.atlas import COLUMNS, ROWS, Overlap
from brainseg.statistics.units import UNITS

COARSE_ROWS, COARSE_COLUMNS = 20, 16
"""A click in the heat map selects a cell of this grid."""

COLOUR_SCALE = (
    (0, "#414487"),
    (0.4, "#2a788e"),
    (0.65, "#22a884"),
    (0.85, "#7ad151"),
    (1, "#fde725"),
)
"""Viridis without its darkest part, which is invisible on near-black."""

MOST_CATEGORIES = 12
"""A numeric column with more distinct values than this gets a colour scale."""

MOST_AS_SVG = 6000
"""More points than this are drawn with WebGL, which not every browser supports."""

CHOSEN_COLOUR = VERMILION
"""Of the outline of a chosen region: it is not in the colour scale."""

_EDGES = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}


Region = tuple[tuple[float, float], tuple[float, float]]
"""The first and last row, and the first and last column, 0..1 in the head's box."""


def overlap_map(found: Overlap, chosen: Sequence[Region] = ()) -> go.Figure:
    """Return a heat map of the head: the share of cases with tumour at each position.

    Args:
        found: from :func:`brainseg.statistics.atlas.overlap`.
        chosen: regions that are outlined.
    """
    rows, columns = _middles(ROWS), _middles(COLUMNS)
    shown = np.where(found.share > 0, found.share, np.nan)
    figure = go.Figure(
        go.Heatmap(
            x=columns,
            y=rows,
            z=shown,
            customdata=np.round(found.share * found.cases),
            colorscale=COLOUR_SCALE,
            zmin=0,
            zmax=max(float(found.share.max()), 0.01),
            colorbar={"title": {"text": "Share of cases"}, "tickformat": ".0%", "thickness": 14},
            hovertemplate="%{customdata} of " + f"{found.cases} cases<br>%{{z:.0%}}<extra></extra>",
        )
    )
    figure.add_contour(
        x=columns,
        y=rows,
        z=found.head,
        contours={"coloring": "none", "start": 0.5, "end": 0.5, "size": 1},
        line={"color": QUIET, "width": 2},
        showscale=False,
        hoverinfo="skip",
    )
    _add_cells(figure)
    for (top, bottom), (left, right) in chosen:
        line = {"color": CHOSEN_COLOUR, "width": 3}
        figure.add_shape(type="rect", x0=left, x1=right, y0=top, y1=bottom, line=line)
    quiet(figure, height=480, showlegend=False)
    figure.update_xaxes(
        title={"text": "left to right in the image", "standoff": 0},
        range=[-0.05, 1.05],
        constrain="domain",
        **_EDGES,
    )
    figure.update_yaxes(
        title={"text": "bottom to top in the image", "standoff": 0},
        range=[1.05, -0.05],
        scaleanchor="x",
        scaleratio=ROWS / COLUMNS,
        **_EDGES,
    )
    return selectable(figure, "select")


def _add_cells(figure: go.Figure) -> None:
    """Add an invisible point per cell of the coarse grid, because a heat map cannot be selected."""
    across, down = np.meshgrid(_middles(COARSE_COLUMNS), _middles(COARSE_ROWS))
    invisible = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=across.ravel(),
        y=down.ravel(),
        mode="markers",
        marker={"size": 14, "opacity": 0},
        selected=invisible,
        unselected=invisible,
        hoverinfo="skip",
    )


def overlap_table(found: Overlap) -> pd.DataFrame:
    """Return the numbers of the map: ``row``, ``column`` (0..1 in the head's box) and ``share``."""
    across, down = np.meshgrid(_middles(COLUMNS), _middles(ROWS))
    columns = {"row": down.ravel(), "column": across.ravel(), "share": found.share.ravel()}
    return pd.DataFrame(columns)


def regions(chosen: Mapping) -> list[Region]:
    """Return the selection in the map as rectangles of rows and columns, 0..1 in the head's box.

    Args:
        chosen: the selection from Streamlit: a box, or cells that were clicked.
    """
    if boxes := chosen.get("box"):
        return [(tuple(sorted(box["y"])), tuple(sorted(box["x"]))) for box in boxes]
    high, wide = 0.5 / COARSE_ROWS, 0.5 / COARSE_COLUMNS
    points = [(point["y"], point["x"]) for point in chosen.get("points", [])]
    return [((y - high, y + high), (x - wide, x + wide)) for y, x in points]


def colour_name(column: str) -> str:
    """Return the label of a column that colours the map."""
    if column in UNITS:
        return f"tumour area ({UNITS[column]})"
    return {"position": "position along the case"}.get(column, column)


def slice_colour(table: pd.DataFrame, cases: pd.DataFrame, column: str) -> pd.Series:
    """Return the value that colours each slice of the map; its name is the label.

    Args:
        table: one row per slice with its measures.
        cases: ``case`` and the columns of ``data.csv``, one row per case.
        column: of one of the tables; "tumour" means with and without tumour.
    """
    if column == "tumour":
        words = {True: "with tumour", False: "without tumour"}
        return table["tumour"].map(words, na_action="ignore").astype("str").rename("tumour")
    if column in table:
        return table[column].rename(colour_name(column))
    return table["case"].map(cases.set_index("case")[column]).rename(column)


def slice_map(
    table: pd.DataFrame,
    colour: pd.Series,
    chosen: pd.Series,
    mark: tuple[str, int] | None = None,
    drag: str = "pan",
) -> go.Figure:
    """Return the map of slices: one point per slice; similar slices are close together.

    Args:
        table: ``x``, ``y``, ``case``, ``slice_number`` and ``area_px``, one row per slice.
        colour: of the same rows: text or few distinct numbers make groups, more numbers a scale; each
            case has its own hue. Missing values are grey.
        chosen: bool on the same rows; the others are pale.
        mark: case and slice number of a slice that gets a ring.
        drag: "pan" (a click selects a point) or "lasso".
    """
    figure = go.Figure()
    _add_slices(figure, table[~chosen], "not chosen", {"color": PALE, "size": 5}, legend=False)
    here, values = table[chosen], colour[chosen]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_CATEGORIES:
        known = values.notna()
        grey = {"color": QUIET, "size": 6, "symbol": "x-thin-open"}
        _add_slices(figure, here[~known], "missing", grey)
        scale = {
            "color": values[known].astype("float64"),
            "colorscale": COLOUR_SCALE,
            "colorbar": {"title": {"text": html.escape(str(colour.name))}, "thickness": 14},
            "size": 6,
        }
        _add_slices(figure, here[known], str(colour.name), scale, legend=False)
    elif colour.name == "case":
        hues = pd.Series(np.arange(colour.nunique()) * 137.508 % 360, sorted(colour.unique()))
        shades = [f"hsl({hues[name]:.0f}, 65%, 50%)" for name in values]
        _add_slices(figure, here, "case", {"color": shades, "size": 6}, legend=False)
    else:
        styles = group_styles(values)
        for name, rows in here.groupby(styles["name"]):
            marker = {"color": styles.loc[rows.index[0], "colour"], "size": 6}
            _add_slices(figure, rows, name, marker)
    if mark is not None:
        here = table[(table["case"] == mark[0]) & (table["slice_number"] == mark[1])]
        ring = {"color": VERMILION, "size": 18, "symbol": "circle-open", "line": {"width": 3}}
        _add_slices(figure, here, "this slice", ring)
    quiet(figure, height=520, top=40)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return selectable(figure, drag)


def _middles(cells: int) -> np.ndarray:
    """Return the centres of a row of cells, 0..1."""
    return (np.arange(cells) + 0.5) / cells


def _area_in_words(area_px: float, area_mm2: float) -> str:
    if pd.isna(area_px):
        return "no usable mask"
    return f"tumour {area_px:,} px" if pd.isna(area_mm2) else f"tumour {area_mm2:,.0f} mm²"


def _add_slices(
    figure: go.Figure, rows: pd.DataFrame, name: str, marker: dict, legend: bool = True
) -> None:
    if rows.empty:
        return
    points = figure.add_scatter if len(rows) <= MOST_AS_SVG else figure.add_scattergl
    area = [_area_in_words(*one) for one in zip(rows["area_px"], rows["area_mm2"], strict=True)]
    points(
        x=rows["x"],
        y=rows["y"],
        mode="markers",
        name=html.escape(name),
        showlegend=legend,
        marker={"line": {"width": 0}} | marker,
        customdata=rows[["case", "slice_number"]],
        text=rows["case"].map(html.escape) + " · slice " + rows["slice_number"].astype("str"),
        hovertext=area,
        hovertemplate="%{text}<br>%{hovertext}<extra>%{fullData.name}</extra>",
    )
