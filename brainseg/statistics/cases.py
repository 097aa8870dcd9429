"""What a cohort holds, counted: by slice, by case, by institution."""

import pandas as pd

from brainseg.volume import FLAIR, SEQUENCES

UNKNOWN = "unknown"
"""What a missing institution is counted under."""


def counts(slices: pd.DataFrame) -> dict:
    """Return what a cohort holds, in whole numbers that JSON can carry.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.

    Returns:
        ``cases``; ``slices``, the rows of the index; ``masks``, the mask files that can be decoded,
        also where their size or values make them unusable; ``slices_with_tumour``, those whose mask
        is usable and not empty; ``institutions``, cases by institution, the missing one as
        :data:`UNKNOWN`; ``errors``, the rows whose image is missing or cannot be decoded, or whose
        mask is there and cannot be decoded (a missing mask is no error here).
    """
    cases = slices.drop_duplicates("case")["institution"].fillna(UNKNOWN)
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
    """Return a row a case, in the order of the index.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.

    Returns:
        ``case``, ``patient_id``, ``institution`` (str); ``slices``; ``masks``, the slices whose mask
        is usable; ``slices_with_tumour``; ``tumour_vx``, voxels (Int64, missing without a usable
        mask); ``tumour_share``, slices with tumour of those with a usable mask, 0..1 (Float64,
        missing without one); ``largest_slice``, the slice_number of the largest tumour area (Int64,
        missing where there is none); ``flair_copies``, the sequences that equal FLAIR on every slice
        that can be compared, separated by ", "; ``unusable``, the slices left out.
    """
    rows = slices.assign(
        _usable=slices["area_px"].notna(), _tumour=(slices["area_px"] > 0).fillna(False)
    )
    by_case = rows.groupby("case", sort=False)
    table = pd.DataFrame(
        {
            "patient_id": by_case["patient_id"].first(),
            "institution": by_case["institution"].first(),
            "slices": by_case.size(),
            "masks": by_case["_usable"].sum().astype("int64"),
            "slices_with_tumour": by_case["_tumour"].sum().astype("int64"),
            "tumour_vx": by_case["area_px"].sum(min_count=1).astype("Int64"),
        }
    )
    table["tumour_share"] = _share(table["slices_with_tumour"], table["masks"])
    table["largest_slice"] = _largest_slice(rows).reindex(table.index).astype("Int64")
    table["flair_copies"] = flair_copies(slices).reindex(table.index).fillna("").astype("str")
    table["unusable"] = table["slices"] - table["masks"]
    return table.reset_index()


def institution_table(slices: pd.DataFrame) -> pd.DataFrame:
    """Return a row an institution, sorted by name, :data:`UNKNOWN` for the missing one.

    Returns:
        ``institution``, ``patients``, ``cases``, ``slices``, ``masks`` (usable ones),
        ``slices_with_tumour``, ``tumour_share`` (0..1, Float64, missing without a usable mask) and
        ``median_tumour_vx`` (voxels a case, Float64, over the cases with a usable mask).
    """
    cases = case_table(slices)
    by_institution = cases.groupby(cases["institution"].fillna(UNKNOWN))
    table = by_institution[["slices", "masks", "slices_with_tumour"]].sum()
    table.insert(0, "patients", by_institution["patient_id"].nunique())
    table.insert(1, "cases", by_institution.size())
    table["tumour_share"] = _share(table["slices_with_tumour"], table["masks"])
    table["median_tumour_vx"] = by_institution["tumour_vx"].median().astype("Float64")
    return table.reset_index()


def tumour_shares(slices: pd.DataFrame) -> pd.DataFrame:
    """Return how many slices show a tumour, how many show none, and how many cannot be told.

    Returns:
        Three rows with ``what`` (str), ``slices`` (count) and ``of_all`` (0..1, of every slice).
    """
    areas = slices["area_px"]
    number = [(areas > 0).sum(), (areas == 0).sum(), areas.isna().sum()]
    what = ["with tumour", "without tumour", "without a usable mask"]
    table = pd.DataFrame({"what": what, "slices": [int(n) for n in number]})
    return table.assign(of_all=table["slices"] / max(1, len(slices)))


def catalogue(slices: pd.DataFrame) -> pd.DataFrame:
    """Return a row a slice for reading: names, files, and whether it shows a tumour.

    Returns:
        ``case``, ``patient_id``, ``institution``, ``slice_number``, ``image_path``, ``mask_path``
        (relative to the cohort's folder), ``tumour`` (boolean, missing without a usable mask) and
        ``area_px`` (Int64, likewise).
    """
    columns = ["case", "patient_id", "institution", "slice_number", "image_path", "mask_path"]
    return slices[columns].assign(
        tumour=(slices["area_px"] > 0).astype("boolean"), area_px=slices["area_px"]
    )


def flair_copies(slices: pd.DataFrame) -> pd.Series:
    """Return, by case, the sequences that equal FLAIR on each of its slices with three channels.

    Returns:
        str, sequences separated by ", ", empty where there is none; its index holds the cases with
        a slice of three channels that can be decoded.
    """
    comparable = slices[slices["channels"] == len(SEQUENCES)]
    names = pd.Series("", index=comparable["case"].drop_duplicates(), dtype="str")
    for sequence in SEQUENCES:
        if sequence == FLAIR:
            continue
        copied = comparable["flair_copies"].str.contains(sequence, regex=False)
        always = copied.groupby(comparable["case"], sort=False).all()
        names[always[always].index] += f", {sequence}"
    return names.str.removeprefix(", ")


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return part.astype("Float64") / whole.where(whole > 0).astype("Float64")


def _largest_slice(rows: pd.DataFrame) -> pd.Series:
    tumour = rows[rows["_tumour"]]
    largest = tumour.groupby("case", sort=False)["area_px"].idxmax()
    return pd.Series(
        rows.loc[largest, "slice_number"].to_numpy(), index=largest.index, dtype=object
    )
