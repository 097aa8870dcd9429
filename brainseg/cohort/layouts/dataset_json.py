"""The raw datasets of nnU-Net and the Medical Segmentation Decathlon, described by a dataset.json.

``imagesTr`` and ``imagesTs`` contain a file per channel (``case_0000.nii.gz``; nnU-Net) or a 4D file per
case (Decathlon), ``labelsTr`` and ``labelsTs`` its label map. ``channel_names`` or ``modality`` names
the channels, ``labels`` the values; a region of nnU-Net is a list of them. The files may be PNG or TIFF,
too: PNG files whose names differ in a slice number are one case, and so are TIFF files of one page.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.cohort.slice_numbers import number_slices
from brainseg.io.channels import BETWEEN
from brainseg.io.files import read_file
from brainseg.io.label_names import values_of
from brainseg.io.names import IMAGE_SUFFIXES, suffix_of
from brainseg.io.plain_tiff import has_more_pages

DESCRIPTION = "dataset.json"
_MOST_BYTES = 16 * 2**20
_CHANNEL = re.compile(r"^(?P<case>.+)_(?P<channel>\d{4})$")
_LABELS = {"imagesTr": "labelsTr", "imagesTs": "labelsTs"}
FOLDERS = {*_LABELS, *_LABELS.values()}


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return the cases of each folder with ``imagesTr`` or ``imagesTs``, or with numbered channels."""
    described = {path.parent: _description(path) for path in tables}
    by_dataset: dict[Path, list[Path]] = defaultdict(list)
    for one in files:
        if one.parent.name in FOLDERS:
            by_dataset[one.parent.parent].append(one)
    cases = []
    for folder, own in by_dataset.items():
        images = [one for one in own if one.parent.name in _LABELS]
        if images and (folder in described or _are_channels(images)):
            cases += _cases(folder, own, described.get(folder, {}))
    known = {path for case in cases for path in case.files}
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for one in files:
        if one not in known and one.parent.name not in FOLDERS:
            by_folder[one.parent].append(one)
    for folder, own in by_folder.items():
        if _are_channels(own):
            cases += _cases(folder, own, {}, {folder.name: ""})
    return cases


def _are_channels(files: list[Path]) -> bool:
    """Return whether the names of a folder give two to eight channels, the same for each case."""
    by_case: dict[str, set[int]] = defaultdict(set)
    for path in files:
        found = _CHANNEL.match(_stem(path))
        if not found:
            return False
        by_case[found["case"]].add(int(found["channel"]))
    channels = next(iter(by_case.values()), set())
    are_equal = all(one == channels for one in by_case.values())
    return are_equal and channels == set(range(len(channels))) and 2 <= len(channels) <= 8


def readers(tables: list[Path]) -> list[str]:
    """Return the readers of nnU-Net that descriptions name, which are not used."""
    key = "overwrite_image_reader_writer"
    return [str(name) for path in tables if (name := _description(path).get(key))]


def _description(path: Path) -> dict[str, Any]:
    """Return the content of a dataset.json, empty if it is not readable."""
    try:
        found = json.loads(read_file(path, _MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _cases(
    folder: Path,
    files: list[Path],
    description: dict[str, Any],
    parts: Mapping[str, str] = MappingProxyType(_LABELS),
) -> list[CaseFiles]:
    """Return the cases of a dataset.

    Args:
        folder: of the dataset.
        files: its images and label maps.
        description: the content of its dataset.json.
        parts: the folder of the label maps of each folder of images.
    """
    channels = _names(description, "channel_names") or _names(description, "modality")
    labels = values_of(description)
    masks = {
        (one.parent.name, _stem(one)): one for one in files if one.parent.name in parts.values()
    }
    by_case: dict[tuple[str, str], list[tuple[int, Path]]] = defaultdict(list)
    for one in files:
        if one.parent.name in parts:
            found = _CHANNEL.match(_stem(one))
            # A Decathlon case may end in four digits, too; its label map has its whole name.
            whole = (parts[one.parent.name], _stem(one)) in masks
            case, channel = (
                (found["case"], int(found["channel"])) if found and not whole else (_stem(one), -1)
            )
            by_case[one.parent.name, case].append((channel, one))
    cases = []
    for (part, stack), slices in _stacks(by_case).items():
        images = [(case, *one) for case in slices for one in sorted(by_case[part, case])]
        several = len(images) > len(slices)
        cases.append(
            CaseFiles(
                stack,
                folder,
                tuple(path for _, _, path in images),
                tuple(_name(channels, *one, several) for one in images),
                tuple(masks[key] for case in slices if (key := (parts[part], case)) in masks),
                labels,
            )
        )
    return cases


def _stacks(
    by_case: Mapping[tuple[str, str], list[tuple[int, Path]]],
) -> dict[tuple[str, str], list[str]]:
    """Return the cases of nnU-Net that each case consists of: single slices make one by their names."""
    stacks: dict[tuple[str, str], list[str]] = {}
    slices: dict[str, list[str]] = defaultdict(list)
    for (part, case), images in by_case.items():
        first = images[0][1]
        is_slice = suffix_of(first.name) in IMAGE_SUFFIXES and not has_more_pages(first)
        if is_slice:
            slices[part].append(case)
        else:
            stacks[part, case] = [case]
    for part, cases in slices.items():
        numbered = number_slices(cases)
        for case in sorted(cases, key=lambda one: (numbered[one][1] or 0, one)):
            stacks.setdefault((part, numbered[case][0] or case), []).append(case)
    return stacks


def _stem(path: Path) -> str:
    return path.name[: len(path.name) - len(suffix_of(path.name))]


def _name(channels: dict[int, str], case: str, channel: int, path: Path, several: bool) -> str:
    """Return the name by which an image is read: that of its channel, for slices with its case."""
    suffix = suffix_of(path.name)
    if suffix in IMAGE_SUFFIXES:
        whole = BETWEEN.join(channels[one] for one in sorted(channels))
        return f"{channels.get(channel, f'channel {channel}') if several else whole}/{case}{suffix}"
    if channel not in channels:
        return path.name
    alike = list(channels.values()).count(channels[channel])
    number = f" {channel}" if alike > 1 else ""
    return f"{channels[channel]}{number}{suffix}"


def _names(description: dict[str, Any], key: str) -> dict[int, str]:
    named = description.get(key)
    if not isinstance(named, dict):
        return {}
    return {int(index): str(name) for index, name in named.items() if str(index).isdecimal()}


def spacing_beside(image: Path) -> tuple[float, float, float] | None:
    """Return the mm between slices, rows and columns in ``case.json`` beside the TIFF file of a case."""
    found = _CHANNEL.match(_stem(image))
    spacing = (
        _description(image.with_name(f"{found['case']}.json")).get("spacing") if found else None
    )
    try:
        deep, tall, wide = (float(mm) for mm in spacing or ())
    except (TypeError, ValueError):
        return None
    return (deep, tall, wide) if min(deep, tall, wide) > 0 else None
