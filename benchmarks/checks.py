"""How long all checks of a cohort take beside only decoding its files with OpenCV, in one run.

    python benchmarks/checks.py DATA

Cold is what the first look at a folder costs: every file is read and indexed, then checked. Warm is
every later look, which reads no image. Each is measured in a process of its own and is the best of some
rounds; the rounds take turns, so that whatever else the machine does falls on all of them. The files are
read once beforehand: what is compared is work, not the disk.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from index import plain_loop, processor_name, run_round, write

LABELS = {
    "decode": "decode every file with OpenCV, one thread",
    "cold": "index and check, no index yet",
    "warm": "open and check, indexed before",
}
MOST_TIMES_DECODING, MOST_WARM_S = 3.0, 1.0


def main() -> int:
    """Measure, report, and return 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description="Time all checks beside decoding with OpenCV.")
    parser.add_argument("data", type=Path, help="a cohort's folder, such as kaggle_3m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=LABELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        write(json.dumps(measure(arguments.measure, arguments.data)))
        return 0
    rounds = [run_round(__file__, LABELS, arguments.data) for _ in range(arguments.rounds)]
    best = {
        name: {key: min(one[name][key] for one in rounds) for key in rounds[0][name]}
        for name in LABELS
    }
    return report(best, arguments.data)


def measure(name: str, data: Path) -> dict[str, float]:
    """Return slices, findings, wall and processor seconds of one measure."""
    work = decoding(data) if name == "decode" else checking(data)
    if name == "warm":
        work()
    wall, processor = time.perf_counter(), time.process_time()
    slices, findings = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "slices": slices,
        "findings": findings,
        "wall_s": wall,
        "processor_s": processor,
    }


def decoding(data: Path) -> Callable[[], tuple[int, int]]:
    """Return what decodes every image and mask of a cohort, and nothing else."""
    loop = plain_loop(data, counts=False)
    return lambda: (loop(), 0)


def checking(data: Path) -> Callable[[], tuple[int, int]]:
    """Return what opens a cohort and runs every check."""
    # A started interpreter is what a server is: the libraries are loaded, the data is not.
    import pyarrow.parquet  # noqa: F401
    import tifffile  # noqa: F401

    from brainseg.checks import check_cohort
    from brainseg.cohort import Cohort

    def work() -> tuple[int, int]:
        cohort = Cohort.open(data)
        return len(cohort.slices), len(check_cohort(cohort).findings)

    return work


def report(best: dict[str, dict[str, float]], data: Path) -> int:
    """Write the figures, and return 1 where a limit is exceeded."""
    write(f"{processor_name()}, {os.cpu_count()} logical cores, Python {platform.python_version()}")
    slices, findings = best["cold"]["slices"], best["cold"]["findings"]
    write(f"{data.name}: {slices:,} slices with their masks, {findings:,} findings\n")
    write(f"{'':42}{'wall s':>8}{'x decode':>10}{'slices/s':>10}{'proc. s':>9}{'x decode':>10}")
    plain = best["decode"]
    for name, label in LABELS.items():
        m = best[name]
        write(
            f"{label:42}{m['wall_s']:8.2f}{m['wall_s'] / plain['wall_s']:10.2f}"
            f"{slices / m['wall_s']:10,.0f}{m['processor_s']:9.2f}"
            f"{m['processor_s'] / plain['processor_s']:10.2f}"
        )
    times = best["cold"]["wall_s"] / plain["wall_s"]
    held = times <= MOST_TIMES_DECODING and best["warm"]["wall_s"] < MOST_WARM_S
    write(
        f"\ncold is {times:.1f} times decoding (at most {MOST_TIMES_DECODING:g}), warm "
        f"{best['warm']['wall_s']:.2f} s (under {MOST_WARM_S:g}): {'held' if held else 'NOT HELD'}"
    )
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
