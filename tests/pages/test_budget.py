"""One budget of memory for all visitors: what counts, what is dropped, and who computes."""

import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import numpy as np
import pytest
from support.pages import APP, open_page

from brainseg import memory
from brainseg.cohort import Case, Cohort
from brainseg.volume import Volume
from dashboard.shared import budget, cache
from dashboard.shared.background import Work
from dashboard.shared.budget import BUDGET, Budget, size_of

GUARDS_AGAINST_A_HANG_S = 60
KIB = 1024


def kib(count: int) -> np.ndarray:
    return np.zeros(count * KIB, np.uint8)


def test_the_least_recently_used_entry_is_dropped_first():
    entries, made = Budget(12 * KIB), []
    for name in ("a", "b", "a", "c", "a", "b"):
        entries.get(name, lambda name=name: made.append(name) or kib(4))
    assert made == ["a", "b", "c", "b"]


@dataclass
class Holder:
    pixels: np.ndarray
    masks: tuple[np.ndarray, np.ndarray]


@pytest.mark.parametrize(
    "value",
    [
        kib(3),
        Volume(np.zeros((1, 32, 32, 3), np.uint8)),
        Holder(kib(1), (kib(1), kib(1))),
        [kib(1), {"one": kib(1), "other": kib(1)}],
        bytes(3 * KIB),
    ],
    ids=["array", "volume", "dataclass", "containers", "bytes"],
)
def test_the_size_of_an_entry_is_that_of_its_arrays(value):
    assert 3 * KIB <= size_of(value) < 3 * KIB + 300


def test_compressed_arrays_come_back_unchanged_and_count_with_their_compressed_size():
    entries, pixels = Budget(64 * KIB), np.zeros((4, 64, 64, 3), np.uint8)
    pixels[1, 20:40, 20:40] = np.random.default_rng(0).integers(0, 255, (20, 20, 3))
    masks = pixels[..., 0] > 99
    entries.unpacked("images", lambda: Volume(pixels, (3.0, 1.0, 1.0)))
    entries.unpacked("masks", lambda: (masks, masks.any(axis=(1, 2))))
    assert 1200 < entries.used < 8 * KIB < pixels.nbytes
    volume = entries.unpacked("images", lambda: pytest.fail("read again"))
    found = entries.unpacked("masks", lambda: pytest.fail("read again"))
    np.testing.assert_array_equal(volume.pixels, pixels)
    assert volume.spacing_mm == (3.0, 1.0, 1.0)
    np.testing.assert_array_equal(found[0], masks)
    np.testing.assert_array_equal(found[1], [False, True, False, False])


def test_a_value_larger_than_the_budget_is_returned_but_not_kept():
    entries = Budget(KIB)
    assert entries.get("large", lambda: kib(2)).nbytes == 2 * KIB
    assert entries.used == 0


def test_what_raises_is_not_kept():
    entries = Budget(KIB)
    with pytest.raises(ZeroDivisionError):
        entries.get("wrong", lambda: 1 / 0)
    assert entries.get("wrong", lambda: "right") == "right"


def test_one_computation_serves_all_who_ask_at_once():
    entries, made, go = Budget(KIB), [], Event()

    def make() -> str:
        made.append(0)
        go.wait(GUARDS_AGAINST_A_HANG_S)
        return "value"

    with ThreadPoolExecutor(8) as visitors:
        asked = [visitors.submit(entries.get, "key", make) for _ in range(8)]
        while not made:
            time.sleep(0.001)
        go.set()
        assert {one.result(GUARDS_AGAINST_A_HANG_S) for one in asked} == {"value"}
    assert len(made) == 1


def test_one_computation_does_not_block_another():
    entries = Budget(KIB)

    def nested() -> str:
        with ThreadPoolExecutor(1) as visitor:
            return visitor.submit(entries.get, "other", lambda: "other").result(
                GUARDS_AGAINST_A_HANG_S
            )

    assert entries.get("key", nested) == "other"


def finished(entries: Budget, name: str, size: int) -> Work:
    """Return a job of a budget once its result of some KiB is counted."""
    before = entries.used
    work = entries.start(name, lambda: Work(name, lambda _: kib(size)))
    deadline = time.monotonic() + GUARDS_AGAINST_A_HANG_S
    while entries.used == before and time.monotonic() < deadline:
        time.sleep(0.001)
    return work


def test_entries_never_drop_the_results_of_jobs_and_newer_ones_drop_older_ones():
    entries = Budget(12 * KIB)  # 3 KiB for the results of jobs
    older = finished(entries, "older", 1)
    for name in "abc":
        entries.get(name, lambda: kib(8))
    assert entries.start("older", lambda: pytest.fail("started again")) is older
    finished(entries, "newer", 3)
    assert entries.used == 11 * KIB
    assert entries.start("older", lambda: Work("older", lambda _: kib(1))) is not older


def test_a_job_counts_once_it_is_done():
    entries, go = Budget(12 * KIB), Event()
    entries.get("older", lambda: kib(3))
    work = entries.start(
        "job", lambda: Work("job", lambda _: go.wait(GUARDS_AGAINST_A_HANG_S) and kib(2))
    )
    assert entries.used == 3 * KIB
    go.set()
    deadline = time.monotonic() + GUARDS_AGAINST_A_HANG_S
    while entries.used != 5 * KIB and time.monotonic() < deadline:
        time.sleep(0.001)
    assert entries.used == 5 * KIB
    assert entries.start("job", lambda: pytest.fail("started again")) is work


def test_a_failed_job_is_started_again():
    entries = Budget(KIB)
    failed = entries.start("job", lambda: Work("job", lambda _: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        failed.result.result(GUARDS_AGAINST_A_HANG_S)
    again = entries.start("job", lambda: Work("job", lambda _: "done"))
    assert again.result.result(GUARDS_AGAINST_A_HANG_S) == "done"


@pytest.mark.parametrize("named", ["", "much", "-1", "1.5"])
def test_an_unusable_size_is_named_and_the_default_is_used(monkeypatch, caplog, named):
    monkeypatch.setenv(budget.ENVIRONMENT, named)
    assert budget.size_from_environment() == budget.DEFAULT_MB * 2**20
    assert bool(caplog.records) == bool(named)


def test_the_environment_sets_the_size(monkeypatch):
    monkeypatch.setenv(budget.ENVIRONMENT, "64")
    assert budget.size_from_environment() == 64 * 2**20


def test_more_than_six_small_cases_stay_in_memory(monkeypatch, tiny_cohort):
    cohort, read, volume = Cohort.open(tiny_cohort), [], Case.volume
    monkeypatch.setattr(
        Case, "volume", lambda case, **named: read.append(case.name) or volume(case, **named)
    )
    BUDGET.drop()
    for number in range(10):
        cache.masks(cohort, cohort.cases[number % len(cohort.cases)])
        cache.volume(cohort, cohort.cases[number % len(cohort.cases)])
    assert sorted(read) == sorted(cohort.cases[:10])


def test_the_case_page_and_a_prediction_share_one_copy_of_the_images(monkeypatch, tiny_cohort):
    cohort, read, volume = Cohort.open(tiny_cohort), [], Case.volume
    monkeypatch.setattr(
        Case, "volume", lambda case, **named: read.append(case.name) or volume(case, **named)
    )
    monkeypatch.setenv("BRAINSEG_PREPARE", "0")
    BUDGET.drop()
    case = cohort.cases[0]
    open_page(monkeypatch, tiny_cohort, "case", case=case)
    assert case in read
    read.clear()
    open_page(monkeypatch, tiny_cohort, "case", case=case)
    expected = volume(cohort.case(case))
    np.testing.assert_array_equal(cache.volume(cohort, case).pixels, expected.pixels)
    assert read == []
    images = cache.images(cohort, case)
    assert cache.case_payload(cohort, case).images is images.data
    assert images.nbytes < BUDGET.used < 1.5 * images.nbytes


def test_pages_collect_garbage_themselves_now_and_then(monkeypatch, tiny_cohort):
    settings = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text())
    assert settings["runner"] == {"postScriptGC": False}
    asked = []
    monkeypatch.setattr(memory, "collect_garbage", lambda every_s: asked.append(every_s))
    open_page(monkeypatch, tiny_cohort)
    assert asked and max(asked) <= 60
