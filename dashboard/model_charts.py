"""Charts of predictions; as in :mod:`dashboard.charts`, without Streamlit."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from brainseg.imaging import PREDICTION_COLOUR, heat
from dashboard.charts import MASK_RGB, slice_strip

PREDICTION_RGB = f"rgb{PREDICTION_COLOUR}"

LEGEND_ON_TOP = {
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    "showlegend": True,
}


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
