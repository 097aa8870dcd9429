"""Cohort and Case: a folder of cases, found, indexed once, and read slice by slice."""

from brainseg.cohort.cohort import Case, Cohort

__all__ = ["Case", "Cohort"]
