"""The numbers themselves: a row a slice, a case, a group, a kind of file."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.statistics import file_table, group_table
from dashboard.shared import cache, dataset_context, keys, snippets, widgets
from dashboard.shared.dataset_context import MEASURES, Explored

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
    "largest_slice": "Slice of the largest area",
    "flair_copies": "Repeats FLAIR",
    "unusable": "Slices left out",
    "group": "Group",
    "cases": "Cases",
}


def draw(now: Explored) -> None:
    """Draw the section."""
    level = widgets.choice("A row for each of", keys.LEVEL, (SLICES, CASES, GROUPS, FILES), SLICES)
    {SLICES: slices, CASES: cases, GROUPS: groups, FILES: files}[level](now)


def slices(now: Explored) -> None:
    """Draw what is measured on each slice."""
    rows = now.slices[now.chosen(now.slices)]
    dataset_context.title(
        "Each slice",
        f"{len(rows):,} slices; click a case to open the slice. Place: 0 is a case's first slice, 1 its "
        "last. Share of the head: of the head's outline on that slice. A dash is unknown: no "
        "usable mask, no tumour, or no such sequence.",
    )
    open_clicked(rows)
    column = st.column_config
    config = {
        "case": _to_the_case(),
        "position": column.NumberColumn("Place", format="%.2f"),
        "tumour_fraction": column.NumberColumn("Share of the head", format="percent"),
        "compactness": column.NumberColumn("Compactness", format="%.2f"),
    }
    dataset_context.table(
        rows,
        "slice_measures",
        "A row a slice with all that is measured on it.",
        snippets.slice_table(now.code),
        column_config=_labels(rows) | config,
    )


def cases(now: Explored) -> None:
    """Draw what is measured on each case."""
    say_what_comes(now)
    rows = now.cases[now.chosen(now.cases)]
    dataset_context.title(
        "Each case", f"{len(rows)} cases; click one to open it. A dash is unknown."
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
        "A row a case with all that is measured on it.",
        snippets.case_table(now.has_atlas, now.code),
        column_config=_labels(rows) | config,
    )


def say_what_comes(now: Explored) -> None:
    """Say what is missing only because it is still being computed."""
    if not now.has_atlas:
        st.caption("Parts as a volume are missing until every slice has been read, in “Where”.")


def open_clicked(rows: pd.DataFrame) -> None:
    """Go to the case, and the slice, whose name was clicked in a table."""
    if click := st.session_state.get(OPEN_KEY):
        row = rows.iloc[click["row"]]
        asked = dataset_context.link(row["case"], row.get("slice_number"))
        st.switch_page(keys.CASE_PAGE, query_params=asked)


def groups(now: Explored) -> None:
    """Draw the medians of the measures by institution, or by a code."""
    rows = cache.case_rows(now.cohort)
    names = ["institution", *worklist.code_columns(rows)]
    by = dataset_context.pick("Grouped by", keys.GROUP, names, "institution")
    dataset_context.title(
        f"Each {widgets.plain(by)}",
        "The median of each measure over the group's cases, and behind it how many of them have one. "
        "The median of a few cases says little.",
    )
    say_what_comes(now)
    chosen, measures = now.chosen(now.cases), list(MEASURES)
    table = group_table(now.cases[chosen], rows.loc[chosen, by], measures)
    counted = {f"{name} n": st.column_config.NumberColumn("n", width=40) for name in measures}
    dataset_context.table(
        table,
        "group_measures",
        f"A row for each {by}, with medians.",
        snippets.group_table(by, measures, now.has_atlas, now.code),
        column_config=_labels(table) | counted,
    )


def files(now: Explored) -> None:
    """Draw which shapes, types and values the files have."""
    dataset_context.title(
        "The files",
        "Every shape, type and set of mask values there is, and how many files have it.",
    )
    dataset_context.table(
        file_table(now.cohort.slices),
        "files",
        "Shapes, types and values of the image and mask files.",
        snippets.FILES,
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
    """Return how the columns of a table are called, and its numbers drawn."""
    column = st.column_config
    shown = {}
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
