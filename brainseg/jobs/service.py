"""A bounded line of jobs in front of pebble's worker processes."""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import RLock, Thread, current_thread
from typing import Any, TypeVar
from weakref import WeakSet

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from brainseg.errors import BrainsegError
from brainseg.events import emit
from brainseg.jobs import spawning, worker
from brainseg.jobs.deadline import watch
from brainseg.jobs.idling import Idling

spawning.set_up()

T = TypeVar("T")
Item = TypeVar("Item")

_AHEAD = 2
_SHORTEST_S = 10.0
"""The least time limit of a part of a lost batch."""

IDLE_S = 300.0
"""A worker that predicts takes 300 MiB, and opens the shipped model in two seconds."""

TOO_MUCH_MEMORY = "takes more memory than is allowed"


class QueueFull(BrainsegError):
    """Too many jobs wait."""


class JobLost(BrainsegError):
    """A worker ended before its job was done.

    Attributes:
        reason: such as "took more than 60 s"; the caller knows what did.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The job {reason}.")


class Job(ProcessFuture[T]):
    """The future of one asker; cancelling it also works while the job runs.

    Attributes:
        thread: that asked, by its identifier.
    """

    _find_place: Callable[[], int] = staticmethod(lambda: 0)

    def __init__(self) -> None:
        super().__init__()
        self._asker = current_thread()
        self.thread = self._asker.ident

    @property
    def place(self) -> int:
        """Return the place in line, from 1; 0 if the job runs or is done."""
        return self._find_place()

    @property
    def is_urgent(self) -> bool:
        """Return whether it goes before the jobs of patient threads; see :func:`set_patient`."""
        return self._asker not in _patient

    def running(self) -> bool:
        """Return whether a worker has begun."""
        return not self.done() and self.place == 0

    def cancel(self) -> bool:
        """Leave the job, and return whether it was not done; others who asked for it keep it."""
        was_cancelled = super().cancel()
        if was_cancelled:
            with suppress(RuntimeError):  # those who wait for several futures know already
                self.set_running_or_notify_cancel()
        return was_cancelled


@dataclass(eq=False)
class _Task:
    """What runs once for all who asked for it."""

    function: Callable
    args: tuple
    key: Hashable
    longest_s: float
    askers: list[Job] = field(default_factory=list)
    running: Future | None = None
    started: float = 0.0

    @property
    def is_urgent(self) -> bool:
        """Return whether one of the askers is urgent."""
        return any(job.is_urgent for job in self.askers)


class Jobs(Executor):
    """Worker processes behind one line; see :mod:`brainseg.jobs`.

    Args:
        name: of the work, for refusals.
        workers: number of jobs that run at once.
        longest_s: time limit of one job in seconds, without its time in line.
        memory_bytes: memory limit of one worker.
        most_waiting: number of jobs in line from which :meth:`schedule` refuses.
        environment: variables to set in workers before a library is imported.
        idle_s: seconds without a job after which idle workers end; the next job starts others.
    """

    def __init__(
        self,
        name: str,
        workers: int = 2,
        longest_s: float = 60.0,
        memory_bytes: int = 3 * 2**30,
        most_waiting: int = 32,
        environment: Mapping[str, str] | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        self.workers, self.longest_s = workers, longest_s
        self._name, self._most_waiting = name, most_waiting
        self._initargs = (memory_bytes, dict(environment or {}))
        self._lock = RLock()
        self._waiting: list[_Task] = []
        self._running: set[_Task] = set()
        self._shared: dict[Hashable, _Task] = {}
        self._idle: list[ProcessPool] = []
        self._used: dict[Future, tuple[ProcessPool, list]] = {}
        self._idling = Idling(idle_s, partial(self.shutdown, wait=False))
        _services.add(self)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Job[T]:
        """Schedule a job with the limits of this service, as any executor does."""
        return self.schedule(partial(fn, **kwargs) if kwargs else fn, args)

    def schedule(
        self,
        function: Callable[..., T],
        args: tuple = (),
        key: Hashable = None,
        longest_s: float | None = None,
        is_bounded: bool = True,
    ) -> Job[T]:
        """Put a job in line, or join the one of the same key.

        Args:
            function: of the top level of a module.
            args: that can be pickled.
            key: identifies the function with its arguments; None is never shared.
            longest_s: another time limit than that of the service.
            is_bounded: whether a full line refuses it.

        Raises:
            QueueFull: the line is full.
        """
        job: Job[T] = Job()
        with self._lock:
            task = self._shared.get(key) if key is not None else None
            if task is None:
                if is_bounded and len(self._waiting) >= self._most_waiting:
                    raise QueueFull(
                        f"{len(self._waiting)} jobs wait for {self._name}, which is the most: try "
                        "again in a moment."
                    )
                task = _Task(function, args, key, longest_s or self.longest_s)
                self._waiting.append(task)
                if key is not None:
                    self._shared[key] = task
            task.askers.append(job)
            job._find_place = partial(self._place_of, task)
        job.add_done_callback(partial(self._leave, task))
        self._go_on()
        return job

    def map_with_halving(
        self,
        function: Callable[[list[Item]], list[T]],
        batches: Iterable[list[Item]],
        lost: Callable[[Item, JobLost], T],
    ) -> Iterator[list[T]]:
        """Yield the results of each batch, in order, a few batches ahead of their reader.

        Args:
            function: returns one result per item of a batch.
            batches: of items.
            lost: returns the result of an item that alone loses its worker.
        """
        ahead: deque[tuple[list[Item], Job[list[T]]]] = deque()
        try:
            for batch in batches:
                ahead.append((batch, self.schedule(function, (batch,), is_bounded=False)))
                if len(ahead) >= self.workers + _AHEAD:
                    yield self._whole(function, *ahead.popleft(), lost, self.longest_s)
            while ahead:
                yield self._whole(function, *ahead.popleft(), lost, self.longest_s)
        finally:
            for _, job in ahead:
                job.cancel()

    def _whole(
        self,
        function: Callable[[list[Item]], list[T]],
        batch: list[Item],
        job: Job[list[T]],
        lost: Callable[[Item, JobLost], T],
        longest_s: float,
    ) -> list[T]:
        """Return the results of a batch, halved where it loses its worker."""
        try:
            return job.result()
        except JobLost as reason:
            if len(batch) == 1:
                return [lost(batch[0], reason)]
        middle, half_s = len(batch) // 2, min(longest_s, max(longest_s / 2, _SHORTEST_S))
        halves = [
            (half, self.schedule(function, (half,), None, half_s, is_bounded=False))
            for half in (batch[:middle], batch[middle:])
        ]
        return [one for half in halves for one in self._whole(function, *half, lost, half_s)]

    def warm(self, function: Callable[[], object]) -> None:
        """Start all workers in the background with a function, such as one that imports libraries."""
        with self._lock:
            missing = self.workers - len(self._idle) - len(self._running)
        for _ in range(missing):
            self.submit(function)

    def unfinished(self) -> list[Job]:
        """Return the jobs that run or wait."""
        with self._lock:
            return [job for task in (*self._running, *self._waiting) for job in task.askers]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the idle workers, and all others with ``cancel_futures``; new jobs start new workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        for job in self.unfinished() if cancel_futures else ():
            job.cancel()
        for thread in [_end(pool) for pool in idle]:
            if wait:
                thread.join()

    def _start(self, function: Callable, args: tuple, longest_s: float) -> Future:
        """Begin a job on the engine, and return the future of what :func:`worker.run` returns."""
        while True:
            is_new = not self._idle
            pool = self._new_pool() if is_new else self._idle.pop()
            call = [function, args, longest_s]
            try:
                future: Future = pool.schedule(worker.run, (call,), timeout=longest_s)
            except RuntimeError:  # killed while it was idle, or the system starts no process
                _end(pool)
                if is_new:
                    future = Future()
                    future.set_exception(JobLost("found no process: the system starts no other"))
                    return future
            else:
                self._used[future] = pool, call
                watch(pool, future, longest_s)
                return future

    def _new_pool(self) -> ProcessPool:
        # A pool for each worker: one that dies while it sends leaves the pipes of the others intact.
        return ProcessPool(
            1, 0, worker.prepare, self._initargs, multiprocessing.get_context("spawn")
        )

    def _take_back(self, future: Future) -> None:
        """Take a worker back from its job, or end it where the job was lost."""
        if future not in self._used:  # of another engine
            return
        pool, call = self._used.pop(future)
        call.clear()  # pebble refers to it, and to the result, until the next job
        if future.cancelled() or future.exception():
            _end(pool)
        else:
            with self._lock:
                self._idle.append(pool)
            self._idling.note()

    def _go_on(self) -> None:
        """Start as many waiting jobs as there are workers."""
        with self._lock:
            while self._waiting and len(self._running) < self.workers:
                task = self._in_order()[0]
                self._waiting.remove(task)
                self._running.add(task)
                task.started = time.monotonic()
                task.running = self._start(task.function, task.args, task.longest_s)
                task.running.add_done_callback(partial(self._finish, task))

    def _finish(self, task: _Task, future: Future) -> None:
        # Not as a callback of its own: two callbacks of a future that ends meanwhile run in any order,
        # and the next job would find no worker.
        self._take_back(future)
        with self._lock:
            self._running.discard(task)
            self._forget(task)
            askers, task.running, task.args = [*task.askers], None, ()
        end = "cancelled" if future.cancelled() else "lost" if future.exception() else "done"
        emit("job", work=self._name, outcome=end, seconds=round(time.monotonic() - task.started, 4))
        if not future.cancelled():
            error, result = _outcome(future, task.longest_s)
            for job in askers:
                with suppress(InvalidStateError):  # cancelled
                    job.set_exception(error) if error else job.set_result(result)
        self._go_on()

    def _leave(self, task: _Task, job: Job) -> None:
        """Take an asker off a job, and the job out of the line if no asker is left."""
        with self._lock:
            if not job.cancelled() or job not in task.askers:
                return
            task.askers.remove(job)
            if task.askers:
                return
            self._forget(task)
            if task in self._waiting:
                self._waiting.remove(task)
            running = task.running
        if running:
            running.cancel()

    def _forget(self, task: _Task) -> None:
        if self._shared.get(task.key) is task:
            del self._shared[task.key]

    def _place_of(self, task: _Task) -> int:
        with self._lock:
            return self._in_order().index(task) + 1 if task in self._waiting else 0

    def _in_order(self) -> list[_Task]:
        """Return the waiting tasks: the urgent ones first, then as they were asked for."""
        return sorted(self._waiting, key=lambda task: not task.is_urgent)


_services: WeakSet[Jobs] = WeakSet()
_patient: WeakSet[Thread] = WeakSet()


def set_patient(thread: Thread, is_patient: bool) -> None:
    """Let all other jobs go before those of a thread, waiting ones included, or no longer."""
    (_patient.add if is_patient else _patient.discard)(thread)


def has_urgent_jobs() -> bool:
    """Return whether a job of any service that is not patient runs or waits."""
    return any(job.is_urgent for job in unfinished_jobs())


def unfinished_jobs() -> list[Job]:
    """Return the jobs of all services that run or wait."""
    return [job for one in [*_services] for job in one.unfinished()]


def jobs_of(thread: int | None) -> list[Job]:
    """Return the unfinished jobs that a thread asked for, by its identifier, of all services."""
    return [job for job in unfinished_jobs() if job.thread == thread]


def _outcome(future: Future, longest_s: float) -> tuple[BaseException | None, Any]:
    """Return the error of a job, its own or why its worker was lost, or None and its result."""
    error, result = future.exception(), None
    if error is None:
        is_done, result = future.result()
        future.result().clear()
        error = None if is_done else result
    if isinstance(error, TimeoutError) and result is None:
        error = JobLost(f"took more than {longest_s:g} s")
    elif isinstance(error, ProcessExpired) and error.exitcode == worker.MEMORY_EXIT:
        error = JobLost(TOO_MUCH_MEMORY)
    elif isinstance(error, ProcessExpired | BrokenProcessPool):
        error = JobLost("ended its process")
    elif isinstance(error, MemoryError):
        error = JobLost(TOO_MUCH_MEMORY)
    return error, result


def _end(pool: ProcessPool) -> Thread:
    """End a worker in the background: pebble waits for its threads."""
    pool.stop()
    thread = Thread(target=pool.join, daemon=True)
    thread.start()
    return thread
