"""Keys of cached calls: everything that a result depends on, and no more."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from brainseg.cohort import Cohort
from brainseg.models import Model
from brainseg.statistics.embeddings import Features
from dashboard.shared.budget import BUDGET

P = ParamSpec("P")
T = TypeVar("T")

BY_CONTENT: dict[str | type[Any], Callable[[Any], Any]] = {
    Cohort: lambda cohort: (cohort.identity, str(cohort.root), cohort.label),
    Model: lambda model: model.digest,
    Features: lambda one: (one.source, float(one.vectors.sum())),
}
WITH_PATIENTS = BY_CONTENT | {
    Cohort: lambda cohort: (*BY_CONTENT[Cohort](cohort), cohort.patients_key)
}
BY_IMAGES = BY_CONTENT | {Cohort: lambda cohort: (cohort.identity, str(cohort.root))}
"""Of results that do not depend on the masks, so that all labels share them."""


def key_of(make: Callable, arguments: Iterable, by: Mapping = BY_CONTENT) -> tuple:
    """Return the key of a call in the budget."""
    return make.__name__, *(by.get(type(one), lambda other: other)(one) for one in arguments)


def kept(make: Callable[P, T], by: Mapping = BY_CONTENT, get: Any = BUDGET.get) -> Callable[P, T]:
    """Keep the results of a function in the budget."""

    @wraps(make)
    def found(*arguments: P.args, **named: P.kwargs) -> T:
        key = key_of(make, (*arguments, *named.values()), by)
        return get(key, lambda: make(*arguments, **named))

    return found


kept_of_images = partial(kept, by=BY_IMAGES)


def last_change(root: str) -> float:
    """Return when a file was last added to or removed from a folder or its folders, in seconds.

    A file rewritten in place goes unnoticed; the Reload button rescans the folder.
    """
    try:
        below = [entry.path for entry in os.scandir(root) if entry.is_dir()]
        return max(Path(path).stat().st_mtime for path in [root, *below])
    except OSError:
        return 0.0


def last_scored(cohort: Cohort) -> tuple[str, int]:
    """Return a key that changes when scores are saved: their folder and its time of change."""
    folder = cohort.results_dir / "scores"
    try:
        return str(folder), folder.stat().st_mtime_ns
    except OSError:
        return str(folder), 0
