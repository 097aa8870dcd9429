"""How long the rest takes: one estimate for epochs, cases and whatever else comes one by one."""

from collections.abc import Sequence
from statistics import median

COUNTED = 11
"""So many of the newest: enough for cases of unequal length, and soon rid of a pause."""


def seconds_left(took_s: Sequence[float], to_come: float) -> float | None:
    """Return the seconds that what is to come takes, if it goes as the newest of what is done did.

    The median of the last :data:`COUNTED`, so that one slow epoch or case (the first one compiles) does
    not tell the rest.

    Args:
        took_s: how long each that is done took, in its order, in seconds.
        to_come: how many are left; a part of one counts as a part.

    Returns:
        Seconds, or None where nothing is done yet.
    """
    if not took_s:
        return None
    return median(list(took_s)[-COUNTED:]) * max(0.0, to_come)


def duration(seconds: float) -> str:
    """Return a time span as a person says it: “40 s”, “12 min”, “1 h 5 min”."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
