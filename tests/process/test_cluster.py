"""A Dask cluster: a scheduler with two workers, one of them killed, and workers that are refused."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest
from support.cohorts import CHECKOUT
from support.executors import fatal, results, write_odd_cases

from brainseg.errors import BrainsegError, ClusterError
from brainseg.executors import cluster, dashboard_of, map_parts, open_executor

pytestmark = pytest.mark.slow

Started = tuple[str, list[subprocess.Popen]]


def start(stack: ExitStack, module: str, *words: str) -> subprocess.Popen:
    """Start a program of Dask that ends with the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *words],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Started]:
    """Return the name of a scheduler as an executor, and its two workers."""
    about = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        here = ("--host", "127.0.0.1", "--scheduler-file", str(about))
        # The limits end them where the test itself is killed.
        of_scheduler = ("--port", "0", "--no-dashboard", "--idle-timeout", "300s")
        start(stack, "dask_scheduler", *of_scheduler, *here)
        of_worker = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60s")
        workers = [
            start(stack, "dask_worker", *here, *of_worker, "--local-directory", str(tmp_path))
            for _ in range(2)
        ]
        while not about.exists():  # pytest's own limit guards against a hang
            time.sleep(0.05)
        address = json.loads(about.read_text())["address"]
        yield address.replace("tcp://", "dask://"), workers


def test_a_cluster_that_loses_a_worker_in_the_middle_writes_what_threads_write(
    tiny_cohort: Path, tiny_model: Path, tmp_path: Path, dask: Started
) -> None:
    root = write_odd_cases(tiny_cohort)
    alone = results(root, tiny_model, tmp_path / "alone", None)
    name, workers = dask

    def kills(done: int, total: int) -> None:
        if 0 < done < total and workers[0].poll() is None:
            workers[0].kill()
            workers[0].wait()

    with open_executor(name, folders=[root]) as executor:
        found = results(root, tiny_model, tmp_path / "cluster", executor, kills)
    assert workers[0].poll() is not None
    assert found == alone


def test_a_part_that_costs_its_workers_is_reported_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The workers do not run the main script again, whatever it does.
    script = ModuleType("__main__")
    script.__file__ = str(tmp_path / "script.py")
    Path(script.__file__).write_text("raise AssertionError")
    monkeypatch.setitem(sys.modules, "__main__", script)
    with open_executor(workers=2) as executor:
        assert dashboard_of(executor).startswith("http://127.0.0.1:")
        parts = [(number,) for number in (1, 13, 2)]
        found = map_parts(executor, fatal, parts, lambda lost, number: (number, str(lost)))
        assert [*found] == [1, (13, "The job ended its workers."), 2]


def test_a_worker_with_another_version_or_without_the_data_is_refused_by_name(
    dask: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        other.setattr(cluster, "__version__", "0.0.1")
        sentence = (
            r"the worker tcp://127\.0\.0\.1:\d+ is refused, because it has brainseg .* 0\.0\.1"
        )
        with pytest.raises(ClusterError, match=sentence), open_executor(dask[0]):
            pass
    monkeypatch.setattr(cluster, "_glance", lambda folder: "seen here only")
    sentence = rf"the worker tcp://\S+ is refused, because {tmp_path / 'data'} is missing there"
    with (
        pytest.raises(ClusterError, match=sentence),
        open_executor(dask[0], folders=[tmp_path / "data"]),
    ):
        pass


def test_a_worker_that_joins_late_is_checked_before_its_first_part(tmp_path: Path) -> None:
    cluster.check_worker(cluster._versions())
    with pytest.raises(ClusterError, match=r"^/nowhere is missing there$"):
        cluster.check_worker((("/nowhere", "a hash"),))
    with pytest.raises(ClusterError, match=r"differs there$"):
        cluster.check_worker(((str(tmp_path), "a hash"),))


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_WAIT_S", 0.3)
    sentence = r"no Dask scheduler answers at 127\.0\.0\.1:9: start one with `dask scheduler`"
    with pytest.raises(BrainsegError, match=sentence), open_executor("dask://127.0.0.1:9"):
        pass
