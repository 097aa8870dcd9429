"""Tables of slices and cases: pure functions of a cohort's index, each number with its unit.

A slice is a row of the index, also where one of its two files is missing. A slice counts towards a
statistic where its mask is usable (``area_px`` is there); the others are left out, and counted.
Areas are pixels and volumes voxels, for the files hold no spacing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.index import MOST_VALUES
from brainseg.patients import code_labels, code_text
from brainseg.volume import FLAIR, SEQUENCES

UNKNOWN = "unknown"
"""What a missing institution is counted under."""

MOST_BINS = 40


def counts(slices: pd.DataFrame) -> dict:
    """Return what a cohort holds, in whole numbers that JSON can carry.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.index`.

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
        slices: the index of a cohort; see :mod:`brainseg.index`.

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


@dataclass(frozen=True)
class AreaHistogram:
    """How large the tumour is on the slices that show one.

    Attributes:
        bins: ``from_px`` (included), ``to_px`` (excluded but in the last bin) and ``slices``; empty
            where no slice shows a tumour.
        without_tumour: slices whose usable mask is empty; they are in no bin.
        left_out: slices without a usable mask; nothing is known of them.
    """

    bins: pd.DataFrame
    without_tumour: int
    left_out: int


def area_histogram(slices: pd.DataFrame, bins: int = MOST_BINS) -> AreaHistogram:
    """Return how many slices have which tumour area, in equal bins from 0 px.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.index`.
        bins: the most bins there may be, at least 1; their width is 1, 2 or 5 times a power of ten.
    """
    areas = slices["area_px"]
    tumour = areas[areas > 0].to_numpy("int64")
    largest = int(tumour.max(initial=0))
    width = _round_up(-(-largest // max(1, bins)))
    edges = np.arange(0, largest + width, width)
    # np.histogram counts an area on the last edge into the bin before it, so none is lost.
    heights = np.histogram(tumour, edges)[0] if len(tumour) else np.array([], int)
    table = pd.DataFrame(
        {"from_px": edges[: len(heights)], "to_px": edges[1 : len(heights) + 1], "slices": heights}
    )
    return AreaHistogram(table, int((areas == 0).sum()), int(areas.isna().sum()))


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


def patient_columns(slices: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return what ``data.csv`` says of this cohort's patients, a row a column of the file.

    Args:
        slices: the index of a cohort.
        patients: its ``data.csv``; see :attr:`brainseg.cohort.Cohort.patients`.

    Returns:
        ``column``, ``known`` and ``missing`` (patients of the cohort with and without a value, those
        without a row included in ``missing``), ``distinct`` (values among them).
    """
    joined = join_patients(slices, patients).drop(columns="patient_id")
    known = joined.notna().sum()
    return pd.DataFrame(
        {
            "column": joined.columns.astype("str"),
            "known": known.to_numpy(),
            "missing": (len(joined) - known).to_numpy(),
            "distinct": joined.nunique().to_numpy(),
        }
    )


def patients_by_code(
    slices: pd.DataFrame,
    patients: pd.DataFrame,
    column: str,
    codebook: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return how many of this cohort's patients have which code in a column of ``data.csv``.

    Args:
        slices: the index of a cohort.
        patients: its ``data.csv``.
        column: a column of it.
        codebook: ``column``, ``code``, ``label``, or None: codes then stay codes.

    Returns:
        ``code`` (str, missing in the last row where patients have no value), ``label`` (str, missing
        where the code book has none) and ``patients`` (count), sorted by code.
    """
    values = join_patients(slices, patients)[column]
    table = values.value_counts(dropna=True).sort_index().rename("patients").reset_index()
    table = table.rename(columns={column: "code"})
    table["code"] = table["code"].map(code_text).astype("str")
    if values.isna().any():
        table.loc[len(table)] = {"code": None, "patients": int(values.isna().sum())}
    labels = {}
    if codebook is not None:
        named = code_labels(codebook)
        labels = {code: label for (owner, code), label in named.items() if owner == column}
    table.insert(1, "label", table["code"].map(labels).astype("str"))
    return table.astype({"patients": "int64"})


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


def file_table(slices: pd.DataFrame) -> pd.DataFrame:
    """Return how many files of a cohort have which shape, dtype and values, the commonest first.

    Returns:
        ``file`` ("image" or "mask"), ``shape`` ("256 × 256 × 3", missing for files that cannot be
        decoded), ``dtype``, ``values`` (of masks, separated by ", "; missing for images) and
        ``files`` (count). Images come first.
    """
    images = slices[slices["image_path"].notna()]
    masks = slices[slices["mask_path"].notna()]
    image_shape = _shape_text(images["height"], images["width"], images["channels"])
    mask_shape = _shape_text(masks["mask_height"], masks["mask_width"], masks["mask_channels"])
    of_images = {"file": "image", "shape": image_shape, "dtype": images["dtype"], "values": None}
    values = masks["mask_values"].str.replace(" ", ", ")
    many = values.str.count(", ") == MOST_VALUES - 1
    values = values.where(~many.fillna(False), values + ", …")
    of_masks = {"file": "mask", "shape": mask_shape, "dtype": masks["mask_dtype"], "values": values}
    both = [pd.DataFrame(part).astype("str") for part in (of_images, of_masks)]
    columns = ["file", "shape", "dtype", "values"]
    table = pd.concat(both).groupby(columns, dropna=False).size().rename("files").reset_index()
    return table.sort_values(["file", "files"], ascending=[True, False], ignore_index=True)


@dataclass(frozen=True)
class Pair:
    """One image and its mask, as the files hold them.

    Attributes:
        case: the case's name.
        slice_number: as in the file's name.
        image_path: relative to the cohort's folder, as is ``mask_path``.
        image_shape: (height, width, channels), or (height, width) for a grey image, in px.
        image_dtype: as stored, as is ``mask_dtype``.
        mask_shape: (height, width), or with channels where it has several.
    """

    case: str
    slice_number: int
    image_path: str
    image_shape: tuple[int, ...]
    image_dtype: str
    mask_path: str
    mask_shape: tuple[int, ...]
    mask_dtype: str


def random_pair(slices: pd.DataFrame, seed: int) -> Pair | None:
    """Return a pair of image and mask drawn from those that can be decoded, or None without one.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.index`.
        seed: 0 or more; the same seed and cohort give the same pair.
    """
    pairs = slices[slices["height"].notna() & slices["mask_height"].notna()]
    if pairs.empty:
        return None
    row = pairs.iloc[int(np.random.default_rng(seed).integers(len(pairs)))]
    return Pair(
        row["case"],
        int(row["slice_number"]),
        row["image_path"],
        _shape(row["height"], row["width"], row["channels"]),
        row["dtype"],
        row["mask_path"],
        _shape(row["mask_height"], row["mask_width"], row["mask_channels"]),
        row["mask_dtype"],
    )


def join_patients(slices: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return a row a patient of the cohort with the columns of ``data.csv``, missing where it has none.

    Where the file holds a patient twice, the first row counts.
    """
    own = slices[["patient_id"]].drop_duplicates(ignore_index=True)
    return own.merge(patients.drop_duplicates("patient_id"), on="patient_id", how="left")


def _shape(height: int, width: int, channels: int) -> tuple[int, ...]:
    return (int(height), int(width)) + ((int(channels),) if channels > 1 else ())


def _shape_text(height: pd.Series, width: pd.Series, channels: pd.Series) -> pd.Series:
    flat = height.astype("str") + " × " + width.astype("str")
    text = flat.where(channels == 1, flat + " × " + channels.astype("str"))
    return text.where(height.notna())


def _round_up(width: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is no less than a width."""
    power = 1
    while 10 * power < width:
        power *= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= width)


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return part.astype("Float64") / whole.where(whole > 0).astype("Float64")


def _largest_slice(rows: pd.DataFrame) -> pd.Series:
    tumour = rows[rows["_tumour"]]
    largest = tumour.groupby("case", sort=False)["area_px"].idxmax()
    return pd.Series(
        rows.loc[largest, "slice_number"].to_numpy(), index=largest.index, dtype=object
    )
