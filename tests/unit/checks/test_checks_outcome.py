"""The outcome of checks: open findings, accepted findings, and exports."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from support.cohorts import FIRST, FLAIR_REPEATED

from brainseg import RESEARCH_USE
from brainseg.__main__ import main
from brainseg.checks import RULES, check_cohort
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.outcome import Outcome, kinds_table, outcome_of
from brainseg.checks.report import checks_report
from brainseg.cohort import Cohort


def outcome(root: Path, accepted: str = "") -> Outcome:
    """Return the outcome of checks; findings of the kind ``accepted`` are accepted first."""
    cohort = Cohort.open(root)
    checked, acceptances = check_cohort(cohort), open_acceptances(cohort)
    if accepted:
        acceptances.accept([one for one in checked.findings if one.kind == accepted], "known")
    return outcome_of(checked, acceptances)


def text_of(pdf: bytes) -> tuple[int, str]:
    """Return the number of pages of a PDF, and its text."""
    from io import BytesIO

    from pypdf import PdfReader

    pages = PdfReader(BytesIO(pdf)).pages
    return len(pages), "\n".join(page.extract_text() for page in pages)


def test_accepted_findings_are_counted_separately_and_fail_no_build(tiny_cohort) -> None:
    before = outcome(tiny_cohort)
    assert before.counts == {"error": 0, "warning": 1, "info": 1}
    assert before.fails("warning") and before.fails("info") and not before.fails("error")
    after = outcome(tiny_cohort, accepted="slice_gap")
    assert after.counts == {"error": 0, "warning": 0, "info": 1}
    assert not after.fails("warning") and after.fails("info")
    assert [finding.kind for finding in after.accepted] == ["slice_gap"]
    assert sorted(finding.kind for finding in before.open) == ["flair_copy", "slice_gap"]
    assert [finding.kind for finding in after.open] == ["flair_copy"]


def test_each_group_counts_its_rules_and_its_findings(tiny_cohort) -> None:
    groups = outcome(tiny_cohort, accepted="slice_gap").groups().set_index("group")
    assert groups["rules"].sum() == len(RULES)
    stacks, sequences = groups.loc["stacks"], groups.loc["sequences"]
    # Its stacks are too short for the places of their slices to be checked.
    assert (stacks["warning"], stacks["accepted"], stacks["not_checked"]) == (0, 1, 1)
    assert stacks["passed"] == stacks["rules"] - 2
    assert (sequences["info"], sequences["accepted"]) == (1, 0)
    folds = groups.loc["folds"]
    assert (folds["passed"], folds["not_checked"], folds["rules"]) == (0, 1, 1)


def test_the_table_has_acceptances_with_their_reasons(tiny_cohort) -> None:
    rows = outcome(tiny_cohort, accepted="slice_gap").table().set_index("kind")
    assert rows["accepted"].to_dict() == {"slice_gap": True, "flair_copy": False}
    assert rows.loc["slice_gap", "reason"] == "known"
    assert rows.loc["flair_copy", ["reason", "accepted_at"]].isna().all()


def test_json_contains_findings_acceptances_and_unchecked_rules(tiny_cohort) -> None:
    facts = json.loads(json.dumps(outcome(tiny_cohort, accepted="slice_gap").as_json()))
    assert [finding["kind"] for finding in facts["findings"]] == ["flair_copy"]
    (accepted,) = facts["accepted"]
    assert (accepted["case"], accepted["slice_number"], accepted["reason"]) == (FIRST, 3, "known")
    assert "case_brightness" in facts["not_checked"]
    assert {row["kind"] for row in facts["checks"]} == set(RULES)


def test_the_terminal_shows_a_finding_without_repeats_in_one_line_and_the_counts(
    tiny_cohort,
) -> None:
    lines = outcome(tiny_cohort, accepted="slice_gap").as_lines()
    assert lines[0].startswith(f"info: post-contrast of {FLAIR_REPEATED} equals FLAIR")
    unchecked = [line for line in lines if line.startswith("not checked: ")]
    assert any("other_axes, other_plane" in line for line in unchecked), (
        "of one reason, in one line"
    )
    assert any("case_brightness" in line for line in unchecked)
    assert lines[-1] == "0 errors, 0 warnings, 1 info, 1 accepted"


def test_the_terminal_counts_repeats_once_and_folds_notes(tiny_cohort) -> None:
    with (tiny_cohort / "data.csv").open("a") as table:
        table.writelines(f"TCGA_ZZ_{number:04d}\n" for number in range(30))
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.write_bytes(b"")
    result = outcome(tiny_cohort)
    lines = result.as_lines()
    (notes,) = [line for line in lines if "row_without_case" in line]
    assert notes.startswith("info: 30 findings of row_without_case: no action needed")
    assert not any("TCGA_ZZ" in line for line in lines)
    empty = len(result.grouped()["empty_file"])
    assert lines[0].startswith(f"error: {empty} findings in 3 cases of empty_file: copy the file")
    assert lines[4] == f"  and {empty - 3} more (--all lists them)"
    every = result.as_lines(every=True)
    assert sum("TCGA_ZZ" in line for line in every) == 30
    assert sum(line.endswith("has 0 bytes") for line in every) == empty


def test_the_report_is_one_page_with_the_counts_and_unchecked_rules(tiny_cohort) -> None:
    pdf = checks_report(outcome(tiny_cohort, "slice_gap"), "tiny: 3 cases", date(2026, 1, 2))
    pages, text = text_of(pdf)
    assert pages == 1
    for part in (
        "tiny: 3 cases",
        RESEARCH_USE,
        "2026-01-02",
        "Note",
        "The other sequences of a case differ",
    ):
        assert part in text
    assert "no model and no training run here knows a case" in text


def test_the_report_of_many_findings_is_one_page_and_counts_the_omitted_ones(
    tiny_cohort,
) -> None:
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.write_bytes(b"")
    whole = outcome(tiny_cohort)
    many = Outcome(whole.summary, [*whole.findings] * 40, [*whole.acceptances] * 40)
    pages, text = text_of(checks_report(many, "tiny"))
    assert pages == 1
    assert "more errors and warnings, in the CSV and JSON files" in text


def test_the_kinds_are_listed_without_any_data() -> None:
    assert set(kinds_table()["kind"]) == set(RULES)
    told = subprocess.run(
        [sys.executable, "-m", "brainseg", "check", "--list", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {row["kind"] for row in json.loads(told.stdout)["kinds"]} == set(RULES)


@pytest.mark.parametrize(
    ("words", "code"),
    [([], 0), (["--fail-on", "warning"], 1), (["--fail-on", "info", "--only", "orphan_mask"], 0)],
)
def test_the_exit_code_depends_on_the_chosen_severity(tiny_cohort, words, code) -> None:
    assert main(["check", str(tiny_cohort), *words]) == code


def test_an_accepted_warning_fails_no_build(tiny_cohort) -> None:
    outcome(tiny_cohort, accepted="slice_gap")
    assert main(["check", str(tiny_cohort), "--fail-on", "warning"]) == 0
