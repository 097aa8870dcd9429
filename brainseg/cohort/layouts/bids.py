"""BIDS: ``sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz``, with masks there or in ``derivatives``.

One session is one case of its subject. Images of the raw data are used where there are any, else those
of a derivative. Masks of the brain or of tissues are left out, and so are all other files of BIDS.
"""

import re
from collections import defaultdict
from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.io.lesion_masks import lesion_masks
from brainseg.io.names import base_of
from brainseg.io.sequences import guess_from_words

_ENTITIES = re.compile(r"^(?P<subject>sub-[A-Za-z0-9]+)(?:_(?P<session>ses-[A-Za-z0-9]+))?_")
_MASKS = ("mask", "msk", "dseg", "seg", "roi", "label", "probseg")
_STANDARD_SPACE = re.compile(r"(?i)space-(MNI|fsaverage|Talairach)")


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return a case for each session of each subject."""
    images: dict[tuple[str, str], list[Path]] = defaultdict(list)
    masks: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in files:
        found = entities_of(path)
        if not found:
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
            masks=_of_lesion(masks[key]),
            patient_id=key[0],
        )
        for key, own in images.items()
    ]


def entities_of(path: Path) -> re.Match[str] | None:
    """Return subject and session in the name of a file below the folder of its subject."""
    found = _ENTITIES.match(path.name)
    return found if found and found["subject"] in path.parts else None


def _raw(root: Path, images: list[Path]) -> list[Path]:
    raw = [path for path in images if "derivatives" not in path.relative_to(root).parts]
    return raw or images


def _of_lesion(masks: list[Path]) -> tuple[Path, ...]:
    native = {path.name: path for path in masks if not _STANDARD_SPACE.search(path.name)}
    return tuple(native[name] for name in lesion_masks(native)[:1])
