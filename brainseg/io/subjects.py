"""The subject in a file name, so that files of two subjects never make one volume."""

import re

from brainseg.io.description_words import is_known, read_words, tokens_of, words_in
from brainseg.io.mask_names import TUMOUR_WORDS
from brainseg.io.names import base_of
from brainseg.io.sequence_guess import LABEL_MAP

_BIDS = re.compile(r"(?:^|[_/])(sub-[A-Za-z0-9]+)(?:_(ses-[A-Za-z0-9]+))?")
_TECHNIQUE = words_in(
    "ax axial sag sagittal cor coronal tra trans transversal oblique obl 2d 3d cube space wip ir se tse "
    "fse tfe gre fs fatsat brain head hirn kopf cerveau mri mr irm rm"
)


def subject_of(name: str, with_numbers: bool = False) -> str:
    """Return the part of a file name before the first sequence word, empty if there is none.

    Examples are ``sub-01_ses-1`` in BIDS, and ``BraTS_001`` in ``BraTS_001_flair.nii.gz``.

    Args:
        name: of the file.
        with_numbers: whether to include separate numbers of one or two digits, with which DICOM
            converters number the series of one subject.
    """
    stem = base_of(name)
    if bids := _BIDS.search(stem):
        return "_".join(filter(None, bids.groups()))
    parts = re.split(r"([_\-. ]+)", stem)
    before: list[str] = []
    for index, part in enumerate(parts):
        if not index % 2 and part and _is_of_sequence(part):
            break
        if part.lower() in TUMOUR_WORDS and any(map(str.isdigit, "".join(before))):
            break  # of a mask, such as P01_tumor_segmentation
        before.append(part)
    words = "".join(before).strip("_-. ")
    if not with_numbers:
        words = re.sub(r"(?:^|(?<=[_\-. ]))\d{1,2}(?=$|[_\-. ])", "", words)
    return words.strip("_-. ")


def identifier_of(name: str) -> str:
    """Return the subject's identifier in a name that also gives a sequence, else an empty text."""
    subject = subject_of(name)
    has_sequence = bool(read_words(base_of(name), is_name=True))
    return subject if has_sequence and any(map(str.isdigit, subject)) else ""


def case_of_slice(name: str) -> str:
    """Return the case of a slice by its name or folder: the part before the slice number.

    It is empty if it does not look like an identifier, as in ``flair_1.png`` and ``img_1.png``.
    """
    *folders, _ = name.replace("\\", "/").split("/")
    stem = re.sub(r"(?i)(?<![a-z0-9])t[12]\w?(?![a-z0-9])", "", base_of(name))
    numbers = [*re.finditer(r"(?<![0-9])[0-9]{1,6}(?![0-9])", stem)]
    before = stem[: numbers[-1].start()].strip("_-. ") if numbers else ""
    case = subject_of(before, with_numbers=True) or (folders[-1] if folders and not before else "")
    return case if any(map(str.isdigit, case)) else ""


def is_label_map(name: str) -> bool:
    """Return whether a file name is that of a mask, such as ``BraTS_001_seg.nii.gz``."""
    return read_words(base_of(name), is_name=True).kind == LABEL_MAP


def mask_name(name: str) -> str:
    """Return a name that says mask: the file's own if it does, else with a word in front."""
    return name if is_label_map(name) else f"seg_{name}"


def label_map_word(name: str) -> str:
    """Return the name of a label map for notes, which reports repeat: never its file name."""
    words = read_words(base_of(name), is_name=True).recognised
    return f"the label map “{words[0]}”" if words else "a label map"


def _is_of_sequence(part: str) -> bool:
    tokens = tokens_of(part)
    return any(is_known(token) or token in _TECHNIQUE for token in tokens)
