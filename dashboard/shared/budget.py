"""One budget of memory for what pages keep of cases and uploads, shared by all visitors.

When the budget is spent, the least recently used entry is dropped. Results of jobs have a quarter of it
to themselves: a prediction is smaller than its images, and takes three times as long to compute as they
take to read. One visitor computes an entry, the others wait for it. An entry larger than its part of the
budget is returned but not kept.

Images and masks wait compressed, see :class:`Packed`.
"""

import logging
import os
import pickle
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import fields, is_dataclass
from threading import Condition
from typing import Any, Generic, TypeVar

import numpy as np
from cachetools import LRUCache, cached

from brainseg.inference.prediction import Prediction
from brainseg.inference.saved import SavedPredictions
from brainseg.storage import state_dir
from brainseg.volume import Volume
from dashboard.server import front
from dashboard.shared.background import Work

T = TypeVar("T")

ENVIRONMENT = "BRAINSEG_CACHE_MB"
DEFAULT_MB = 512

SAVED_ENVIRONMENT = "BRAINSEG_SAVED_MB"
DEFAULT_SAVED_MB = 1024

_log = logging.getLogger(__name__)


class Packed(Generic[T]):
    """A value whose arrays are compressed, without loss.

    Of the LGG cohort, the images of a case take half of their memory and the masks a thousandth. Packing
    7.5 MiB of images takes 17 ms, unpacking 6 ms. Unpacked arrays are read-only.
    """

    def __init__(self, value: T) -> None:
        import pyarrow as pa

        arrays: list[pickle.PickleBuffer] = []
        self._rest = pickle.dumps(value, 5, buffer_callback=arrays.append)
        self._arrays = [
            (pa.compress(raw, "zstd", asbytes=True), raw.nbytes)
            for raw in (one.raw() for one in arrays)
        ]

    @property
    def nbytes(self) -> int:
        """Return the size of the compressed arrays and of the rest, in bytes."""
        return len(self._rest) + sum(len(data) for data, _ in self._arrays)

    def value(self) -> T:
        """Return the value, with new arrays."""
        import pyarrow as pa

        arrays = [pa.decompress(data, size, "zstd") for data, size in self._arrays]
        value: T = pickle.loads(self._rest, buffers=arrays)
        return value


class Budget:
    """Entries by key, of a limited size in bytes together."""

    def __init__(self, size: int) -> None:
        of_jobs = size // 4
        self._entries: LRUCache[Hashable, Any] = LRUCache(size - of_jobs, size_of)
        self._jobs: LRUCache[Hashable, Any] = LRUCache(of_jobs, size_of)
        self._changed = Condition()
        self._get, self._begin = (
            cached(one, lambda key, make: key, condition=self._changed)(lambda key, make: make())
            for one in (self._entries, self._jobs)
        )

    @property
    def used(self) -> int:
        """Return the size of all entries, in bytes."""
        return int(self._entries.currsize + self._jobs.currsize)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the entry of a key, made on first use. Nothing is kept if ``make`` raises."""
        value: T = self._get(key, make)
        return value

    def unpacked(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the entry of a key as :meth:`get` does, but keep its arrays compressed."""
        return self.get(key, lambda: Packed(make())).value()

    def start(self, key: Hashable, make: Callable[[], Work[T]]) -> Work[T]:
        """Return the running or finished job of a key; a failed or cancelled job is started again."""

        def started() -> Work[T]:
            work = make()
            work.result.add_done_callback(lambda _: self._weigh(key, work))
            return work

        work: Work[T] = self._begin(key, started)
        if work.is_cancelled or (work.result.done() and work.result.exception()):
            self.drop([key])
            work = self._begin(key, started)
        return work

    def drop(self, keys: Iterable[Hashable] | None = None) -> None:
        """Drop the entries of some keys; all without ``keys``."""
        with self._changed:
            for key in [*self._entries, *self._jobs] if keys is None else keys:
                self._entries.pop(key, None)
                self._jobs.pop(key, None)

    def _weigh(self, key: Hashable, work: Work[Any]) -> None:
        """Count the result of a job, whose size is known only when it is done."""
        with self._changed:
            if self._jobs.get(key) is work:
                del self._jobs[key]
                with suppress(ValueError):  # larger than its part of the budget
                    self._jobs[key] = work


def size_of(value: object) -> int:
    """Return the size of a value in bytes, with that of the arrays in it."""
    if isinstance(value, np.ndarray | Prediction | Volume | Packed):
        return value.nbytes
    if isinstance(value, Work):
        value = value.result
    if isinstance(value, Future):
        ended_well = value.done() and not value.cancelled() and not value.exception()
        return size_of(value.result()) if ended_well else 0
    if is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    return sys.getsizeof(value)


def mebibytes_from(environment: str, default: int) -> int:
    """Return the bytes that a variable of the environment names in MiB."""
    named = os.environ.get(environment) or str(default)
    if not named.isdecimal():
        _log.warning(
            "%s is “%s”, expected a whole number of MiB: %d is used.",
            environment,
            named[:20],
            default,
        )
        named = str(default)
    return int(named) * 2**20


def size_from_environment() -> int:
    """Return the budget in bytes: from ``BRAINSEG_CACHE_MB``, divided among the server processes."""
    return mebibytes_from(ENVIRONMENT, DEFAULT_MB) // front.number_and_count()[1]


def saved_predictions() -> SavedPredictions:
    """Return the predictions of cohorts in ``BRAINSEG_HOME``, which all server processes share."""
    most_bytes = mebibytes_from(SAVED_ENVIRONMENT, DEFAULT_SAVED_MB)
    return SavedPredictions(state_dir() / "predictions", most_bytes)


BUDGET = Budget(size_from_environment())
"""The budget of this process."""
