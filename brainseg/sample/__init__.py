"""The synthetic sample cohort on disk: phantoms in the layout of the LGG cohort."""

from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.errors import SampleError
from brainseg.jobs import JobLost, Jobs

if TYPE_CHECKING:
    from brainseg.sample.writing import write_sample

__all__ = ["write_sample", "write_sample_apart"]

_LONGEST_S = 600.0


def __getattr__(name: str) -> object:
    """Return :func:`brainseg.sample.writing.write_sample`, imported when it is first asked for."""
    if name != "write_sample":
        raise AttributeError(f"module 'brainseg.sample' has no attribute {name!r}")
    from brainseg.sample.writing import write_sample

    return write_sample


def write_sample_apart(dest: Path) -> None:
    """Write the sample cohort by a process of its own.

    For a server, in which the libraries of the anatomy would take 20 MiB for as long as it runs.

    Args:
        dest: the cohort's folder; see :func:`brainseg.sample.writing.write_sample`.

    Raises:
        SampleError: ``dest`` contains other files, or the process was lost.
        BrainsegError: a file could not be written.
    """
    writing = Jobs("the sample cohort", workers=1, longest_s=_LONGEST_S)
    try:
        writing.submit(_write, dest).result()
    except JobLost as lost:
        raise SampleError(
            f"the sample cohort was not written: its process {lost.reason}."
        ) from lost
    finally:
        writing.shutdown(wait=False)


def _write(dest: Path) -> None:
    from brainseg.sample.writing import write_sample

    write_sample(dest)
