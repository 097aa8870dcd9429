"""The numbers as tables: one row per slice, case, group or kind of file."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.plotting import cohort_figures
from brainseg.plotting.cohort_figures import MEASURES
from dashboard.shared import columns, keys, links, widgets
from dashboard.shared.dataset_context import ShownCases, link, pick, table

SLICES, CASES, GROUPS, FILES = "slices", "cases", "institutions and codes", "files"
OPEN_KEY = "open_measured"
LABELS = {
    "case": "Case",
    "patient_id": "Patient",
    "institution": "Institution",
    "slice_number": "Slice",
    "tumour": "Tumour",
    "area_px": "Area (px)",
    "area_mm2": "Area (mm²)",
    "components": "Pieces",
    "largest_component_px": "Largest piece (px)",
    "tumour_row": "Centre: row (px)",
    "tumour_column": "Centre: column (px)",
    "masks": "Usable masks",
    "largest_slice": "Slice with the largest area",
    "flair_copies": "Repeats FLAIR",
    "unusable": "Unusable slices",
    "group": "Group",
    "cases": "Cases",
}


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    level = widgets.choice("Table of", keys.LEVEL, (SLICES, CASES, GROUPS, FILES), SLICES)
    {SLICES: slices, CASES: cases, GROUPS: groups, FILES: files}[level](chosen)


def slices(chosen: ShownCases) -> None:
    """Show the measures of each slice."""
    number = st.column_config.NumberColumn
    rows = table(
        chosen,
        "Slices",
        "One row per slice; click a case to open the slice. Position: 0 is the first slice of a case, "
        "1 the last. Share of the head: of the head's outline on that slice. A dash means unknown: no "
        "usable mask, no tumour, or no such sequence.",
        cohort_figures.slice_rows,
        lambda rows: (
            _labels(rows)
            | {
                "case": columns.case_button("Case", OPEN_KEY),
                "position": number("Position", format="%.2f"),
                "compactness": number("Compactness", format="%.2f"),
            }
        ),
        "slice_measures",
    )
    open_clicked(rows)


def cases(chosen: ShownCases) -> None:
    """Show the measures of each case."""
    note_missing_parts(chosen)
    rows = table(
        chosen,
        "Cases",
        "One row per case; click one to open it. A dash means unknown.",
        cohort_figures.case_rows,
        lambda rows: (
            _labels(rows)
            | {
                "case": columns.case_button("Case", OPEN_KEY),
                "tumour_share": columns.share("Slices with tumour, share"),
            }
        ),
        "case_measures",
        with_parts=chosen.has_parts,
    )
    open_clicked(rows)


def note_missing_parts(chosen: ShownCases) -> None:
    """Say that the parts are still being counted."""
    if not chosen.has_parts:
        st.caption("The parts of the volumes are missing until every slice has been read.")


def open_clicked(rows: pd.DataFrame) -> None:
    """Open the case, and the slice, that was clicked in a table."""
    if click := st.session_state.get(OPEN_KEY):
        row = rows.iloc[click["row"]]
        links.open_page(keys.CASE_PAGE, link(row["case"], row.get("slice_number")))


def groups(chosen: ShownCases) -> None:
    """Show the medians of the measures by institution, or by a code."""
    names = ["institution", *worklist.code_columns(chosen.worklist())]
    by = pick("Grouped by", keys.GROUP, names, "institution")
    note_missing_parts(chosen)
    counts = {f"{name} n": st.column_config.NumberColumn("n", width=40) for name in MEASURES}
    table(
        chosen,
        f"By {widgets.plain(by)}",
        "One row per group: the median of each measure over its cases, followed by the number of cases "
        "that have one. The median of a few cases says little.",
        cohort_figures.group_rows,
        lambda rows: _labels(rows) | counts,
        "group_measures",
        column=by,
        with_parts=chosen.has_parts,
    )


def files(chosen: ShownCases) -> None:
    """Show the shapes, types and values of the files."""
    table(
        chosen,
        "Files",
        "Each combination of shape, type and mask values, and how many files have it.",
        cohort_figures.file_rows,
        lambda _: columns.FILES,
        "files",
    )
    widgets.link(keys.CHECKS, "All checks of the files", "rule")


def _labels(rows: pd.DataFrame) -> dict:
    """Return the labels of a table's columns and the formats of its numbers."""
    shown: dict = {}
    for name in rows.columns:
        label, kind = LABELS.get(name) or MEASURES.get(name, name), str(rows[name].dtype).lower()
        is_count = kind.startswith("int") and name != "slice_number"
        if name.endswith(("_mm2", "_ml")) and rows[name].isna().all():
            shown[name] = None  # hidden: no file of these cases has a spacing
        elif name == "tumour_fraction":
            shown[name] = st.column_config.NumberColumn("Share of the head", format="percent")
        elif kind.startswith(("int", "uint", "float")) and (
            is_count or name.endswith(("_px", "_vx"))
        ):
            shown[name] = st.column_config.NumberColumn(label, format="localized")
        elif kind.startswith("float"):
            shown[name] = st.column_config.NumberColumn(label, format="%.4g")
        else:
            shown[name] = label
    return shown
