"""The numbers as tables: one row per slice, case, group or kind of file."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.plotting import cohort_figures
from brainseg.plotting.cohort_figures import MEASURES
from dashboard.shared import dataset_context, keys, widgets
from dashboard.shared.dataset_context import ShownCases

SLICES, CASES, GROUPS, FILES = "slices", "cases", "institutions and codes", "files"
OPEN_KEY = "open_measured"
LABELS = {
    "case": "Case",
    "patient_id": "Patient",
    "institution": "Institution",
    "slice_number": "Slice",
    "tumour": "Tumour",
    "area_px": "Area (px)",
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
    level = widgets.choice("One row per", keys.LEVEL, (SLICES, CASES, GROUPS, FILES), SLICES)
    {SLICES: slices, CASES: cases, GROUPS: groups, FILES: files}[level](chosen)


def slices(chosen: ShownCases) -> None:
    """Show the measures of each slice."""
    rows, code = dataset_context.tabulate(chosen, cohort_figures.slice_rows)
    dataset_context.title(
        "Slices",
        f"{len(rows):,} slices; click a case to open the slice. Position: 0 is the first slice of a "
        "case, 1 the last. Share of the head: of the head's outline on that slice. A dash means "
        "unknown: no usable mask, no tumour, or no such sequence.",
    )
    open_clicked(rows)
    column = st.column_config
    config = {
        "case": _to_the_case(),
        "position": column.NumberColumn("Position", format="%.2f"),
        "tumour_fraction": column.NumberColumn("Share of the head", format="percent"),
        "compactness": column.NumberColumn("Compactness", format="%.2f"),
    }
    dataset_context.table(
        rows,
        "slice_measures",
        "One row per slice with its measures.",
        code,
        column_config=_labels(rows) | config,
    )


def cases(chosen: ShownCases) -> None:
    """Show the measures of each case."""
    note_missing_parts(chosen)
    rows, code = dataset_context.tabulate(
        chosen, cohort_figures.case_rows, with_parts=chosen.has_parts
    )
    dataset_context.title(
        "Cases", f"{len(rows)} cases; click one to open it. A dash means unknown."
    )
    open_clicked(rows)
    config = {
        "case": _to_the_case(),
        "tumour_share": st.column_config.ProgressColumn(
            "Slices with tumour, share", format="percent", min_value=0, max_value=1
        ),
    }
    dataset_context.table(
        rows,
        "case_measures",
        "One row per case with its measures.",
        code,
        column_config=_labels(rows) | config,
    )


def note_missing_parts(chosen: ShownCases) -> None:
    """Say that the parts are still being counted."""
    if not chosen.has_parts:
        st.caption("The parts of the volumes are missing until every slice has been read.")


def open_clicked(rows: pd.DataFrame) -> None:
    """Open the case, and the slice, that was clicked in a table."""
    if click := st.session_state.get(OPEN_KEY):
        row = rows.iloc[click["row"]]
        address = dataset_context.link(row["case"], row.get("slice_number"))
        st.switch_page(keys.CASE_PAGE, query_params=address)


def groups(chosen: ShownCases) -> None:
    """Show the medians of the measures by institution, or by a code."""
    names = ["institution", *worklist.code_columns(chosen.worklist())]
    by = dataset_context.pick("Grouped by", keys.GROUP, names, "institution")
    dataset_context.title(
        f"By {widgets.plain(by)}",
        "The median of each measure over the cases of the group, followed by the number of cases that "
        "have one. The median of a few cases says little.",
    )
    note_missing_parts(chosen)
    rows, code = dataset_context.tabulate(
        chosen, cohort_figures.group_rows, column=by, with_parts=chosen.has_parts
    )
    counts = {f"{name} n": st.column_config.NumberColumn("n", width=40) for name in MEASURES}
    dataset_context.table(
        rows,
        "group_measures",
        f"One row per {by}, with medians.",
        code,
        column_config=_labels(rows) | counts,
    )


def files(chosen: ShownCases) -> None:
    """Show the shapes, types and values of the files."""
    rows, code = dataset_context.tabulate(chosen, cohort_figures.file_rows)
    dataset_context.title(
        "Files", "Each combination of shape, type and mask values, and how many files have it."
    )
    dataset_context.table(
        rows,
        "files",
        "Shapes, types and values of the image and mask files.",
        code,
        column_config={
            "file": "File",
            "shape": st.column_config.TextColumn("Shape (px)", help="Height × width × channels."),
            "dtype": "Type",
            "values": "Values of masks",
            "files": st.column_config.NumberColumn("Files", format="localized"),
        },
    )
    st.page_link(keys.CHECKS, label="All checks of the files", icon=":material/rule:")


def _to_the_case() -> object:
    return st.column_config.ButtonColumn(
        "Case", type="tertiary", alignment="left", pinned=True, key=OPEN_KEY
    )


def _labels(rows: pd.DataFrame) -> dict:
    """Return the labels of a table's columns and the formats of its numbers."""
    column = st.column_config
    shown: dict = {}
    for name in rows.columns:
        label = LABELS.get(name) or MEASURES.get(name, name)
        if name.endswith(("_px", "_vx")) and pd.api.types.is_numeric_dtype(rows[name]):
            shown[name] = column.NumberColumn(label, format="localized")
        elif str(rows[name].dtype) in ("Float64", "float64"):
            shown[name] = column.NumberColumn(label, format="%.4g")
        elif str(rows[name].dtype) in ("Int64", "int64") and name != "slice_number":
            shown[name] = column.NumberColumn(label, format="localized")
        else:
            shown[name] = label
    return shown
