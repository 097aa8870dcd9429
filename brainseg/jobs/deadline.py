"""Ends jobs that pebble loses: it limits the time of a job only once its worker has acknowledged it."""

import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from threading import Timer

from pebble import ProcessPool

BEGINS_WITHIN_S = 60.0
"""From the start of a worker, or from its last job, until it begins the next one."""

GRACE_S = 10.0
"""Beyond the time limit of a job, for pebble to end its worker."""

_LOOK_EVERY_S = 1.0


def watch(pool: ProcessPool, future: Future, longest_s: float) -> None:
    """Let a job fail if its worker ends or hangs before it begins, or if its time limit has no effect.

    Args:
        pool: with the worker.
        future: of the job.
        longest_s: its time limit once it has begun.
    """
    _look(pool, future, longest_s, time.monotonic() + BEGINS_WITHIN_S)


def _look(pool: ProcessPool, future: Future, longest_s: float, until: float) -> None:
    if future.running():
        _after(longest_s + GRACE_S, future, partial(_fail, pool, future, TimeoutError()))
    elif pool.active and time.monotonic() < until:
        _after(_LOOK_EVERY_S, future, partial(_look, pool, future, longest_s, until))
    else:
        _fail(pool, future, BrokenProcessPool())


def _fail(pool: ProcessPool, future: Future, error: Exception) -> None:
    pool._pool_manager.task_manager.tasks.clear()  # so that pebble does not end it again
    with suppress(InvalidStateError):
        future.set_exception(error)


def _after(seconds: float, future: Future, call: Callable[[], None]) -> None:
    """Call something in a while, unless the job is done by then."""
    timer = Timer(seconds, call)
    timer.daemon = True
    with suppress(RuntimeError):  # no thread is left, or the process ends and its workers with it
        timer.start()
    future.add_done_callback(lambda _: timer.cancel())
