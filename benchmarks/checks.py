"""The time of all checks of a cohort, compared with decoding its files with OpenCV.

    python benchmarks/checks.py DATA

Cold is the first time: every file is read and indexed, then checked. Warm is every later time, without
reading images. Each is measured in a fresh process and is the best of several rounds, in turns. The
files are read once beforehand, so that the disk does not count.
"""

import argparse
import json
import sys
from pathlib import Path

from index import plain_loop, table
from support.measuring import best, in_fresh_processes, machine, peak_memory_mib, timed

LABELS = {
    "decode": "decode every file with OpenCV, one thread",
    "cold": "index and check, no index yet",
    "warm": "open and check, indexed before",
}
MOST_TIMES_DECODING, MOST_WARM_S = 3.0, 1.0


def main() -> int:
    """Measure, report, and return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description="Compare all checks with decoding by OpenCV.")
    parser.add_argument("data", type=Path, help="a cohort's folder, such as kaggle_3m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=LABELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, data)))
        return 0
    rounds = in_fresh_processes(__file__, LABELS, arguments.rounds, str(data))
    figures = {name: best(measures) for name, measures in rounds.items()}
    cold, warm_s = figures["cold"], figures["warm"]["wall_s"]
    print(f"{machine()}\n{data.name}: {cold['slices']:,} slices, {cold['findings']:,} findings\n")
    table(figures, LABELS)
    times = cold["wall_s"] / figures["decode"]["wall_s"]
    passed = times <= MOST_TIMES_DECODING and warm_s < MOST_WARM_S
    print(
        f"\ncold is {times:.1f} times decoding (at most {MOST_TIMES_DECODING:g}), warm {warm_s:.2f} s "
        f"(under {MOST_WARM_S:g}): {'passed' if passed else 'FAILED'}"
    )
    return int(not passed)


def measure(name: str, data: Path) -> dict[str, float]:
    """Return slices, findings, wall and processor seconds, and peak memory in MiB of one measure."""
    if name == "decode":
        slices, loop = plain_loop(data, counts=False)
        return {"slices": slices, "findings": 0, **timed(loop), "peak_mb": peak_memory_mib()}
    # A server has loaded these libraries before the first cohort.
    import pyarrow.parquet  # noqa: F401
    import tifffile  # noqa: F401

    from brainseg.checks import check_cohort
    from brainseg.cohort import Cohort

    found = {}

    def work() -> None:
        cohort = Cohort.open(data)
        found.update(slices=len(cohort.slices), findings=len(check_cohort(cohort).findings))

    if name == "warm":
        work()
    times = timed(work)
    return {**found, **times, "peak_mb": peak_memory_mib()}


if __name__ == "__main__":
    sys.exit(main())
