"""Validation of the small JSON files of a run; a damaged file is refused with the invalid value."""

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import cast

Rule = Callable[[object], bool]

STATES = ("starting", "training", "finished", "stopped", "failed")
"""States that a status file can contain."""

COUNT_LIMIT = 2**31
"""Exclusive upper bound of every count in a run's files."""


def is_count(value: object) -> bool:
    """Return True if a value is a non-negative integer."""
    return type(value) is int and 0 <= value < COUNT_LIMIT


def is_number(value: object) -> bool:
    """Return True if a value is a finite number."""
    return type(value) in (int, float) and math.isfinite(cast(float, value))


def is_time(value: object) -> bool:
    """Return True if a value is an ISO time with a time zone."""
    try:
        return datetime.fromisoformat(cast(str, value)).tzinfo is not None
    except (TypeError, ValueError):
        return False


def is_text(value: object) -> bool:
    """Return True if a value is a string."""
    return isinstance(value, str)


def is_names(value: object) -> bool:
    """Return True if a value is a list of strings."""
    return isinstance(value, list) and all(map(is_text, value))


def or_none(rule: Rule) -> Rule:
    """Return a rule that also accepts None."""
    return lambda value: value is None or rule(value)


def _is_positive(value: object) -> bool:
    return is_count(value) and value != 0


REQUIRED: dict[str, dict[str, Rule]] = {
    "config.json": {"epochs": _is_positive, "patience": is_count},
    "folds.json": dict.fromkeys(("trained_on", "selected_on", "held_out"), is_names),
    "status.json": {
        "state": lambda value: value in STATES,
        "epoch": is_count,
        "best_epoch": or_none(is_count),
        "best_dice": or_none(is_number),
        "message": is_text,
        "updated_at": is_time,
    },
    "process.json": {"pid": is_count, "created": is_number, "host": is_text},
}
"""File -> required keys and their rules, also in the oldest runs."""

OPTIONAL: dict[str, dict[str, Rule]] = {
    "config.json": {"steps_per_epoch": _is_positive},
    "status.json": {
        "step": or_none(is_count),
        "slices_per_second": or_none(is_number),
        "memory_mb": or_none(is_number),
        "threshold": or_none(is_number),
    },
}
"""File -> optional keys and their rules."""


def read(path: Path) -> dict:
    """Return the content of a run's JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON, lacks a key, or contains an invalid value.
    """
    try:
        content = json.loads(path.read_text())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    required = REQUIRED.get(path.name, {})
    if missing := [key for key in required if key not in content]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for key, rule in (required | OPTIONAL.get(path.name, {})).items():
        if key in content and not rule(content[key]):
            raise ValueError(f"{key} is “{_short(content[key])}”")
    return content


def _short(value: object, most: int = 40) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
