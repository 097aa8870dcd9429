"""Findings on the checks page: filters, a table with links to the slices, and acceptances."""

from collections.abc import Callable, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from brainseg import checks
from brainseg.checks.acceptances import Acceptance
from brainseg.checks.finding import SEVERITY_NAMES, Finding
from brainseg.checks.outcome import Outcome
from brainseg.cohort import Cohort
from brainseg.volume import FLAIR
from dashboard.shared import keys, links, overlays, selection, url_state, widgets
from dashboard.views.checks import accepting

ALL, PROBLEMS = "all", "problems"
OPEN, ACCEPTED = "open", "accepted"

COLOURS: dict[str, Literal["red", "orange", "blue"]] = {
    "error": "red",
    "warning": "orange",
    "info": "blue",
}
SEVERITY_CHOICES = {PROBLEMS: "Without notes", ALL: "All", **SEVERITY_NAMES}

FILTERS = (keys.SEVERITY, keys.SHOW, keys.KIND, keys.OF)

CLICK_KEY = "open_finding"
EACH = "list each"

ROW_PX, HEADER_PX, MOST_PX = 35, 38, 460

Row = list[int]
"""The findings of one row of the table, by their rows in ``Outcome.rows``."""


def kind_name(kind: str) -> str:
    """Return the name of a rule for display."""
    words = kind.replace("_", " ").capitalize()
    return words.replace("Flair", "FLAIR").replace("Readme", "README")


def draw(cohort: Cohort, outcome: Outcome) -> None:
    """Draw the findings and the actions on the selected ones."""
    table = outcome.rows.assign(kind_name=outcome.rows["kind"].map(kind_name))
    shown, folded = filtered(table)
    number = len(shown)
    if not _is_grouped():
        shown = selection.page_of(cohort, shown)
    rows = grouped(shown)
    _open_clicked(cohort, outcome, shown, rows)
    accepting.show_message()
    count = f"{number:,} of {len(table):,} findings."
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.session_state[keys.KIND] != ALL:
            _show("All kinds", "arrow_back", "all_kinds", **{keys.KIND: None})
        if shown.empty:
            nothing = "No error or warning." if folded else "No finding matches these filters."
            st.info(f"{count} {nothing}", icon=":material/filter_alt_off:")
        else:
            st.caption(
                f"{count} Click a case to open it (keyboard: Enter on its cell); select rows for "
                "details or to accept them."
            )
        if folded:
            notes = f"Show {widgets.counted(folded, 'note')}"
            _show(notes, "unfold_more", "notes", **{keys.SEVERITY: "info"})
    if shown.empty:
        return
    # The table has the whole width until a row is selected; it stays in its place, so it keeps its rows.
    is_chosen = bool(st.session_state.get(_table_key(), {}).get("selection", {}).get("rows"))
    left, right = st.columns([2, 1] if is_chosen else [99, 1], gap="medium" if is_chosen else None)
    with left:
        chosen = [index for row in _draw_table(shown, rows) for index in row]
    with right:
        _details(cohort, [outcome.reviewed(index) for index in chosen])


def _details(cohort: Cohort, chosen: list[tuple[Finding, Acceptance | None]]) -> None:
    if len(chosen) == 1:
        _one(cohort, *chosen[0])
    elif chosen:
        _several(cohort, chosen)


def _show(label: str, icon: str, key: str, **parameters: str | None) -> None:
    """Draw a button that changes the filters."""
    st.button(
        label,
        on_click=url_state.put,
        kwargs=parameters,
        icon=f":material/{icon}:",
        type="tertiary",
        key=key,
    )


def _show_kind(kind: str) -> None:
    url_state.put(**dict.fromkeys(FILTERS) | {keys.KIND: kind})


def _is_grouped() -> bool:
    return st.session_state[keys.KIND] == ALL and st.session_state[keys.OF] == ALL


def grouped(shown: pd.DataFrame) -> list[Row]:
    """Return the findings by row: all of a kind in one, unless one kind or case is chosen."""
    if not _is_grouped():
        return [[index] for index in shown.index]
    return [list(found.index) for _, found in shown.groupby("kind", sort=False, observed=True)]


def filtered(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the findings that match the filters, and the number of notes that are folded.

    Notes are folded unless the filters, set here or in the address, ask for them, a kind or a case.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        severity = widgets.choice(
            "Severity",
            keys.SEVERITY,
            tuple(SEVERITY_CHOICES),
            PROBLEMS,
            format_func=SEVERITY_CHOICES.__getitem__,
        )
        state = widgets.choice(
            "State", keys.SHOW, (OPEN, ACCEPTED, ALL), OPEN, format_func=str.capitalize
        )
        kind = _pick("Kind", keys.KIND, table["kind"], 210, kind_name)
        case = _pick("Case", keys.OF, table["case"].dropna(), 215, str)
    accepted = ALL if state == ALL else state == ACCEPTED
    asked = {"severity": severity, "accepted": accepted, "kind": kind, "case": case}
    for column, value in asked.items():
        table = table[table[column] == value] if value not in (ALL, PROBLEMS) else table
    notes = table["severity"] == "info"
    if severity != PROBLEMS or kind != ALL or case != ALL:
        return table, 0
    return table[~notes], int(notes.sum())


def _pick(
    label: str, key: str, values: pd.Series, width: int, display: Callable[[str], str]
) -> str:
    return widgets.select(
        label,
        key,
        (ALL, *values.drop_duplicates()),
        ALL,
        filter_mode="contains",
        width=width,
        format_func=lambda one: ALL.capitalize() if one == ALL else display(one),
    )


def table_of(shown: pd.DataFrame, rows: list[Row]) -> pd.DataFrame:
    """Return the first finding of each row; a row of several counts them and their cases."""
    table = shown.loc[[row[0] for row in rows]].astype({"case": object})
    for index, row in zip(table.index, rows, strict=True):
        if len(row) > 1:
            cases = shown.loc[row, "case"].nunique()
            table.loc[index, "case"] = widgets.counted(cases, "case") if cases else EACH
            table.loc[index, "slice_number"] = table.loc[index, "file"] = pd.NA
            table.loc[index, "fact"] = f"{len(row)} findings, such as: {table.loc[index, 'fact']}"
    return table


def _table_key() -> str:
    """Return the table's key: a selection is kept by row number, so other findings need another."""
    asked = [st.session_state.get(key) for key in (*FILTERS, keys.ROWS)]
    return f"findings {asked} {accepting.table_number('')}"


def _draw_table(shown: pd.DataFrame, rows: list[Row]) -> list[Row]:
    """Draw the findings and return the selected rows."""
    table = table_of(shown, rows)
    accepted = ["reason", "accepted_at"] if shown["reason"].notna().any() else []
    file = ["file"] if table["file"].notna().any() else []
    # Rows that only count cases need neither slices nor the width of a name: the finding has it.
    slices = ["slice_number"] if table["slice_number"].notna().any() else []
    only_counts = all(len(row) > 1 for row in rows)
    column = st.column_config
    drawn = st.dataframe(
        table.assign(severity=table["severity"].map(SEVERITY_NAMES)),
        hide_index=True,
        placeholder="–",
        key=_table_key(),
        height=min(HEADER_PX + ROW_PX * len(table), MOST_PX),
        on_select="rerun",
        selection_mode="multi-row",
        column_order=["severity", "kind_name", "case", *slices, "fact", *accepted, *file],
        alt="Findings: severity, kind, case, slice, finding, file.",
        column_config={
            "severity": column.TextColumn("Severity", width=75),
            "kind_name": column.TextColumn("Kind", width=130),
            "case": column.ButtonColumn(
                "Case",
                type="tertiary",
                alignment="left",
                width=100 if only_counts else 190,
                key=CLICK_KEY,
            ),
            "slice_number": column.NumberColumn("Slice", width=50),
            "fact": "Finding",
            "reason": column.TextColumn("Reason for accepting", width=200),
            "accepted_at": column.TextColumn("Accepted", width=90),
            "file": column.TextColumn("File", width=160),
        },
    )
    # Rows that have disappeared, such as one just accepted, are no longer selected.
    return [rows[row] for row in drawn.selection.rows if row < len(rows)]


def _open_clicked(cohort: Cohort, outcome: Outcome, shown: pd.DataFrame, rows: list[Row]) -> None:
    """Open the slice of the finding whose case was clicked, or list the findings of its row."""
    click = st.session_state.get(CLICK_KEY)
    if not click or click["row"] >= len(rows):
        return
    row = shown.loc[rows[click["row"]][0]]
    if len(rows[click["row"]]) > 1:
        if click["label"] == table_of(shown, rows)["case"].iloc[click["row"]]:
            _show_kind(row["kind"])
            st.rerun()
        return
    number = None if pd.isna(row["slice_number"]) else int(row["slice_number"])
    if row["case"] == click["label"]:
        # The filters too: Streamlit 1.67 leaves these parameters on this page as well, one step back.
        here = {key: st.query_params[key] for key in FILTERS if key in st.query_params}
        finding = {keys.FINDING: outcome.findings[int(row.name)].id}
        asked = here | place_of(cohort, row["case"], number) | finding
        links.open_page(keys.CASE_PAGE, asked)


def place_of(cohort: Cohort, case: str, slice_number: int | None) -> dict[str, str]:
    """Return the parameters of the case page that show a finding.

    If its slice is missing or cannot be shown, the nearest one is used.
    """
    numbers = cohort.case(case).readable["slice_number"]
    if slice_number is None or numbers.empty:
        return {keys.CASE: case}
    nearest = (numbers - slice_number).abs().idxmin()
    return {keys.CASE: case, keys.SLICE: str(numbers[nearest])}


def _one(cohort: Cohort, finding: Finding, acceptance: Acceptance | None) -> None:
    with st.container(border=True):
        picture, words = st.container(), st.container()
        with words:
            st.badge(SEVERITY_NAMES[finding.severity], color=COLOURS[finding.severity])
            st.markdown(f"**{widgets.sentence(finding.fact)}.**")
            remedy = f"{finding.remedy[:1].upper()}{finding.remedy[1:]}."
            st.markdown(f"{finding.why} {widgets.sentence(remedy)}")
            if finding.file is not None:
                st.caption(f"File: {widgets.plain(finding.file, longest=200)}")
            link(cohort, finding)
            if acceptance is not None:
                reason = f"{acceptance.at[:10]}: {widgets.plain(acceptance.reason, 500)}"
                if acceptance.lapsed:
                    st.warning(
                        f"Accepted on {reason}. Its files have changed since: review it again.",
                        icon=":material/history:",
                    )
                else:
                    st.markdown(f"Accepted on {reason}")
            accepting.actions(cohort, [finding], acceptance is not None and not acceptance.lapsed)
        with picture:
            _picture(cohort, finding)


def link(cohort: Cohort, finding: Finding) -> None:
    """Draw a link to a finding's slice in the viewer; nothing if the finding is about no case."""
    if finding.case is None:
        return
    place = place_of(cohort, finding.case, finding.slice_number)
    shown = place.get(keys.SLICE)
    if finding.slice_number is None or shown is None:
        label = f"Open {widgets.plain(finding.case)}"
    elif shown == str(finding.slice_number):
        label = f"Open slice {shown} of {widgets.plain(finding.case)}"
    else:
        label = f"Slice {finding.slice_number} cannot be shown; open the nearest, slice {shown}"
    widgets.link(keys.CASE_PAGE, label, "open_in_full", place | {keys.FINDING: finding.id})


def _picture(cohort: Cohort, finding: Finding) -> None:
    if finding.case is None:
        return
    case = cohort.case(finding.case)
    if case.readable.empty:
        st.caption("No slice of the case can be shown.")
        return
    number = finding.slice_number
    if number is None:
        number = overlays.opening_slice(cohort, case)
    if number not in case.readable["slice_number"].to_numpy():
        st.caption(f"Slice {number} cannot be shown.")
        return
    style = overlays.OverlayStyle(sequence=finding.sequence or FLAIR)
    overlays.thumbnail(cohort, finding.case, number, style)
    st.caption(f"{style.sequence}, slice {number}, with the mask's outline")


def _several(cohort: Cohort, chosen: Sequence[tuple[Finding, Acceptance | None]]) -> None:
    with st.container(border=True):
        number = pd.Series([finding.kind for finding, _ in chosen]).value_counts(sort=False)
        kinds = ", ".join(f"{kind_name(kind)}: {count}" for kind, count in number.items())
        st.markdown(f"**{len(chosen)} findings selected.** {kinds}.")
        if len(number) == 1:
            first = chosen[0][0]
            remedy = f"{first.remedy[:1].upper()}{first.remedy[1:]}."
            rule = checks.RULES[first.kind].rule
            st.markdown(f"Rule: {rule} {first.why} {widgets.sentence(remedy)}")
            if st.session_state[keys.KIND] == ALL:
                _show(f"List each of the {len(chosen)}", "list", "each", **{keys.KIND: first.kind})
        accepted = all(one is not None and not one.lapsed for _, one in chosen)
        accepting.actions(cohort, [finding for finding, _ in chosen], accepted)
