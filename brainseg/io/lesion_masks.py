"""Which of several masks of a case outlines the lesion, by their names."""

import re
from collections.abc import Iterable

from brainseg.io.description_words import read_words
from brainseg.io.mask_names import TUMOUR_WORDS, words_of
from brainseg.io.names import base_of

_LESION = re.compile(
    r"(?i)lesion|tumou?r|glioma|(?<![a-z])(wt|gtv)(?![a-z])|whole|abnormal|edema|oedema|core"
)
_OF_ANATOMY = re.compile(
    r"(?i)brain|cerebr|tissue|head|skull|parenchyma|aparc|aseg|hippo|thalam|ventric|vessel|cortex|hemisphere|"
    r"probseg|atlas|(?<![a-z])(bet|gm|wm|csf|icv|mni)(?![a-z])"
)
_BY_PROGRAM = re.compile(
    r"(?i)auto(?!psy)|approx|pred(?!nis)|glistr|deepbratumia|hd-?glio|nnu-?net|samseg|estimat"
)
_AGREED = re.compile(r"(?i)consensus|final|majority")
_BY_READER = re.compile(r"(?i)manual|corrected|expert|approved|reader|rater")


def lesion_masks(names: Iterable[str], subject: str = "") -> list[str]:
    """Return the names of masks that outline a lesion: those that readers agreed on, or a reader's.

    Masks of the brain, of tissues and of other anatomy are left out. A program's mask is used only where
    no other is there.

    Args:
        names: of the mask files of one case.
        subject: the beginning of the names, which says nothing about the masks.
    """
    words = {name: base_of(name).removeprefix(subject) for name in names}
    found = [
        name for name, own in words.items() if _LESION.search(own) or not _OF_ANATOMY.search(own)
    ]
    for preferred in (
        [name for name in found if _AGREED.search(words[name])],
        [name for name in found if _BY_READER.search(words[name])],
        [name for name in found if not _BY_PROGRAM.search(words[name])],
    ):
        found = preferred or found
    named = [name for name in found if _LESION.search(words[name])]
    return named or found


def is_named_as_mask(name: str) -> bool:
    """Return whether beside sequences a file is a mask by its name: of a tumour, or of anatomy alone."""
    words = {*words_of(base_of(name))}
    return bool(words & TUMOUR_WORDS) or bool(
        _OF_ANATOMY.search(base_of(name)) and not read_words(base_of(name), is_name=True)
    )
