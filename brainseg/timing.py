"""Estimates of the remaining time, and durations in words."""

from collections.abc import Sequence
from statistics import median

COUNTED = 11
"""Number of recent durations used for an estimate."""


def seconds_left(took_s: Sequence[float], to_come: float) -> float | None:
    """Return the estimated remaining seconds, or None before the first unit is done.

    The estimate uses the median of the last :data:`COUNTED` durations, because the first unit is often
    slow.

    Args:
        took_s: duration of each finished unit, in order, in seconds.
        to_come: number of remaining units, perhaps with a fraction.
    """
    if not took_s:
        return None
    return median(list(took_s)[-COUNTED:]) * max(0.0, to_come)


def duration(seconds: float) -> str:
    """Return a duration in words: “40 s”, “12 min”, “1 h 5 min”."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
