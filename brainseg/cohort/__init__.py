"""Cohort and Case: a folder of cases, found, indexed once, and read slice by slice."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainseg.cohort.case import Case
    from brainseg.cohort.cohort import Cohort

__all__ = ["Case", "Cohort"]


def __getattr__(name: str) -> object:
    """Return a class, imported on first use: it needs pandas, which takes 35 MiB of each worker."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("brainseg.cohort.cohort"), name)
