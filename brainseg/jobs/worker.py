"""What runs inside a worker process: its limits, its watch over the parent, and each job."""

import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from threading import Thread

import psutil

from brainseg.errors import BrainsegError
from brainseg.memory import return_freed_blocks

MEMORY_EXIT = 83
"""The exit code of a worker that used more memory than it may."""

_LOOK_EVERY_S = 0.2
_GRACE_S = 5.0
_LARGE_BYTES = 2**20

_is_working = False


def prepare(memory_bytes: int, environment: Mapping[str, str]) -> None:
    """Prepare this process for jobs.

    Args:
        memory_bytes: of its data; on Linux the system refuses more, elsewhere the process ends itself.
        environment: variables to set before a library is imported.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # also ends a job in native code
    os.environ.update(environment)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
    limit_memory(memory_bytes)
    return_freed_blocks()
    Thread(target=_watch, args=(memory_bytes,), daemon=True).start()


def limit_memory(memory_bytes: int) -> None:
    """Let the system refuse more memory than this, where it can."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _watch(memory_bytes: int) -> None:
    """End this process when its parent has ended, or when a job takes too much memory."""
    parent, own = multiprocessing.parent_process(), psutil.Process()
    while parent and not wait([parent.sentinel], _LOOK_EVERY_S):
        if _is_working and own.memory_info().rss > memory_bytes:
            os._exit(MEMORY_EXIT)
    os._exit(0)


class Outcome(list):
    """True and a result, or False and an error: empty once it has been pickled.

    pebble refers to it until the next job. Large arrays are pickled without the two usual copies,
    and are read-only where they arrive.
    """

    def __reduce__(self) -> tuple:
        arrays: list[pickle.PickleBuffer] = []

        def is_small(buffer: pickle.PickleBuffer) -> bool:
            if large := buffer.raw().nbytes >= _LARGE_BYTES:
                arrays.append(buffer)
            return not large

        head = pickle.dumps([*self], 5, buffer_callback=is_small)
        parts = [bytes(one.raw()) for one in arrays]
        self.clear()
        return _restored, (head, parts)


def _restored(head: bytes, parts: list[bytes]) -> list:
    restored: list = pickle.loads(head, buffers=parts)
    return restored


def run(call: list) -> Outcome:
    """Run a function with arguments and a time limit, the items of ``call``, which is emptied."""
    global _is_working
    function, args, longest_s = call
    call.clear()  # pebble refers to it until the next job
    # A thread of C ends this process even where native code blocks Python and the parent is gone.
    faulthandler.dump_traceback_later(longest_s + _GRACE_S, exit=True)
    _is_working = True
    try:
        return Outcome([True, function(*args)])
    except BaseException as error:  # noqa: BLE001  SystemExit must not reach the parent either
        return Outcome([False, _portable(error)])
    finally:
        _is_working = False
        faulthandler.cancel_dump_traceback_later()


def _portable(error: BaseException) -> Exception:
    """Return an error that can be pickled, with its traceback unless its message is for the user."""
    if not isinstance(error, BrainsegError | MemoryError):
        error.add_note("".join(traceback.format_exception(error)))
    with suppress(Exception):  # an error's constructor may do anything
        if isinstance(error, Exception) and pickle.loads(pickle.dumps(error)):
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")
