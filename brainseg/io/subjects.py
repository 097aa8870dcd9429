"""Whose volume a file is, as far as its name tells: two subjects never make one volume."""

import re

from brainseg.io.description_words import is_known, read_words, tokens_of
from brainseg.io.names import base_of
from brainseg.io.sequence_guess import LABEL_MAP

_BIDS = re.compile(r"(?:^|[_/])(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?")
_TECHNIQUE = """
ax axial sag sagittal cor coronal tra trans transversal oblique obl 2d 3d cube space wip ir se tse fse
tfe gre fs fatsat brain head hirn kopf cerveau mri mr irm rm
"""


def subject_of(name: str, with_numbers: bool = False) -> str:
    """Return what stands before the first word of a sequence in a file's name; empty where nothing does.

    ``sub-01_ses-1`` of BIDS, ``BraTS_001`` of ``BraTS_001_flair.nii.gz``.

    Args:
        name: of the file.
        with_numbers: whether to keep a number of one or two digits that stands by itself; programs that
            convert DICOM number the series of one subject so.
    """
    stem = base_of(name)
    if bids := _BIDS.search(stem):
        return "_".join(filter(None, bids.groups()))
    parts = re.split(r"([_\-. ]+)", stem)
    kept: list[str] = []
    for place, part in enumerate(parts):
        if not place % 2 and part and _is_of_sequence(part):
            break
        kept.append(part)
    words = "".join(kept).strip("_-. ")
    if not with_numbers:
        words = re.sub(r"(?:^|(?<=[_\-. ]))\d{1,2}(?=$|[_\-. ])", "", words)
    return words.strip("_-. ")


def identifier_of(name: str) -> str:
    """Return what looks like a subject's identifier in a name that tells a sequence, too; or empty."""
    subject = subject_of(name)
    is_told = bool(read_words(base_of(name), is_name=True)) and any(map(str.isdigit, subject))
    return subject if is_told else ""


def case_of_slice(name: str) -> str:
    """Return the case of a slice by its name or folder: what stands before the slice's number.

    Empty where it does not look like an identifier, as in ``flair_1.png`` and ``img_1.png``.
    """
    *folders, _ = name.replace("\\", "/").split("/")
    stem = re.sub(r"(?i)(?<![a-z0-9])t[12]\w?(?![a-z0-9])", "", base_of(name))
    numbers = [*re.finditer(r"(?<![0-9])[0-9]{1,6}(?![0-9])", stem)]
    before = stem[: numbers[-1].start()].strip("_-. ") if numbers else ""
    case = subject_of(before, with_numbers=True) or (folders[-1] if folders and not before else "")
    return case if any(map(str.isdigit, case)) else ""


def is_label_map(name: str) -> bool:
    """Return whether a file's name says that it holds a mask, such as ``BraTS_001_seg.nii.gz``."""
    return read_words(base_of(name), is_name=True).kind == LABEL_MAP


def label_map_word(name: str) -> str:
    """Return what a label map is called in notes, which reports repeat: never by its file's name."""
    said = read_words(base_of(name), is_name=True).recognised
    return f"the label map “{said[0]}”" if said else "a label map"


def _is_of_sequence(part: str) -> bool:
    tokens = tokens_of(part)
    return any(is_known(token) or token in _TECHNIQUE.split() for token in tokens)
