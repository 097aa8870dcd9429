"""How values are spread: over all, and over those a person chose among them."""

import math

import pandas as pd

MOST_BINS = 40


def histogram(
    values: pd.Series, chosen: pd.Series | None = None, most_bins: int = MOST_BINS
) -> pd.DataFrame:
    """Return how many values there are in bins of equal width, of all and of the chosen.

    Args:
        values: numbers; missing ones are in no bin.
        chosen: bool on the same rows; all where it is None.
        most_bins: how many there may be, at least 1; their width is 1, 2 or 5 times a power of ten, and
            a whole number for whole numbers.

    Returns:
        ``from`` (included), ``to`` (excluded but in the last bin), ``all`` and ``chosen`` (counts);
        empty where there is no value.
    """
    known = values[values.notna()].astype("float64")
    if known.empty:
        return pd.DataFrame({"from": [], "to": [], "all": [], "chosen": []}).astype(
            {"all": "int64", "chosen": "int64"}
        )
    whole = pd.api.types.is_integer_dtype(values)
    width = _nice((known.max() - known.min()) / max(1, most_bins))
    width = max(1.0, width) if whole else width
    first = math.floor(known.min() / width)
    # An edge that floating point moved by a hair must not lose a value, so edges are multiples.
    place = (known / width - first).map(math.floor)
    many = max(1, math.ceil(known.max() / width) - first)
    place = place.clip(upper=many - 1)
    picked = place if chosen is None else place[chosen.loc[place.index].astype(bool)]
    edges = [round((first + step) * width, 10) for step in range(many + 1)]
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:]})
    table["all"] = place.value_counts().reindex(range(many), fill_value=0).to_numpy()
    table["chosen"] = picked.value_counts().reindex(range(many), fill_value=0).to_numpy()
    return table.astype({"from": "int64", "to": "int64"}) if whole else table


def category_counts(values: pd.Series, chosen: pd.Series | None = None) -> pd.DataFrame:
    """Return how often each value stands there, of all and of the chosen.

    Args:
        values: of any type.
        chosen: bool on the same rows; all where it is None.

    Returns:
        ``value`` (as text; missing in the last row, where some are), ``all`` and ``chosen`` (counts),
        sorted by value.
    """
    picked = values if chosen is None else values[chosen.astype(bool)]
    every = values.value_counts().sort_index()
    table = pd.DataFrame(
        {
            "value": every.index.astype("str"),
            "all": every.to_numpy(),
            "chosen": picked.value_counts().reindex(every.index, fill_value=0).to_numpy(),
        }
    )
    if values.isna().any():
        gap = {"value": None, "all": values.isna().sum(), "chosen": picked.isna().sum()}
        table.loc[len(table)] = gap
    return table.astype({"value": "str", "all": "int64", "chosen": "int64"})


def along_the_case(
    measures: pd.DataFrame, chosen: pd.Series | None = None, parts: int = 10
) -> pd.DataFrame:
    """Return how often the tumour shows along the case, from its first slice to its last.

    Args:
        measures: a row a slice, from :func:`brainseg.statistics.slice_measures`.
        chosen: bool on the same rows; all where it is None.
        parts: into which each case is cut.

    Returns:
        A row a part: ``from`` and ``to`` (0..1 along the case), ``slices`` (with a usable mask),
        ``with_tumour``, ``share`` (Float64, 0..1, missing without a slice), and the same with
        ``chosen_`` in front.
    """
    known = measures[measures["tumour"].notna() & measures["position"].notna()]
    picked = known if chosen is None else known[chosen.loc[known.index].astype(bool)]
    table = pd.DataFrame(
        {
            "from": [part / parts for part in range(parts)],
            "to": [(part + 1) / parts for part in range(parts)],
        }
    )
    for front, rows in (("", known), ("chosen_", picked)):
        part = (rows["position"].astype("float64") * parts).astype("int64").clip(upper=parts - 1)
        tumour = rows["tumour"].astype("bool")
        slices = part.value_counts().reindex(range(parts), fill_value=0)
        shown = part[tumour].value_counts().reindex(range(parts), fill_value=0)
        table[f"{front}slices"], table[f"{front}with_tumour"] = slices, shown
        table[f"{front}share"] = shown / slices.where(slices > 0).astype("Float64")
    return table


def _nice(width: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is no less than a width."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-12))
