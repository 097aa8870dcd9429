"""Decode uploads in warm worker processes, so that a bad file cannot harm the server.

A worker is a fresh interpreter, started and never forked, so it shares no thread, lock or memory with
TensorFlow or the server. If a worker takes too long or too much memory, or crashes, the user gets one
sentence and the next upload gets a new worker.

The time limit and the separate process apply on every system. On Linux, memory beyond the limit is
refused (RLIMIT_DATA). On Windows and macOS the worker's memory is measured five times a second and the
worker is ended above the limit, so it can exceed the limit for that long.
"""

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import psutil

import brainseg
from brainseg.errors import DecodeError
from brainseg.io.names import shown_name
from brainseg.io.sandbox.messages import (
    LONGEST_ANSWER_BYTES,
    READY,
    read_message,
    write_message,
)
from brainseg.io.upload import Upload
from brainseg.io.upload_file import InputFile

WORKERS = 2
LONGEST_S = 60.0
"""For one upload; the largest upload within the limits takes some seconds."""

MOST_MEMORY_BYTES = 3 * 2**30
"""For one worker; the largest upload within the limits takes two thirds of it."""

_LOOK_EVERY_S = 0.2
_SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerLost(Exception):
    """A worker crashed or was ended before it answered."""


class Pool:
    """Worker processes that decode uploads, each with a time and a memory limit.

    Args:
        workers: number of uploads decoded at once; others wait.
        longest_s: time limit for one upload, and for waiting for a worker, in seconds.
        most_memory_bytes: memory limit of one worker.
    """

    def __init__(
        self,
        workers: int = WORKERS,
        longest_s: float = LONGEST_S,
        most_memory_bytes: int = MOST_MEMORY_BYTES,
    ) -> None:
        self._longest_s, self._most_memory_bytes = longest_s, most_memory_bytes
        # None is a worker that has not been started.
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._workers = workers
        for _ in range(workers):
            self._idle.put(None)

    def open(self, files: Sequence[InputFile], pages: Mapping[int, int] | None = None) -> Upload:
        """Return what :func:`brainseg.io.open_inputs` does, decoded by a worker.

        Raises:
            PagesError: as there.
            DecodeError: as there, or decoding took too long, took too much memory, or ended its worker.
        """
        try:
            worker = self._idle.get(timeout=self._longest_s)
        except queue.Empty:
            raise DecodeError("Other uploads are being decoded: try again in a moment.") from None
        try:
            if worker is None or not worker.is_alive():
                worker = _Worker(self._most_memory_bytes)
            answer = worker.ask((tuple(files), tuple((pages or {}).items())), self._longest_s)
        except WorkerLost as lost:
            if worker is not None:
                worker.end()
            worker = None
            raise DecodeError(f"{_named(files)} not used: {lost}.") from None
        finally:
            self._idle.put(worker)
        if isinstance(answer, DecodeError):
            raise answer
        return answer

    def warm(self) -> None:
        """Start the workers in the background, where they import their decoders."""
        taken: list[_Worker | None] = []
        with contextlib.suppress(queue.Empty):
            while len(taken) < self._workers:
                taken.append(self._idle.get_nowait())
        for worker in taken:
            alive = worker is not None and worker.is_alive()
            self._idle.put(worker if alive else _Worker(self._most_memory_bytes))

    def close(self) -> None:
        """End the idle workers; the pool can be used again."""
        with contextlib.suppress(queue.Empty):
            for _ in range(self._workers):
                worker = self._idle.get_nowait()
                if worker is not None:
                    worker.end()
        while self._idle.qsize() < self._workers:
            self._idle.put(None)


_shared: Pool | None = None
_shared_lock = threading.Lock()


def shared_pool() -> Pool:
    """Return the pool of this process; workers start at the first upload or with :meth:`Pool.warm`."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Pool()
            atexit.register(_shared.close)
        return _shared


class _Worker:
    """One worker process; a thread reads its answers, because not every system can wait on a pipe."""

    def __init__(self, most_memory_bytes: int) -> None:
        self._most_memory_bytes = most_memory_bytes
        here = str(Path(brainseg.__file__).parents[1])
        path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "brainseg.io.sandbox.worker", str(most_memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path} | dict.fromkeys(_SINGLE_THREADED, "1"),
        )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._sent = cast(BinaryIO, self._process.stdout)
        self._answers: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: object, longest_s: float) -> Upload | DecodeError:
        """Return a worker's answer; raises WorkerLost with the reason."""
        deadline = time.monotonic() + longest_s
        # In a thread, because a worker that hangs does not read either.
        threading.Thread(target=self._write, args=(request,), daemon=True).start()
        while time.monotonic() < deadline:
            try:
                answer = self._answers.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                self._look_at_memory()
                continue
            if answer is None:
                raise WorkerLost("decoding it ended the decoder, so it is damaged or too large")
            if answer != READY:
                return answer
        raise WorkerLost(f"decoding it took more than {longest_s:g} s")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._requests.close()

    def _look_at_memory(self) -> None:
        with contextlib.suppress(psutil.Error):
            if psutil.Process(self._process.pid).memory_info().rss > self._most_memory_bytes:
                raise WorkerLost("decoding it takes more memory than is allowed")

    def _write(self, request: object) -> None:
        with contextlib.suppress(OSError, ValueError):  # the reading thread reports the end
            write_message(self._requests, request)

    def _read(self) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError):
            while True:
                self._answers.put(read_message(self._sent, LONGEST_ANSWER_BYTES))
        self._answers.put(None)
        self._sent.close()


def _named(files: Sequence[InputFile]) -> str:
    if len(files) == 1:
        return f"{shown_name(files[0].name)} was"
    return f"The {len(files)} files were"
