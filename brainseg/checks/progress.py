"""Progress of work that consists of parts, which report their own."""

from brainseg.cohort.index import Progress


def part_of(progress: Progress | None, first: int, last: int, steps: int) -> Progress:
    """Return what a part of some work calls with (steps done, steps to do) of its own.

    Args:
        progress: called for the whole work; None is not called.
        first: steps of the whole work that are done before the part.
        last: steps that are done after it.
        steps: of the whole work.
    """

    def report(done: int, to_do: int) -> None:
        if progress:
            progress(first + (last - first) * done // to_do, steps)

    return report
