"""Provenance of a run, for reproducing it: code, data, packages, machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from brainseg.cohort import Cohort

PACKAGES = (
    "brainseg",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "pandas",
    "opencv-python-headless",
    "scikit-learn",
    "tifffile",
)
"""Packages whose version can change the result of a training."""

GIT_ANSWERS_WITHIN_S = 10


def about(cohort: Cohort) -> dict:
    """Return ``git``, ``data``, ``packages``, ``python``, ``system`` and ``cores``; no local paths."""
    slices = cohort.slices
    return {
        "git": git_state(Path(__file__).resolve().parents[2]),
        "data": {
            "identity": cohort.identity,
            "cases": int(slices["case"].nunique()),
            "patients": int(slices["patient_id"].nunique()),
            "slices": len(slices),
            "synthetic": cohort.is_synthetic,
            "target": cohort.target,
            **({"address": cohort.address} if cohort.address else {}),
        },
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def git_state(folder: Path) -> dict | None:
    """Return the ``commit`` of a checkout and whether files have ``changed`` since.

    None if the folder is not a checkout or git is not installed.
    """
    if not (folder / ".git").exists():
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain")
    unknown = commit is None or changes is None
    return None if unknown else {"commit": commit, "changed": changes != ""}


def _git(folder: Path, *words: str) -> str | None:
    # Without locks, so that reading the state never blocks a commit.
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        asked = subprocess.run(
            ["git", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=GIT_ANSWERS_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
