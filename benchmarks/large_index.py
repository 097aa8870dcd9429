"""Time and memory of opening a cohort of many slices whose files have not changed.

The index of a cohort is repeated under other names of cases, patients, files and hashes, until it has
the number of slices. The benchmark writes no such files and takes their list from the index. The figures
therefore do not include a walk over the folders.
Usage: python benchmarks/large_index.py DATA [SLICES]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil
from support.measuring import machine

SLICES = 1_000_000
RENAMED = ("case", "patient_id", "image_path", "mask_path", "image_hash", "mask_hash")


def write_tiled(data: Path, slices: int, path: Path) -> None:
    """Write the index of a cohort, repeated until it has a number of slices."""
    from brainseg.cohort import Cohort
    from brainseg.cohort.index import index_as_bytes

    one = Cohort.open(data).slices
    copies = [
        one.assign(**{name: f"{copy:06d}" + one[name].str.slice(6) for name in RENAMED})
        for copy in range(-(-slices // len(one)))
    ]
    tiled = pd.concat(copies, ignore_index=True).iloc[:slices]
    order = ["institution", "case", "slice_number", "image_path"]
    path.write_bytes(index_as_bytes(tiled.sort_values(order, kind="stable", ignore_index=True)))


def measure(path: Path) -> None:
    """Print what opening an index takes in this process, step by step."""
    from brainseg.cohort.discovery import FILE_COLUMNS
    from brainseg.cohort.index import build_index, read_index

    process = psutil.Process()

    def report(step: str, started: float) -> None:
        peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
        now = process.memory_info().rss >> 20
        print(f"{step:28} {time.perf_counter() - started:7.1f} s {now:7,} MiB, peak {peak:7,} MiB")

    report("imports", time.perf_counter())
    started = time.perf_counter()
    files = read_index(path)[FILE_COLUMNS].copy()
    report(f"list of {len(files):,} files", started)
    started = time.perf_counter()
    previous = read_index(path)
    report("reading the saved index", started)
    started = time.perf_counter()
    index = build_index(Path("/"), files, previous)
    report("comparing it with the files", started)
    started = time.perf_counter()
    assert index.equals(previous)
    del previous, files
    report("cohort open", started)


def main() -> None:
    if sys.argv[1] == "--measure":
        measure(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = f"{folder}/home"
        path = Path(folder) / "index.parquet"
        write_tiled(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SLICES, path)
        print(f"{machine()}, {path.stat().st_size >> 20:,} MiB of Parquet", flush=True)
        subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
