"""Jobs in worker processes: limits, place in line, sharing, cancelling, halving."""

import os
import subprocess
import sys
import time
from concurrent.futures import CancelledError, as_completed, wait
from pathlib import Path
from threading import Thread

import psutil
import pytest
from pebble import ProcessPool
from support import jobs as functions
from support.cohorts import CHECKOUT

from brainseg.errors import DecodeError
from brainseg.jobs import JobLost, Jobs, QueueFull, deadline, has_urgent_jobs, set_patient


@pytest.fixture
def jobs():
    made = Jobs("a test", workers=1, most_waiting=2)
    yield made
    made.shutdown(cancel_futures=True)


def waits(path: Path, gate: Path) -> tuple:
    return functions.note_and_wait, (str(path), str(gate))


def until(condition) -> None:
    """Wait until a condition holds; pytest's own limit guards against a hang."""
    while not condition():
        time.sleep(0.02)


def test_a_worker_keeps_its_state_between_jobs(jobs: Jobs) -> None:
    assert [jobs.submit(functions.count_calls).result() for _ in range(3)] == [1, 2, 3]
    assert jobs.submit(functions.pid).result() != os.getpid()


@pytest.mark.slow
def test_a_job_right_after_another_gets_its_worker_however_threads_switch(jobs: Jobs) -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        assert len({jobs.submit(functions.pid).result() for _ in range(3000)}) == 1
    finally:
        sys.setswitchinterval(usual)


def test_a_worker_that_was_killed_while_it_was_idle_is_replaced(jobs: Jobs) -> None:
    worker = psutil.Process(jobs.submit(functions.pid).result())
    worker.kill()
    until(lambda: not worker.is_running())  # the service reaps it
    assert jobs.submit(functions.pid).result() != worker.pid


def test_a_worker_keeps_no_copy_of_a_large_result(jobs: Jobs) -> None:
    worker = psutil.Process(jobs.submit(functions.pid).result())
    before = worker.memory_info().rss
    assert jobs.submit(functions.ones, 100 * 2**20).result().sum() == 100 * 2**20
    until(lambda: worker.memory_info().rss < before + 50 * 2**20)


def test_a_worker_that_answers_nothing_loses_the_job_and_the_next_one_gets_another(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = psutil.Process(jobs.submit(functions.pid).result())
    hung.suspend()
    with monkeypatch.context() as soon:
        soon.setattr(deadline, "BEGINS_WITHIN_S", 1)
        with pytest.raises(JobLost, match="ended its process"):
            jobs.submit(functions.pid).result()
    assert jobs.submit(functions.pid).result() != hung.pid
    until(lambda: not hung.is_running())


def test_a_worker_that_dies_as_a_job_reaches_it_loses_the_job_and_the_next_one_gets_another(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = psutil.Process(jobs.submit(functions.pid).result())
    worker.kill()
    until(lambda: not jobs._idle[0].active)
    with monkeypatch.context() as late:
        late.setattr(
            ProcessPool, "_check_pool_status", lambda _: None
        )  # the check came before the end
        with pytest.raises(JobLost, match="ended its process"):
            jobs.submit(functions.pid).result()
    assert jobs.submit(functions.pid).result() != worker.pid


def test_a_job_whose_time_limit_has_no_effect_is_lost_a_little_later(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pebble.pool.process.TaskManager.timeout", staticmethod(lambda _: False))
    monkeypatch.setattr(deadline, "GRACE_S", 0)
    with pytest.raises(JobLost, match="took more than 1 s"):
        jobs.schedule(functions.sleep, (600,), longest_s=1).result()
    assert jobs.submit(functions.sleep, 0).result() == 0


def test_a_job_that_takes_too_long_crashes_or_takes_too_much_memory_is_lost(jobs: Jobs) -> None:
    with pytest.raises(JobLost, match=r"The job took more than 0\.2 s\."):
        jobs.schedule(functions.sleep, (600,), longest_s=0.2).result()
    with pytest.raises(JobLost, match=r"took more than 0\.2 s"):
        jobs.schedule(functions.backtrack, longest_s=0.2).result()
    with pytest.raises(JobLost, match="ended its process"):
        jobs.submit(functions.crash).result()
    with pytest.raises(JobLost, match="takes more memory than is allowed"):
        jobs.submit(functions.take_memory, 4 * 2**30).result()
    assert jobs.submit(functions.sleep, 0).result() == 0


def test_a_worker_that_may_not_even_start_loses_the_job_alone() -> None:
    small = Jobs("a test", workers=1, memory_bytes=2**20)
    with pytest.raises(JobLost):
        small.submit(functions.pid).result()
    small.shutdown()


def test_a_job_runs_where_no_thread_can_be_started_to_watch_it(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the interpreter ends, in Python 3.12 and later."""

    def no_thread(timer) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    jobs.submit(functions.pid).result()  # starts the worker, which needs threads
    monkeypatch.setattr(deadline.Timer, "start", no_thread)
    assert jobs.submit(functions.pid).result() > 0


def test_a_system_that_starts_no_process_loses_the_job_and_serves_the_next(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    with monkeypatch.context() as scarce:
        scarce.setattr("multiprocessing.util.spawnv_passfds", refuse)
        with pytest.raises(JobLost, match="the system starts no other"):
            jobs.submit(functions.pid).result()
    assert jobs.submit(functions.pid).result() != os.getpid()


def test_the_errors_of_a_function_come_back_and_leave_its_worker_alive(jobs: Jobs) -> None:
    worker = jobs.submit(functions.pid).result()
    with pytest.raises(DecodeError, match=r"^x\.tif was not used: file is empty$"):
        jobs.submit(functions.refuse, "decode").result()
    for kind, text in (("exit", "SystemExit: 3"), ("odd", "Unportable: 1 and 2")):
        with pytest.raises(RuntimeError, match=text):
            jobs.submit(functions.refuse, kind).result()
    assert jobs.submit(functions.pid).result() == worker


def test_jobs_have_a_place_in_line_and_a_full_line_refuses(jobs: Jobs, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = jobs.schedule(*waits(tmp_path / "log", gate))
    second, third = (jobs.submit(functions.sleep, 0) for _ in range(2))
    assert [job.place for job in (first, second, third)] == [0, 1, 2]
    assert first.running() and not second.running()
    with pytest.raises(QueueFull, match="2 jobs wait for a test, which is the most: try again"):
        jobs.submit(functions.sleep, 0)
    assert second.cancel()
    assert third.place == 1
    gate.touch()
    assert third.result() == 0
    assert [job.place for job in (first, third)] == [0, 0]
    with pytest.raises(CancelledError):
        second.result()
    assert set(as_completed([first, second, third])) == {first, second, third}


def test_a_job_asked_for_twice_runs_once_and_ends_with_its_last_asker(
    jobs: Jobs, tmp_path: Path
) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    one, other = (jobs.schedule(*waits(log, gate), key="same") for _ in range(2))
    until(log.exists)
    assert one.cancel() and not other.done()
    gate.touch()
    assert other.result() == str(log)
    assert len(log.read_text().splitlines()) == 1
    gate.unlink()
    one, other = (jobs.schedule(*waits(log, gate), key="same") for _ in range(2))
    until(lambda: len(log.read_text().splitlines()) == 2)
    worker = psutil.Process(int(log.read_text().split()[-1]))
    assert one.cancel() and other.cancel()
    until(lambda: not worker.is_running())
    assert not wait([one, other]).not_done
    assert jobs.submit(functions.pid).result() != worker.pid


def test_a_lost_batch_is_halved_until_the_bad_item_is_found(jobs: Jobs) -> None:
    batches = [[1, 2, 3], list(range(10, 18)), [4]]
    jobs.longest_s = 1.0
    found = jobs.map_with_halving(
        functions.doubled, batches, lost=lambda item, why: f"{item} {why.reason}"
    )
    assert list(found) == [
        [2, 4, 6],
        [20, 22, 24, "13 ended its process", 28, 30, 32, "17 took more than 1 s"],
        [8],
    ]


def test_who_stops_reading_batches_leaves_no_job_behind(jobs: Jobs) -> None:
    found = jobs.map_with_halving(functions.doubled, ([n] for n in range(100)), lost=lambda *_: 0)
    assert next(found) == [0]
    found.close()
    assert jobs.submit(functions.sleep, 0).result() == 0


def test_a_service_that_was_shut_down_leaves_no_process_and_can_be_used_again(jobs: Jobs) -> None:
    worker = psutil.Process(jobs.submit(functions.pid).result())
    jobs.shutdown()
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert jobs.submit(functions.pid).result() != worker.pid


def test_a_worker_ends_when_it_was_idle_for_long_and_the_next_job_starts_another() -> None:
    jobs = Jobs("a test", workers=1, idle_s=0.5)
    first = jobs.submit(functions.pid).result()
    until(lambda: not psutil.pid_exists(first))
    assert jobs.submit(functions.pid).result() != first
    jobs.shutdown()


def test_another_engine_can_run_the_same_line() -> None:
    jobs = functions.InThisProcess("a test", workers=1)
    assert jobs.submit(functions.pid).result() == os.getpid()
    with pytest.raises(DecodeError, match="file is empty"):
        jobs.submit(functions.refuse, "decode").result()
    assert list(jobs.map_with_halving(functions.doubled, [[1, 2], [3]], lost=min)) == [[2, 4], [6]]


SCRIPT = """
import sys
sys.stdout.write("main ran\\n")
sys.path[:0] = {path}
from support import jobs as functions
from brainseg.jobs import Jobs
jobs = Jobs("a test", workers=1)
sys.stdout.write(str(jobs.submit(functions.pid).result()) + "\\n")
sys.stdout.flush()
"""


def script(folder: Path, then: str) -> list[str]:
    path = folder / "main.py"
    text = SCRIPT.format(path=[str(CHECKOUT), str(CHECKOUT / "tests")])
    path.write_text(text + then)
    return [sys.executable, str(path)]


def test_a_script_needs_no_main_guard_and_its_workers_end_with_it(tmp_path: Path) -> None:
    done = subprocess.run(script(tmp_path, ""), capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "main ran" and len(lines) == 2
    assert done.stderr == ""
    assert not psutil.pid_exists(int(lines[1]))


@pytest.mark.parametrize(
    "job", ["functions.sleep, (600,)", "functions.pid", "functions.backtrack, (), None, 2"]
)
def test_a_worker_leaves_when_its_parent_is_killed_also_in_the_midst_of_a_job(
    tmp_path: Path, job: str
) -> None:
    then = f"jobs.schedule({job})\nimport time; time.sleep(600)"
    parent = subprocess.Popen(script(tmp_path, then), stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    assert parent.stdout.readline() == "main ran\n"
    worker = psutil.Process(int(parent.stdout.readline()))
    family = [worker, *psutil.Process(parent.pid).children(recursive=True)]
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def test_the_jobs_of_a_patient_thread_let_others_go_first(jobs: Jobs, tmp_path: Path) -> None:
    gate, asked = tmp_path / "gate", []
    jobs.schedule(*waits(tmp_path / "log", gate))
    patient = Thread(target=lambda: asked.append(jobs.submit(functions.sleep, 0)))
    set_patient(patient, True)
    patient.start()
    patient.join()
    other = jobs.submit(functions.sleep, 0)
    assert [one.place for one in (other, *asked)] == [1, 2]
    set_patient(patient, False)
    assert [one.place for one in (other, *asked)] == [2, 1]
    set_patient(patient, True)
    assert has_urgent_jobs()
    gate.touch()
    wait([other, *asked])
    assert not other.cancelled()


def test_only_a_patient_job_leaves_the_service_free_for_more_of_its_kind(
    jobs: Jobs, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    patient = Thread(target=lambda: jobs.schedule(*waits(tmp_path / "log", gate)))
    set_patient(patient, True)
    patient.start()
    patient.join()
    assert jobs.unfinished() and not has_urgent_jobs()
    gate.touch()


def test_a_worker_runs_no_file_of_the_folder_from_which_the_program_was_started(tmp_path) -> None:
    program, data = tmp_path / "program.py", tmp_path / "data"
    data.mkdir()
    program.write_text(
        "import os\nfrom brainseg.jobs import Jobs\nprint(Jobs('a test').submit(os.getpid).result())\n"
    )
    for name in ("socket", "struct", "numpy"):
        (data / f"{name}.py").write_text("open('it ran', 'w')\nraise SystemExit(7)")
    done = subprocess.run(
        [sys.executable, program],
        cwd=data,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip().isdecimal(), done.stderr[-2000:]
    assert not (data / "it ran").exists()
