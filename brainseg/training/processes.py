"""Identify a process, check whether it is running, and measure its use of the machine."""

import socket

import psutil

CLOCKS_DIFFER_S = 5.0
"""Tolerance of start times: they are relative to boot, which shifts when the clock is set."""


def identity() -> dict:
    """Return a unique identity of this process: ``pid``, ``created`` (s), ``host``.

    The process id alone is not unique: systems reuse it.
    """
    process = psutil.Process()
    return {
        "pid": process.pid,
        "created": process.create_time(),
        "host": socket.gethostname(),
    }


def is_running(who: dict) -> bool | None:
    """Return True if a process is running, or None if this machine cannot tell.

    Args:
        who: see :func:`identity`; None is returned if it is damaged or from another host.
    """
    if who.get("host") != socket.gethostname() or not isinstance(who.get("pid"), int):
        return None
    return find(who) is not None


def find(who: dict) -> psutil.Process | None:
    """Return a running process of this machine, or None if it has ended."""
    try:
        process = psutil.Process(who["pid"])
        same = abs(process.create_time() - float(who["created"])) < CLOCKS_DIFFER_S
        # A process that ended stays listed until its parent waits for it.
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError, KeyError, TypeError, OverflowError):
        return None


class Meter:
    """Memory and processor use of this process since the last reading."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call always returns 0

    def memory_mb(self) -> float:
        """Return the resident memory of this process, MiB."""
        return self._process.memory_info().rss / 2**20

    def read(self) -> dict[str, float]:
        """Return ``memory_mb`` and ``cpu_percent`` (100 is one fully used core)."""
        return {"memory_mb": self.memory_mb(), "cpu_percent": self._process.cpu_percent()}
