"""The finished run and the review that come with the synthetic sample: a first look without a wait.

``sample_run.zip`` is a real, small training on the 12 cases of the sample cohort, written by
``tools/make_sample_run.py``. Its name and its note say that the data are synthetic.
"""

import json
import shutil
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.models.places import WITH_SAMPLE
from brainseg.reviews import AGREE, open_reviews
from brainseg.storage import write_atomically
from brainseg.training.run_models import MANIFEST
from brainseg.training.runs import Run, list_runs

ARCHIVE = Path(__file__).with_name("sample_run.zip")

READER = "SAMPLE"
COMMENT = "Synthetic example of a review: the mask is computed, so it fits its tumour."

_BEST = "checkpoints/best.weights.h5"
_WEIGHTS = "fold0.weights.h5"
"""In the archive once, in half precision: they are the run's best weights, too."""


def with_sample_run(cohort: Cohort) -> Cohort:
    """Return a cohort after :func:`add_sample_run`."""
    add_sample_run(cohort)
    return cohort


def add_sample_run(cohort: Cohort, archive: Path = ARCHIVE) -> Run | None:
    """Add the run and the review to the state of the sample cohort, once; return the run if added.

    Nothing is added to another cohort, to one with runs of the user's own, or where it was deleted.

    Args:
        cohort: any cohort.
        archive: the files of the run.
    """
    added = cohort.state_dir / "sample_run.added"
    if not cohort.is_synthetic or added.exists():
        return None
    run = None
    # Without a folder that can be written to, the sample has no example.
    with suppress(BrainsegError, OSError), zipfile.ZipFile(archive) as files:
        (name,) = {Path(member).parts[0] for member in files.namelist()}
        about = json.loads(files.read(f"{name}/about.json"))
        if about["data"]["identity"] != cohort.identity:
            return None
        runs = cohort.state_dir / "runs"
        if not list_runs(runs):
            run = _unpacked(files, name, runs, cohort)
            reviews = open_reviews(cohort)
            case = run.fold()["held_out"][0]
            if reviews.of(case).empty:
                reviews.put(case, READER, AGREE, COMMENT)
        write_atomically(added, b"")
    return run


def _unpacked(files: zipfile.ZipFile, name: str, runs: Path, cohort: Cohort) -> Run:
    """Return the run in a folder of runs, where it appears whole."""
    runs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs, prefix=".") as hidden:
        files.extractall(hidden)
        run = Run(Path(hidden) / name)
        run.set_config(run.config() | {"data": str(cohort.root)})
        (run.path / WITH_SAMPLE).touch()
        write_atomically(run.path / _BEST, (run.path / _WEIGHTS).read_bytes())
        (run.path / MANIFEST).touch()  # newer than the weights it describes
        shutil.move(run.path, runs / name)
    return Run(runs / name)
