"""The synthetic sample cohort on disk: phantoms in the layout of the LGG cohort."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from brainseg.errors import SampleError
from brainseg.sample.phantom import STUDY_DATE, SyntheticCase, synthesize_case
from brainseg.storage import write_atomically

MAX_CASES = 500

README = """\
# Synthetic sample cohort

{cases} synthetic patients, seed {seed}. Nobody's images: each was computed.

Research and education only. Not a medical device.

- Anatomy: the MNI152 T1, grey- and white-matter templates as shipped by nilearn (ICBM 2009a
  nonlinear symmetric; Fonov et al. 2009, NeuroImage 47 Suppl. 1, S102; Fonov et al. 2011,
  NeuroImage 54, 313-327), deformed at random; skull, scalp and face are drawn around them.
- Tumour: grown in white matter by reaction and diffusion (Swanson et al. 2000, Cell
  Proliferation 33, 317-329); the mask is where its density passes one half.
- Picture: tissue contrasts, bias field, blur and Rician noise of three invented sites, S1 to S3.
- Layout: that of the LGG cohort (Buda, Saha, Mazurowski 2019): `<case>/<case>_<n>.tif` with
  channels pre-contrast, FLAIR, post-contrast, and `<case>/<case>_<n>_mask.tif` with 0 and 255.
  About one case in six lacks a contrast sequence, and FLAIR takes its place.
- `data.csv`: one row a patient; `synthetic` is 1 in all of them.
"""


def write_sample(
    dest: Path,
    cases: int = 12,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a synthetic cohort in the layout of the LGG cohort and return its folder.

    Every file is replaced in one step and `data.csv` comes last, so a folder without it is
    incomplete; writing again with the same arguments completes it with the same bytes.

    Args:
        dest: the cohort's folder; new, empty, or an earlier one of this same sample.
        cases: number of patients, 1 to 500.
        seed: 0 or more; case k depends on the seed and on k, not on `cases`.
        progress: called with the number of cases written and of all cases.

    Raises:
        SampleError: if `cases` or `seed` is out of range, or `dest` contains other files.
        BrainsegError: a file could not be written.
    """
    dest = Path(dest)
    if not 1 <= cases <= MAX_CASES:
        raise SampleError(
            f"a sample has 1 to {MAX_CASES} cases, got {cases}: choose a number in that range"
        )
    if seed < 0:
        raise SampleError(f"a seed is 0 or more, got {seed}: choose one that is not negative")
    readme = README.format(cases=cases, seed=seed).encode()
    _refuse_foreign(dest, readme)
    write_atomically(dest / "README.md", readme)
    rows = []
    for number in range(1, cases + 1):
        case = synthesize_case(seed, number)
        _write_case(dest / case.name, case)
        rows.append(_row(case))
        if progress:
            progress(number, cases)
    table = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
    write_atomically(dest / "data.csv", table.encode())
    return dest


def _refuse_foreign(dest: Path, readme: bytes) -> None:
    """Raise unless `dest` is new, empty or contains this sample, whole or in part."""
    if dest.exists() and not dest.is_dir():
        raise SampleError(f"a sample is written to a folder, {dest} is a file: choose another name")
    # Hidden entries belong to the operating system, or are partial files of a killed run.
    found = sorted(p.name for p in dest.glob("*") if not p.name.startswith("."))
    if not found:
        return
    remedy = "choose a new or empty folder"
    known = dest / "README.md"
    if not known.is_file() or known.read_bytes() != readme:
        raise SampleError(
            f"a sample overwrites nothing but itself, {dest} contains {found[0]} of something else "
            f"or of a sample with another seed or number of cases: {remedy}"
        )
    for path in sorted(dest.rglob("*")):
        inside = path.relative_to(dest)
        if not path.is_dir() and not path.name.startswith(".") and not _is_ours(inside):
            raise SampleError(
                f"a sample overwrites nothing but itself, {dest} also contains {inside}: "
                f"{remedy}, or move that file away"
            )


def _is_ours(inside: Path) -> bool:
    if inside.as_posix() in ("README.md", "data.csv"):
        return True
    case = re.escape(inside.parent.as_posix())
    named = re.fullmatch(rf"SYNTH_S\d_\d{{4}}_{STUDY_DATE}", inside.parent.as_posix())
    return bool(named and re.fullmatch(rf"{case}_\d+(_mask)?\.tif", inside.name))


def _write_case(folder: Path, case: SyntheticCase) -> None:
    for number, (pixels, mask) in enumerate(zip(case.pixels, case.masks, strict=True), start=1):
        # OpenCV writes BGR, so the channels are reversed to keep their order in the file.
        write_atomically(folder / f"{case.name}_{number}.tif", _tiff(pixels[..., ::-1]))
        mask_file = folder / f"{case.name}_{number}_mask.tif"
        write_atomically(mask_file, _tiff(mask.astype(np.uint8) * 255))


def _tiff(picture: np.ndarray) -> bytes:
    uncompressed = (cv2.IMWRITE_TIFF_COMPRESSION, 1)
    return cv2.imencode(".tif", np.ascontiguousarray(picture), uncompressed)[1].tobytes()


def _row(case: SyntheticCase) -> dict[str, str | int]:
    return {
        "Patient": case.name.rsplit("_", 1)[0],
        "synthetic": 1,
        "site": case.site,
        "has_rim": int(case.has_rim),
        "missing_sequence": case.missing_sequence or "none",
    }
