"""Counts of slices and tumours, per cohort and per case."""

import pandas as pd

from brainseg.cohort.slice_rows import SPACING_COLUMNS
from brainseg.statistics.parts import by_part
from brainseg.volume import FLAIR, SEQUENCES

UNKNOWN = "unknown"
"""Name of the group of cases whose institution or code is missing."""
WHAT = ["with tumour", "without tumour", "without a usable mask"]
"""The kinds of slices in :func:`tumour_shares`."""

COLUMNS = [
    *("case", "patient_id", "institution", "slices", "masks", "slices_with_tumour", "tumour_vx"),
    *("tumour_ml", "tumour_fraction", "tumour_share", "largest_slice", "flair_copies", "unusable"),
]
"""The columns of :func:`case_table`."""


def counts(slices: pd.DataFrame) -> dict:
    """Return the counts of a cohort, as whole numbers for JSON.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.

    Returns:
        ``cases``; ``slices``, the rows of the index; ``masks``, the mask files that can be decoded,
        even if their size or values make them unusable; ``slices_with_tumour``, those with a usable
        mask that is not empty; ``institutions``, cases per institution, the missing one as
        :data:`UNKNOWN`; ``errors``, rows with a missing or unreadable image or an unreadable mask (a
        missing mask is no error).
    """
    cases = slices["institution"][~slices["case"].duplicated()].fillna(UNKNOWN)
    mask_unreadable = slices["mask_path"].notna() & slices["mask_height"].isna()
    return {
        "cases": len(cases),
        "slices": len(slices),
        "masks": int(slices["mask_height"].notna().sum()),
        "slices_with_tumour": int((slices["area_px"] > 0).sum()),
        "institutions": {name: int(n) for name, n in cases.value_counts().sort_index().items()},
        "errors": int((slices["height"].isna() | mask_unreadable).sum()),
    }


def case_table(slices: pd.DataFrame) -> pd.DataFrame:
    """Return one row per case, in the order of the index.

    Returns:
        ``case``, ``patient_id``, ``institution`` (str); ``slices``; ``masks``, the slices with a usable
        mask; ``slices_with_tumour``; ``tumour_vx`` (Int64, missing without a usable mask);
        ``tumour_ml`` (Float64, missing also without a spacing); ``tumour_fraction``, the tumour's share
        of the head, 0..1, on slices where both are known, which does not depend on the distance of the
        slices (Float64, missing without such a slice); ``tumour_share``, slices with tumour per slice
        with a usable mask, 0..1 (Float64, missing without
        one); ``largest_slice``, the slice_number of the largest tumour area (Int64, missing without a
        tumour); ``flair_copies``, see :func:`flair_copies`; ``unusable``, slices without a usable mask.
    """
    return by_part(_case_table, slices)


def _case_table(slices: pd.DataFrame) -> pd.DataFrame:
    case, names = pd.factorize(slices["case"])  # once: numbers are grouped faster than names
    area, tumour = slices["area_px"], (slices["area_px"] > 0).fillna(False).astype(bool)
    rows = pd.DataFrame({"area_px": area, "_usable": area.notna(), "_tumour": tumour})
    both_known = slices[["area_px", "head_px"]].notna().all(axis="columns")
    px = slices.loc[both_known, ["area_px", "head_px"]].groupby(case[both_known]).sum()
    by_case = rows.groupby(case)
    of_case = slices[["patient_id", "institution"]].groupby(case).first()
    table = pd.DataFrame(
        {
            "patient_id": of_case["patient_id"],
            "institution": of_case["institution"],
            "slices": by_case.size(),
            "masks": by_case["_usable"].sum().astype("int64"),
            "slices_with_tumour": by_case["_tumour"].sum().astype("int64"),
            "tumour_vx": by_case["area_px"].sum(min_count=1).astype("Int64"),
        }
    )
    table["tumour_ml"] = _millilitres(slices).groupby(case).sum(min_count=1)
    table["tumour_fraction"] = ratio(px["area_px"], px["head_px"]).reindex(table.index)
    table["tumour_share"] = ratio(table["slices_with_tumour"], table["masks"])
    largest = area[tumour].groupby(case[tumour]).idxmax()
    numbers = slices["slice_number"].loc[largest].set_axis(largest.index)
    table["largest_slice"] = numbers.reindex(table.index).astype("Int64")
    table.index = pd.Index(names, name="case")
    table["flair_copies"] = flair_copies(slices).reindex(table.index).fillna("").astype("str")
    table["unusable"] = table["slices"] - table["masks"]
    return table.reset_index()


def _millilitres(slices: pd.DataFrame) -> pd.Series:
    """Return the tumour of each slice in ml, missing without a spacing."""
    voxel_ml = slices[[*SPACING_COLUMNS]].prod(axis=1, min_count=3) / 1000
    return slices["area_px"].astype("Float64") * voxel_ml.astype("Float64")


def tumour_shares(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the number of slices with tumour, without tumour, and without a usable mask.

    Returns:
        Three rows with ``what`` (str), ``slices`` (count) and ``of_all`` (0..1, of every slice).
    """
    areas = slices["area_px"]
    number = [(areas > 0).sum(), (areas == 0).sum(), areas.isna().sum()]
    table = pd.DataFrame({"what": WHAT, "slices": [int(n) for n in number]})
    return table.assign(of_all=table["slices"] / max(1, len(slices)))


def tumour_shares_of_cases(cases: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`tumour_shares` of the slices of some cases, rows of :func:`case_table`."""
    with_tumour, usable = cases["slices_with_tumour"].sum(), cases["masks"].sum()
    number = [with_tumour, usable - with_tumour, cases["unusable"].sum()]
    table = pd.DataFrame({"what": WHAT, "slices": [int(n) for n in number]})
    return table.assign(of_all=table["slices"] / max(1, int(cases["slices"].sum())))


def flair_copies(slices: pd.DataFrame) -> pd.Series:
    """Return, by case, the sequences that equal FLAIR on each of its slices with three channels.

    Returns:
        str, sequences separated by ", ", empty if there is none; indexed by the cases that have a
        readable slice of three channels.
    """
    three = slices["channels"] == len(SEQUENCES)
    comparable = slices.loc[three.fillna(False), ["case", "flair_copies"]]
    names = pd.Series("", index=comparable["case"].drop_duplicates(), dtype="str")
    for sequence in SEQUENCES:
        if sequence == FLAIR:
            continue
        copied = comparable["flair_copies"].str.contains(sequence, regex=False)
        always = copied.groupby(comparable["case"], sort=False).all()
        names[always[always].index] += f", {sequence}"
    return names.str.removeprefix(", ")


def ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return part divided by whole (Float64), missing where the whole is 0."""
    whole = whole.astype("Float64")
    return part.astype("Float64") / whole.where(whole > 0)
