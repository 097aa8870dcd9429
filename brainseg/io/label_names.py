"""The names of the values in label maps: of BraTS, of a ``dataset.json`` and of a ``labels.json``."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_BRATS = re.compile(r"(?i)^bra?ts")
_BRATS_REGIONS = {
    "whole tumour": (1, 2, 3, 4),
    "tumour core": (1, 3, 4),
    "enhancing tumour": (3, 4),
}
"""Oedema is 2, the enhancing tumour 4 before 2023 and 3 since, the other part of the core 1."""

TABLES = ("dataset.json", "labels.json")
"""Files that name the values of masks beside them."""


def regions_of(names: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
    """Return the values of the regions of BraTS if a file name is one of BraTS; else nothing."""
    return _BRATS_REGIONS if any(_BRATS.match(name) for name in names) else {}


def values_of(description: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the values of each label of a ``dataset.json``, in either direction.

    The Decathlon writes {"1": "core"}, nnU-Net {"core": 1, "whole tumour": [1, 2]}.
    """
    named = description.get("labels")
    labels: dict[str, tuple[int, ...]] = {}
    for key, value in named.items() if isinstance(named, dict) else ():
        name, values = (value, key) if isinstance(value, str) else (key, value)
        listed = values if isinstance(values, list) else [values]
        if name != "background" and all(str(one).isdecimal() for one in listed):
            labels[str(name)] = tuple(int(one) for one in listed)
    return labels


def read_table(data: bytes) -> dict[str, tuple[int, ...]]:
    """Return the values of each label that one of :data:`TABLES` names; empty if it is not readable."""
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    if not isinstance(content, dict):
        return {}
    return values_of(content if "labels" in content else {"labels": content})
