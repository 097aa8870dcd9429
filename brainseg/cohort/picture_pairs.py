"""Pair the images of a cohort with their masks by name: next to each other, or in folders of their own.

A mask has a word such as “mask”, “seg” or “gt” in its name that not all names share, or lies in a
folder that only such words name (``masks``, ``labelsTr``). It belongs to the image with the same other
words and numbers: ``images/x_07.png`` and ``masks/x_7_seg.png``. Words for a sequence or a tumour need
not agree where that leaves one image: ``x_7_flair.png`` and ``x_7_tumour.png``.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from brainseg.io.mask_names import (
    FOLDER_WORDS,
    MASK_WORDS,
    SPLIT_WORDS,
    TUMOUR_WORDS,
    Key,
    key_of,
    loose_key_of,
    mask_words,
    tumour_words,
    words_of,
)

SUFFIXES = (".tif", ".tiff", ".png")
JPEG_SUFFIXES = (".jpg", ".jpeg")
MASK_ENDING = "_mask"
_MAY_BE_MASK = re.compile("|".join(sorted(MASK_WORDS | TUMOUR_WORDS)), re.IGNORECASE)
_WORD_OF_MASK = re.compile(
    rf"(?i)[_\-. ]+(?:{'|'.join(MASK_WORDS)})(?=$|[_\-. ])|^(?:{'|'.join(MASK_WORDS)})[_\-. ]+"
)

_VERSION = re.compile(
    r"(?i)[_\-. ]+(\(\d+\)|(copy|kopie|copie|copia|kopia)([_\-. ]*\(?\d+\)?)?|overlay|overlaid|blend|"
    r"pred|predicted|prediction|output|result|heat_?map|prob|probability|contours?|outline|vis)$"
)
_COPY_OF = re.compile(r"(?i)^(copy of|kopie von|copie de|copia de) ")


def _originals(stem: str) -> tuple[str, str]:
    """Return the names of the images that a picture may be a copy or a result of."""
    return _VERSION.sub("", stem), _COPY_OF.sub("", stem)


_INSTANCES = "SegmentationObject"
"""The folder of Pascal VOC with an object per value, beside “SegmentationClass”."""

Entries = dict[str, os.DirEntry[str]]


@dataclass
class PictureFolder:
    """The slices of a folder, by the stem of the image.

    Attributes:
        path: of the folder.
        name: of its only case.
        names_case: whether that is the name of a folder for one case, not that of a whole dataset.
        images: by stem.
        masks: by the stem of their images.
        is_part: whether it is a part of a split dataset, such as “train”.
        versions: names of pictures that are copies or results of the images.
    """

    path: str
    name: str = ""
    images: Entries = field(default_factory=dict)
    masks: Entries = field(default_factory=dict)
    names_case: bool = True
    is_part: bool = False
    versions: list[str] = field(default_factory=list)

    def leave_versions_out(self) -> None:
        """Leave out pictures without masks that are named after one with a mask: “x_1_overlay”."""
        if not self.masks or len(self.masks) >= len(self.images):
            return
        whole = self.images.keys() & self.masks.keys()
        for stem in [*self.images]:
            if stem not in self.masks and any(one in whole for one in _originals(stem)):
                self.versions.append(self.images.pop(stem).name)

    @property
    def stems(self) -> list[str]:
        """Return the stems of images and masks, sorted."""
        return sorted(self.images.keys() | self.masks.keys())


@dataclass(frozen=True)
class _Picture:
    """A picture file.

    Attributes:
        entry: of its folder.
        name: its path below the root.
        group: its folders, without the words for image and mask.
        stem: its name without the suffix.
        key: its name without the folders that contain files of equal names.
        is_mask: by its name and folders.
    """

    entry: os.DirEntry[str]
    name: str
    group: tuple[str, ...]
    stem: str
    key: str
    is_mask: bool

    @property
    def is_jpeg(self) -> bool:
        return self.name.lower().endswith(JPEG_SUFFIXES)


def is_picture(name: str) -> bool:
    """Return whether a file may be a slice or a mask, by its suffix."""
    return name.lower().endswith((*SUFFIXES, *JPEG_SUFFIXES))


def pair_pictures(
    root: str,
    pictures: dict[str, list[os.DirEntry[str]]],
    twins: Collection[str] = (),
    masks_in: str = "",
) -> tuple[list[PictureFolder], int]:
    """Return the folders with their slices, and the number of JPEG files among them.

    JPEG files count only in folders where one of them has a mask: elsewhere they are photographs.

    Args:
        root: the folder of the cohort.
        pictures: the picture files of each folder.
        twins: names of folders that contain files of equal names, and name no case.
        masks_in: the one of them that contains the masks.
    """
    names = {entry.name for entries in pictures.values() for entry in entries}
    below = (os.path.relpath(path, root) for path in pictures)
    if not twins and all(map(_is_plain, names)) and not any(map(_MAY_BE_MASK.search, below)):
        folders = [_side_by_side(path, entries) for path, entries in pictures.items()]
        both = any(one.masks for one in folders) and any(one.images for one in folders)
        if not both or any(one.images.keys() & one.masks.keys() for one in folders):
            return _whole(folders), 0
    folders, jpegs = _paired(_sorted_out(root, pictures, twins, masks_in))
    return _whole(folders), jpegs


def _whole(folders: list[PictureFolder]) -> list[PictureFolder]:
    for folder in folders:
        folder.leave_versions_out()
    return folders


def _is_plain(name: str) -> bool:
    """Return whether a name is that of an image, or of a mask in the layout of the LGG dataset."""
    stem, suffix = os.path.splitext(name)
    stem = stem.lower().removesuffix(MASK_ENDING)
    return suffix.lower() in SUFFIXES and not _MAY_BE_MASK.search(stem)


def _side_by_side(path: str, entries: Iterable[os.DirEntry[str]]) -> PictureFolder:
    folder = PictureFolder(path, PurePath(path).name)
    for entry in entries:
        stem, suffix = os.path.splitext(entry.name)
        is_mask = stem.lower().endswith(MASK_ENDING)
        key = stem[: -len(MASK_ENDING)] if is_mask else stem
        _put(folder.masks if is_mask else folder.images, key, suffix, entry)
    return folder


def _put(kind: Entries, key: str, suffix: str, entry: os.DirEntry[str]) -> None:
    # x_1.tif next to x_1.png are two slices with one number, which the checks report.
    kind[key if key not in kind else f"{key}{suffix}"] = entry


def _sorted_out(
    root: str,
    pictures: dict[str, list[os.DirEntry[str]]],
    twins: Collection[str],
    masks_in: str,
) -> list[_Picture]:
    found = []
    words = []
    for path, entries in pictures.items():
        below = PurePath(os.path.relpath(path, root))
        if below.name == _INSTANCES:
            continue
        named = PurePath(*(part for part in below.parts if part not in twins))
        group = tuple(filter(None, map(_without_kind, named.parts)))
        for entry in entries:
            name = (below / entry.name).as_posix()
            by_folder = {masks_in} & set(below.parts)
            words.append(frozenset(by_folder) if twins else mask_words(name))
            stem = os.path.splitext(entry.name)[0]
            found.append((entry, name, group, stem, (named / entry.name).as_posix()))
    shared = (
        frozenset.intersection(*words) if len(words) > 1 else words[0] if words else frozenset()
    )
    return [
        _Picture(*one, is_mask=bool(own - shared)) for one, own in zip(found, words, strict=True)
    ]


def _without_kind(part: str) -> str:
    """Return a folder name without the words for image and mask, if it names no case."""
    words = words_of(part)
    if not words or not set(words) <= FOLDER_WORDS:
        return part
    return "".join(word for word in words if word in SPLIT_WORDS)


def _paired(found: list[_Picture]) -> tuple[list[PictureFolder], int]:
    images = [one for one in found if not one.is_mask]
    masks = [one for one in found if one.is_mask]
    by_stem = {(one.group, one.stem): one for one in images}
    by_key = _by_key(images, key_of)
    pairs: list[tuple[_Picture, _Picture | None]] = []
    for mask in masks:
        rest = _WORD_OF_MASK.sub("", mask.stem)
        image = by_stem.get((mask.group, rest)) or _only(by_key[key_of(mask.key)])
        pairs.append((mask, image))
    if not any(image for _, image in pairs):
        named = [one for one in images if tumour_words(one.key)]
        if not masks and len(named) < len(images):
            images, masks = [one for one in images if one not in named], named
        by_key = _by_key(images, loose_key_of)
        pairs = [(mask, _only(by_key[loose_key_of(mask.key)])) for mask in masks]
        if named and masks == named:
            # Without its image it is a picture, as “tumour_1.png” beside “healthy_1.png”.
            images += [mask for mask, image in pairs if image is None]
            pairs = [pair for pair in pairs if pair[1]]
    of_jpeg = {image.group for _, image in pairs if image is not None and image.is_jpeg}
    folders: dict[tuple[str, ...], PictureFolder] = {}
    count = 0
    for one in images:
        if not one.is_jpeg or one.group in of_jpeg:
            _put(_folder(folders, one).images, one.stem, os.path.splitext(one.name)[1], one.entry)
            count += one.is_jpeg
    for mask, image in pairs:
        if image is None and mask.is_jpeg:
            continue
        owner = image or mask
        stem = image.stem if image else _WORD_OF_MASK.sub("", mask.stem)
        _put(_folder(folders, owner).masks, stem, os.path.splitext(mask.name)[1], mask.entry)
        count += mask.is_jpeg
    return list(folders.values()), count


def _only(alike: list[_Picture]) -> _Picture | None:
    return alike[0] if len(alike) == 1 else None


def _by_key(images: list[_Picture], key: Callable[[str], Key]) -> dict[Key, list[_Picture]]:
    by_key: dict[Key, list[_Picture]] = defaultdict(list)
    for one in images:
        by_key[key(one.key)].append(one)
    return by_key


def _folder(folders: dict[tuple[str, ...], PictureFolder], one: _Picture) -> PictureFolder:
    if one.group not in folders:
        named = [part for part in one.group if not set(words_of(part)) <= SPLIT_WORDS]
        path = os.path.dirname(one.entry.path)
        root = os.path.normpath(os.path.join(path, *[".."] * one.name.count("/")))
        name = (named or one.group or (PurePath(root).name,))[-1]
        folders[one.group] = PictureFolder(
            path, name, names_case=bool(named), is_part=len(named) < len(one.group)
        )
    return folders[one.group]
