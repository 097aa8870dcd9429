"""Acceptances: accepted findings with their reason, and when they lapse."""

import json
import os
import shutil
from pathlib import Path

import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED

from brainseg.checks import check_cohort, run_checks
from brainseg.checks.acceptances import LONGEST_REASON, Acceptances, as_reason, open_acceptances
from brainseg.checks.finding import Finding
from brainseg.checks.outcome import outcome_of
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError


def found(root: Path) -> tuple[Cohort, dict[str, Finding]]:
    """Return a cohort and its findings by kind; the tiny cohort has one of each of two kinds."""
    cohort = Cohort.open(root)
    return cohort, {finding.kind: finding for finding in run_checks(cohort)}


@pytest.fixture
def gap(review_place: str, tiny_cohort: Path) -> tuple[Acceptances, Finding]:
    """Return the acceptances of the tiny cohort, and its finding of missing slices."""
    cohort, findings = found(tiny_cohort)
    return open_acceptances(cohort), findings["slice_gap"]


@pytest.mark.of_file
def test_nothing_is_written_before_the_first_acceptance(gap) -> None:
    acceptances, finding = gap
    assert acceptances.of([finding]) == [None]
    assert not acceptances.path.exists() and acceptances.stamp() == (0, 0)


@pytest.mark.of_file
def test_an_acceptance_is_saved_with_its_reason_outside_the_dataset(gap, tiny_cohort) -> None:
    acceptances, finding = gap
    before = sorted(tiny_cohort.rglob("*"))
    acceptances.accept([finding], "  the source\nlacks them ")
    (kept,) = acceptances.of([finding])
    assert (kept.reason, kept.lapsed) == ("the source lacks them", False)
    assert kept.at.startswith("20") and kept.at.endswith("+00:00")
    assert acceptances.path.parent == Path(os.environ["BRAINSEG_HOME"])
    assert sorted(tiny_cohort.rglob("*")) == before
    assert acceptances.stamp() != (0, 0)


def test_only_the_chosen_finding_is_accepted(review_place, tiny_cohort) -> None:
    cohort, findings = found(tiny_cohort)
    acceptances = open_acceptances(cohort)
    acceptances.accept([findings["slice_gap"]], "known")
    accepted = dict(zip(findings, acceptances.of(findings.values()), strict=True))
    assert accepted["slice_gap"] is not None and accepted["flair_copy"] is None


@pytest.mark.of_file
def test_an_acceptance_can_be_withdrawn_and_repeated(gap) -> None:
    acceptances, finding = gap
    acceptances.accept([finding], "known")
    acceptances.withdraw([finding])
    assert acceptances.of([finding]) == [None]
    acceptances.accept([finding], "known after all")
    assert acceptances.of([finding])[0].reason == "known after all"
    assert len(acceptances.path.read_text().split()) >= 3, "earlier acceptances can still be read"


def test_an_acceptance_is_valid_for_a_copy_opened_from_its_parent_folder(gap, tiny_cohort) -> None:
    acceptances, finding = gap
    acceptances.accept([finding], "known")
    copy = tiny_cohort.parent / "elsewhere" / "deep"
    shutil.copytree(tiny_cohort, copy)
    cohort, findings = found(copy.parent)
    assert open_acceptances(cohort).of([findings["slice_gap"]])[0].reason == "known"


def test_an_acceptance_lapses_when_its_own_slice_changes(review_place, tiny_cohort) -> None:
    mask = tiny_cohort / FIRST / f"{FIRST}_2_mask.tif"
    pixels = tifffile.imread(mask)
    pixels[60, 60] = 255
    tifffile.imwrite(mask, pixels)
    cohort, findings = found(tiny_cohort)
    open_acceptances(cohort).accept([findings["mask_island"]], "looked at it")

    (tiny_cohort / FLAIR_REPEATED / f"{FLAIR_REPEATED}_3_mask.tif").unlink()
    cohort, findings = found(tiny_cohort)
    assert not open_acceptances(cohort).of([findings["mask_island"]])[0].lapsed

    pixels[62, 60] = 255
    tifffile.imwrite(mask, pixels)
    cohort, findings = found(tiny_cohort)
    (lapsed,) = open_acceptances(cohort).of([findings["mask_island"]])
    assert lapsed.lapsed and lapsed.reason == "looked at it"
    outcome = outcome_of(check_cohort(cohort), open_acceptances(cohort))
    kinds = {finding.kind for finding in outcome.open}
    assert "mask_island" in kinds, "what lapsed is open again"


def test_a_finding_without_a_case_is_identified_by_its_fact(review_place, tiny_cohort) -> None:
    with (tiny_cohort / "data.csv").open("a") as table:
        table.write("TCGA_ZZ_0008,3,30\n")
    cohort, findings = found(tiny_cohort)
    open_acceptances(cohort).accept([findings["row_without_case"]], "a part")
    with (tiny_cohort / "data.csv").open("a") as table:
        table.write("TCGA_ZZ_0009,3,30\n")
    cohort = Cohort.open(tiny_cohort)
    rows = run_checks(cohort, only={"row_without_case"})
    assert [one is not None for one in open_acceptances(cohort).of(rows)] == [True, False]


@pytest.mark.of_file
def test_invalid_lines_of_acceptances_are_skipped(gap) -> None:
    acceptances, finding = gap
    acceptances.accept([finding], "known")
    whole = acceptances.path.read_text()
    acceptances.path.write_text('{"kind": "slice_g\n[1]\nnull\n' + whole + whole[: len(whole) // 2])
    assert acceptances.of([finding])[0].reason == "known"
    acceptances.accept([finding], "known still")
    assert acceptances.of([finding])[0].reason == "known still"
    assert all(json.loads(line) for line in whole.splitlines() if line)


@pytest.mark.of_file
def test_a_reason_is_required_and_limited(gap) -> None:
    acceptances, finding = gap
    with pytest.raises(BrainsegError, match="no reason was given"):
        acceptances.accept([finding], " \n ")
    with pytest.raises(BrainsegError, match=f"501 characters, but at most {LONGEST_REASON}"):
        acceptances.accept([finding], "x" * (LONGEST_REASON + 1))
    assert not acceptances.path.exists()
    assert as_reason("a\tb") == "a b"


@pytest.mark.of_file
def test_an_unusable_file_is_reported_in_a_sentence(gap) -> None:
    acceptances, finding = gap
    acceptances.path.mkdir(parents=True)
    with pytest.raises(BrainsegError, match="cannot be read"):
        acceptances.of([finding])
    with pytest.raises(BrainsegError, match="cannot be written"):
        acceptances.accept([finding], "known")


@pytest.mark.of_file
def test_an_acceptance_saved_by_an_older_version_remains_valid(tiny_cohort) -> None:
    (tiny_cohort / "README.md").write_text(
        "# LGG Segmentation Dataset\n\nThey correspond to 9 patients.\n"
    )
    with (tiny_cohort / "data.csv").open("a") as table:
        table.write("TCGA_ZZ_0008,3,30\n")
    cohort, findings = found(tiny_cohort)
    saved = {
        "readme_count": "README.md counts 9 patients, here are 3: nothing is to be done if the folder "
        "is a part of the dataset, but say so with every number",
        "row_without_case": "data.csv has a row for TCGA_ZZ_0008, who has no case here: nothing is to "
        "be done if the folder is a part of a dataset, otherwise copy the case",
    }
    acceptances = open_acceptances(cohort)
    acceptances.path.parent.mkdir(parents=True, exist_ok=True)
    place = dict.fromkeys(["case", "slice_number", "sequence", "file"])
    verdict = {
        "content": "",
        "accepted": True,
        "reason": "known",
        "at": "2026-11-01T00:00:00+00:00",
    }
    lines = [{"kind": kind, "message": said} | place | verdict for kind, said in saved.items()]
    acceptances.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for kind in saved:
        assert acceptances.of([findings[kind]])[0] is not None, kind
