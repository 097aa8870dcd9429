"""Validation of a run's files: a damaged JSON file is refused, a damaged line of a log skipped."""

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import cast

Rule = Callable[[object], bool]

STATES = ("starting", "training", "finished", "stopped", "failed")
"""States that a status file can contain."""

EVENTS = ("started", "resumed", "killed", "stopped", "failed", "early stop", "finished")
"""Events in ``events.jsonl``; "killed" is recorded when a killed run is resumed."""

FIRST_KEYS = (
    "epoch",
    "loss",
    "validation_dice",
    "learning_rate",
    "slices_per_second",
    "seconds",
    "finished_at",
)
"""Keys of every line of ``history.jsonl``, also in the oldest runs; ``epoch`` counts from 1."""

LATER_KEYS = (
    "validation_loss",
    "validation_volume_ratio",
    "epoch_seconds",
    "memory_mb",
    "cpu_percent",
)
"""Additional keys of newer runs.

``validation_volume_ratio`` is the predicted volume of the validation cases, divided by that of their
masks; ``seconds`` is the time of training alone, ``epoch_seconds`` includes scoring and saving;
``memory_mb`` is the resident memory at the end (MiB); ``cpu_percent`` is 100 per busy core.
"""

HISTORY_KEYS = (*FIRST_KEYS, *LATER_KEYS)
"""Columns of a history; :data:`LATER_KEYS` are missing (NaN) in older runs."""

COUNT_LIMIT = 2**31
"""Exclusive upper bound of every count in a run's files."""


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < COUNT_LIMIT


def _is_positive(value: object) -> bool:
    return _is_count(value) and value != 0


def is_number(value: object) -> bool:
    """Return True if a value is an int or a float, also NaN or infinite, but not a bool."""
    return type(value) in (int, float)


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(cast(float, value))


def _is_time(value: object) -> bool:
    try:
        return datetime.fromisoformat(cast(str, value)).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_scores(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_number, value.values()))


def _or_none(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


REQUIRED: dict[str, dict[str, Rule]] = {
    "config.json": {"epochs": _is_positive, "patience": _is_count},
    "folds.json": dict.fromkeys(("trained_on", "selected_on", "held_out"), _are_names),
    "status.json": {
        "state": lambda value: value in STATES,
        "epoch": _is_count,
        "best_epoch": _or_none(_is_count),
        "best_dice": _or_none(_is_finite),
        "message": _is_text,
        "updated_at": _is_time,
    },
    "process.json": {"pid": _is_count, "created": _is_finite, "host": _is_text},
    "history.jsonl": {
        **dict.fromkeys(FIRST_KEYS, is_number),
        "epoch": _is_positive,
        "finished_at": _is_time,
    },
    "cases.jsonl": {"epoch": _is_positive, "dice": _are_scores},
    "events.jsonl": {
        "event": lambda value: value in EVENTS,
        "epoch": _is_count,
        "at": _is_time,
        "message": _is_text,
    },
}
"""File -> required keys and their rules, also in the oldest runs."""

OPTIONAL: dict[str, dict[str, Rule]] = {
    "config.json": {"steps_per_epoch": _is_positive},
    "status.json": {
        "step": _or_none(_is_count),
        **dict.fromkeys(("slices_per_second", "memory_mb", "threshold"), _or_none(_is_finite)),
    },
    "history.jsonl": dict.fromkeys(LATER_KEYS, _or_none(is_number)),
}
"""File -> optional keys and their rules."""


def read(path: Path) -> dict:
    """Return the content of a run's JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON, lacks a key, or contains an invalid value.
    """
    return _parse(path.name, path.read_text())


def read_line(name: str, line: str) -> dict | None:
    """Return a line of a run's growing file; None if it is invalid, or incomplete after a kill."""
    try:
        return _parse(name, line)
    except ValueError:
        return None


def _parse(name: str, text: str) -> dict:
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    required = REQUIRED.get(name, {})
    if missing := [key for key in required if key not in content]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for key, rule in (required | OPTIONAL.get(name, {})).items():
        if key in content and not rule(content[key]):
            raise ValueError(f"{key} is “{_short(content[key])}”")
    return content


def _short(value: object, most: int = 40) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
