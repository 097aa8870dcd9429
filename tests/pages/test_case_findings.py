"""Findings beside the picture: with their places, and accepted as on the checks page."""

from types import SimpleNamespace

import pytest
from support.cohorts import blob, head, write_pair

from brainseg.checks import check_cohort
from brainseg.checks.acceptances import open_acceptances
from brainseg.cohort import Cohort
from dashboard.shared import case_findings
from dashboard.shared.case_findings import CaseFindings

CASE = "TCGA_ZZ_7777_20000101"


@pytest.fixture
def messages(monkeypatch) -> list[str]:
    shown: list[str] = []
    monkeypatch.setattr(
        case_findings, "st", SimpleNamespace(toast=lambda text, icon: shown.append(text))
    )
    return shown


@pytest.fixture
def found(tmp_path) -> CaseFindings:
    """Return the findings of a case with an isolated pixel in the mask of slice 2."""
    for number in (1, 2, 3):
        mask = blob(20, 20, 10)
        if number == 2:
            mask[40, 30] = mask.max()
        write_pair(tmp_path / "data" / CASE, CASE, number, head(number), mask)
    cohort = Cohort.open(tmp_path / "data")
    findings = [one for one in check_cohort(cohort).findings if one.kind == "mask_island"]
    return CaseFindings(cohort, CASE, findings)


def test_a_finding_has_its_words_and_its_place(found):
    (item,) = found.listed()
    assert (item["slice"], item["boxes"]) == (2, [(30, 40, 31, 41)])
    assert "isolated pixel" in item["text"]
    assert item["why"] and item["remedy"]


def test_accepting_needs_a_reason_and_is_found_again(found, messages):
    (item,) = found.listed()
    acceptances = open_acceptances(found.cohort)
    found.accept({"id": item["id"], "reason": " "})
    assert acceptances.of(found.findings) == [None]
    assert "no reason was given" in messages.pop()
    found.accept({"id": item["id"], "reason": "a biopsy"})
    (accepted,) = acceptances.of(found.findings)
    assert accepted.reason == "a biopsy"
    assert "accepted" in messages.pop()


def test_a_wrong_or_outdated_request_changes_nothing(found, messages):
    for wrong in (None, {}, {"id": "gone", "reason": "x"}):
        found.accept(wrong)
    assert open_acceptances(found.cohort).of(found.findings) == [None]
    assert messages == []
