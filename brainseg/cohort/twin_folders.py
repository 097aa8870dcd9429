"""Folders with files of equal names: the content says which of them contains the masks.

Names such as “masks” need no content; this is for ``A/P01_1.png`` and ``B/P01_1.png``.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from brainseg.cohort.answers import NONE
from brainseg.errors import DecodeError
from brainseg.io.decoding import in_workers
from brainseg.io.detached import read_joined
from brainseg.io.limits import or_damaged
from brainseg.io.masks import MOST_LABELS, label_areas, plain_mask, region_of
from brainseg.io.names import VOLUME_SUFFIXES, base_of, suffix_of
from brainseg.io.nifti import read_nifti
from brainseg.io.pictures import decode

MOST_TWINS = 4
"""Of more folders with equal names each is rather a case."""


@dataclass(frozen=True)
class Twins:
    """Folders that contain files of equal names.

    Attributes:
        folders: their names.
        options: those that contain label maps, if another contains images.
        chosen: the one whose label maps are the masks; empty if none are.
        masks: the mask of each image.
        masks_or_other: all files of ``options``.
    """

    folders: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    chosen: str = ""
    masks: dict[Path, Path] = field(default_factory=dict)
    masks_or_other: set[Path] = field(default_factory=set)


def pair_twins(root: Path, paths: Iterable[str | Path], masks_in: str = "") -> Twins:
    """Return the images and masks that only their folders tell apart.

    Args:
        root: the folder of the cohort.
        paths: of pictures or volumes.
        masks_in: the folder of masks that the user chose, or :data:`NONE`; by default the first.
    """
    files = twin_folders(os.path.relpath(path, root) for path in paths)
    options = tuple(folders_of_masks(root, files)) if files else ()
    chosen = masks_in if masks_in in (*options, NONE) else next(iter(options), NONE)
    if chosen == NONE:
        return Twins(tuple(files), options)
    masks = [root / name for name in files[chosen]]
    of_image = {
        root / name: mask
        for folder in files.keys() - set(options)
        for name, mask in zip(files[folder], masks, strict=True)
    }
    labelled = {root / name for folder in options for name in files[folder]}
    return Twins(tuple(files), options, chosen, of_image, labelled)


def twin_folders(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the files of folders that contain the same names, by folder; those at one place are alike.

    Args:
        names: paths of files below the root.
    """
    parts = {name: (*PurePosixPath(name).parts[:-1], base_of(name)) for name in names}
    for depth in range(max(map(len, parts.values()), default=1) - 1):
        files: dict[str, dict[tuple[str, ...], str]] = defaultdict(dict)
        for name, own in parts.items():
            if len(own) > depth + 1:
                files[own[depth]][*own[:depth], *own[depth + 1 :]] = name
        alike: dict[frozenset, list[str]] = defaultdict(list)
        for folder, rest in files.items():
            alike[frozenset(rest)].append(folder)
        twins = max(alike.values(), key=len, default=[])
        if 2 <= len(twins) <= MOST_TWINS:
            return {one: [files[one][key] for key in sorted(files[one])] for one in sorted(twins)}
    return {}


def folders_of_masks(root: Path, twins: dict[str, list[str]]) -> list[str]:
    """Return the twin folders whose files are label maps by content, if another has images."""
    samples = [(folder, root / name) for folder, own in twins.items() for name in _sample(own)]
    are_labels = in_workers(_are_labels, [path for _, path in samples], lambda *_: False)
    images = {folder for (folder, _), is_map in zip(samples, are_labels, strict=True) if not is_map}
    return [folder for folder in twins if folder not in images] if images else []


def _sample(names: list[str]) -> list[str]:
    places = (2,) if suffix_of(names[0]) in VOLUME_SUFFIXES else (1, 2, 3)
    return list(dict.fromkeys(names[len(names) * place // 4] for place in places))


def _are_labels(paths: list[Path]) -> list[bool]:
    return [_is_label_map(path) for path in paths]


def _is_label_map(path: Path) -> bool:
    try:
        data = read_joined(path)
        if suffix_of(path.name) not in VOLUME_SUFFIXES:
            decoded = decode(data, path.name)
            return region_of(decoded)[0] is not None or bool(label_areas(plain_mask(decoded)[0]))
        file = or_damaged(lambda: read_nifti(data))
        values = np.unique(file.volumes * file.slope + file.intercept)
        whole = (values >= 0).all() and (values == np.rint(values)).all()
        return len(values) <= MOST_LABELS + 1 and bool(whole)
    except (OSError, DecodeError):
        return False
