"""Checks: what was looked at over the whole cohort, what was found, and the way to each slice."""

import json
from datetime import date

import pandas as pd
import streamlit as st

from brainseg import RESEARCH_USE, checks, statistics
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.outcome import Outcome
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import cache, keys, url_state, widgets
from dashboard.views.checks import findings, pairs
from dashboard.views.checks.findings import COLOURS

# What each group of checks looks at, as a person reads it.
GROUPS = {
    "files": ("Files", ":material/draft:"),
    "images": ("Images", ":material/image:"),
    "masks": ("Masks", ":material/contrast:"),
    "stacks": ("Stacks of slices", ":material/stacks:"),
    "sequences": ("Sequences", ":material/layers:"),
    "pixels": ("Picture", ":material/blur_on:"),
    "tumours": ("Outlines", ":material/draw:"),
    "duplicates": ("Duplicates", ":material/content_copy:"),
    "patients": ("Patients", ":material/person:"),
    "folds": ("Folds", ":material/splitscreen:"),
    "claims": ("Counts of the README", ":material/description:"),
}
SUMMARY_PX = 420

CODE = """\
import os

from brainseg.checks.acceptances import open_acceptances
from brainseg.checks import check_cohort
from brainseg.checks.outcome import outcome_of
from brainseg.cohort import Cohort

cohort = Cohort.open(os.environ["BRAINSEG_DATA"])  # or the path of your folder

checked = check_cohort(cohort)  # only=["mask_island"] looks for one kind
table = outcome_of(checked, open_acceptances(cohort)).table()
summary = checked.summary
"""


def wait_for(cohort: Cohort) -> Outcome:
    """Return what came of the checks, with a bar while they run."""
    work, place = cache.checking(cohort), st.empty()
    while not work.ready(0.1):
        place.progress(work.share(), f"Checking: {work.done} of {len(checks.KINDS)} rules")
    place.empty()
    if work.result.exception() is not None:
        # A failure is not kept: the next look at the page tries again.
        cache.checking.clear(cohort)
    try:
        work.result.result()
        return cache.outcome(cohort, open_acceptances(cohort).stamp())
    except BrainsegError as error:
        widgets.refuse(error)


def at_a_glance(outcome: Outcome) -> None:
    number, groups = outcome.counts, outcome.groups()
    passed, not_checked = int(groups["passed"].sum()), int(groups["not_checked"].sum())
    told = f"{passed} of {len(outcome.summary)} rules hold on all that could be checked"
    if not_checked:
        told += f", {not_checked} could not be checked"
    if number["error"]:
        st.error(f"Some files cannot be used as they stand. {told}.", icon=":material/error:")
    elif number["warning"]:
        st.warning(f"Usable, with warnings. {told}.", icon=":material/warning:")
    else:
        st.success(f"No open error or warning. {told}.", icon=":material/check_circle:")
    with st.grid(columns=6, min_column_width=110):
        for label, value, meaning in (
            ("Errors", number["error"], "Cannot be used as it stands."),
            ("Warnings", number["warning"], "Used, but converted or suspicious."),
            ("Notes", number["info"], "A fact to know; severity info."),
            ("Accepted", len(outcome.accepted), "A person looked and lets them stand."),
            ("Rules passed", passed, "No finding on all that could be checked."),
            ("Not checked", not_checked, "Rules that had nothing to decide on."),
        ):
            st.metric(label, value, format="localized", help=meaning)


def by_group(outcome: Outcome) -> None:
    """Draw a tile a group: how many of its rules passed, and its kinds with open findings."""
    open_kinds = outcome.open_kinds
    kinds = checks.KINDS
    with st.grid(columns=4, min_column_width=180, border=True):
        for row in outcome.groups().itertuples():
            name, icon = GROUPS[row.group]
            with st.container(gap="xxsmall"):
                st.markdown(f"{icon} **{name}**")
                st.markdown(" ".join(_badges(row)))
                with st.container(horizontal=True, gap="xxsmall"):
                    for kind in [kind for kind in open_kinds if kinds[kind].group == row.group]:
                        st.button(
                            f"{findings.kind_name(kind)} · {open_kinds[kind]:,}",
                            on_click=_show_kind,
                            args=(kind,),
                            type="tertiary",
                            key=f"kind {kind}",
                            help=kinds[kind].checks,
                        )


def _badges(row) -> list[str]:
    said = [
        f":{COLOURS[severity]}-badge[{number:,} {findings.SEVERITY_NAMES[severity].lower()}"
        f"{'' if number == 1 else 's'}]"
        for severity in checks.SEVERITIES
        if (number := getattr(row, severity))
    ]
    if row.accepted:
        said.append(f":violet-badge[{row.accepted:,} accepted]")
    if row.passed:
        said.append(f":green-badge[{row.passed} of {row.rules} passed]")
    if row.not_checked:
        said.append(f":gray-badge[{row.not_checked} not checked]")
    return said


def _show_kind(kind: str) -> None:
    url_state.put(**dict.fromkeys(findings.FILTERS) | {keys.KIND: kind})


def exports(cohort: Cohort, outcome: Outcome) -> None:
    cases, slices = len(cohort.cases), len(cohort.slices)
    about = f"{cohort.root.name}: {cases:,} cases, {slices:,} slices"

    def as_json() -> str:
        document = {"research_use": RESEARCH_USE, "cohort": about, **outcome.as_json()}
        return json.dumps(document, indent=1)

    def as_pdf() -> bytes:
        from brainseg.checks.report import checks_report

        return checks_report(outcome, about, date.today())

    with st.container(horizontal=True):
        widgets.csv_button(outcome.table(), "findings", "Findings as CSV")
        for label, content, name, mime in (
            ("All as JSON", as_json, "checks.json", "application/json"),
            ("One page as PDF", as_pdf, "checks.pdf", "application/pdf"),
        ):
            st.download_button(
                label,
                content,
                file_name=name,
                mime=mime,
                icon=":material/download:",
                type="tertiary",
                key=name,
                on_click="ignore",
            )


def what_was_checked(summary: pd.DataFrame) -> None:
    st.header("What was checked", anchor="checked")
    st.caption(
        "A rule passed where nothing was found on the items it was checked on. What could not be "
        "decided is counted as undecided, and is not passed."
    )
    # What needs a look comes first.
    order = {checks.FINDINGS: 0, checks.NOT_CHECKED: 1, checks.PASSED: 2}
    shown = summary.sort_values("outcome", key=lambda outcome: outcome.map(order), kind="stable")
    shown = shown.assign(
        kind_name=[findings.kind_name(kind) for kind in shown["kind"]],
        severity=shown["severity"].map(findings.SEVERITY_NAMES),
        checked=[f"{number:,} {items}" for number, items in shown[["checked", "items"]].to_numpy()],
    )
    column = st.column_config
    st.dataframe(
        shown,
        hide_index=True,
        height=SUMMARY_PX,
        key="summary",
        column_order=[
            "outcome",
            "kind_name",
            "checks",
            "checked",
            "findings",
            "undecided",
            "reason",
            "severity",
        ],
        alt="Each rule with its outcome, and on how many items it was decided.",
        column_config={
            "outcome": "Outcome",
            "kind_name": column.TextColumn("Kind", width=150),
            "checks": column.TextColumn("Rule", width=400),
            "checked": "Checked on",
            "findings": column.NumberColumn("Findings", format="localized"),
            "undecided": column.NumberColumn("Undecided", format="localized"),
            "reason": column.TextColumn("Why undecided", width=300),
            "severity": "A finding is",
        },
    )
    widgets.csv_button(summary, "checks", "All rules as CSV")
    with st.expander("Show the code", icon=":material/code:"):
        st.code(CODE, language="python")


def readme(cohort: Cohort) -> None:
    claims = cache.claims(cohort)
    if claims.empty:
        return
    st.header("What the dataset's README counts", anchor="readme")
    labels = {"counts": "Counts", "readme": "In the README", "here": "Here", "outcome": "Outcome"}
    st.dataframe(
        claims,
        hide_index=True,
        key="claims",
        alt="The counts of the README beside the same counted here.",
        column_config=labels,
    )
    st.caption(
        "A sequence counts as missing where it repeats FLAIR on every slice of a case, pixel by pixel."
    )


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
outcome = wait_for(cohort)
at_a_glance(outcome)
by_group(outcome)
st.header("Findings", anchor="findings")
if outcome.judged:
    findings.draw(cohort, outcome)
else:
    st.info("There is no finding.", icon=":material/check:")
exports(cohort, outcome)
what_was_checked(outcome.summary)
readme(cohort)
files(cohort)
random_pair(cohort)
widgets.tumour_means()
