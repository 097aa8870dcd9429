"""Charts of trainings, scores and predictions; as in :mod:`dashboard.charts`, without Streamlit."""

import html

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from brainseg.imaging import PREDICTION_COLOUR, heat
from brainseg.models import HELD_OUT, NEW, SEEN
from dashboard.charts import MASK_RGB, QUIET, clickable, slice_strip

PREDICTION_RGB = f"rgb{PREDICTION_COLOUR}"

LEGEND_ON_TOP = {
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    "showlegend": True,
}

TRAINING_TITLES = {
    "loss": "Loss (training)",
    "validation_dice": "Validation Dice",
    "learning_rate": "Learning rate",
}

RELATION_COLOURS = {HELD_OUT: "#009e73", NEW: "#0072b2", SEEN: QUIET}
"""Of what a model knows of a case; see :class:`brainseg.models.Standing`."""


def training_curve(
    history: pd.DataFrame,
    column: str,
    best_epoch: int | None = None,
    stopped_epoch: int | None = None,
    height_px: int = 260,
) -> go.Figure:
    """Return one value of a training by epoch.

    Args:
        history: see :meth:`brainseg.runs.Run.history`.
        column: ``loss``, ``validation_dice`` or ``learning_rate``.
        best_epoch: is marked with a star.
        stopped_epoch: where the training stopped early, marked with a line.
        height_px: of the figure.
    """
    epochs, values = history["epoch"], history[column]
    figure = go.Figure()
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="lines+markers" if len(history) < 60 else "lines",
        marker={"size": 5},
        hovertemplate="epoch %{x}: %{y:.4~g}<extra></extra>",
        name=TRAINING_TITLES[column],
    )
    best = history[epochs == best_epoch]
    if len(best):
        figure.add_scatter(
            x=best["epoch"],
            y=best[column],
            mode="markers",
            marker={"symbol": "star", "size": 15, "color": MASK_RGB},
            hovertemplate="best epoch %{x}: %{y:.4~g}<extra></extra>",
            name="best epoch",
        )
    if stopped_epoch is not None:
        figure.add_vline(
            stopped_epoch,
            line={"color": QUIET, "width": 2, "dash": "dot"},
            annotation={"text": "stopped early", "xanchor": "right", "font": {"color": QUIET}},
        )
    few = 1 if len(history) <= 10 else None
    figure.update_xaxes(title="epoch", showgrid=False, tickformat="d", dtick=few)
    figure.update_yaxes(tickformat=".1e" if column == "learning_rate" else None, nticks=6)
    figure.update_yaxes(rangemode="tozero")
    if column == "validation_dice":
        figure.update_yaxes(range=[0, 1])
    return figure.update_layout(
        title={"text": TRAINING_TITLES[column], "font": {"size": 14}},
        height=height_px,
        margin={"l": 0, "r": 8, "t": 40, "b": 0},
        showlegend=False,
        uirevision=column,
    )


def dice_by_case(scores: pd.DataFrame, mean: float, height_px: int = 340) -> go.Figure:
    """Return a bar a case, in the order given.

    Args:
        scores: ``case``, ``dice`` (0..1) and ``relation``, a row a case.
        mean: of the cases that count, drawn as a line.
        height_px: of the figure.
    """
    figure = go.Figure()
    for relation, rows in scores.groupby("relation", sort=True):
        figure.add_bar(
            x=rows["case"].map(html.escape),
            y=rows["dice"],
            customdata=rows["case"],
            marker={"color": RELATION_COLOURS[relation], "line": {"width": 0}},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.5}},
            hovertemplate="%{x}: Dice %{y:.3f}<extra>" + relation + "</extra>",
            name=relation,
        )
    figure.add_hline(
        mean,
        line={"color": MASK_RGB, "width": 2, "dash": "dot"},
        annotation={"text": f"mean {mean:.3f}", "xanchor": "left", "x": 0},
    )
    # Names of more cases than this would cover each other; hovering tells them.
    named = len(scores) <= 30
    figure.update_xaxes(
        categoryorder="array",
        categoryarray=scores["case"].map(html.escape).tolist(),
        showticklabels=named,
        tickangle=-50,
    )
    figure.update_xaxes(title=None if named else "cases, from the lowest to the highest Dice")
    figure.update_yaxes(title="Dice of the case", range=[0, 1.02])
    return clickable(figure, height_px, bargap=0.15, **LEGEND_ON_TOP)


def dice_by_volume(scores: pd.DataFrame, height_px: int = 340) -> go.Figure:
    """Return Dice against tumour volume, a point a case; the axis is logarithmic.

    Args:
        scores: ``case``, ``dice`` (0..1), ``tumour_vx`` (above 0) and ``relation``, a row a case.
        height_px: of the figure.
    """
    figure = go.Figure()
    for relation, rows in scores.groupby("relation", sort=True):
        figure.add_scatter(
            x=rows["tumour_vx"],
            y=rows["dice"],
            customdata=rows["case"],
            text=rows["case"].map(html.escape),
            mode="markers",
            marker={"size": 10, "color": RELATION_COLOURS[relation]},
            hovertemplate="%{text}: Dice %{y:.3f}, %{x} voxels<extra>" + relation + "</extra>",
            name=relation,
        )
    figure.update_xaxes(title="tumour volume (voxels, log scale)", type="log")
    figure.update_xaxes(dtick="D2", tickformat=",")
    figure.update_yaxes(title="Dice of the case", range=[0, 1.02])
    return clickable(figure, height_px, **LEGEND_ON_TOP)


def with_probability(figure: go.Figure, probability: np.ndarray) -> go.Figure:
    """Return :func:`dashboard.charts.pictures` whose last panel tells the probability of a pixel.

    Args:
        figure: is changed.
        probability: (h, w), 0..1, of the last picture.
    """
    figure.data[-1].customdata = np.rint(probability * 100).astype(np.uint8)
    figure.data[
        -1
    ].hovertemplate = "row %{y}, column %{x}<br>probability %{customdata} %<extra></extra>"
    return figure


def probability_scale(threshold: float) -> np.ndarray:
    """Return how probabilities from 0 to 1 look over grey, (12, 202, 3) uint8; a line is the threshold.

    Args:
        threshold: 0..1.
    """
    levels = np.tile(np.linspace(0, 1, 202, dtype=np.float32), (12, 1))
    scale = heat(np.full((*levels.shape, 3), 90, np.uint8), levels)
    place = round(threshold * 200)
    scale[:, place : place + 2] = 255
    return scale


def predicted_area_by_slice(areas: pd.DataFrame, chosen: int, height_px: int = 170) -> go.Figure:
    """Return predicted area and mask area by slice; a slice without a usable mask has no mask line.

    Args:
        areas: see :func:`brainseg.prediction.area_by_slice`.
        chosen: the slice number that is shown.
        height_px: of the figure.
    """
    figure = go.Figure()
    figure.add_bar(
        x=areas["slice_number"],
        y=areas["predicted_px"],
        customdata=areas["slice_number"],
        marker={"color": PREDICTION_RGB, "line": {"width": 0}},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertemplate="slice %{x}: %{y} px predicted<extra></extra>",
        name="prediction",
    )
    if areas["mask_px"].notna().any():
        figure.add_scatter(
            x=areas["slice_number"],
            y=areas["mask_px"].astype("float64"),
            customdata=areas["slice_number"],
            mode="lines+markers",
            line={"color": MASK_RGB, "width": 2},
            marker={"size": 5},
            hovertemplate="slice %{x}: %{y:.0f} px in the mask<extra></extra>",
            name="manual mask",
        )
    return slice_strip(figure, chosen, "area (px)", height_px).update_layout(**LEGEND_ON_TOP)
