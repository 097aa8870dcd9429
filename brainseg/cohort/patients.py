"""Read the dataset's tables of patients and of codes.

Spreadsheets save tables in several ways: with commas, semicolons or tabs, decimal points or commas, with
or without a byte order mark, in UTF-8, UTF-16 or Windows-1252. All are read.
"""

import codecs
import csv
import difflib
import io
import math
import re
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd

from brainseg.io.files import read_file

MAX_TABLE_BYTES = 16 * 2**20
MAX_COLUMNS = 1_000
MAX_CELL_CHARACTERS = 10_000
_SEPARATORS = (",", ";", "\t")
_SPREADSHEET_HINT = re.compile(r"^sep=(.)\s*$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?[\d.]+,\d+")
_NUMBER = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?")
_PATIENT = "patient"
_PATIENTS = {
    *("patient", "patientid", "participantid", "subject", "subjectid", "case", "caseid"),
    *("bcrpatientbarcode", "submitterid", "tcgaid"),
}
"""Names of the column of patients, without spaces and punctuation."""


def read_patients(path: Path | None) -> tuple[pd.DataFrame | None, list[str]]:
    """Return ``data.csv`` with ``patient_id`` in front, one row per patient, and notes on problems.

    Args:
        path: of the file, of BIDS ``participants.tsv``, or None if there is no table.
    """
    name = path.name if path else ""
    table, notes = _read_table(path, (_PATIENT,))
    if table is None:
        return None, notes
    patient_id = table.pop(_PATIENT).astype("str").str.strip()
    table = table.drop(columns="patient_id", errors="ignore")
    table.insert(0, "patient_id", patient_id)
    named = table[patient_id.notna()]
    patients = named.drop_duplicates("patient_id", ignore_index=True)
    left_out = len(table) - len(patients)
    if left_out:
        notes.append(
            f"{left_out} row(s) of {name} were left out: they name no patient, or one of an earlier row."
        )
    return patients, notes


def joined_to(
    patients: pd.DataFrame, slices: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with the patient ids of the index, and a note if most patients have no row.

    A row belongs to the patient, or else to the patient of the case, whose name is the same but for
    case, hyphens, underscores, spaces, leading zeros and “sub-” in front.

    Args:
        patients: see :func:`read_patients`.
        slices: the index.
        name: of the file.
    """
    known = dict(zip(slices["case"], slices["patient_id"], strict=True))
    known |= {patient: patient for patient in slices["patient_id"]}
    by_key = {_key(own): patient for own, patient in known.items()}
    # Spreadsheets drop leading zeros; where that makes two patients one, none of them is meant.
    short = Counter(_short_key(own) for own in set(known.values()))
    by_short = {key: own for own in known.values() if short[key := _short_key(own)] == 1}
    ids = patients["patient_id"].map(
        lambda own: known.get(own) or by_key.get(_key(own)) or by_short.get(_short_key(own), own)
    )
    joined = patients.assign(patient_id=ids.astype("str")).drop_duplicates("patient_id")
    without = sorted(set(slices["patient_id"]) - set(joined["patient_id"]))
    if 2 * len(without) <= slices["patient_id"].nunique() or patients.empty:
        return joined.reset_index(drop=True), []
    near = difflib.get_close_matches(without[0], patients["patient_id"], 1, cutoff=0)
    note = (
        f"{len(without)} patient(s) have no row in {name}: the first is {without[0]}, the nearest name "
        f"in the table {near[0] if near else patients['patient_id'].iloc[0]}."
    )
    return joined.reset_index(drop=True), [note]


def _key(name: str) -> str:
    return re.sub(r"[-_\s]+", "", name).casefold().removeprefix("sub")


def _short_key(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", _key(name))


def read_codebook(path: Path | None) -> tuple[pd.DataFrame | None, list[str]]:
    """Return ``codebook.csv`` with ``column``, ``code`` and ``label``, and notes on problems.

    Args:
        path: of the file, or None if there is no table.
    """
    return _read_table(path, ("column", "code", "label"))


def patient_facts(
    patients: pd.DataFrame, codebook: pd.DataFrame | None, patient_id: str
) -> pd.DataFrame:
    """Return the row of one patient in ``data.csv`` as a table, one row per column of the file.

    Args:
        patients: see :attr:`brainseg.cohort.Cohort.patients`.
        codebook: see :attr:`brainseg.cohort.Cohort.codebook`; without one, codes stay codes.
        patient_id: the patient; if the file has it twice, the first row counts.

    Returns:
        ``column`` and ``code`` (str, missing where the file has a gap) and ``label`` (str, missing
        where no code book names the code); empty if the patient is not in the file.
    """
    rows = patients[patients["patient_id"] == patient_id].drop(columns="patient_id")
    if rows.empty:
        return pd.DataFrame({"column": [], "code": [], "label": []}, dtype="str")
    codes = rows.iloc[0]
    labels = {} if codebook is None else code_labels(codebook)
    texts = [code_text(code) for code in codes]
    return pd.DataFrame(
        {
            "column": codes.index.astype("str"),
            "code": texts,
            "label": [
                labels.get((column, text)) for column, text in zip(codes.index, texts, strict=True)
            ],
        },
        dtype="str",
    )


def code_labels(codebook: pd.DataFrame) -> dict[tuple[str, str | None], str]:
    """Return the label of each (column, code) of a code book, codes as :func:`code_text` gives them."""
    columns = (codebook[name] for name in ("column", "code", "label"))
    return {
        (str(column), code_text(code)): str(label)
        for column, code, label in zip(*columns, strict=True)
    }


def code_text(code: object) -> str | None:
    """Return a code as in the file: pandas reads 2 as 2.0 if the column has gaps."""
    if pd.isna(code):
        return None
    return f"{code:.15g}" if isinstance(code, float) else str(code)


def _read_table(
    path: Path | None, needed: tuple[str, ...]
) -> tuple[pd.DataFrame | None, list[str]]:
    """Return a CSV table with the needed columns in lower case, or None, and notes on problems."""
    if path is None:
        return None, []
    try:
        text, notes = _text_of(path)
        separator, header = _header_of(text, needed)
        wanted = {name: _columns(header, name) for name in needed}
        with warnings.catch_warnings():
            # Of rows with more cells than the header, pandas would drop or shift the cells.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text),
                sep=separator,
                dtype=dict.fromkeys(wanted[needed[0]], "str"),  # 007 is not 7
                low_memory=False,  # one type per column
                index_col=False,
            )
        table, more = _with_usable_values(table)
    except Exception as error:  # noqa: BLE001  a strange table is not used, whatever pandas raises
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        return None, [
            f"{path.name} was not used ({reason}): save it as UTF-8 text with commas, at most "
            f"{MAX_TABLE_BYTES >> 20} MiB, {MAX_COLUMNS:,} columns and {MAX_CELL_CHARACTERS:,} "
            "characters a cell."
        ]
    notes += [f"{path.name} has {note}" for note in more]
    missing = ", ".join(sorted(name for name, found in wanted.items() if not found))
    if missing:
        return None, [
            f"{path.name} was not used: it has no column {missing}: add it to the first line."
        ]
    for found in wanted.values():
        if len(found) > 1:
            twice = " and ".join(found)
            notes.append(
                f"{path.name} has the columns {twice}: {found[0]} is used, rename the other."
            )
    table = table.drop(columns=[name for found in wanted.values() for name in found[1:]])
    table = table.rename(columns={found[0]: name for name, found in wanted.items()})
    return table.drop(columns=[*filter(partial(_is_unnamed, table), table)]), notes


def _columns(header: list[str], needed: str) -> list[str]:
    """Return the columns of a name, or else the first that has another name for patients."""
    exact = list(dict.fromkeys(one for one in header if one.strip().lower() == needed))
    others = header if needed == _PATIENT else []
    return exact or [one for one in others if re.sub(r"[\W_]", "", one.lower()) in _PATIENTS][:1]


def _is_unnamed(table: pd.DataFrame, name: str) -> bool:
    """Return whether a column is the row numbers of pandas, or an empty one behind a last separator."""
    rows = table[name].dropna()
    return name.startswith("Unnamed: ") and (rows.empty or rows.tolist() == [*range(len(table))])


def _with_usable_values(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of finite numbers and short texts, with a note on the numbers left out.

    Raises:
        ValueError: a cell is too long.
    """
    for name in table.select_dtypes(["object", "str"]):
        table[name] = table[name].astype("str")  # integers beyond 64 bits are objects
        longest = table[name].map(len, na_action="ignore").max()
        if longest > MAX_CELL_CHARACTERS:
            raise ValueError(f"a cell has {longest:,.0f} characters")
    table = table.apply(_with_decimal_points)
    infinite = table.isin([math.inf, -math.inf])
    count = int(infinite.to_numpy().sum())
    if not count:
        return table, []
    return table.mask(infinite), [f"{count} infinite number(s), which are treated as missing."]


def _with_decimal_points(column: pd.Series) -> pd.Series:
    """Return a column of numbers with decimal commas as floats, any other as it is."""
    texts = column.dropna()
    if not isinstance(texts.dtype, pd.StringDtype) or not texts.str.fullmatch(_NUMBER).all():
        return column
    if not texts.str.fullmatch(_DECIMAL_COMMA).any():
        return column
    points = column.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return points.astype("float64")


def _text_of(path: Path) -> tuple[str, list[str]]:
    """Return a table's text without marks for spreadsheets, and a note where its encoding is a guess."""
    data = read_file(path, MAX_TABLE_BYTES)
    notes = []
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252")
            notes.append(
                f"{path.name} is not UTF-8: it was read as Windows-1252, as Excel saves it."
            )
    first, _, rest = text.lstrip("\r\n").partition("\n")
    return (rest if _SPREADSHEET_HINT.match(first) else text), notes


def _header_of(text: str, needed: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the separator by which most of the needed columns are there, and all columns."""
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    columns = max(map(first.count, _SEPARATORS)) + 1
    if columns > MAX_COLUMNS:
        raise ValueError(f"it has {columns:,} columns")
    headers = {sep: next(csv.reader([first], delimiter=sep), []) for sep in _SEPARATORS}

    def fit(separator: str) -> int:
        return sum(bool(_columns(headers[separator], name)) for name in needed)

    separator = max(_SEPARATORS, key=fit)
    return separator, headers[separator]
