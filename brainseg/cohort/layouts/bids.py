"""BIDS: ``sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz``, with masks there or in ``derivatives``.

One session is one case of its subject. Images of the raw data are used where there are any, else those
of a derivative. Masks of the brain or of tissues are left out where another mask is there.
"""

import re
from collections import defaultdict
from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.io.names import base_of
from brainseg.io.sequences import guess_from_words

_ENTITIES = re.compile(r"^(?P<subject>sub-[A-Za-z0-9]+)(?:_(?P<session>ses-[A-Za-z0-9]+))?_")
_MASKS = ("mask", "msk", "dseg", "seg", "roi", "label", "probseg")
_LESION = re.compile(r"(?i)lesion|tumou?r|glioma|wt|whole|abnormal")
_OTHER_MASK = re.compile(r"(?i)brain|tissue|head|skull|aparc|aseg|hippo|probseg")


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return a case for each session of each subject."""
    images: dict[tuple[str, str], list[Path]] = defaultdict(list)
    masks: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in files:
        found = _ENTITIES.match(path.name)
        if not found or found["subject"] not in path.parts:
            continue
        key = found["subject"], found["session"] or ""
        if base_of(path.name).rsplit("_", 1)[-1] in _MASKS:
            masks[key].append(path)
        elif path.parent.name == "anat" or guess_from_words(base_of(path.name)):
            images[key].append(path)
    return [
        CaseFiles(
            "_".join(filter(None, key)),
            own[0].parent,
            tuple(_raw(root, own)),
            masks=tuple(_of_lesion(masks[key])),
            patient_id=key[0],
        )
        for key, own in images.items()
    ]


def _raw(root: Path, images: list[Path]) -> list[Path]:
    raw = [path for path in images if "derivatives" not in path.relative_to(root).parts]
    return raw or images


def _of_lesion(masks: list[Path]) -> list[Path]:
    named = [path for path in masks if _LESION.search(path.name)]
    return named[:1] or [path for path in masks if not _OTHER_MASK.search(path.name)][:1]
