"""The errors a person can cause or meet: each message names the rule, the value and the remedy."""


class BrainsegError(Exception):
    """Any failure that has a sentence for the person; pages and the command line show it, and stop."""


class CohortError(BrainsegError):
    """The folder of cases, or one case in it, cannot be used as it is."""


class DecodeError(BrainsegError):
    """A file could not be turned into pixels that can be trusted."""


class ModelError(BrainsegError):
    """A model is missing, damaged, or does not fit what is asked of it."""


class RunError(BrainsegError):
    """A training run cannot be started, read or resumed."""


class SampleError(BrainsegError):
    """The synthetic sample cohort cannot be written where it was asked for."""


class FilterError(BrainsegError):
    """A filter of cases, as it stands in an address, cannot be read or does not fit the table."""


class ReviewError(BrainsegError):
    """A review cannot be kept or read as it is."""


class MissingPackageError(BrainsegError):
    """An optional package that the task needs is not installed."""
