"""Filter controls of the worklist; each shows and changes the filter in the address.

Only the address contains the filter: a control reads its value from there before it is drawn, and
writes each choice back, so that the two never differ.
"""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.cohort.filters import Condition, is_list, is_number
from brainseg.cohort.patients import code_labels
from brainseg.reviews import STATES
from dashboard.shared import columns, keys, selection, url_state, widgets

_MISSING = "\0"
"""Option of a picker for cells without a value; no file can contain it as a code."""

ANY = "any"
_FINDINGS = {
    ANY: (Condition("errors"), Condition("warnings")),
    "errors": (Condition("errors", ranges=((1, None),)), Condition("warnings")),
    "warnings": (Condition("errors"), Condition("warnings", ranges=((1, None),))),
    "no errors or warnings": (Condition("errors", ("0",)), Condition("warnings", ("0",))),
}

FINDINGS_KEY, SHOWN_KEY = "findings", "shown columns"

MOST_CODES = 12
"""A numeric column of ``data.csv`` with more values than this gets a range instead of a picker."""

MOST_VALUES = 200

PICKED_ABOVE = ("institution", "review", "missing_sequences", "errors", "warnings")
ANY_KNOWN = ("institution", "dice", "prediction_review")
"""Columns that are shown by default once a case has a value."""
NO_FILTER = ("case", "area_by_slice", "comments")
NO_ORDER = ("area_by_slice",)


def search() -> None:
    """Draw the search field; see :func:`dashboard.shared.selection.found`."""
    st.session_state[keys.SEARCH] = st.query_params.get(keys.SEARCH, "")
    st.text_input(
        "Search",
        key=keys.SEARCH,
        type="search",
        placeholder="name, code, column=code",
        help=(
            "Part of a case name, comment or code label, a whole code, or `column=code` with part of "
            "the column name, such as `grade=2`. All words must match."
        ),
        icon=":material/search:",
        max_chars=100,
        on_change=_search,
        width=220,
    )


def values(
    column: str,
    every: pd.DataFrame,
    width: int | Literal["stretch"] = "stretch",
    names: Mapping[str | None, str] | None = None,
) -> None:
    """Draw a picker of the values of a column; `names` are labels of some values."""
    called = {**(names or {}), _MISSING: columns.missing(column)}
    options, known = _options(column, every[column]), selection.current()[0].of(column)
    asked = [*known.values, *[_MISSING] * known.missing]
    key = f"pick {column}"
    st.session_state[key] = [value for value in asked if value in options]
    st.multiselect(
        columns.label(column),
        options,
        key=key,
        on_change=_pick,
        args=(column, key),
        format_func=lambda value: called.get(value, value),
        placeholder="any",
        width=width,
    )


def findings() -> None:
    """Draw the picker of cases with and without findings."""
    asked = selection.current()[0]
    now = (asked.of("errors"), asked.of("warnings"))
    chosen = next((name for name, both in _FINDINGS.items() if both == now), None)
    st.session_state[FINDINGS_KEY] = chosen
    st.selectbox(
        "Findings",
        list(_FINDINGS),
        key=FINDINGS_KEY,
        on_change=_pick_findings,
        placeholder="see below",
        width=140,
    )


def more(every: pd.DataFrame, codebook: pd.DataFrame | None) -> None:
    """Draw the filter of one chosen column."""
    names = [name for name in every.columns if name not in (*PICKED_ABOVE, *NO_FILTER)]
    first = names.index("tumour_vx")
    column = st.selectbox("Column", names, first, key="filtered", format_func=columns.label)
    cells = every[column]
    if help_text := columns.HELP.get(column):
        st.caption(help_text)
    few_codes = column in worklist.code_columns(every) and cells.nunique() <= MOST_CODES
    if is_number(cells) and not few_codes:
        _range(column, cells)
    else:
        labels = {} if codebook is None else code_labels(codebook)
        named = {code: f"{code} {text}" for (name, code), text in labels.items() if name == column}
        values(column, every, names=named)


def by_me(every: pd.DataFrame) -> None:
    """Draw filters for cases reviewed by this reader and not yet, once the initials are known.

    The filters of predictions appear once any prediction has been reviewed.
    """
    initials = st.session_state.get(keys.READER, "").strip().upper()
    if not initials:
        return
    for column, subject in worklist.READER_COLUMNS.items():
        if column != "reviewed_by" and every[column].map(len, na_action="ignore").sum() == 0:
            continue
        for words, mine in (
            ("not reviewed", Condition(column, without=(initials,))),
            ("reviewed", Condition(column, values=(initials,))),
        ):
            key = f"{subject} {words} by me"
            st.session_state[key] = selection.current()[0].of(column) == mine
            st.toggle(
                f"{subject.capitalize()} {words} by {widgets.plain(initials)}",
                key=key,
                on_change=_pick_mine,
                args=(mine, key),
            )


def chips(every: pd.DataFrame) -> None:
    """Draw a button that removes a filter, for each filter that no picker shows."""
    asked = selection.current()[0]
    if not asked and not st.query_params.get(keys.SEARCH):
        return
    with st.container(horizontal=True, gap="small"):
        for condition in asked.conditions:
            if not _is_picked_above(condition, every):
                text = columns.words(condition)
                st.button(
                    widgets.plain(text, longest=80),
                    on_click=selection.set_condition,
                    args=(Condition(condition.column),),
                    icon=":material/close:",
                    icon_position="right",
                    key=f"no more {text}",
                    help="Remove this filter",
                )
        clear = selection.clear
        widgets.button("Clear all filters", "filter_alt_off", "clear_all", clear, type="tertiary")


def order(every: pd.DataFrame) -> None:
    """Draw the choice of the order, which the previous and next case follow."""
    names = ["", *(name for name in every.columns if name not in NO_ORDER)]
    sort = st.query_params.get(keys.SORT, "")
    known = sort.removeprefix("-") in names
    st.session_state["sort by"] = sort.removeprefix("-") if known else ""
    st.session_state["highest first"] = known and sort.startswith("-")
    st.selectbox(
        "Sort by",
        names,
        key="sort by",
        format_func=lambda name: columns.label(name) if name else "cohort",
        on_change=_sort,
        width=190,
        help="You can also click a column header. Previous and next case follow this order.",
    )
    st.toggle("Highest first", key="highest first", on_change=_sort, disabled=not sort)


def sort_by(column: str) -> None:
    """Cycle the order of a column, from a callback: ascending, descending, none."""
    now = st.query_params.get(keys.SORT, "")
    after = {column: f"-{column}", f"-{column}": None}.get(now, column)
    if column not in NO_ORDER:
        url_state.put(**{keys.SORT: after})


def chooser(every: pd.DataFrame) -> None:
    """Draw the choice of the shown columns."""
    st.session_state[SHOWN_KEY] = shown(every)[0]
    st.multiselect(
        "Shown columns",
        list(every.columns),
        key=SHOWN_KEY,
        format_func=columns.label,
        on_change=_choose,
        width=420,
    )
    codes = worklist.code_columns(every)
    with st.container(horizontal=True):
        usual = {keys.COLUMNS: None}
        st.button("Default columns", on_click=url_state.put, kwargs=usual, key="usual_columns")
        if codes:
            all_codes = {
                keys.COLUMNS: _joined([*filter(every.__contains__, columns.DEFAULT), *codes])
            }
            st.button("With data.csv", on_click=url_state.put, kwargs=all_codes, key="all_codes")


def shown(every: pd.DataFrame) -> tuple[list[str], str | None]:
    """Return the columns to show, and a message if the address names an unknown one.

    By default, a column without a value in any case is left out, so that the table fits a window of
    1280 px: institutions, missing sequences, errors, scores, contradicted masks, reviews of predictions.
    The number of readers is shown once a case has several.
    """
    asked = st.query_params.get(keys.COLUMNS)
    if not asked:
        unused = {name: every[name].isna().all() for name in ANY_KNOWN}
        unused |= {name: not every[name].sum() for name in ("errors", "second_look")}
        unused["missing_sequences"] = not every["missing_sequences"].str.len().sum()
        unused["readers"] = not (every["readers"] > 1).any()
        unused["tumour_ml"] = "tumour_ml" not in every
        # The share of the head replaces an unknown volume in ml.
        unused["tumour_fraction"] = "tumour_ml" in every and every["tumour_ml"].notna().all()
        return [name for name in columns.DEFAULT if not unused.get(name)], None
    names = list(dict.fromkeys(map(unquote, asked.split("~"))))
    known = ["case", *(name for name in names if name in every and name != "case")]
    wrong = next((name for name in names if name not in every), None)
    if wrong is None:
        return known, None
    return known, f"Unknown column “{wrong[:60]}”: choose others under Columns."


def _options(column: str, cells: pd.Series) -> list[str]:
    gap = [_MISSING] if cells.isna().any() else []
    if several := worklist.REVIEW_COLUMNS.get(column):
        return [*STATES, several, _MISSING]
    if is_list(cells):
        found = {value for cell in cells if isinstance(cell, list) for value in cell}
        return ["none", *sorted(found), *gap]
    known = cells.dropna().drop_duplicates().sort_values()
    return [*known.astype("str").tolist()[:MOST_VALUES], *gap]


def _pick(column: str, key: str) -> None:
    picked = st.session_state[key]
    known = selection.current()[0].of(column)
    texts = tuple(value for value in picked if value != _MISSING)
    selection.set_condition(
        Condition(column, texts, known.ranges, _MISSING in picked, known.without)
    )


def _pick_findings() -> None:
    asked = selection.current()[0]
    for condition in _FINDINGS[st.session_state[FINDINGS_KEY] or ANY]:
        asked = asked.but(condition)
    selection.put(asked)


def _range(column: str, cells: pd.Series) -> None:
    known = selection.current()[0].of(column)
    low, high = known.ranges[0] if len(known.ranges) == 1 else (None, None)
    whole = pd.api.types.is_integer_dtype(cells)
    ends = (("From", low, cells.min()), ("To", high, cells.max()))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, value, limit in ends:
            key = f"{column} {label.lower()}"
            st.session_state[key] = value if value is None or not whole else int(value)
            st.number_input(
                label,
                value=None,
                key=key,
                placeholder=None if pd.isna(limit) else str(limit),
                step=1 if whole else None,
                on_change=_pick_range,
                args=(column,),
                width=130,
            )
    if cells.isna().any():
        st.session_state[f"{column} missing"] = known.missing
        st.checkbox(
            f"also {columns.missing(column)}",
            key=f"{column} missing",
            on_change=_pick_range,
            args=(column,),
        )


def _pick_range(column: str) -> None:
    low, high = (st.session_state[f"{column} {end}"] for end in ("from", "to"))
    if low is not None and high is not None and low > high:
        low, high = high, low
    asked = () if low is None and high is None else ((low, high),)
    missing = bool(st.session_state.get(f"{column} missing"))
    selection.set_condition(Condition(column, ranges=asked, missing=missing))


def _is_picked_above(condition: Condition, every: pd.DataFrame) -> bool:
    """Return whether a picker above the table shows the whole condition."""
    if condition.column in ("errors", "warnings"):
        return st.session_state[FINDINGS_KEY] is not None
    if condition.column not in PICKED_ABOVE or condition.ranges or condition.without:
        return False
    return set(condition.values) <= set(_options(condition.column, every[condition.column]))


def _pick_mine(mine: Condition, key: str) -> None:
    selection.set_condition(mine if st.session_state[key] else Condition(mine.column))


def _search() -> None:
    url_state.put(**{keys.SEARCH: st.session_state[keys.SEARCH].strip() or None})


def _sort() -> None:
    column = st.session_state["sort by"]
    down = "-" if column and st.session_state["highest first"] else ""
    url_state.put(**{keys.SORT: f"{down}{column}" or None})


def _choose() -> None:
    url_state.put(**{keys.COLUMNS: _joined(st.session_state[SHOWN_KEY]) or None})


def _joined(names: list[str]) -> str:
    return "~".join(name.replace("%", "%25").replace("~", "%7E") for name in names)
