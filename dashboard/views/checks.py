"""Checks: what was looked at over the whole cohort, what was found, and the way to each slice."""

import json

import pandas as pd
import streamlit as st

from brainseg import RESEARCH_USE, checks, statistics
from brainseg.cohort import Cohort
from dashboard import address, data, pairs, state, widgets

ALL = "all"


def at_a_glance(findings: list[checks.Finding], summary: pd.DataFrame) -> None:
    number = checks.counts(findings)
    outcome = summary["outcome"].value_counts()
    passed, not_checked = (int(outcome.get(key, 0)) for key in (checks.PASSED, checks.NOT_CHECKED))
    told = f"{passed} of {len(summary)} checks passed"
    if with_findings := int(outcome.get(checks.FINDINGS, 0)):
        told += f", {with_findings} with findings"
    if not_checked:
        told += f", {not_checked} not checked"
    if number["error"]:
        st.error(f"Some files cannot be used as they stand. {told}.", icon=":material/error:")
    elif number["warning"]:
        st.warning(f"Usable, with warnings. {told}.", icon=":material/warning:")
    else:
        st.success(f"No errors and no warnings. {told}.", icon=":material/check_circle:")
    with st.grid(columns=5, min_column_width=120):
        st.metric(
            "Errors", number["error"], format="localized", help="Cannot be used as it stands."
        )
        st.metric(
            "Warnings", number["warning"], format="localized", help="Used, but converted or odd."
        )
        st.metric(
            "Notes", number["info"], format="localized", help="A fact to know; severity info."
        )
        st.metric("Checks passed", passed)
        st.metric("Not checked", not_checked, help="Checks that had nothing to decide on.")


def findings_table(cohort: Cohort, findings: list[checks.Finding]) -> None:
    st.header("Findings", anchor="findings")
    if not findings:
        st.info("There is no finding.", icon=":material/check:")
        return
    table = checks.findings_table(findings)
    left, right = st.columns(2)
    with left:
        severity = widgets.choice("Severity", state.SEVERITY, (ALL, *checks.SEVERITIES), ALL)
    kinds = (ALL, *table["kind"].drop_duplicates())
    with right:
        kind = pick_kind(kinds)
    if severity != ALL:
        table = table[table["severity"] == severity]
    if kind != ALL:
        table = table[table["kind"] == kind]
    table = table.reset_index(drop=True)
    st.caption(f"{len(table):,} of {len(findings):,} findings. Select a row to open its slice.")
    if len(table):
        draw_findings(cohort, table)
    downloads(cohort, findings)


def pick_kind(kinds: tuple[str, ...]) -> str:
    wrong = address.take(state.KIND, kinds, ALL)
    if wrong is not None:
        st.warning(
            f"There is no finding of the kind “{widgets.plain(wrong)}”: here are all.",
            icon=":material/help:",
        )
    st.selectbox("Kind", kinds, key=state.KIND, filter_mode="contains")
    address.keep(state.KIND, kinds, ALL)
    return st.session_state[state.KIND]


def draw_findings(cohort: Cohort, table: pd.DataFrame) -> None:
    drawn = st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key="findings",
        on_select="rerun",
        selection_mode="single-row",
        column_order=["severity", "kind", "case", "slice_number", "message", "why", "file"],
        alt="The findings: severity, kind, case, slice, message, reason, file.",
        column_config={
            "severity": "Severity",
            "kind": "Kind",
            "case": "Case",
            "slice_number": "Slice",
            "message": st.column_config.TextColumn("Finding", width=640),
            "why": st.column_config.TextColumn("Why it matters", width="large"),
            "file": "File",
        },
    )
    if drawn.selection.rows:
        go_to(cohort, table.iloc[drawn.selection.rows[0]])


def go_to(cohort: Cohort, finding: pd.Series) -> None:
    """Open the slice of a finding in the case page; a slice that is missing means its neighbour."""
    if pd.isna(finding["case"]):
        st.info(widgets.plain(finding["message"], longest=600), icon=":material/info:")
        return
    query = {state.CASE: finding["case"]}
    if pd.notna(finding["slice_number"]):
        numbers = cohort.case(finding["case"]).slices["slice_number"]
        nearest = (numbers - finding["slice_number"]).abs().idxmin()
        query[state.SLICE] = str(numbers[nearest])
    st.switch_page(state.CASE_PAGE, query_params=query)


def downloads(cohort: Cohort, findings: list[checks.Finding]) -> None:
    with st.container(horizontal=True):
        widgets.csv_button(checks.findings_table(findings), "findings")
        st.download_button(
            "JSON",
            json.dumps({"research_use": RESEARCH_USE, **checks.as_json(findings)}, indent=1),
            file_name="findings.json",
            mime="application/json",
            icon=":material/download:",
            type="tertiary",
            key="findings_json",
            on_click="ignore",
        )


def what_was_checked(summary: pd.DataFrame) -> None:
    st.header("What was checked", anchor="checked")
    # What needs a look comes first.
    order = {checks.FINDINGS: 0, checks.NOT_CHECKED: 1, checks.PASSED: 2}
    shown = summary.sort_values("outcome", key=lambda outcome: outcome.map(order), kind="stable")
    shown = shown.assign(
        checked=[f"{number:,} {items}" for number, items in shown[["checked", "items"]].to_numpy()]
    )
    st.dataframe(
        shown,
        hide_index=True,
        height="content",
        key="summary",
        column_order=[
            "outcome",
            "checks",
            "checked",
            "findings",
            "severity",
            "undecided",
            "reason",
        ],
        alt="Each check with its outcome, and on how many items it was decided.",
        column_config={
            "outcome": "Outcome",
            "checks": st.column_config.TextColumn("Rule", width=330),
            "checked": "Checked on",
            "undecided": st.column_config.NumberColumn("Undecided", format="localized"),
            "findings": st.column_config.NumberColumn("Findings", format="localized"),
            "severity": "A finding is",
            "reason": "Why undecided",
        },
    )
    widgets.csv_button(summary, "checks")


def files(cohort: Cohort) -> None:
    st.header("Shapes, types and values", anchor="files")
    there = cohort.slices[["image_path", "mask_path"]].notna()
    complete = int(there.all(axis=1).sum())
    alone = there.sum() - complete
    st.markdown(
        f"{complete:,} pairs of image and mask, {alone['image_path']:,} images without a mask and "
        f"{alone['mask_path']:,} masks without an image."
    )
    pairs.file_table(cohort)


def random_pair(cohort: Cohort) -> None:
    st.header("One random pair", anchor="pair")
    pair = statistics.random_pair(cohort.slices, widgets.current_seed())
    if pair is None:
        st.info("There is no pair of image and mask that can be read.", icon=":material/image:")
        return
    st.markdown("The shapes as a notebook prints them (height, width, channels):")
    pairs.printed(pair)
    pairs.controls(pair, "Another pair")


st.title("Checks")
cohort = widgets.open_cohort()
widgets.notes(cohort)
widgets.tumour_means()
findings = data.findings(cohort)
summary = checks.summary(cohort, findings)
at_a_glance(findings, summary)
findings_table(cohort, findings)
what_was_checked(summary)
files(cohort)
random_pair(cohort)
