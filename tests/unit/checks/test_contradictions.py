"""Masks worth a second look as findings, which are accepted like those of checks."""

from pathlib import Path

import tifffile
from support.cohorts import FIRST

from brainseg.checks import RULES
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.contradictions import KINDS, finding_of
from brainseg.checks.finding import Finding
from brainseg.cohort import Cohort
from brainseg.evaluation.second_look import MISSED, UNSUPPORTED, Contradiction


def found_at(*places: tuple[str, int]) -> list[Finding]:
    return [
        finding_of(FIRST, Contradiction(kind, number, 1, 10, 1321, 120, 0.42, 0.98, 2))
        for kind, number in places
    ]


def test_a_contradiction_is_a_note_at_its_slice_of_a_kind_that_no_check_has():
    missed, unsupported = found_at((MISSED, 2), (UNSUPPORTED, 10))
    assert (missed.case, missed.slice_number, missed.severity) == (FIRST, 2, "info")
    assert missed.fact == f"{FIRST} slice 2 (1–10): missed by the mask, 1,321 voxels"
    assert unsupported.kind != missed.kind
    assert not {*KINDS.values()} & RULES.keys()


def test_an_accepted_contradiction_stays_accepted_until_its_mask_changes(tiny_cohort: Path):
    found = found_at((MISSED, 2), (UNSUPPORTED, 10))
    open_acceptances(Cohort.open(tiny_cohort)).accept(found[:1], "a cavity")
    accepted, other = open_acceptances(Cohort.open(tiny_cohort)).of(found)
    assert accepted is not None and accepted.reason == "a cavity" and not accepted.lapsed
    assert other is None
    (mask,) = (tiny_cohort / FIRST).glob("*_2_mask.tif")
    tifffile.imwrite(mask, tifffile.imread(mask)[::-1])
    (lapsed, _) = open_acceptances(Cohort.open(tiny_cohort)).of(found)
    assert lapsed is not None and lapsed.lapsed
