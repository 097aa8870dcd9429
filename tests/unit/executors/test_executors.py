"""Executors: the same bytes from each engine, parts that are skipped when done, lost parts."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.executors import DAMAGED, fatal, killed_once, results, write_odd_cases
from support.volume_cohorts import nnunet

from brainseg.__main__ import main
from brainseg.cohort import Cohort, index, slice_rows
from brainseg.errors import BrainsegError, MissingPackageError
from brainseg.executors import Executor, map_parts, open_executor
from brainseg.jobs import JobLost


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with open_executor("processes", 2) as executor:
        assert executor
        yield executor


@pytest.mark.slow
def test_threads_and_processes_write_the_same_bytes(
    tiny_cohort: Path, tiny_model: Path, tmp_path: Path, processes: Executor
) -> None:
    root = write_odd_cases(tiny_cohort)
    alone = results(root, tiny_model, tmp_path / "alone", None)
    assert DAMAGED in alone["results"].decode()
    assert results(root, tiny_model, tmp_path / "processes", processes) == alone
    with open_executor("threads", 3) as threads:
        assert results(root, tiny_model, tmp_path / "threads", threads) == alone


def test_processes_index_volumes_as_threads_do(tmp_path: Path, processes: Executor) -> None:
    nnunet(tmp_path / "data")
    alone = Cohort.open(tmp_path / "data")
    (alone.state_dir / "index.parquet").unlink()
    assert Cohort.open(tmp_path / "data", executor=processes).slices.equals(alone.slices)


def test_a_part_that_is_done_is_not_computed_again(
    tiny_cohort: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "PART_ROWS", 1)
    read: list[str] = []

    def counted(root: Path, pair: tuple) -> dict | None:
        read.append(pair[0])
        return original(root, pair)

    def stops(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    original = slice_rows._row_without_library
    monkeypatch.setattr(slice_rows, "_row_without_library", counted)
    with open_executor("threads", 1) as threads, pytest.raises(KeyboardInterrupt):
        Cohort.open(tiny_cohort, stops, executor=threads)
    saved = len([*home.glob("parts/*/*.json")])  # after the end of a part that was begun meanwhile
    assert saved == len({*read}) >= 3
    with open_executor("threads", 1) as threads:
        cohort = Cohort.open(tiny_cohort, executor=threads)
    assert len(read) == len(cohort.slices) == len({*read})
    assert not [*home.glob("parts/*")]


def test_a_part_that_costs_its_workers_is_lost_and_the_others_go_on(processes: Executor) -> None:
    parts = [(number,) for number in (1, 13, 2, 3)]
    found = map_parts(processes, fatal, parts, lambda lost, number: (number, str(lost)))
    assert [*found] == [1, (13, "The job ended its process."), 2, 3]
    with pytest.raises(JobLost):
        [*map_parts(processes, fatal, parts)]


def test_a_part_whose_worker_is_killed_runs_again(tmp_path: Path, processes: Executor) -> None:
    mark = str(tmp_path / "killed")
    assert [*map_parts(processes, killed_once, [(mark,)])] == [mark]


@pytest.mark.parametrize(
    ("name", "workers", "sentence"),
    [
        (
            "slurm",
            None,
            r"there is no executor “slurm”: choose threads, processes, dask or dask://HOST",
        ),
        ("threads", 0, r"the number of workers is 0: give at least 1\."),
        ("dask://127.0.0.1:1", 2, r"has workers of its own: leave out --workers\."),
    ],
)
def test_an_executor_that_cannot_be_is_refused_in_a_sentence(
    name: str, workers: int | None, sentence: str
) -> None:
    with pytest.raises(BrainsegError, match=sentence), open_executor(name, workers):
        pass


def test_a_cluster_without_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "brainseg.executors.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingPackageError, match=r"brainseg\[cluster\]"),
        open_executor(workers=2),
    ):
        pass


def test_a_verb_takes_an_executor(tiny_cohort: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["--json", "--executor", "threads", "--workers", "2"]
    assert main(["index", str(tiny_cohort), *options]) == 0
    assert '"cases": 3' in capsys.readouterr().out
    assert main(["index", str(tiny_cohort), "--executor", "slurm"]) == 2
    assert "there is no executor" in capsys.readouterr().err
