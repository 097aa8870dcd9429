"""Findings on disk: the same findings as in a list, and the same table."""

from itertools import chain
from pathlib import Path

import pandas as pd
import pytest

from brainseg.checks import Finding, findings_table, stored_findings
from brainseg.checks.finding import SHARED, findings_rows
from brainseg.checks.outcome import Outcome
from brainseg.checks.stored_findings import FindingsFile, StoredFindings, joined
from brainseg.errors import BrainsegError


def _finding(
    kind: str, number: int | None, case: str | None = "A", label: str | None = None
) -> Finding:
    remedy = "look at it"
    return Finding(
        "warning",
        kind,
        case,
        number,
        None if number is None else f"{case}/{number}.tif",
        f"slice {number}: odd: {remedy}",
        "It is odd.",
        remedy,
        None if number else "FLAIR",
        label,
    )


@pytest.fixture
def added() -> dict[str, list[list[Finding]]]:
    return {
        "dark": [[_finding("dark", 1), _finding("dark", 2, "Bü")], [_finding("dark", 7)]],
        "gap": [[_finding("gap", None, None)], [_finding("gap", 3, label="oedema")]],
    }


@pytest.fixture
def stored(tmp_path: Path, added: dict[str, list[list[Finding]]]) -> dict[str, StoredFindings]:
    file = FindingsFile(tmp_path / "results")
    for part in range(2):
        for parts in added.values():
            file.add(parts[part])
    file.add([])
    found = file.by_kind()
    assert not any((tmp_path / "results").iterdir()), "the file has no name"
    return found


def test_stored_findings_are_those_that_were_added(added, stored) -> None:
    assert {kind: [*found] for kind, found in stored.items()} == {
        kind: [*chain(*parts)] for kind, parts in added.items()
    }
    whole = joined([[], *stored.values()])
    expected = [one for parts in added.values() for part in parts for one in part]
    assert whole == expected and len(whole) == 5
    assert whole != expected[1:]
    assert [whole[number] for number in range(-5, 5)] == expected * 2
    assert whole[1:4] == expected[1:4]
    assert joined([stored["gap"], expected[:3]]) == expected[3:] + expected[:3]
    with pytest.raises(IndexError):
        whole[5]


def test_the_rows_of_stored_findings_are_those_of_a_list(stored) -> None:
    whole = joined(stored.values())
    rows = whole.rows()
    expected = findings_rows([*whole])
    pd.testing.assert_frame_equal(
        rows[expected.columns].astype(dict.fromkeys(SHARED, "str")),
        expected.astype(dict.fromkeys(SHARED, "str")),
    )
    outcome = Outcome(pd.DataFrame(), whole, [None] * len(whole))
    pd.testing.assert_frame_equal(
        outcome.table()[findings_table([]).columns], findings_table([*whole])
    )
    assert outcome.open_rows["kind"].value_counts().to_dict() == {"dark": 3, "gap": 2}
    assert outcome.counts == {"error": 0, "warning": 5, "info": 0}
    assert outcome.open_of_case("A") == [one for one in whole if one.case == "A"]


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    assert FindingsFile(tmp_path).by_kind() == {}
    assert joined([]) == []
    rows = Outcome(pd.DataFrame(), [], []).rows
    assert rows.empty and {"fact", "accepted", "reason"} <= {*rows.columns}
    assert StoredFindings().rows().empty


def test_a_folder_without_the_right_to_write_needs_no_file_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = FindingsFile(tmp_path / "file" / "results")
    file.add([_finding("dark", 1)])
    assert file.by_kind() == {"dark": [_finding("dark", 1)]}


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(stored_findings, "TemporaryFile", lambda dir: full)
        file = FindingsFile(tmp_path)
        with pytest.raises(
            BrainsegError, match=r"could not be written to .*\(No space left.*free some"
        ):
            file.add([_finding("dark", 1)])
