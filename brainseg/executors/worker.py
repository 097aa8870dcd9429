"""What runs inside the workers of an executor, and the workers of this machine."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from multiprocessing import resource_tracker
from typing import Any

from brainseg.jobs import Job, Jobs

CARRIED = ("BRAINSEG_ENGINE", "BRAINSEG_HOME", "BRAINSEG_MODEL", "KERAS_BACKEND")
"""Variables that decide about results and places, the same in every worker."""

OF_WORKERS = {"BRAINSEG_DECODERS": "1"}
"""Variables of workers on this machine: there is one per processor already."""

_LONGEST_S = 30 * 24 * 3600.0
_MOST_MEMORY_BYTES = 2**50


class LocalJobs(Jobs):
    """Worker processes of this machine without limits of time and memory, and a line without end."""

    def __init__(self, workers: int) -> None:
        super().__init__("parts", workers, _LONGEST_S, _MOST_MEMORY_BYTES, sys.maxsize, OF_WORKERS)

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> Job:
        """Schedule a part."""
        return super().submit(run_part, carried(), fn, *args, **kwargs)


def carried() -> dict[str, str | None]:
    """Return the values of :data:`CARRIED` here."""
    return {name: os.environ.get(name) for name in CARRIED}


def run_part(
    variables: Mapping[str, str | None], function: Callable, *args: Any, **kwargs: Any
) -> Any:
    """Run a part in a worker, with the variables of the process that asked for it."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _allow_processes()
    return function(*args, **kwargs)


def _allow_processes() -> None:
    """Let a part start processes, such as those that decode files; they end when this process ends."""
    settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if settings.get("daemon"):
        settings["daemon"] = False
        # A tracker of its own: that of the parent would report what a killed worker leaves.
        tracker: Any = resource_tracker._resource_tracker
        tracker._fd = tracker._pid = None
