"""Subjects of FreeSurfer: ``bert/mri/T1.mgz`` beside ``aseg.mgz``, ``brainmask.mgz`` and many more.

A subject is one case of T1 and, if ``recon-all`` was given them, FLAIR and T2. Its other volumes are
results, whose labels are those of the anatomy. A mask of a lesion that a reader put there is used.
"""

from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.io.lesion_masks import lesion_masks
from brainseg.io.names import base_of
from brainseg.io.subjects import is_label_map

_FOLDER = "mri"
_SIGNS = {"orig", "aseg", "brainmask", "norm", "nu", "rawavg"}
_T1 = ("T1", "orig", "rawavg", "nu")
"""From the first: as FreeSurfer shows it, and in the order of its making."""

_RESULTS = ("wm", "ribbon", "filled", "aseg", "aparc", "brain")


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return a case for each subject."""
    subjects: dict[Path, dict[str, Path]] = {}
    for path in files:
        if path.parent.name == _FOLDER:
            subjects.setdefault(path.parent, {})[base_of(path.name)] = path
    cases = []
    for folder, own in subjects.items():
        first = next((own[name] for name in _T1 if name in own), None)
        if len(_SIGNS & {*own}) < 2 or first is None:
            continue
        images = [(first, f"T1{first.suffix}")]
        images += [(own[name], own[name].name) for name in ("FLAIR", "T2") if name in own]
        masks = {
            path.name: path
            for name, path in own.items()
            if is_label_map(path.name) and not set(_RESULTS) & {*name.replace("+", ".").split(".")}
        }
        cases.append(
            CaseFiles(
                folder.parent.name,
                folder,
                tuple(path for path, _ in images),
                tuple(name for _, name in images),
                tuple(masks[name] for name in lesion_masks(masks)[:1]),
            )
        )
    return cases


def is_result(path: Path, folders: set[Path]) -> bool:
    """Return whether a file lies below a subject's folder of volumes, as ``mri/orig/001.mgz`` does."""
    return any(one in folders and one.name == _FOLDER for one in path.parents)
