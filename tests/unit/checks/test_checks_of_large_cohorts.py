"""Checks of a large cohort: part by part they find the same, and count the same."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.cohorts import FIRST, OTHER_SITE

from brainseg import checks
from brainseg.checks import check_cohort, fingerprints
from brainseg.checks.coverage import Coverage, added
from brainseg.checks.fingerprints import equal_rows, pairs_in_a_band
from brainseg.cohort import Cohort
from brainseg.statistics import parts


def assert_parts_find_the_same(cohort: Cohort, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, seen = check_cohort(cohort), []
    monkeypatch.setattr(checks, "MAPPED_FROM", 0)
    monkeypatch.setattr(parts, "PART_SLICES", size)
    monkeypatch.setattr(fingerprints, "WIDE_FROM", 0)
    found = check_cohort(cohort, progress=lambda *now: seen.append(now))
    assert sorted(map(repr, found.findings)) == sorted(map(repr, expected.findings))
    pd.testing.assert_frame_equal(found.summary, expected.summary)
    assert seen == sorted(seen)
    assert seen[-1] == (2 * len(checks.RULES), 2 * len(checks.RULES))


def test_parts_of_the_real_cohort_have_the_findings_of_the_whole(
    real_cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_parts_find_the_same(real_cohort, 500, monkeypatch)


def test_parts_find_missing_files_and_slices_of_other_cases(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    image = (tiny_cohort / FIRST / f"{FIRST}_1.tif").read_bytes()
    (tiny_cohort / OTHER_SITE / f"{OTHER_SITE}_1.tif").write_bytes(image)
    assert_parts_find_the_same(Cohort.open(tiny_cohort), 1, monkeypatch)


def test_some_rules_of_a_large_cohort_can_be_chosen(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Cohort.open(tiny_cohort)
    chosen = ("swapped_slices", "equal_slice")
    expected = check_cohort(cohort, chosen).summary
    monkeypatch.setattr(checks, "MAPPED_FROM", 0)
    pd.testing.assert_frame_equal(check_cohort(cohort, chosen).summary, expected)


def test_coverages_of_parts_add_up_with_their_reasons() -> None:
    one = Coverage("images", 3, 1, "1 of 4 images cannot be decoded")
    other = Coverage("images", 5, 0)
    several = Coverage("images", 0, 2, "2 of 2 images cannot be decoded")
    assert added([other, one]) == one.__class__("images", 8, 1, "1 of 9 images cannot be decoded")
    assert added([one, several]).reason == "3 of 6 images cannot be decoded"
    none = Coverage("volumes", 0, 0, "there are no volumes")
    assert added([none, none]) == none
    assert added([none, Coverage("volumes", 2)]) == Coverage("volumes", 2)


@pytest.mark.parametrize("kind", ["hexadecimal", "other text"])
def test_equal_hashes_are_found_with_their_first_row(kind: str) -> None:
    texts = ["a", "b", "a", None, "c", "b", "a"]
    if kind == "hexadecimal":
        texts = [text and text * 32 for text in texts]
    hashes = pd.Series(texts, dtype="str")
    first, later = equal_rows(hashes, np.array([0, 1, 2, 4, 5, 6]))
    assert first.tolist() == [0, 1, 0]
    assert later.tolist() == [2, 5, 6]
    for rows in ([1, 2, 4], []):
        assert [len(one) for one in equal_rows(hashes, np.array(rows, int))] == [0, 0]


def test_hashes_that_share_a_half_are_not_equal() -> None:
    halves = ["0" * 16 + "1" * 16, "0" * 32, "0" * 16 + "1" * 16]
    first, later = equal_rows(pd.Series(halves, dtype="str"), np.arange(3))
    assert (first.tolist(), later.tolist()) == ([0], [2])


def test_each_pair_that_differs_in_few_bits_agrees_in_both_kinds_of_bands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 2, (200, 256), dtype=np.uint8)
    for pair in range(100):  # differs in up to 15 bits
        rows[100 + pair] = rows[pair]
        rows[100 + pair, random.permutation(256)[: pair % 16]] ^= 1
    bits = np.packbits(rows, axis=1)
    expected = {(pair, 100 + pair) for pair in range(100)}
    for wide_from in (0, 10**9):
        monkeypatch.setattr(fingerprints, "WIDE_FROM", wide_from)
        first, second, apart = pairs_in_a_band(bits, 15)
        assert {*zip(first.tolist(), second.tolist(), strict=True)} == expected
        assert apart.tolist() == [pair % 16 for pair in range(100)]
