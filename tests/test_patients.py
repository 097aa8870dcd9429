"""What data.csv says of a patient is shown as it stands, and named only by a code book."""

import pandas as pd

from brainseg.patients import patient_facts

PATIENTS = pd.DataFrame(
    {
        "patient_id": ["A", "B", "A"],
        "grade": [2.0, None, 1.0],
        "gender": [1, 2, 2],
        "site": ["x", "y", "z"],
    }
)


def test_a_code_stays_the_code_of_the_file_without_a_code_book():
    facts = patient_facts(PATIENTS, None, "A")
    assert dict(zip(facts["column"], facts["code"], strict=True)) == {
        "grade": "2",
        "gender": "1",
        "site": "x",
    }
    assert facts["label"].isna().all()


def test_a_gap_is_missing_and_no_code():
    facts = patient_facts(PATIENTS, None, "B")
    assert facts.loc[facts["column"] == "grade", "code"].isna().all()


def test_a_code_book_names_the_codes_that_it_holds_and_no_others():
    codebook = pd.DataFrame({"column": ["grade"], "code": [2], "label": ["II"]})
    facts = patient_facts(PATIENTS, codebook, "A").set_index("column")["label"]
    assert facts["grade"] == "II"
    assert pd.isna(facts["gender"])


def test_a_patient_that_the_file_does_not_hold_has_no_facts():
    assert patient_facts(PATIENTS, None, "C").empty
