"""Which slices a split puts into training and test."""

import html

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainseg.evaluation.leakage import BY_PATIENT, BY_SLICE
from brainseg.evaluation.splits import TEST, TRAINING, Neighbours
from brainseg.plotting.scores import SECOND_COLOUR
from brainseg.plotting.style import LEGEND_ON_TOP, SERIES_COLOUR, VERMILION

ROW_PX = 22
MARK_COLOUR = VERMILION

COLOURS = {TRAINING: SERIES_COLOUR, TEST: SECOND_COLOUR}


def split_grid(table: pd.DataFrame, marked: Neighbours) -> go.Figure:
    """Return the part of each slice, one row of squares per case, under both splits side by side.

    Args:
        table: of :func:`brainseg.evaluation.splits.split_table`, of a few cases.
        marked: two slices that are outlined.
    """
    figure = make_subplots(
        1, 2, shared_yaxes=True, subplot_titles=[BY_SLICE.capitalize(), BY_PATIENT.capitalize()]
    )
    pair = table["case"].eq(marked.case) & table["slice_number"].isin(
        [marked.training, marked.test]
    )
    for column, split in enumerate(("by_slice", "by_patient"), start=1):
        for part, colour in COLOURS.items():
            rows = table[table[split] == part]
            figure.add_scatter(
                x=rows["slice_number"],
                y=rows["case"].map(html.escape),
                mode="markers",
                marker={"symbol": "square", "size": 9, "color": colour},
                hovertemplate=f"%{{y}}, slice %{{x}}: {part}<extra></extra>",
                name=part,
                legendgroup=part,
                showlegend=column == 1,
                row=1,
                col=column,
            )
        figure.add_scatter(
            x=table.loc[pair, "slice_number"],
            y=table.loc[pair, "case"].map(html.escape),
            mode="markers",
            marker={
                "symbol": "square-open",
                "size": 15,
                "color": MARK_COLOUR,
                "line": {"width": 3},
            },
            hoverinfo="skip",
            name="the two slices above",
            legendgroup="marked",
            showlegend=column == 1,
            row=1,
            col=column,
        )
    names = table["case"].drop_duplicates().map(html.escape).tolist()
    figure.update_xaxes(title="slice number", zeroline=False)
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], showgrid=False)
    return figure.update_layout(
        height=150 + ROW_PX * len(names),
        margin={"l": 8, "r": 8, "t": 56, "b": 8},
        dragmode=False,
        **LEGEND_ON_TOP | {"legend": {"orientation": "h", "y": 1.12, "yanchor": "bottom"}},
    )
