"""Time and memory of opening, counting and checking many slices whose files have not changed.

The index of a cohort is repeated under other names of cases, patients, files and hashes, until it has
the number of slices. Each copy is another head: its brightness and size are scaled at random, and its
fingerprints differ from the first ones in a quarter of their bits, so that copies differ from each other
in about 96 of 256 (slices of two cases of the LGG cohort: 117). The benchmark writes no such files and
takes their list from the index. The figures therefore do not include a walk over the folders. Beyond a
million slices, which are then counted in millions, the million is repeated, again as other heads.
Usage: python benchmarks/large_index.py DATA [SLICES]
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from support.measuring import machine

from brainseg.memory import return_freed_blocks

SLICES, SEED = 1_000_000, 1
COPIES_AT_ONCE = 100
RENAMED = ("case", "patient_id", "image_path", "mask_path", "image_hash", "mask_hash")
SCALED = ("mean", "brightness", "head_mean", "noise", "tumour_mean")


def write_tiled(data: Path, slices: int, path: Path) -> None:
    """Write the index of a cohort, repeated until it has a number of slices, copy by copy."""
    from brainseg.cohort import Cohort
    from brainseg.cohort.index import index_as_arrow

    one = Cohort.open(data).slices
    copies, writer = -(-slices // len(one)), None
    last = slices - (copies - 1) * len(one)
    parts = [
        (copy, institution)
        for institution in one["institution"].unique()  # the order of an index
        for copy in range(copies)
    ]
    for number in range(0, len(parts), COPIES_AT_ONCE):
        made = []
        for copy, institution in parts[number : number + COPIES_AT_ONCE]:
            rows = one.iloc[: last if copy == copies - 1 else len(one)]
            made.append(copied(copy, rows[rows["institution"] == institution]))
        table = index_as_arrow(pd.concat(made, ignore_index=True))
        writer = writer or pq.ParquetWriter(path, table.schema, write_page_checksum=True)
        writer.write_table(table.cast(writer.schema))
    writer.close()


def write_repeated(path: Path, times: int, to: Path) -> None:
    """Write an index several times in a row, as other heads under other names each time."""
    from brainseg.cohort.index import index_as_arrow

    one = pq.ParquetFile(path)
    with pq.ParquetWriter(to, one.schema_arrow, write_page_checksum=True) as writer:
        for copy, group in itertools.product(range(times), range(one.num_row_groups)):
            table = one.read_row_group(group)
            if copy:
                heads = as_another_head(table.to_pandas(), np.random.default_rng([copy, SEED]))
                table = index_as_arrow(heads).cast(one.schema_arrow)
            for name in RENAMED:
                other = pc.utf8_replace_slice(table[name], 0, 2, f"{copy:02d}")
                column = table.schema.get_field_index(name)
                table = table.set_column(column, table.schema.field(column), other)
            writer.write_table(table)


def copied(copy: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of an index under the names of a copy, as another head unless it is the first."""
    other = rows.assign(**{name: f"{copy:06d}" + rows[name].str.slice(6) for name in RENAMED})
    return as_another_head(other, np.random.default_rng(copy)) if copy else other


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


def measure(path: Path, with_checks: bool) -> None:
    """Print what opening and counting an index takes in this process, step by step."""
    return_freed_blocks()  # as the dashboard does
    from brainseg.checks import check_cohort
    from brainseg.cohort import Cohort
    from brainseg.cohort.discovery import FILE_COLUMNS
    from brainseg.cohort.index import build_index
    from brainseg.cohort.notes import notes_on
    from brainseg.cohort.saved_index import open_index
    from brainseg.statistics import case_measures, case_table, counts, slice_measures
    from brainseg.worklist import case_rows

    def report(step: str, started: tuple[float, float]) -> None:
        wall, processor = (now - then for now, then in zip(clocks(), started, strict=True))
        times = f"{wall:7.1f} s, processor {processor:7.1f} s"
        own, mapped, most = (memory_mib(name) for name in ("RssAnon", "RssFile", "VmHWM"))
        print(f"{step:28} {times} {own:7,} MiB, mapped {mapped:7,}, peak {most:7,}", flush=True)

    report("imports", clocks())
    started = clocks()
    index, notes = open_index(path)
    report("saved index opened", started)
    assert not notes
    files = index[FILE_COLUMNS]
    started = clocks()
    assert build_index(Path("/"), files, index) is index
    report("compared with the files", started)
    cohort = Cohort(Path("/"), index, "0" * 32)
    questions = [
        ("notes", lambda: notes_on(index)),
        ("names of cases", lambda: len(cohort.cases)),
        ("counts of the overview", lambda: counts(index)),
        ("counts by case", lambda: case_table(index)),
        ("worklist from the files", lambda: case_rows(cohort)),
        ("measures by slice", lambda: slice_measures(index)),
        ("measures by case", lambda: case_measures(index)),
    ]
    kept = []
    for name, ask in questions:
        started = clocks()
        kept.append(ask())
        report(name, started)
    if with_checks:
        started = clocks()
        found = check_cohort(cohort).findings
        report(f"all checks, {len(found):,} findings", started)


def memory_mib(name: str) -> int:
    """Return a figure of this process: memory of its own, of mapped files, or the most of both."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) >> 10


def clocks() -> tuple[float, float]:
    """Return wall and processor seconds."""
    return time.perf_counter(), time.process_time()


def main() -> None:
    if sys.argv[1] == "--measure":
        measure(Path(sys.argv[2]), "--checks" in sys.argv)
        return
    slices = int(sys.argv[2]) if len(sys.argv) > 2 else SLICES
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = f"{folder}/home"
        path = Path(folder) / "index.parquet"
        million = Path(folder) / "million.parquet"
        write_tiled(Path(sys.argv[1]), min(slices, SLICES), million)
        write_repeated(million, max(1, slices // SLICES), path)
        print(f"{machine()}, {path.stat().st_size >> 20:,} MiB of Parquet", flush=True)
        checks = ["--checks"] * (slices <= SLICES)
        command = [sys.executable, __file__, "--measure", str(path), *checks]
        pool = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # as in the dashboard
        for _ in range(2):  # the first opening makes the copy that is mapped
            subprocess.run(command, check=True, env=pool)


if __name__ == "__main__":
    main()
