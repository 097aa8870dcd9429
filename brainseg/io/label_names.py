"""The names of the values in label maps: of BraTS, of a ``dataset.json`` and of a ``labels.json``."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_BRATS = re.compile(r"(?i)^bra?ts")
_UNTIL_2022 = re.compile(r"(?i)^brats(20)?(1\d|2[0-2])(?!\d)")
_SINCE_2023 = re.compile(r"(?i)^brats-")
_UNNAMED = re.compile(r"(?i)^brats-(ped|men-rt)")

TABLES = ("dataset.json", "labels.json")
"""Files that name the values of masks beside them."""


def regions_of(names: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
    """Return the values of each region if the files of a case are named as in BraTS, else nothing.

    Oedema is 2. Until 2022 the enhancing tumour is 4, since 2023 it is 3, and 4 is the resection cavity.
    Copies without a year use 3 or 4. The values of children changed, and radiotherapy has one target
    volume, so they have no names.
    """
    names = list(names)
    if not any(map(_BRATS.match, names)) or any(map(_UNNAMED.match, names)):
        return {}
    if any(map(_SINCE_2023.match, names)):
        whole = {"whole tumour": (1, 2, 3), "tumour core": (1, 3), "enhancing tumour": (3,)}
        return {**whole, "resection cavity": (4,)}
    enhancing = (4,) if any(map(_UNTIL_2022.match, names)) else (3, 4)
    core, whole_tumour = (1, 3, 4), (1, 2, 3, 4)
    return {"whole tumour": whole_tumour, "tumour core": core, "enhancing tumour": enhancing}


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
