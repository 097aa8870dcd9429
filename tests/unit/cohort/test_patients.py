"""What data.csv says of a patient is shown as it stands, and named only by a code book."""

from pathlib import Path

import pandas as pd
import pytest

from brainseg.cohort import Cohort
from brainseg.cohort.patients import joined_to, patient_facts, read_codebook, read_patients

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


EUROPEAN = "Patient;Ort;Alter\nP01;Zürich;40,5\n007;Köln;51\n"


@pytest.mark.parametrize(
    "data",
    [
        EUROPEAN.encode(),
        EUROPEAN.encode("utf-8-sig"),
        EUROPEAN.encode("utf-16"),
        EUROPEAN.replace(";", "\t").encode("utf-16"),
        EUROPEAN.replace("\n", "\r\n").encode("utf-8-sig"),
        ("sep=;\r\n" + EUROPEAN).encode("utf-8-sig"),
        EUROPEAN.replace(",", ".").encode(),
        EUROPEAN.replace(",", ".").replace(";", ",").encode("utf-8-sig"),
        '"Patient";"Ort";"Alter"\n"P01";"Zürich";"40,5"\n"007";"Köln";"51"\n'.encode(),
        ("\n" + EUROPEAN.replace("Patient", " patient ")).encode(),
    ],
)
def test_a_table_is_read_in_whatever_way_a_spreadsheet_saves_it(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    table, notes = read_patients(path)
    assert notes == []
    assert table["patient_id"].tolist() == ["P01", "007"]
    assert table["Ort"].tolist() == ["Zürich", "Köln"]
    assert table["Alter"].tolist() == [40.5, 51.0]


def test_a_table_in_the_encoding_of_windows_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(EUROPEAN.encode("cp1252"))
    table, (note,) = read_patients(path)
    assert table["Ort"].tolist() == ["Zürich", "Köln"]
    assert note == "data.csv is not UTF-8: it was read as Windows-1252, as Excel saves it."


def test_a_table_with_two_patient_columns_is_read_by_the_first_with_one_sentence(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data.csv"
    path.write_text("age,Patient,patient\n40,P01,x\n51,P02,y\n")
    table, (note,) = read_patients(path)
    assert table.columns.tolist() == ["patient_id", "age"]
    assert table["patient_id"].tolist() == ["P01", "P02"]
    assert note == (
        "data.csv has the columns Patient and patient: Patient is used, rename the other."
    )


def test_a_codebook_with_semicolons_is_read(tmp_path: Path) -> None:
    path = tmp_path / "codebook.csv"
    path.write_text("Column;Code;Label\ngender;1;female, adult\n")
    codebook, notes = read_codebook(path)
    assert notes == []
    assert codebook.to_dict("records") == [
        {"column": "gender", "code": 1, "label": "female, adult"}
    ]


def test_decimal_commas_in_quotes_are_numbers_and_lists_of_codes_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('Patient,age,codes\nP01,"40,5","1,2,3"\nP02,,"1,2"\n')
    table, _ = read_patients(path)
    assert table["age"].tolist()[0] == 40.5
    assert pd.isna(table["age"][1])
    assert table["codes"].tolist() == ["1,2,3", "1,2"]


WIDE = "Patient," + ",".join(f"c{number}" for number in range(200_000))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WIDE + "\nP01\n", "it has 200,001 columns"),
        ("Patient,x\nP01,1\nP02" + ",2" * 50_000 + "\n", "Expected 2 fields in line 3, saw 50001"),
        ("Patient,x\nP01" + ",2" * 50_000 + "\n", "Length of header or names does not match"),
        ("Patient," + "y" * 200_000 + "\nP01,2\n", "field larger than field limit"),
        ("Patient,x\nP01," + "y" * 20_000 + "\n", "a cell has 20,000 characters"),
        ("Patient,x\n" + "P01,1\n" * 3_000_000, "17 MiB exceed 16 MiB"),
    ],
    ids=["columns", "long row", "first row long", "long name", "long cell", "long file"],
)
def test_a_table_beyond_the_limits_is_not_used_and_a_note_gives_them(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "data.csv").write_text(text)
    table, (note,) = read_patients(tmp_path / "data.csv")
    assert table is None
    assert note.startswith("data.csv was not used (")
    assert reason in note
    assert note.endswith("at most 16 MiB, 1,000 columns and 10,000 characters a cell.")


def test_integers_beyond_64_bits_are_text_and_infinite_numbers_are_missing(tmp_path: Path) -> None:
    digits = "9" * 500
    (tmp_path / "data.csv").write_text(f"Patient,big,age\nP01,{digits},1e999\nP02,1,40\n")
    table, (note,) = read_patients(tmp_path / "data.csv")
    assert table["big"].tolist() == [digits, "1"]
    assert pd.isna(table["age"][0])
    assert table["age"][1] == 40
    assert note == "data.csv has 1 infinite number(s), which are treated as missing."


def test_a_table_of_an_old_macintosh_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"Patient,age\rP01,40\r")
    table, notes = read_patients(tmp_path / "data.csv")
    assert (table["age"].tolist(), notes) == ([40], [])


def test_a_table_joins_whatever_hyphens_and_cases_its_names_have(tiny_cohort: Path) -> None:
    table = tiny_cohort / "data.csv"
    table.write_text("Patient;grade\ntcga-xx-0001;1,5\nTCGA XX 0002;2,0\nTCGA_YY_0003_20000103;3\n")
    cohort = Cohort.open(tiny_cohort)
    assert cohort.patients is not None
    assert cohort.patients["patient_id"].tolist() == [
        "TCGA_XX_0001",
        "TCGA_XX_0002",
        "TCGA_YY_0003",
    ]
    assert cohort.patients["grade"].tolist() == [1.5, 2.0, 3.0]


def test_a_table_of_other_patients_is_said_with_the_nearest_name(tiny_cohort: Path) -> None:
    (tiny_cohort / "data.csv").write_text("Patient,grade\nTCGA_XX_9001,1\nother,2\n")
    notes = Cohort.open(tiny_cohort).notes
    assert any("3 patient(s) have no row in data.csv" in note for note in notes)
    assert any("nearest name in the table TCGA_XX_9001" in note for note in notes)


@pytest.mark.parametrize(
    "column", ["patient_id", "Patient ID", "Subject", "case", "bcr_patient_barcode"]
)
def test_the_column_of_patients_may_have_another_name(tmp_path: Path, column: str) -> None:
    (tmp_path / "data.csv").write_text(f"grade,{column}\n2,P01\n3,P02\n")
    patients, notes = read_patients(tmp_path / "data.csv")
    assert patients is not None and notes == []
    assert patients.columns.tolist() == ["patient_id", "grade"]
    assert patients["patient_id"].tolist() == ["P01", "P02"]


def test_a_column_called_patient_comes_before_other_names(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("case,Patient\nx,P01\ny,P02\n")
    patients, notes = read_patients(tmp_path / "data.csv")
    assert patients is not None and notes == []
    assert patients["patient_id"].tolist() == ["P01", "P02"]
    assert patients["case"].tolist() == ["x", "y"]


def test_row_numbers_and_empty_columns_of_other_programs_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(",Patient,age,\n0,P01,50,\n1,P02,60,\n")
    patients, _ = read_patients(tmp_path / "data.csv")
    assert patients is not None and patients.columns.tolist() == ["patient_id", "age"]


def test_numbers_with_points_between_thousands_are_read(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("Patient;mm3\nP01;1.040,5\nP02;60,25\n")
    patients, _ = read_patients(tmp_path / "data.csv")
    assert patients is not None and patients["mm3"].tolist() == [1040.5, 60.25]


def test_leading_zeros_that_a_spreadsheet_dropped_do_not_matter() -> None:
    slices = pd.DataFrame({"case": ["001", "P002", "P02"], "patient_id": ["001", "P002", "P02"]})
    table = pd.DataFrame({"patient_id": ["1", "P2"], "age": [50, 60]})
    joined, _ = joined_to(table, slices, "data.csv")
    assert joined["patient_id"].tolist() == ["001", "P2"]  # P2 may be either of two patients
