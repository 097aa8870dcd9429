"""The time and the memory to open a cohort of volumes, compared with nibabel alone.

    python benchmarks/volumes.py --cases 200

It writes cases of 240 x 240 x 155 voxels and four sequences in the layout of BraTS, as links to the
files of a few different ones, and opens them with an empty ``BRAINSEG_HOME``. Memory is that of this
process and its workers together.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from support.measuring import MIB, machine, seconds

SHAPE = 240, 240, 155
DISTINCT = 8
SEQUENCES = ("t1n", "t1c", "t2f", "t2w")


def main() -> int:
    """Write, measure and report."""
    parser = argparse.ArgumentParser(description="Open a cohort of BraTS-sized volumes.")
    parser.add_argument("--cases", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = f"{folder}/home"
        root = Path(folder) / "cohort"
        write(root, arguments.cases)
        report(root)
    return 0


def write(root: Path, cases: int) -> None:
    """Write the cohort: compressed NIfTI of 16 bits, as BraTS is distributed."""
    import nibabel as nib

    x, y, z = (np.linspace(-1, 1, size, dtype=np.float32) for size in SHAPE)
    distance = (x**2)[:, None, None] / 0.5 + (y**2)[:, None] / 0.7 + z**2
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    for number in range(cases):
        case = f"BraTS-GLI-{number:05}-000"
        (root / case).mkdir(parents=True)
        like = f"BraTS-GLI-{number % DISTINCT:05}-000"
        rng = np.random.default_rng(number)
        for name in (*SEQUENCES, "seg"):
            path = root / case / f"{case}-{name}.nii.gz"
            if number >= DISTINCT:
                os.link(root / like / f"{like}-{name}.nii.gz", path)
                continue
            noise = rng.normal(400, 60, SHAPE) * (distance < 0.9)
            voxels = noise.astype(np.int16) if name != "seg" else (distance < 0.05).astype(np.uint8)
            nib.save(nib.Nifti1Image(voxels, affine), path)


def report(root: Path) -> None:
    """Open the cohort and print each figure."""
    from brainseg.cohort import Cohort
    from brainseg.worklist import case_rows

    print(machine())
    peak = Peak()
    first_s = seconds(lambda: Cohort.open(root))
    print(f"index, first time: {first_s:.1f} s, {peak.stop():,.0f} MiB at most")
    print(f"index, nothing changed: {seconds(lambda: Cohort.open(root)):.2f} s")
    cohort = Cohort.open(root)
    case = cohort[cohort.cases[0]]
    print(f"{len(cohort)} cases, {len(cohort.slices):,} slices")
    print(f"worklist: {seconds(lambda: case_rows(cohort)):.2f} s")
    print(f"one slice: {seconds(lambda: case.slice_pixels(80)):.2f} s")
    print(f"a case with its mask: {seconds(lambda: (case.volume(), case.masks())):.2f} s")
    alone_s = seconds(lambda: read_alone(root))
    print(f"nibabel alone, the files that are used, one process: {alone_s:.1f} s")


def read_alone(root: Path) -> None:
    """Read each file that the index uses with nibabel."""
    import nibabel as nib

    for path in sorted(root.rglob("*.nii.gz")):
        if not path.name.endswith("t2w.nii.gz"):
            np.asanyarray(nib.load(path).dataobj)


class Peak:
    """The largest memory of this process and its children together, sampled."""

    def __init__(self) -> None:
        self._largest, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the peak in MiB."""
        self._ended.set()
        self._thread.join()
        return self._largest / MIB

    def _watch(self) -> None:
        import psutil

        me = psutil.Process()
        while not self._ended.is_set():
            total = 0
            for one in (me, *me.children(recursive=True)):
                try:
                    total += one.memory_info().rss
                except psutil.Error:
                    continue
            self._largest = max(self._largest, total)
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
