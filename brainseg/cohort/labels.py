"""The labels of masks: their names, their sizes on each slice, and the index of one label alone.

A label is a value of a label map, a region of several values, a segment, or a colour. Two labels may
overlap, as the whole tumour and its core do. The index has the measures of the union of all labels;
``label_measures`` has those of each label that differs from the union.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.cohort.label_measures import OF_LABEL
from brainseg.cohort.slice_rows import READ_DTYPES
from brainseg.io.files import read_file

CODEBOOKS = ("labels.json", "dseg.tsv")
"""Files that name the values of masks: {"1": "core"} or {"core": 1}, and the look-up table of BIDS."""


def label_areas(slices: pd.DataFrame) -> pd.Series:
    """Return the pixels of each label on each slice with tumour, as dicts; empty without labels."""
    labelled = slices.loc[slices["label_px"].notna(), "label_px"].map(json.loads)
    if labelled.empty:
        return labelled
    # A picture on which only one label occurs looks like a plain mask.
    plain = slices[slices["label_px"].isna() & slices["area_px"].gt(0).fillna(False).astype(bool)]
    of_plain = [
        {values.split()[-1]: int(px)}
        for values, px in zip(plain["mask_values"], plain["area_px"], strict=True)
    ]
    return pd.concat([labelled, pd.Series(of_plain, index=plain.index, dtype=object)]).sort_index()


def labels_of(slices: pd.DataFrame) -> tuple[str, ...]:
    """Return the names of the labels that occur, in the order in which the files name them.

    A cohort whose masks have one label has none to choose.
    """
    found = {name for areas in label_areas(slices) for name in areas}
    if len(found) < 2:
        return ()
    sources = slices["source"].dropna().drop_duplicates()
    named = dict.fromkeys(name for source in sources for name in json.loads(source)["labels"])
    rest = sorted(found - named.keys(), key=lambda name: (not name.isdecimal(), len(name), name))
    return (*(name for name in named if name in found), *rest)


def index_of_label(slices: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return the index with the measures of one label in place of those of the union."""
    known = slices["area_px"].notna()
    areas = label_areas(slices).reindex(slices.index)
    own = areas.map(lambda one: one.get(label, 0) if isinstance(one, dict) else 0).astype("int64")
    differs = known & (own != slices["area_px"].fillna(-1).astype("int64"))
    found = slices.copy()
    # Column by column, so that the dtypes stay.
    for name in OF_LABEL:
        found.loc[differs, name] = pd.NA if READ_DTYPES[name] != "float64" else np.nan
    empty = differs & (own == 0)
    found.loc[empty, ["area_px", "components"]] = 0
    partly = differs & (own > 0)
    measured = [json.loads(text)[label] for text in found.loc[partly, "label_measures"]]
    table = pd.DataFrame(measured, index=found.index[partly], columns=list(OF_LABEL))
    for name in OF_LABEL:
        found.loc[partly, name] = table[name].astype(READ_DTYPES[name])
    return found


def label_words(label: str, names: Mapping[str, str]) -> str:
    """Return a label as readers call it: its name in a code book, its own, or “label 1”."""
    unnamed = label.isdecimal() or label.startswith("#")
    return names.get(label, f"label {label}" if unnamed else label)


def read_label_names(path: Path | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the name of each value in a code book, and a note if it is unusable."""
    if path is None:
        return {}, ()
    try:
        text = read_file(path).decode("utf-8-sig")
        pairs = _of_table(text) if path.suffix == ".tsv" else _of_json(json.loads(text))
        return {value: name for value, name in pairs if value != "0" and name}, ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
        rule = '{"1": "core"}' if path.suffix == ".json" else "the columns index and name"
        return {}, (f"{path.name} names no labels, because it does not have {rule}.",)


def _of_json(content: dict) -> Iterator[tuple[str, str]]:
    for one, other in content.items():
        if isinstance(other, str):
            yield one.strip(), other.strip()
        else:
            yield str(int(other)), one.strip()


def _of_table(text: str) -> Iterator[tuple[str, str]]:
    for row in csv.DictReader(StringIO(text), delimiter="\t"):
        yield str(int(row["index"])), row["name"].strip()
