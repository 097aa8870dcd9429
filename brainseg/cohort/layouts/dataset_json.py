"""The raw datasets of nnU-Net and the Medical Segmentation Decathlon, described by a dataset.json.

``imagesTr`` and ``imagesTs`` contain a file per channel (``case_0000.nii.gz``; nnU-Net) or a 4D file per
case (Decathlon), ``labelsTr`` and ``labelsTs`` its label map. ``channel_names`` or ``modality`` names
the channels, ``labels`` the values; a region of nnU-Net is a list of them.
"""

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.io.files import read_file
from brainseg.io.names import suffix_of

DESCRIPTION = "dataset.json"
_MOST_BYTES = 16 * 2**20
_CHANNEL = re.compile(r"^(?P<case>.+)_(?P<channel>\d{4})$")
_LABELS = {"imagesTr": "labelsTr", "imagesTs": "labelsTs"}


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return the cases of each folder with a dataset.json beside ``imagesTr``."""
    cases = []
    for path in tables:
        if path.name.lower() != DESCRIPTION:
            continue
        own = [one for one in files if one.parent.parent == path.parent]
        if any(one.parent.name == "imagesTr" for one in own):
            cases += _cases(path.parent, own, _description(path))
    return cases


def _description(path: Path) -> dict[str, Any]:
    """Return the content of a dataset.json, empty if it is not readable."""
    try:
        found = json.loads(read_file(path, _MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _cases(folder: Path, files: list[Path], description: dict[str, Any]) -> list[CaseFiles]:
    channels = _names(description, "channel_names") or _names(description, "modality")
    labels = _values(description)
    masks = {
        (one.parent.name, _stem(one)): one for one in files if one.parent.name in _LABELS.values()
    }
    by_case: dict[tuple[str, str], list[tuple[int, Path]]] = defaultdict(list)
    for one in files:
        if one.parent.name in _LABELS:
            found = _CHANNEL.match(_stem(one))
            # A Decathlon case may end in four digits, too; its label map has its whole name.
            whole = (_LABELS[one.parent.name], _stem(one)) in masks
            case, channel = (
                (found["case"], int(found["channel"])) if found and not whole else (_stem(one), -1)
            )
            by_case[one.parent.name, case].append((channel, one))
    cases = []
    for (part, case), images in by_case.items():
        images.sort()
        mask = masks.get((_LABELS[part], case))
        names = [_name(channels, channel, path) for channel, path in images]
        cases.append(
            CaseFiles(
                case,
                folder,
                tuple(path for _, path in images),
                tuple(names),
                (mask,) if mask else (),
                labels,
            )
        )
    return cases


def _stem(path: Path) -> str:
    return path.name[: len(path.name) - len(suffix_of(path.name))]


def _name(channels: dict[int, str], channel: int, path: Path) -> str:
    if channel not in channels:
        return path.name
    alike = list(channels.values()).count(channels[channel])
    number = f" {channel}" if alike > 1 else ""
    return f"{channels[channel]}{number}{suffix_of(path.name)}"


def _names(description: dict[str, Any], key: str) -> dict[int, str]:
    named = description.get(key)
    if not isinstance(named, dict):
        return {}
    return {int(index): str(name) for index, name in named.items() if str(index).isdecimal()}


def _values(description: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the values of each label; the Decathlon writes them the other way round."""
    named = description.get("labels")
    labels: dict[str, tuple[int, ...]] = {}
    for key, value in named.items() if isinstance(named, dict) else ():
        name, values = (value, key) if isinstance(value, str) else (key, value)
        listed = values if isinstance(values, list) else [values]
        if name != "background" and all(str(one).isdecimal() for one in listed):
            labels[str(name)] = tuple(int(one) for one in listed)
    return labels
