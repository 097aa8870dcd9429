"""The time to index a cohort, compared with a plain loop over the same files.

    python benchmarks/index.py DATA

Each figure is measured in a fresh process and is the best of several rounds, in turns. The files are
read once beforehand, so that the disk does not count. On a busy machine, processor time is the fairer
figure.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from support.measuring import best, in_fresh_processes, machine, peak_memory_mib, timed

LABELS = {
    "imread": "cv2.imread alone, one thread",
    "naive": "imread, then count with numpy",
    "cold": "Cohort.open, no index yet",
    "warm": "Cohort.open, indexed before",
}
MOST_TIMES_IMREAD = 2.5


def main() -> int:
    """Measure, report, and return 1 if the limit is exceeded."""
    parser = argparse.ArgumentParser(description="Compare Cohort.open with a plain loop.")
    parser.add_argument("data", type=Path, help="a cohort's folder, such as kaggle_3m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=LABELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, data)))
        return 0
    rounds = in_fresh_processes(__file__, LABELS, arguments.rounds, str(data))
    figures = {name: best(measures, ["peak_mb"]) for name, measures in rounds.items()}
    print(f"{machine()}\n{data.name}: {figures['imread']['slices']} pairs of image and mask\n")
    table(figures, LABELS)
    times = figures["cold"]["wall_s"] / figures["imread"]["wall_s"]
    passed = times <= MOST_TIMES_IMREAD
    verdict = "passed" if passed else "FAILED"
    print(f"\ncold is {times:.1f} times imread (at most {MOST_TIMES_IMREAD:g}): {verdict}")
    return int(not passed)


def measure(name: str, data: Path) -> dict[str, float]:
    """Return slices, wall and processor seconds, and the process's peak memory in MiB."""
    from brainseg.cohort import Cohort

    def open_cohort() -> None:
        Cohort.open(data)

    if name in ("imread", "naive"):
        slices, work = plain_loop(data, counts=name == "naive")
    else:
        # A server has loaded these libraries before the first cohort.
        import imagecodecs  # noqa: F401
        import pyarrow.parquet  # noqa: F401
        import tifffile  # noqa: F401

        slices, work = 0, open_cohort
        if name == "warm":
            work()
    figures = timed(work) | {"peak_mb": peak_memory_mib()}
    return figures | {"slices": slices or len(Cohort.open(data).slices)}


def plain_loop(data: Path, counts: bool) -> tuple[int, Callable[[], None]]:
    """Return the number of pairs, and a loop that decodes and perhaps counts them, as in a notebook."""
    import cv2
    import numpy as np

    from brainseg.cohort.discovery import list_files

    files = list_files(data).files.dropna(subset=["image_path", "mask_path"])
    pairs = [(str(data / i), str(data / m)) for i, m in files[["image_path", "mask_path"]].values]
    for path in (path for pair in pairs for path in pair):
        Path(path).read_bytes()

    def loop() -> None:
        for image_path, mask_path in pairs:
            image = cv2.imread(image_path, cv2.IMREAD_UNCHANGED)
            mask = cv2.imread(mask_path, cv2.IMREAD_UNCHANGED)
            if counts:
                np.unique(mask)
                (mask > 0).sum()
                image.mean(axis=(0, 1))

    return len(pairs), loop


def table(figures: dict[str, dict[str, float]], labels: dict[str, str]) -> None:
    """Print times and memory, and the times relative to those of the first row."""
    header = ("wall s", "x first", "slices/s", "proc. s", "x first", "peak MiB")
    print(f"{'':42}" + "".join(f"{name:>10}" for name in header))
    first = next(iter(figures.values()))
    for name, one in figures.items():
        print(
            f"{labels[name]:42}{one['wall_s']:10.2f}{one['wall_s'] / first['wall_s']:10.2f}"
            f"{one['slices'] / one['wall_s']:10,.0f}{one['processor_s']:10.2f}"
            f"{one['processor_s'] / first['processor_s']:10.2f}{one['peak_mb']:10.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
