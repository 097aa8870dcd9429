"""Shared by the benchmarks: the machine, timing, and measures in fresh processes."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
MIB = 2**20


def machine() -> str:
    """Return the processor, the number of cores and the version of Python."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(names, platform.processor() or platform.machine())
    return f"{processor}, {os.cpu_count()} logical cores, Python {platform.python_version()}"


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Return the wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return {"wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - processor}


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the shortest wall time of some calls, in s."""
    return min(timed(work)["wall_s"] for _ in range(repeats))


def peak_memory_mib() -> float:
    """Return the largest resident memory of this process so far, MiB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / MIB
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kilobytes.
    return peak / MIB if sys.platform == "darwin" else peak / 1024


def in_fresh_processes(
    script: str, names: Iterable[str], rounds: int, *arguments: str
) -> dict[str, list[dict]]:
    """Return several measures, each taken in a fresh process, in turns, so that all share other load.

    Args:
        script: ``script ARGUMENTS --measure NAME`` prints the measure as JSON in its last line.
        names: of the measures.
        rounds: number of times each is taken; each round has its own ``BRAINSEG_HOME``.
        *arguments: of the script.
    """
    found: dict[str, list[dict]] = {name: [] for name in names}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            for name, measures in found.items():
                command = [sys.executable, script, *arguments, "--measure", name]
                environment = os.environ | {"BRAINSEG_HOME": home}
                output = subprocess.check_output(command, env=environment, text=True, cwd=CHECKOUT)
                measures.append(json.loads(output.splitlines()[-1]))
    return found


def best(measures: list[dict], highest: Iterable[str] = ()) -> dict:
    """Return the lowest value of each figure over several measures, the highest of some."""
    return {
        key: (max if key in highest else min)(one[key] for one in measures) for key in measures[0]
    }
