"""The synthetic sample cohort on disk: phantoms in the layout of the LGG cohort."""

from brainseg.sample.writing import write_sample

__all__ = ["write_sample"]
