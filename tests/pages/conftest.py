"""What the tests of pages share: a run, and work that is done once, as no page is about it."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from support.runs import make_run

from brainseg import checks
from brainseg.checks.folds import stamp_of_folds
from brainseg.cohort import Cohort
from brainseg.training.runs import Run

LARGE_BYTES = 2**24


@pytest.fixture(autouse=True, scope="session")
def components_found_once() -> Iterator[None]:
    """Let Streamlit look for components in the installed packages once, not for each page.

    It reads the metadata of every package, which takes longer than some pages do.
    """
    with pytest.MonkeyPatch.context() as patched:
        once = cache(manifest_scanner.scan_component_manifests)
        patched.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture(autouse=True, scope="session")
def checked_once() -> Iterator[None]:
    """Check a cohort once, not for each test that writes the same files.

    Most pages ask for the findings, and 68 rules take longer than the page.
    """
    check_cohort, known = checks.check_cohort, {}

    def check_unless_known(cohort: Cohort, only: object = None, progress: object = None):
        if only is not None:
            return check_cohort(cohort, only, progress)
        facts = (cohort.identity, cohort.label, cohort.patients_key, stamp_of_folds(cohort))
        key = (*facts, digest_of(cohort.root))
        if key not in known:
            known[key] = check_cohort(cohort, None, progress)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checks, "check_cohort", check_unless_known)
        yield


@pytest.fixture
def runs(tiny_cohort: Path) -> Path:
    """Return the folder of the runs of ``tiny_cohort``."""
    return Cohort.open(tiny_cohort).state_dir / "runs"


@pytest.fixture
def run(runs: Path) -> Run:
    """Return a run of four epochs, the second the best, that is still training."""
    return make_run(runs, "unet")


def digest_of(folder: Path) -> str:
    """Return a hash of the names and bytes of all files of a folder; large files count by their dates.

    One of the odd files has 20 GiB, all of them zeros.
    """
    digest = hashlib.blake2b(folder.name.encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(folder)}\0".encode("utf-8", "surrogateescape"))
        facts = path.stat()
        if facts.st_size > LARGE_BYTES:
            digest.update(repr((facts.st_size, facts.st_mtime_ns, facts.st_ino)).encode())
            continue
        with suppress(PermissionError):
            digest.update(path.read_bytes())
    return digest.hexdigest()
