"""Compare runs: their results and the settings in which they differ."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from brainseg.monitoring.snapshot import Snapshot

RESULTS = ("run", "state", "epochs_done", "measured", "best", "best_epoch", "hours")
"""First columns of every comparison; the differing settings follow."""

NOT_COMPARED = ("name",)
"""Settings that do not affect the training."""

FEWEST_PARALLEL = 5
"""Number of runs from which parallel coordinates are easier to read than a table."""


def differences(configs: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    """Return one row per run and one column per differing setting; None where a run lacks it.

    Args:
        configs: run -> its settings; runs without settings (logs) are not compared.
    """
    known = {run: config for run, config in configs.items() if config}
    names = dict.fromkeys(name for config in known.values() for name in config)
    differing = [
        name
        for name in names
        if name not in NOT_COMPARED
        and len({repr(config.get(name)) for config in known.values()}) > 1
    ]
    rows = [[config.get(name) for name in differing] for config in configs.values()]
    return pd.DataFrame(rows, index=list(configs), columns=differing, dtype="object")


def comparison(snapshots: Sequence[Snapshot]) -> pd.DataFrame:
    """Return one row per run: its result, and the settings in which the runs differ.

    Returns:
        :data:`RESULTS`: ``run``; ``state`` (None for a log); ``epochs_done``, number of epochs (or
        steps) read; ``measured``, the metric of ``best``; ``best_epoch``; ``hours`` of training (NaN if
        unknown). Then one column per differing setting.
    """
    rows = [_result(snapshot) for snapshot in snapshots]
    table = pd.DataFrame(rows, columns=list(RESULTS))
    table = table.astype({"best": "Float64", "best_epoch": "Int64", "hours": "Float64"})
    differing = differences({snapshot.name: snapshot.config for snapshot in snapshots})
    return table.join(differing, on="run")


def coordinates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a comparison for parallel coordinates: numbers or categories.

    Settings that a run lacks, constant columns, and runs without a ``best`` are excluded; ``best`` is
    the last column.

    Args:
        table: from :func:`comparison`.

    Returns:
        One row per run, indexed by ``run``; float64 columns, and ``category`` columns where values are
        not numbers.
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
    """Return the metrics that at least two runs have, in the given order; all if there is one run."""
    histories = [set(snapshot.history) for snapshot in snapshots]
    needed = min(2, len(histories))
    return [name for name in every if sum(name in columns for columns in histories) >= needed]


def _result(snapshot: Snapshot) -> dict:
    history, best_epoch = snapshot.history, snapshot.best_epoch
    column = snapshot.score_column
    row: dict[str, object] = {
        "run": snapshot.name,
        "state": snapshot.state,
        "epochs_done": len(history),
    }
    if "best_dice" in snapshot.status:
        row |= {"measured": "validation_dice", "best": snapshot.status["best_dice"]}
    elif column is not None and best_epoch is not None:
        best = history.loc[history["epoch"] == best_epoch, column].iloc[0]
        row |= {"measured": column, "best": best}
    hours = history["hours"].max() if len(history) else math.nan
    return row | {"best_epoch": best_epoch, "hours": hours}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
