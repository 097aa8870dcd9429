"""Which process did something, whether it still lives, and what it takes of the machine."""

import socket

import psutil

CLOCKS_DIFFER_S = 5.0
"""A start time is counted from the boot, and the boot's time moves when the clock is set."""


def identity() -> dict:
    """Return what tells this process from every other: ``pid``, ``created`` (s), ``host``.

    The number alone does not: systems give it to another process after a while.
    """
    process = psutil.Process()
    return {
        "pid": process.pid,
        "created": process.create_time(),
        "host": socket.gethostname(),
    }


def is_running(who: dict) -> bool | None:
    """Return whether a process still lives, or None where this machine cannot know.

    Args:
        who: see :func:`identity`; of another host, or damaged, it tells nothing.
    """
    if who.get("host") != socket.gethostname() or not isinstance(who.get("pid"), int):
        return None
    return find(who) is not None


def find(who: dict) -> psutil.Process | None:
    """Return a process of this machine, or None where it has ended."""
    try:
        process = psutil.Process(who["pid"])
        same = abs(process.create_time() - float(who["created"])) < CLOCKS_DIFFER_S
        # What has ended stays in the list until its parent takes notice.
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, ValueError, KeyError, TypeError, OverflowError):
        return None


class Meter:
    """Memory and processor time of this process, since it was last asked."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call counts from nothing and gives 0

    def memory_mb(self) -> float:
        """Return what this process holds of the memory (resident, MiB)."""
        return self._process.memory_info().rss / 2**20

    def read(self) -> dict[str, float]:
        """Return ``memory_mb`` and ``cpu_percent`` (100 is one core, wholly busy)."""
        return {"memory_mb": self.memory_mb(), "cpu_percent": self._process.cpu_percent()}
