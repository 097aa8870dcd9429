"""Time and memory of opening and checking a cohort of many slices whose files have not changed.

The index of a cohort is repeated under other names of cases, patients, files and hashes, until it has
the number of slices. Each copy is another head: its brightness and size are scaled at random, and its
fingerprints differ from the first ones in a quarter of their bits, so that copies differ from each other
in about 96 of 256 (slices of two cases of the LGG cohort: 117). The benchmark writes no such files and
takes their list from the index. The figures therefore do not include a walk over the folders.
Usage: python benchmarks/large_index.py DATA [SLICES]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from support.measuring import machine

SLICES = 1_000_000
RENAMED = ("case", "patient_id", "image_path", "mask_path", "image_hash", "mask_hash")
SCALED = ("mean", "brightness", "head_mean", "noise", "tumour_mean")


def write_tiled(data: Path, slices: int, path: Path) -> None:
    """Write the index of a cohort, repeated until it has a number of slices."""
    from brainseg.cohort import Cohort
    from brainseg.cohort.index import index_as_bytes

    one, random = Cohort.open(data).slices, np.random.default_rng(0)
    copies = []
    for copy in range(-(-slices // len(one))):
        other = one.assign(**{name: f"{copy:06d}" + one[name].str.slice(6) for name in RENAMED})
        copies.append(as_another_head(other, random) if copy else other)
    tiled = pd.concat(copies, ignore_index=True).iloc[:slices]
    order = ["institution", "case", "slice_number", "image_path"]
    path.write_bytes(index_as_bytes(tiled.sort_values(order, kind="stable", ignore_index=True)))


def as_another_head(slices: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return an index with other brightness, sizes of the head and fingerprints."""
    from brainseg.checks.fingerprints import fingerprint_bits
    from brainseg.cohort.slice_features import FINGERPRINT_BITS, column_of
    from brainseg.volume import SEQUENCES

    scaled = {}
    for sequence in SEQUENCES:
        times = np.exp(random.normal(0, 0.3))
        for column in (column_of(quantity, sequence) for quantity in SCALED):
            scaled[column] = slices[column] * times
    size = (slices["head_px"].astype("Float64") * np.exp(random.normal(0, 0.1))).round()
    known = slices["fingerprint"].notna()
    changed = np.packbits(random.random(FINGERPRINT_BITS) < 0.25)
    bits = fingerprint_bits(slices.loc[known, "fingerprint"]) ^ changed
    fingerprints = slices["fingerprint"].copy()
    fingerprints[known] = [row.tobytes().hex() for row in bits]
    return slices.assign(head_px=size.astype("Int64"), fingerprint=fingerprints, **scaled)


def measure(path: Path) -> None:
    """Print what opening and checking an index takes in this process, step by step."""
    from brainseg.checks import check_cohort
    from brainseg.cohort import Cohort
    from brainseg.cohort.discovery import FILE_COLUMNS
    from brainseg.cohort.index import build_index, read_index

    process = psutil.Process()

    def report(step: str, started: tuple[float, float]) -> None:
        wall, processor = (now - then for now, then in zip(clocks(), started, strict=True))
        peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
        now = process.memory_info().rss >> 20
        times = f"{wall:7.1f} s, processor {processor:7.1f} s"
        print(f"{step:28} {times} {now:7,} MiB, peak {peak:7,} MiB", flush=True)

    report("imports", clocks())
    started = clocks()
    files = read_index(path)[FILE_COLUMNS].copy()
    report(f"list of {len(files):,} files", started)
    started = clocks()
    previous = read_index(path)
    report("reading the saved index", started)
    started = clocks()
    index = build_index(Path("/"), files, previous)
    report("comparing it with the files", started)
    started = clocks()
    assert index.equals(previous)
    del previous, files
    report("cohort open", started)
    started = clocks()
    found = check_cohort(Cohort(Path("/"), index, "0" * 32)).findings
    report(f"all checks, {len(found):,} findings", started)


def clocks() -> tuple[float, float]:
    """Return wall and processor seconds."""
    return time.perf_counter(), time.process_time()


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
