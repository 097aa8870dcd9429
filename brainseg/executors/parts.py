"""Run a function over parts, in order, whichever engine runs them; keep what is done."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from brainseg.jobs import JobLost
from brainseg.storage import remove_folder, state_dir, write_atomically
from brainseg.storage.cache import load_or_compute

T = TypeVar("T")
U = TypeVar("U")

TRIES = 3
"""Number of workers that a part may cost."""

_AHEAD = 256
"""Parts in line at a time, so that the line does not grow with the cohort."""


def map_parts(
    executor: Executor | None,
    function: Callable[..., T],
    parts: Iterable[tuple],
    lost: Callable[..., U] | None = None,
) -> Iterator[T | U]:
    """Yield ``function(*part)`` for each part, in order.

    Args:
        executor: see :mod:`brainseg.executors`; None calls the function here, part by part.
        function: of the top level of a module, unless the executor has threads.
        parts: the arguments of each call.
        lost: called with a :class:`JobLost` and the arguments of a part that cost :data:`TRIES`
            workers, returns its result; by default, such a part ends the work.

    Raises:
        JobLost: as said above. What the function raises ends the work, too.
    """
    if executor is None:
        yield from (function(*part) for part in parts)
        return
    rest = iter(parts)
    ahead: deque[tuple[tuple, Future[T]]] = deque()
    try:
        while True:
            for part in islice(rest, _AHEAD - len(ahead)):
                ahead.append((part, executor.submit(function, *part)))
            if not ahead:
                return
            yield _result(executor, function, *ahead[0], lost)
            ahead.popleft()
    finally:
        for _, future in ahead:
            future.cancel()


def _result(
    executor: Executor,
    function: Callable[..., T],
    part: tuple,
    future: Future[T],
    lost: Callable[..., U] | None,
) -> T | U:
    for _ in range(TRIES - 1):
        try:
            return future.result()
        except JobLost:
            future = executor.submit(function, *part)
        except Exception:  # noqa: BLE001  handled below
            break
    try:
        return future.result()
    except Exception as error:
        # The last is Dask's, after tries of its own; it is not imported, because Dask is optional.
        if (
            not isinstance(error, JobLost | BrokenExecutor)
            and type(error).__name__ != "KilledWorker"
        ):
            raise
        reason = error if isinstance(error, JobLost) else JobLost("ended its workers")
        if lost is None:
            raise reason from error
        return lost(reason, *part)


def saved_part(work: str, name: object, compute: Callable[[], T]) -> T:
    """Return the result of a part, read from ``BRAINSEG_HOME`` if it was computed before.

    Args:
        work: the folder of its parts, for :func:`forget_parts`.
        name: all that determines the result; its ``repr`` names the file.
        compute: returns what JSON can represent, with scalars and arrays of NumPy.
    """
    digest = blake2b(repr(name).encode(errors="replace"), digest_size=16).hexdigest()
    path = _folder(work) / f"{digest}.json"

    def load() -> Any:
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None

    def through_json() -> Any:
        return json.loads(json.dumps(compute(), default=lambda value: value.tolist()))

    return load_or_compute(
        load, through_json, lambda found: write_atomically(path, json.dumps(found).encode())
    )


def forget_parts(work: str) -> None:
    """Remove the saved parts of a work whose result is saved."""
    if _folder(work).exists():
        remove_folder(_folder(work))


def _folder(work: str) -> Path:
    return state_dir() / "parts" / work
