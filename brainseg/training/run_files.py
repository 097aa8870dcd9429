"""What the small files of a run must hold: one that is damaged or foreign is refused by the value."""

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

Rule = Callable[[object], bool]

STATES = ("starting", "training", "finished", "stopped", "failed")
"""What a status says of itself."""

MOST = 2**31
"""No count in a file of a run comes near."""


def is_count(value: object) -> bool:
    """Return whether a value is 0, 1, 2 and so on."""
    return type(value) is int and 0 <= value < MOST


def is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def is_time(value: object) -> bool:
    """Return whether a value is an ISO time with its zone."""
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def is_text(value: object) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


def is_names(value: object) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def or_none(rule: Rule) -> Rule:
    """Return a rule that None keeps, too."""
    return lambda value: value is None or rule(value)


def _is_positive(value: object) -> bool:
    return is_count(value) and value > 0


ALWAYS: dict[str, dict[str, Rule]] = {
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
"""File -> what it always has, of the oldest runs, too."""

WHERE_THERE: dict[str, dict[str, Rule]] = {
    "config.json": {"steps_per_epoch": _is_positive},
    "status.json": {
        "step": or_none(is_count),
        "slices_per_second": or_none(is_number),
        "memory_mb": or_none(is_number),
        "threshold": or_none(is_number),
    },
}
"""File -> what some have."""


def read(path: Path) -> dict:
    """Return what a file of a run holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, lacks something, or holds what breaks its rule.
    """
    try:
        content = json.loads(path.read_text())
    except RecursionError:
        raise ValueError("it is nested beyond all measure") from None
    if not isinstance(content, dict):
        raise ValueError("it holds no names")
    always = ALWAYS.get(path.name, {})
    if missing := [key for key in always if key not in content]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for key, rule in (always | WHERE_THERE.get(path.name, {})).items():
        if key in content and not rule(content[key]):
            raise ValueError(f"{key} is “{_short(content[key])}”")
    return content


def _short(value: object, most: int = 40) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
