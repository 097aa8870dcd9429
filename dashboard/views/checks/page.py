"""Checks of the whole cohort: results by rule, findings with links to their slices, exports."""

import json
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from brainseg import RESEARCH_USE, checks, statistics
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.finding import SEVERITY_NAMES
from brainseg.checks.outcome import Outcome
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import cache, source_code, waiting, widgets
from dashboard.shared.background import Work
from dashboard.views.checks import findings, pairs, second_look

# Display name of each group of checks.
GROUPS = {
    "files": "Files",
    "images": "Images",
    "masks": "Masks",
    "volumes": "Volumes",
    "stacks": "Slice order",
    "sequences": "Sequences",
    "pixels": "Image quality",
    "tumours": "Outlines",
    "duplicates": "Duplicates",
    "patients": "Patients",
    "folds": "Folds",
    "claims": "Dataset README",
}

SUMMARY_PX = 420

CODE = """\
import os

from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.finding import SEVERITY_NAMES
from brainseg.checks import check_cohort
from brainseg.checks.outcome import outcome_of
from brainseg.cohort import Cohort

cohort = Cohort.open(os.environ["BRAINSEG_DATA"])  # or the path of your folder

checked = check_cohort(cohort)  # only=["mask_island"] runs one check
table = outcome_of(checked, open_acceptances(cohort)).table()
summary = checked.summary
"""


def wait_for(cohort: Cohort) -> Outcome:
    """Return the outcome of the checks after showing their progress; stop the page if cancelled."""

    def start() -> Work[checks.Checked]:
        if cache.checking(cohort).is_cancelled:
            cache.checking.clear(cohort)
        return cache.checking(cohort)

    key = ("checks", cohort.identity)
    try:
        if waiting.result_of(start, "Checking", key, "checks", of_all=True) is None:
            st.stop()
        return cache.outcome(cohort, open_acceptances(cohort).stamp())
    except BrainsegError as error:
        # A failure is not cached: opening the page again retries.
        cache.checking.clear(cohort)
        widgets.refuse(error)


def _checks(outcome: Outcome) -> tuple[int, int]:
    """Return the number of checks that passed, and of those that could not be run."""
    groups = outcome.groups()
    return int(groups["passed"].sum()), int(groups["not_checked"].sum())


def at_a_glance(outcome: Outcome) -> None:
    number, (passed, not_checked) = outcome.counts, _checks(outcome)
    summary = f"{passed} of {len(outcome.summary)} checks passed"
    if not_checked:
        summary += f", {not_checked} could not be run"
    if number["error"]:
        st.error(f"Some files cannot be used. {summary}.", icon=":material/error:")
    elif number["warning"]:
        warnings = widgets.counted(number["warning"], "warning")
        st.warning(f"Usable, with {warnings}. {summary}.", icon=":material/warning:")
    else:
        st.success(f"No open error or warning. {summary}.", icon=":material/check_circle:")


def numbers(outcome: Outcome) -> None:
    number, passed, not_checked = outcome.counts, *_checks(outcome)
    with st.grid(columns=6, min_column_width=110):
        for label, value, meaning in (
            ("Errors", number["error"], "Files or slices that cannot be used."),
            ("Warnings", number["warning"], "Used, but converted or suspicious."),
            ("Notes", number["info"], "Facts that need no action (severity info in exports)."),
            ("Accepted", len(outcome.accepted), "Reviewed and accepted, with a reason."),
            ("Checks passed", passed, "No finding on the items that could be checked."),
            ("Not checked", not_checked, "Checks without any item to decide on."),
        ):
            st.metric(label, value, format="localized", help=meaning)


def exports(cohort: Cohort, outcome: Outcome) -> None:
    cases, slices = len(cohort.cases), len(cohort.slices)
    name = source_code.data_folder(cohort.root) if cohort.address else cohort.root.name
    about = f"{name}: {cases:,} cases, {slices:,} slices"

    def as_json() -> str:
        document = {"research_use": RESEARCH_USE, "cohort": about, **outcome.as_json()}
        return json.dumps(document, indent=1)

    def as_pdf() -> bytes:
        from brainseg.checks.report import checks_report

        return checks_report(outcome, about, date.today())

    with st.container(horizontal=True):
        widgets.csv_button(outcome.table, "findings", "Findings as CSV")
        widgets.download("All as JSON", as_json, "checks.json", "download", type="tertiary")
        widgets.download("One page as PDF", as_pdf, "checks.pdf", "download", type="tertiary")


def what_was_checked(outcome: Outcome) -> None:
    st.header("What was checked", anchor="checked")
    numbers(outcome)
    summary = outcome.summary
    st.caption(
        "A check passed if it found nothing on the items that could be checked. Items that could not "
        "be checked are counted as undecided, never as passed."
    )
    # Rules with findings come first.
    order = {checks.FINDINGS: 0, checks.NOT_CHECKED: 1, checks.PASSED: 2}
    shown = summary.sort_values("outcome", key=lambda outcome: outcome.map(order), kind="stable")
    shown = shown.assign(
        kind_name=[findings.kind_name(kind) for kind in shown["kind"]],
        group=shown["group"].map(GROUPS),
        severity=shown["severity"].map(SEVERITY_NAMES),
        checked=[f"{number:,} {items}" for number, items in shown[["checked", "items"]].to_numpy()],
    )
    column = st.column_config
    columns: dict[str, Any] = {
        "outcome": "Outcome",
        "group": column.TextColumn("Group", width=125),
        "kind_name": column.TextColumn("Kind", width=125),
        "findings": column.NumberColumn("Findings", format="localized"),
        "undecided": column.NumberColumn("Undecided", format="localized"),
        "checked": "Checked on",
        "checks": column.TextColumn("Rule", width=480),
        "severity": "Severity",
    }
    st.dataframe(
        shown,
        hide_index=True,
        height=SUMMARY_PX,
        key="summary",
        column_order=list(columns),
        alt="Each rule with its outcome and the number of items checked.",
        column_config=columns,
    )
    _why_undecided(shown)
    widgets.csv_button(summary, "checks", "All rules as CSV")
    with st.expander("Code", icon=":material/code:"):
        st.code(CODE, language="python")


def _why_undecided(rules: pd.DataFrame) -> None:
    """Draw why checks are undecided on some items or on all; a cell of the table would cut it."""
    undecided = rules[rules["reason"].fillna("") != ""]
    if undecided.empty:
        return
    label = f"Why undecided ({widgets.counted(len(undecided), 'check')})"
    with st.expander(label, icon=":material/help:"):
        lines = [
            f"- {', '.join(kinds)}: {widgets.sentence(reason)}"
            for reason, kinds in undecided.groupby("reason", sort=False)["kind_name"]
        ]
        st.markdown("\n".join(lines))


def readme(cohort: Cohort) -> None:
    counts = cache.readme_counts(cohort)
    if counts.empty:
        return
    st.header("Dataset README: stated and actual counts", anchor="readme")
    labels = {"counts": "Count of", "readme": "Stated", "here": "Actual", "outcome": "Outcome"}
    st.dataframe(
        counts,
        hide_index=True,
        key="readme_counts",
        alt="Counts stated in the README and actual counts.",
        column_config=labels,
    )
    st.caption(
        "A sequence counts as missing if it repeats FLAIR on every slice of a case, pixel by pixel."
    )


def files(cohort: Cohort) -> None:
    st.header("Shapes, types and values", anchor="files")
    found = cache.files(cohort)
    st.markdown(
        f"{found.pairs:,} pairs of image and mask, {found.images:,} images without a mask and "
        f"{found.masks:,} masks without an image."
    )
    pairs.file_table(found.table)


def random_pair(cohort: Cohort) -> None:
    st.header("One random pair", anchor="pair")
    pair = statistics.random_pair(cohort.slices, widgets.current_seed())
    if pair is None:
        st.info("No pair of image and mask can be read.", icon=":material/image:")
        return
    st.markdown("The shapes as a notebook prints them (height, width, channels):")
    pairs.printed(pair)
    pairs.controls(pair, "Another pair")


st.title("Checks")
cohort = widgets.open_cohort()
widgets.notes(cohort)
outcome = wait_for(cohort)
at_a_glance(outcome)
st.header("Findings", anchor="findings")
if len(outcome.findings):
    findings.draw(cohort, outcome)
else:
    st.info("No findings.", icon=":material/check:")
exports(cohort, outcome)
second_look.draw(cohort)
what_was_checked(outcome)
readme(cohort)
files(cohort)
random_pair(cohort)
widgets.tumour_means(cohort)
