"""Folds by patient: nobody who teaches is scored, everybody is scored once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.cohorts import blob, head, write_pair

from brainseg.cohort import Cohort
from brainseg.cohort.splits import Fold, make_folds
from brainseg.errors import CohortError

PARTS = ("trained_on", "selected_on", "held_out")


def index_of(patients: int, seed: int = 0, institutions: str = "ABCD") -> pd.DataFrame:
    """Return what folds need of an index: some patients with several cases of three slices."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        institution = rng.choice(list(institutions))
        for study in range(rng.choice([1, 1, 1, 2, 3])):
            size = int(rng.integers(0, 2000))
            case = f"P{patient:03}_{study}"
            rows += [(case, f"P{patient:03}", institution, size + plane) for plane in range(3)]
    index = pd.DataFrame(rows, columns=["case", "patient_id", "institution", "area_px"])
    return index.astype({"institution": "str", "area_px": "Int64"})


def patients_of(fold: Fold, part: str) -> set[str]:
    return {case.split("_")[0] for case in getattr(fold, part)}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("count", [2, 5])
def test_a_patient_never_stands_in_two_parts_of_a_fold(seed: int, count: int) -> None:
    for fold in make_folds(index_of(24, seed), count, seed):
        parts = [patients_of(fold, part) for part in PARTS]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts)) == 24


@pytest.mark.parametrize("seed", range(12))
def test_every_case_is_held_out_once_and_stands_once_in_every_fold(seed: int) -> None:
    index = index_of(24, seed)
    folds = make_folds(index, 5, seed)
    assert sorted(case for fold in folds for case in fold.held_out) == sorted(set(index["case"]))
    for number, fold in enumerate(folds):
        assert fold.number == number
        cases = [case for part in PARTS for case in getattr(fold, part)]
        assert sorted(cases) == sorted(set(index["case"]))


def test_the_same_seed_gives_the_same_folds_whatever_the_order_of_rows() -> None:
    index = index_of(24)
    folds = make_folds(index, 5, 3)
    assert make_folds(index, 5, 3) == folds
    assert make_folds(index.sample(frac=1, random_state=0), 5, 3) == folds
    assert make_folds(index, 5, 4) != folds


def test_folds_are_alike_in_institution_and_tumour_size() -> None:
    rows = []
    for patient in range(60):
        size = 10 if patient % 2 else 5000
        rows.append((f"P{patient:03}_0", f"P{patient:03}", "AB"[patient // 2 % 2], size))
    index = pd.DataFrame(rows, columns=["case", "patient_id", "institution", "area_px"])
    of_case = index.set_index("case")
    for fold in make_folds(index, 5):
        held_out = of_case.loc[list(fold.held_out)]
        assert len(held_out) == 12
        assert 4 <= (held_out["institution"] == "A").sum() <= 8
        assert 4 <= (held_out["area_px"] > 1000).sum() <= 8


def test_a_cohort_without_institutions_is_split_too() -> None:
    index = index_of(20)
    index["institution"] = pd.Series([None] * len(index), dtype="str")
    assert len(make_folds(index, 4)) == 4


def test_cases_without_a_mask_stand_in_no_part() -> None:
    index = index_of(20)
    index.loc[index["patient_id"] == "P003", "area_px"] = pd.NA
    for fold in make_folds(index, 4):
        assert all("P003" not in patients_of(fold, part) for part in PARTS)


def test_too_few_patients_are_refused_with_the_number_there_is() -> None:
    with pytest.raises(CohortError, match="5 folds need at least 10 patients with masks, this"):
        make_folds(index_of(9), 5)
    many_cases_of_one = pd.DataFrame(
        {"case": list("abcdefgh"), "patient_id": "one", "institution": "A", "area_px": 1}
    )
    with pytest.raises(CohortError, match="this cohort has 1"):
        make_folds(many_cases_of_one, 2)


@pytest.mark.parametrize("count", [1, 0, -3])
def test_fewer_than_two_folds_are_refused(count: int) -> None:
    with pytest.raises(CohortError, match="use 2 or more"):
        make_folds(index_of(20), count)


@pytest.mark.parametrize("seed", range(60))
def test_small_cohorts_are_split_or_refused_and_never_leave_a_part_empty(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index = index_of(int(rng.integers(4, 14)), seed)
    try:
        folds = make_folds(index, int(rng.integers(2, 6)), seed)
    except CohortError:
        return
    assert all(getattr(fold, part) for fold in folds for part in PARTS)


def test_a_fold_whose_parts_overlap_is_refused() -> None:
    with pytest.raises(CohortError, match="b is in trained_on and in held_out of fold 2"):
        Fold(2, trained_on=("a", "b"), selected_on=("c",), held_out=("d", "b"))
    with pytest.raises(CohortError, match="a is in trained_on and in trained_on"):
        Fold(0, trained_on=("a", "a"), selected_on=(), held_out=())


def test_a_patient_whose_case_name_repeats_in_another_folder_stays_on_one_side(
    tmp_path: Path,
) -> None:
    for patient in range(8):
        for visit, folder in enumerate(("first", "second")):
            case = f"TCGA_AB_{patient:04}_20000101"
            image = head(10 * patient + visit)
            write_pair(tmp_path / folder / case, case, 1, image, blob(9, 9, 4 + patient))
    slices = Cohort.open(tmp_path).slices
    assert slices["case"].nunique() == 16
    patient_of = slices.drop_duplicates("case").set_index("case")["patient_id"]
    for fold in make_folds(slices, 4):
        parts = [set(patient_of[list(getattr(fold, part))]) for part in PARTS]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 8


def test_the_real_cohort_is_split_by_patient(real_cohort: Cohort) -> None:
    slices = real_cohort.slices
    folds = make_folds(slices)
    for fold in folds:
        # All four parts of the name without the date are the patient.
        patients = [{case.rsplit("_", 1)[0] for case in getattr(fold, part)} for part in PARTS]
        assert sum(map(len, patients)) == len(set.union(*patients))
        assert len(fold.held_out) >= 14
    assert sum(len(fold.held_out) for fold in folds) == slices["case"].nunique()
