"""The slices most similar to one slice, and how well such neighbours agree on what was not described."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.errors import CohortError
from brainseg.statistics.embeddings import Features


def neighbours(
    features: Features,
    case: str,
    slice_number: int,
    most: int,
    other_cases: bool = True,
    one_a_case: bool = False,
) -> pd.DataFrame:
    """Return the slices most similar to one slice, the nearest first.

    Args:
        features: of the cohort.
        case, slice_number: of the slice.
        most: the largest number of slices.
        other_cases: leave out slices of the same case, which are nearly always similar.
        one_a_case: return only the nearest slice of each case.

    Returns:
        ``case`` (str), ``slice_number`` (int64), ``distance`` (float64, without a unit).

    Raises:
        CohortError: the slice has no features, because it cannot be read.
    """
    row = features.row_of.get((case, int(slice_number)))
    if row is None:
        raise CohortError(
            f"{case[:60]} slice {slice_number} has no features: choose a slice that can be read."
        )
    distance = np.linalg.norm(features.vectors - features.vectors[row], axis=1).astype(np.float64)
    allowed = features.cases != case if other_cases else np.arange(len(features)) != row
    near = np.flatnonzero(allowed)[np.argsort(distance[allowed], kind="stable")]
    if one_a_case:
        near = near[~pd.Series(features.cases[near]).duplicated().to_numpy()]
    near = near[:most]
    table = features.table().loc[near, ["case", "slice_number"]]
    return table.assign(distance=distance[near]).reset_index(drop=True)


@dataclass(frozen=True)
class Agreement:
    """Agreement of the nearest slices of other patients on facts that the features do not contain.

    Attributes:
        slices: number of slices whose neighbours were compared.
        same_state: share of neighbours that agree with the slice on whether there is a tumour, 0..1.
        same_state_by_chance: the same for a random slice of another patient.
        same_state_by_position: the same for the slices at the same position along their cases.
        apart: mean distance along the case, in shares of its length, 0..1.
        apart_by_chance: the same for a random slice of another patient.
        seen_left_out: number of cases left out because the model learned from them.
    """

    slices: int
    same_state: float
    same_state_by_chance: float
    same_state_by_position: float
    apart: float
    apart_by_chance: float
    seen_left_out: int

    def in_words(self) -> list[str]:
        """Return the agreement as sentences."""
        words = [
            f"{self.same_state:.0%} of the nearest slices of other patients agree on whether there is a "
            f"tumour, compared with {self.same_state_by_chance:.0%} of random slices and "
            f"{self.same_state_by_position:.0%} of slices at the same position in their cases.",
            f"Their positions differ by {self.apart:.0%} of a case's length on average; those of random "
            f"slices by {self.apart_by_chance:.0%}.",
            f"Measured on {self.slices:,} slices.",
        ]
        if self.seen_left_out:
            words.append(
                f"The slices of {self.seen_left_out} cases were left out, because the network was "
                "trained on their masks."
            )
        return words


def agreement(features: Features, slices: pd.DataFrame, most: int = 5) -> Agreement | None:
    """Return how well neighbours agree, or None without two patients with usable masks.

    Args:
        features: of the cohort.
        slices: its index; slices without a usable mask are left out. Cases that the model learned from
            are only neighbours, unless there are no others.
        most: neighbours of each slice.
    """
    known = _known(features, slices)
    seen = known["case"].isin(features.seen).to_numpy()
    seen = seen & (not seen.all())
    asked = np.flatnonzero(~seen)
    patients = known["patient_id"].to_numpy(object)
    if len(asked) == 0 or len(set(patients)) < 2:
        return None
    state, position = known["tumour"].to_numpy(bool), known["position"].to_numpy()
    vectors = features.vectors[known["row"]]
    sums = np.zeros(5)
    for part in np.array_split(asked, -(-len(asked) // 256)):
        others = patients[part, None] != patients
        same = state[part, None] == state
        apart = np.abs(position[part, None] - position)
        # Squared distances, without the term that is the same for the whole row.
        near = _nearest((vectors**2).sum(axis=1) - 2 * vectors[part] @ vectors.T, others, most)
        level = _nearest(apart, others, most)
        sums += [
            np.take_along_axis(same, near, 1).mean(1).sum(),
            (same & others).sum(1) @ (1 / others.sum(1)),
            np.take_along_axis(same, level, 1).mean(1).sum(),
            np.take_along_axis(apart, near, 1).mean(1).sum(),
            (apart * others).sum(1) @ (1 / others.sum(1)),
        ]
    same_near, same_chance, same_level, apart_near, apart_chance = (sums / len(asked)).tolist()
    left_out = known.loc[seen, "case"].nunique()
    return Agreement(
        len(asked), same_near, same_chance, same_level, apart_near, apart_chance, left_out
    )


def _known(features: Features, slices: pd.DataFrame) -> pd.DataFrame:
    """Return the slices that have features and a usable mask, with the facts to compare."""
    table = features.table()[["case", "slice_number"]].assign(row=np.arange(len(features)))
    last = slices.groupby("case")["slice_index"].transform("max").clip(lower=1)
    facts = slices.assign(position=slices["slice_index"] / last, tumour=slices["area_px"] > 0)
    facts = facts[facts["area_px"].notna()]
    columns = ["case", "slice_number", "patient_id", "position", "tumour"]
    return table.merge(facts[columns], on=["case", "slice_number"])


def _nearest(distance: np.ndarray, allowed: np.ndarray, most: int) -> np.ndarray:
    """Return the columns of the smallest allowed distances of each row, (rows, most), in any order."""
    most = min(most, int(allowed.sum(axis=1).min()))
    return np.argpartition(np.where(allowed, distance, np.inf), most - 1, axis=1)[:, :most]
