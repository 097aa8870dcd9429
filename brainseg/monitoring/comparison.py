"""Runs side by side: their results, and only those settings in which they differ."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from brainseg.monitoring.snapshot import Snapshot

RESULTS = ("run", "state", "epochs_done", "measured", "best", "best_epoch", "hours")
"""The columns of every comparison; the settings that differ follow them."""

NOT_COMPARED = ("name",)
"""Settings that say nothing of how a network was trained."""

FEWEST_PARALLEL = 5
"""So many runs are told apart better by parallel coordinates than by reading a table."""


def differences(configs: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    """Return a row a run and a column a setting in which they differ; None where a run lacks it.

    Args:
        configs: run -> its settings; a run without any (a log) differs in nothing.
    """
    told = {run: config for run, config in configs.items() if config}
    names = dict.fromkeys(name for config in told.values() for name in config)
    differing = [
        name
        for name in names
        if name not in NOT_COMPARED
        and len({repr(config.get(name)) for config in told.values()}) > 1
    ]
    rows = [[config.get(name) for name in differing] for config in configs.values()]
    return pd.DataFrame(rows, index=list(configs), columns=differing, dtype="object")


def comparison(snapshots: Sequence[Snapshot]) -> pd.DataFrame:
    """Return a row a run: its result, and the settings in which the runs differ.

    Returns:
        :data:`RESULTS`: ``run``; ``state`` (None for a log); ``epochs_done``, how many epochs (or
        steps) were read; ``measured``, the metric that ``best`` is of; ``best_epoch``; ``hours`` of
        training (NaN where nothing tells). Then a column a setting that differs.
    """
    rows = [_result(snapshot) for snapshot in snapshots]
    table = pd.DataFrame(rows, columns=list(RESULTS))
    table = table.astype({"best": "Float64", "best_epoch": "Int64", "hours": "Float64"})
    differing = differences({snapshot.name: snapshot.config for snapshot in snapshots})
    return table.join(differing, on="run")


def coordinates(table: pd.DataFrame) -> pd.DataFrame:
    """Return what parallel coordinates draw of a comparison: a number or a category a column.

    Settings that a run lacks, and columns that hold one value for all, are left out; ``best`` is the
    last column, and runs without one are left out.

    Args:
        table: from :func:`comparison`.

    Returns:
        A row a run with ``run`` as the index; float64 columns, and ``category`` ones for what is no
        number.
    """
    known = table.dropna(subset=["best"]).set_index("run")
    settings = [name for name in known.columns if name not in RESULTS]
    columns = {}
    for name in [*settings, "best"]:
        values = known[name]
        if values.isna().any() or (name != "best" and values.astype(str).nunique() < 2):
            continue
        numbers = all(_is_number(value) for value in values)
        columns[name] = (
            values.astype("float64") if numbers else values.astype(str).astype("category")
        )
    return pd.DataFrame(columns, index=known.index)


def common_metrics(snapshots: Iterable[Snapshot], every: Sequence[str]) -> list[str]:
    """Return the metrics that two runs or more have, in the order given; all where there is one run."""
    histories = [set(snapshot.history) for snapshot in snapshots]
    needed = min(2, len(histories))
    return [name for name in every if sum(name in columns for columns in histories) >= needed]


def _result(snapshot: Snapshot) -> dict:
    history, best_epoch = snapshot.history, snapshot.best_epoch
    column = snapshot.score_column
    row = {"run": snapshot.name, "state": snapshot.state, "epochs_done": len(history)}
    if "best_dice" in snapshot.status:
        row |= {"measured": "validation_dice", "best": snapshot.status["best_dice"]}
    elif column is not None and best_epoch is not None:
        best = history.loc[history["epoch"] == best_epoch, column].iloc[0]
        row |= {"measured": column, "best": best}
    hours = history["hours"].max() if len(history) else math.nan
    return row | {"best_epoch": best_epoch, "hours": hours}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
