"""Halves of a cohort by patient and by slice, and what a split by slice does to neighbouring slices."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

TRAINING, TEST = "training", "test"


def halves_by_patient(
    sizes: list[int], volumes: list[int], patients: list[str], seed: int
) -> list[np.ndarray]:
    """Return the half, 0 or 1, of each slice, (n,) int per case; a patient is in one half only.

    Patients are paired by the size of their tumours, so that the halves are similar.

    Args:
        sizes: the number of slices of each case.
        volumes: of the tumour of each case, in any unit.
        patients: of each case.
        seed: of the random half of each pair.
    """
    ordered = pd.Series(volumes).groupby(patients).sum().sort_values(kind="stable")
    names = ordered.index.to_numpy(object)
    rng = np.random.default_rng(seed)
    half_of: dict[str, int] = {}
    for start in range(0, len(names), 2):
        pair = rng.permutation(2)
        half_of |= dict(zip(names[start : start + 2], pair.tolist(), strict=False))
    return [np.full(n, half_of[one]) for n, one in zip(sizes, patients, strict=True)]


def halves_by_slice(sizes: list[int], seed: int) -> list[np.ndarray]:
    """Return the half, 0 or 1, of each slice, (n,) int per case, drawn over all slices."""
    halves = np.random.default_rng(seed).permutation(sum(sizes)) % 2
    return np.split(halves, np.cumsum(sizes)[:-1])


def split_table(slices: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the part of each slice with a usable mask under both splits.

    Args:
        slices: the index of a cohort.
        seed: of the halves.

    Returns:
        ``case``, ``slice_number``, ``area_px``, and :data:`TRAINING` or :data:`TEST` as ``by_slice`` and
        ``by_patient``, one row per slice.
    """
    usable = slices[slices["area_px"].notna()]
    cases = usable.groupby("case", sort=False)
    sizes, volumes = cases.size().tolist(), cases["area_px"].sum().tolist()
    table = usable[["case", "slice_number", "area_px"]].reset_index(drop=True)
    if table.empty:
        return table.assign(by_slice="", by_patient="")
    parts = np.array([TRAINING, TEST])
    by_patient = halves_by_patient(sizes, volumes, cases["patient_id"].first().tolist(), seed)
    return table.assign(
        by_slice=parts[np.concatenate(halves_by_slice(sizes, seed))],
        by_patient=parts[np.concatenate(by_patient)],
    )


def share_beside_training(table: pd.DataFrame, split: str) -> float:
    """Return the share of test slices, 0..1, with a neighbour of the same case in training.

    Args:
        table: of :func:`split_table`.
        split: ``by_slice`` or ``by_patient``.
    """
    training = (table[split] == TRAINING).groupby(table["case"])
    beside = training.shift(1, fill_value=False) | training.shift(-1, fill_value=False)
    return float(beside[table[split] == TEST].mean())


@dataclass(frozen=True)
class Neighbours:
    """Two neighbouring slices with tumour that a split by slice separates.

    Attributes:
        case: the case of both.
        training: slice number of the one in training.
        test: slice number of the one in test.
    """

    case: str
    training: int
    test: int


def separated_neighbours(table: pd.DataFrame) -> Neighbours | None:
    """Return the separated neighbours with the largest tumour in both, or None without any.

    Args:
        table: of :func:`split_table`.
    """
    areas = table["area_px"].astype("float64")
    following = table.assign(area_px=areas).groupby("case").shift(-1)
    smaller = areas.clip(upper=following["area_px"])
    apart = following["by_slice"].notna() & (following["by_slice"] != table["by_slice"])
    smaller = smaller[apart & (smaller > 0)]
    if smaller.empty:
        return None
    place = smaller.idxmax()
    numbers = {
        table.loc[place, "by_slice"]: int(table.loc[place, "slice_number"]),
        following.loc[place, "by_slice"]: int(following.loc[place, "slice_number"]),
    }
    return Neighbours(str(table.loc[place, "case"]), numbers[TRAINING], numbers[TEST])


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two pictures' grey values, -1..1 (Pearson), where either is not 0.

    Args:
        first: (h, w), any number.
        second: of the same shape.
    """
    shown = (first > 0) | (second > 0)
    return float(np.corrcoef(first[shown], second[shown])[0, 1])
