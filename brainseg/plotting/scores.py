"""Charts of the scores of an evaluation."""

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainseg.evaluation.leakage import BY_PATIENT, BY_SLICE
from brainseg.metrics import CURVE_BINS
from brainseg.models import HELD_OUT, NEW, SEEN
from brainseg.plotting.style import (
    GREEN,
    INK,
    LEGEND_ON_TOP,
    ORANGE,
    QUIET,
    SERIES_COLOUR,
    VERMILION,
    clickable,
)
from brainseg.statistics.units import UNITS

RELATION_COLOURS = {HELD_OUT: GREEN, NEW: SERIES_COLOUR, SEEN: QUIET}
"""Of what a model knows of a case; see :class:`brainseg.models.CaseExposure`."""

SECOND_COLOUR = ORANGE
BETTER, WORSE = GREEN, VERMILION

MOST_NAMED = 30
_MEAN_LINE = {"color": ORANGE, "width": 2, "dash": "dot"}
_BAND = {"fillcolor": ORANGE, "opacity": 0.18, "line_width": 0, "layer": "above"}
_SELECTION = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 0.5}}}
ROW_PX = 24


def by_case(
    scores: pd.DataFrame, metric: str, label: str, mean: tuple[float, float, float] | None
) -> go.Figure:
    """Return one bar per case, in the order of the table.

    Args:
        scores: ``case``, ``relation`` and the metric (0..1), one row per case.
        mean: the mean and the limits of its interval, drawn as a line in a band, or None.
    """
    figure = go.Figure()
    for relation, rows in scores.groupby("relation", sort=True):
        figure.add_bar(
            x=rows["case"].map(html.escape),
            y=rows[metric],
            customdata=rows["case"],
            marker={"color": RELATION_COLOURS[relation], "line": {"width": 0}},
            **_SELECTION,
            hovertemplate=f"%{{x}}: {label} %{{y:.3f}}<extra>{relation}</extra>",
            name=f"{relation} (n {len(rows)})",
        )
    if mean is not None:
        value, low, high = mean
        figure.add_hrect(low, high, **_BAND)
        figure.add_hline(value, line=_MEAN_LINE)
    # The names of more cases would overlap; the hover text shows them.
    named = len(scores) <= MOST_NAMED
    figure.update_xaxes(
        categoryorder="array",
        categoryarray=scores["case"].map(html.escape).tolist(),
        showticklabels=named,
        tickangle=-50,
        title=None if named else f"{len(scores)} cases, from the lowest to the highest",
    )
    figure.update_yaxes(title=f"{label} of the case", range=[0, 1.04])
    return clickable(figure, 380, bargap=0.15, **LEGEND_ON_TOP)


def by_volume(
    scores: pd.DataFrame, metric: str, label: str, column: str = "tumour_vx"
) -> go.Figure:
    """Return a metric against tumour volume (log scale), one point per case.

    Args:
        scores: ``case``, ``relation``, ``institution``, the volume (above 0) and the metric.
        metric: its column.
        label: its name.
        column: of the volume, one of :data:`brainseg.statistics.units.UNITS`.
    """
    figure = go.Figure()
    for relation, rows in scores.groupby("relation", sort=True):
        figure.add_scatter(
            x=rows[column],
            y=rows[metric],
            customdata=rows["case"],
            text=rows["case"].map(html.escape),
            mode="markers",
            marker={"size": 10, "color": RELATION_COLOURS[relation]},
            **_SELECTION,
            hovertemplate=f"%{{text}}: {label} %{{y:.3f}}, %{{x:,.4~g}} {UNITS[column]}"
            f"<extra>{relation}</extra>",
            name=f"{relation} (n {len(rows)})",
        )
    title = f"tumour volume ({UNITS[column]}, log scale)"
    figure.update_xaxes(title=title, type="log", dtick="D2", tickformat=",")
    figure.update_yaxes(title=f"{label} of the case", range=[0, 1.04])
    return clickable(figure, 380, **LEGEND_ON_TOP)


def by_group(groups: pd.DataFrame, overall: float, label: str) -> go.Figure:
    """Return the mean of each group with its interval, one row per group.

    Args:
        groups: of :func:`brainseg.evaluation.by_group`.
        overall: the mean over all cases, a line.
    """
    known = groups["low"].notna()
    traits = groups["trait"].map(html.escape).tolist()
    names = [f"{html.escape(row.group)} (n = {row.cases})" for row in groups.itertuples()]
    figure = go.Figure(
        go.Scatter(
            x=groups["mean"],
            y=[traits, names],
            mode="markers",
            marker={
                "size": 10,
                "color": SERIES_COLOUR,
                "symbol": ["circle" if has_interval else "circle-open" for has_interval in known],
            },
            customdata=[
                f"95% interval {row.low:.3f} to {row.high:.3f}" if has_interval else "no interval"
                for row, has_interval in zip(groups.itertuples(), known, strict=True)
            ],
            hovertemplate="%{x:.3f}, %{customdata}<extra></extra>",
        )
    )
    # Error bars would also be drawn, with length 0, for groups without an interval.
    for row, trait, name in zip(groups.itertuples(), traits, names, strict=True):
        if not np.isnan(row.low):
            figure.add_scatter(
                x=[row.low, row.high],
                y=[[trait] * 2, [name] * 2],
                mode="lines",
                line={"color": SERIES_COLOUR, "width": 2},
                hoverinfo="skip",
            )
    figure.add_vline(overall, line=_MEAN_LINE)
    ends = groups[["mean", "low", "high"]]
    figure.update_xaxes(
        title=f"mean {label} with 95% interval<br>dotted: all cases",
        range=_around(min(ends.min().min(), overall), max(ends.max().max(), overall)),
    )
    figure.update_yaxes(showdividers=True, dividercolor=QUIET)
    figure.update_yaxes(ticklabeloverflow="allow", autorange="reversed")
    return figure.update_layout(
        height=90 + ROW_PX * len(groups),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
    )


def _around(low: float, high: float) -> list[float]:
    """Return the range of an axis of values 0..1 on which an interval takes most of the width."""
    margin = max(0.01, 0.06 * (high - low))
    return [max(-0.01, low - margin), min(1.01, high + margin)]


def difference(mean: float, low: float, high: float, label: str) -> go.Figure:
    """Return a mean difference with its interval, on an axis of its own that contains 0.

    Args:
        mean, low, high: of the difference, and the ends of its 95% interval.
        label: of the axis.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[low, high], y=[0, 0], mode="lines", line={"color": SERIES_COLOUR, "width": 3}
    )
    figure.add_scatter(x=[mean], y=[0], mode="markers", marker={"size": 12, "color": SERIES_COLOUR})
    figure.add_vline(0, line={"color": QUIET, "width": 2, "dash": "dot"})
    margin = max(1e-3, 0.08 * (max(high, 0) - min(low, 0)))
    figure.update_traces(hovertemplate="%{x:+.4f}<extra></extra>")
    figure.update_xaxes(
        title={
            "text": f"{label}; line: 95% interval; dotted: no difference",
            "standoff": 12,
        },
        range=[min(low, 0) - margin, max(high, 0) + margin],
        tickformat="+.3~f",
        zeroline=False,
    )
    figure.update_yaxes(visible=False, range=[-1, 1])
    return clickable(figure, 130, showlegend=False)


def reliability(curve: pd.DataFrame) -> go.Figure:
    """Return how often voxels of each probability are tumour, above the number of voxels.

    Args:
        curve: of :attr:`brainseg.evaluation.Calibration.curve`.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.04)
    upper = {"row": 1, "col": 1}
    dotted = {"mode": "lines", "line": {"color": QUIET, "dash": "dot"}, "hoverinfo": "skip"}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="perfect", **dotted, **upper)
    figure.add_scatter(
        x=curve["probability"],
        y=curve["tumour"],
        mode="lines+markers",
        line={"color": SERIES_COLOUR, "width": 2},
        marker={"size": 9},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": curve["high"] - curve["tumour"],
            "arrayminus": curve["tumour"] - curve["low"],
            "color": SERIES_COLOUR,
            "thickness": 1.5,
        },
        hovertemplate="probability %{x:.2f}: %{y:.1%} are tumour<extra></extra>",
        name="this model, with 95% intervals",
        **upper,
    )
    figure.add_bar(
        x=(curve["from"] + curve["to"]) / 2,
        y=curve["voxels"],
        width=0.9 / CURVE_BINS,
        marker={"color": QUIET, "line": {"width": 0}},
        hovertemplate="%{y:,} voxels<extra></extra>",
        showlegend=False,
        row=2,
        col=1,
    )
    figure.update_yaxes(title="share that is tumour", range=[0, 1.02], **upper)
    figure.update_yaxes(title="voxels (log)", type="log", nticks=4, row=2, col=1)
    figure.update_xaxes(range=[0, 1.02])
    figure.update_xaxes(title="predicted probability", row=2, col=1)
    return clickable(figure, 440, **LEGEND_ON_TOP)


def dice_at_thresholds(curve: pd.DataFrame, thresholds: Sequence[float]) -> go.Figure:
    """Return the mean Dice by case at each threshold; lines mark the thresholds of the model.

    Args:
        curve: of :func:`brainseg.evaluation.dice_at_thresholds`.
        thresholds: of the folds of the model.
    """
    figure = go.Figure(
        go.Scatter(
            x=curve["threshold"],
            y=curve["dice"],
            mode="lines",
            line={"color": SERIES_COLOUR, "width": 2},
            hovertemplate="threshold %{x:.2f}: mean Dice %{y:.3f}<extra></extra>",
        )
    )
    for threshold in thresholds:
        figure.add_vline(
            threshold,
            line=_MEAN_LINE,
            annotation={"text": f"{threshold:g}", "xanchor": "left", "y": 0, "yanchor": "bottom"},
        )
    figure.update_xaxes(title="threshold", range=[0, 1])
    figure.update_yaxes(title="mean Dice by case", range=[0, 1.02])
    return clickable(figure, 440, showlegend=False)


def comparison(cases: pd.DataFrame, first: str, second: str, label: str) -> go.Figure:
    """Return the scores of two models on each case, joined by a line in the colour of the better.

    Args:
        cases: of :attr:`brainseg.evaluation.Comparison.cases`; in this order.
    """
    names = cases["case"].map(html.escape)
    figure = go.Figure()
    for name, colour, chosen in (
        (f"{html.escape(second)} is better", BETTER, cases["difference"] > 0),
        (f"{html.escape(first)} is better", WORSE, cases["difference"] < 0),
    ):
        rows = cases[chosen]
        gaps = np.full(len(rows), None)
        figure.add_scatter(
            x=np.column_stack([rows["first"], rows["second"], gaps]).ravel(),
            y=np.repeat(names[chosen].to_numpy(object), 3),
            mode="lines",
            line={"color": colour, "width": 3},
            hoverinfo="skip",
            name=name,
        )
    for name, column, colour, symbol in (
        (first, "first", SERIES_COLOUR, "circle"),
        (second, "second", SECOND_COLOUR, "diamond"),
    ):
        figure.add_scatter(
            x=cases[column],
            y=names,
            customdata=cases["case"],
            mode="markers",
            marker={"size": 9, "color": colour, "symbol": symbol},
            **_SELECTION,
            hovertemplate=f"%{{y}}: {label} %{{x:.3f}}<extra>{html.escape(name)}</extra>",
            name=html.escape(name),
        )
    figure.update_xaxes(title=f"{label} of the case", range=[0, 1.02])
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names.tolist()[::-1],
        showticklabels=len(cases) <= 2 * MOST_NAMED,
    )
    height = 130 + (ROW_PX - 6) * len(cases) if len(cases) <= 2 * MOST_NAMED else 700
    return clickable(figure, height, **LEGEND_ON_TOP)


def conventions(rules: pd.DataFrame, interval: tuple[float, float]) -> go.Figure:
    """Return the mean Dice under each way of averaging; the first is the recommended one.

    Args:
        rules: of :func:`brainseg.evaluation.conventions`.
        interval: 95% interval of the first row, drawn as a band.
    """
    rows = rules[rules["dice"].notna()].iloc[::-1]
    is_ours = (rows["rule"] == rules["rule"].iloc[0]).tolist()
    texts = [
        f"{row.dice:.3f}" if ours else f"{row.dice:.3f} ({row.difference:+.3f})".replace("-", "−")
        for row, ours in zip(rows.itertuples(), is_ours, strict=True)
    ]
    colours = [SERIES_COLOUR if ours else QUIET for ours in is_ours]
    inks = ["#ffffff" if ours else INK for ours in is_ours]
    figure = go.Figure()
    _add_rules(figure, rows, "dice", texts, colours, inks)
    figure.add_vrect(*interval, **_BAND)
    figure.add_vline(rules["dice"].iloc[0], line=_MEAN_LINE)
    figure.update_xaxes(title="mean Dice of the same predictions", range=[0, 1.02], dtick=0.2)
    return clickable(figure, 90 + 34 * len(rows), showlegend=False, bargap=0.3)


def two_splits(rules: pd.DataFrame) -> go.Figure:
    """Return the mean Dice of a split by patient and a split by slice under each way of averaging.

    Args:
        rules: of :attr:`brainseg.evaluation.Leakage.table`.
    """
    rows = rules.iloc[::-1]
    figure = go.Figure()
    # Plotly draws the last trace of a group on top.
    for column, name, colour, ink in (
        ("by_slice", BY_SLICE, SECOND_COLOUR, INK),
        ("by_patient", BY_PATIENT, SERIES_COLOUR, "#ffffff"),
    ):
        texts = [f"{value:.3f}" for value in rows[column]]
        _add_rules(figure, rows, column, texts, colour, ink, name)
    figure.update_xaxes(title="mean Dice of the same network", range=[0, 1.02], dtick=0.2)
    figure.update_layout(barmode="group", legend_traceorder="reversed")
    return clickable(figure, 110 + 62 * len(rows), bargap=0.25, **LEGEND_ON_TOP)


def _add_rules(
    figure: go.Figure,
    rows: pd.DataFrame,
    column: str,
    texts: list[str],
    colour: str | list[str],
    ink: str | list[str],
    name: str = "",
) -> None:
    """Add one bar per rule with its text inside."""
    figure.add_bar(
        x=rows[column],
        y=rows["rule"],
        orientation="h",
        name=name,
        marker={"color": colour, "line": {"width": 0}},
        text=texts,
        textposition="inside",
        insidetextanchor="start",
        insidetextfont={"color": ink, "size": 13},
        customdata=[f"{row.n:,} {row.unit}" for row in rows.itertuples()],
        hovertemplate=f"%{{y}}: %{{x:.3f}}, %{{customdata}}<extra>{name}</extra>",
    )
