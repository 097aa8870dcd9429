"""The words in file and folder names that distinguish masks from images."""

import re
from pathlib import PurePosixPath

from brainseg.io.description_words import words_in
from brainseg.io.names import base_of

MASK_WORDS = words_in(
    "mask masks msk msks seg segs segm segmentation segmentations label labels labelmap labelmaps "
    "gt gts truth groundtruth annotation annotations annot roi rois gtv ctv"
)
IMAGE_WORDS = words_in(
    "image images imaging img imgs scan scans volume volumes vol vols ground jpeg class"
)
"""Words in an image's name where its mask has another word; "ground" comes from "ground truth", the last
two from the folders "JPEGImages" and "SegmentationClass" of Pascal VOC."""

SPLIT_WORDS = words_in("tr ts train training val valid validation test testing")
"""Words of the parts of a dataset, as in the folder names "train" and "imagesTr"."""

FOLDER_WORDS = MASK_WORDS | IMAGE_WORDS | SPLIT_WORDS
"""A folder whose name has no other words names no case."""

TUMOUR_WORDS = words_in("tumor tumors tumour tumours lesion lesions")
"""Words in the name of a mask, which alone do not make it one."""

_READER_WORDS = words_in("manual manually corrected expert consensus final")

_SEQUENCE = re.compile(r"(?i)(?<![a-z0-9])(t[12][a-z]{0,3}|flair)(?![a-z0-9])")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\W\d_]+")
Key = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """Return the words and numbers in a name, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def _folders(name: str) -> list[str]:
    return [folder for folder in PurePosixPath(name.replace("\\", "/")).parts[:-1] if folder != "/"]


def is_mask_folder(name: str) -> bool:
    """Return whether a folder's name says that it contains masks, and names no case."""
    words = set(words_of(name))
    return words <= FOLDER_WORDS and bool(words & MASK_WORDS)


def mask_words(name: str) -> frozenset[str]:
    """Return the mask words in a file's own name and in folders whose names contain no other words."""
    own = set(words_of(base_of(name)))
    for folder in _folders(name):
        words = set(words_of(folder))
        own |= words if words <= FOLDER_WORDS else set()
    return frozenset(own & MASK_WORDS)


def key_of(name: str) -> Key:
    """Return what the names of a mask and its image share: all words except those for mask and image."""
    words = [
        *(word for folder in _folders(name) for word in words_of(folder)),
        *words_of(base_of(name)),
    ]
    shared = [word for word in words if word not in MASK_WORDS | IMAGE_WORDS]
    return tuple(word.lstrip("0") or "0" if word.isdecimal() else word for word in shared)


def tumour_words(name: str) -> frozenset[str]:
    """Return the words for a tumour in a file's own name."""
    return frozenset(words_of(base_of(name))) & TUMOUR_WORDS


def loose_key_of(name: str) -> Key:
    """Return :func:`key_of` without the words for a sequence, a tumour and who outlined it."""
    # A word that no key contains takes its place, so that a name remains.
    key = key_of(_SEQUENCE.sub("image", name))
    return tuple(word for word in key if word not in TUMOUR_WORDS | _READER_WORDS)
