"""Keys of cached calls: everything that a result depends on, and no more."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
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
