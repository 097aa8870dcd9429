"""How long indexing a cohort takes beside a plain loop over the same files, in one run.

    python benchmarks/index.py DATA

Each figure is measured in a process of its own and is the best of some rounds; the rounds take turns,
so that whatever else the machine does falls on all of them. The files are read once beforehand: what
is compared is work, not the disk. Processor time is shown too, for on a busy machine it is the fairer
figure.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LABELS = {
    "imread": "cv2.imread alone, one thread",
    "naive": "imread, then count with numpy",
    "cold": "Cohort.open, no index yet",
    "warm": "Cohort.open, indexed before",
}
MOST_TIMES_IMREAD = 2.5


def main() -> int:
    """Measure, report, and return 1 where the limit is exceeded."""
    parser = argparse.ArgumentParser(description="Time Cohort.open beside a plain loop.")
    parser.add_argument("data", type=Path, help="a cohort's folder, such as kaggle_3m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=LABELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        write(json.dumps(measure(arguments.measure, arguments.data)))
        return 0
    rounds = [run_round(__file__, LABELS, arguments.data) for _ in range(arguments.rounds)]
    return report(
        {name: best_of([measures[name] for measures in rounds]) for name in LABELS}, arguments.data
    )


def run_round(script: str, labels: Iterable[str], data: Path) -> dict[str, dict[str, float]]:
    """Return each measure, taken in a fresh process with a state folder of this round's own.

    Args:
        script: of the benchmark, which takes the name of a measure after ``--measure``.
        labels: the measures' names.
        data: the cohort's folder.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"BRAINSEG_HOME": home}
        command = [sys.executable, script, str(data), "--measure"]
        return {
            name: json.loads(subprocess.check_output([*command, name], env=environment))
            for name in labels
        }


def best_of(measures: list[dict[str, float]]) -> dict[str, float]:
    """Return the shortest times and the highest peak of several measures of one thing."""
    shortest = {key: min(m[key] for m in measures) for key in ("slices", "wall_s", "processor_s")}
    return shortest | {"peak_mb": max(m["peak_mb"] for m in measures)}


def measure(name: str, data: Path) -> dict[str, float]:
    """Return slices, wall and processor seconds, and the process's peak memory in MB."""
    from brainseg.cohort import Cohort

    if name in ("imread", "naive"):
        work = plain_loop(data, counts=name == "naive")
    else:
        # A started interpreter is what a server is: the libraries are loaded, the data is not.
        import imagecodecs  # noqa: F401
        import pyarrow.parquet  # noqa: F401
        import tifffile  # noqa: F401

        def work() -> int:
            return len(Cohort.open(data).slices)

        if name == "warm":
            work()
    wall, processor = time.perf_counter(), time.process_time()
    slices = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    # Linux counts kilobytes here, macOS bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"slices": slices, "wall_s": wall, "processor_s": processor, "peak_mb": peak_mb}


def plain_loop(data: Path, counts: bool) -> Callable[[], int]:
    """Return a loop as a notebook has it over the pairs of a cohort, decoding and perhaps counting."""
    import cv2
    import numpy as np

    from brainseg.cohort.discovery import list_files

    files = list_files(data).files.dropna(subset=["image_path", "mask_path"])
    pairs = [(str(data / i), str(data / m)) for i, m in files[["image_path", "mask_path"]].values]
    for path in (path for pair in pairs for path in pair):
        Path(path).read_bytes()

    def loop() -> int:
        for image_path, mask_path in pairs:
            image = cv2.imread(image_path, cv2.IMREAD_UNCHANGED)
            mask = cv2.imread(mask_path, cv2.IMREAD_UNCHANGED)
            if counts:
                np.unique(mask)
                (mask > 0).sum()
                image.mean(axis=(0, 1))
        return len(pairs)

    return loop


def report(best: dict[str, dict[str, float]], data: Path) -> int:
    """Write the figures, and return 1 where the limit is exceeded."""
    write(f"{processor_name()}, {os.cpu_count()} logical cores, Python {platform.python_version()}")
    write(f"{data.name}: {best['imread']['slices']} pairs of image and mask\n")
    columns = (
        f"{'wall s':>9}{'x imread':>10}{'slices/s':>10}{'proc. s':>9}{'x imread':>10}{'peak MB':>9}"
    )
    write(f"{'':30}{columns}")
    plain = best["imread"]
    for name, label in LABELS.items():
        m = best[name]
        write(
            f"{label:30}{m['wall_s']:9.2f}{m['wall_s'] / plain['wall_s']:10.2f}"
            f"{m['slices'] / m['wall_s']:10.0f}{m['processor_s']:9.2f}"
            f"{m['processor_s'] / plain['processor_s']:10.2f}{m['peak_mb']:9.0f}"
        )
    times = best["cold"]["wall_s"] / plain["wall_s"]
    held = times <= MOST_TIMES_IMREAD
    write(
        f"\ncold is {times:.1f} times imread (at most {MOST_TIMES_IMREAD:g}): "
        f"{'held' if held else 'NOT HELD'}"
    )
    return int(not held)


def processor_name() -> str:
    """Return the processor's name as the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def write(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
