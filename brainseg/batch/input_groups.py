"""Which files below a folder belong together: the series of a study, the sequences of a subject.

DICOM files are known by their content, whatever their names. Files of two studies or two patients, and
files whose names tell two subjects, are never one group.
"""

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from brainseg.cohort.discovery import MAX_DEPTH, SUFFIXES
from brainseg.errors import DecodeError
from brainseg.io import MAX_INFLATED_BYTES, is_input
from brainseg.io.dicom.elements import PEEKED_BYTES, looks_like_dicom, read_elements
from brainseg.io.dicom.evidence import whose
from brainseg.io.limits import or_damaged
from brainseg.io.names import DISC_DIRECTORY, suffix_of
from brainseg.io.sequences import guess_from_words
from brainseg.io.subjects import is_label_map, subject_of

NIFTI_SUFFIXES = (".nii", ".nii.gz")
_GENERIC = """
anat func nifti niftis nii image images img imgs data dicom dicoms dcm mr mri scan scans raw
"""
"""Names of folders that tell no case from another."""


@dataclass(frozen=True)
class Group:
    """Files that make one input.

    Attributes:
        name: of the case.
        folder: that holds the files.
        files: in order.
        note: what to know of the grouping, a sentence, or None.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    note: str | None = None


@dataclass
class Found:
    """What a folder holds beside the slices of a cohort.

    Attributes:
        groups: of DICOM and NIfTI files, and single files.
        discs: folders with a DICOMDIR; their pictures belong to the disc, not to a case.
        has_pictures: whether TIFF or PNG files lie outside of the discs.
    """

    groups: list[Group] = field(default_factory=list)
    discs: list[Path] = field(default_factory=list)
    has_pictures: bool = False

    def on_disc(self, path: Path) -> bool:
        """Return whether a path lies on one of the discs."""
        return any(path.is_relative_to(disc) for disc in self.discs)


def find_groups(root: Path) -> Found:
    """Return the groups below a folder; headers of DICOM files are read, nothing is decoded."""
    found, dicom = Found(), []
    for folder, files in _walk(root):
        if any(_is_directory(path) for path in files):
            found.discs.append(folder)
        on_disc = found.on_disc(folder)
        found.groups += _nifti_groups(
            [path for path in files if suffix_of(path.name) in NIFTI_SUFFIXES], folder, root
        )
        for path in files:
            suffix = suffix_of(path.name)
            if suffix in NIFTI_SUFFIXES or _is_directory(path):
                continue
            if suffix in SUFFIXES:
                found.has_pictures |= not on_disc
            elif is_input(path) and suffix != ".dcm":
                found.groups += [] if on_disc else [single(path)]
            elif suffix == ".dcm" or is_dicom(path):
                dicom.append(path)
    found.groups += _studies(dicom)
    return found


def single(path: Path) -> Group:
    """Return the group of one file, named after it without its ending."""
    ending = suffix_of(path.name) if is_input(path) else ""
    return Group(path.name[: len(path.name) - len(ending)] or path.name, path, (path,))


def is_dicom(path: Path) -> bool:
    """Return whether a file's content is DICOM."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return looks_like_dicom(file.read(PEEKED_BYTES))
    except OSError:
        return False


def _is_directory(path: Path) -> bool:
    return path.name.upper() == DISC_DIRECTORY and is_dicom(path)


def _walk(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield folders down to :data:`MAX_DEPTH` with their files, hidden ones left out, in order."""
    for place, folders, files in os.walk(root):
        here = Path(place)
        deep = len(here.relative_to(root).parts)
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = shown if deep < MAX_DEPTH else []
        yield here, [here / name for name in sorted(files) if not name.startswith(".")]


def _folder_name(folder: Path) -> str:
    """Return a folder's name, or that of the first one above it whose name is not generic."""
    folder = folder.resolve()
    for one in (folder, *folder.parents):
        if one.name and one.name.casefold() not in _GENERIC.split():
            return one.name
    return folder.name or "study"


def _studies(files: Iterable[Path]) -> list[Group]:
    """Return the DICOM files by patient and study; a file that names none goes with its folder."""
    by_study: dict[tuple[str, str], list[Path]] = defaultdict(list)
    silent = []
    for path in files:
        whose = _whose(path)
        (by_study[whose] if whose else silent).append(path)
    _join_unnamed_patients(by_study)
    for path in silent:
        near = [key for key, held in by_study.items() if held[0].parent == path.parent]
        by_study[near[0] if near else ("", str(path.parent))].append(path)
    folders: dict[Path, list[list[Path]]] = defaultdict(list)
    for held in by_study.values():
        folders[Path(os.path.commonpath([path.parent for path in held]))].append(sorted(held))
    groups = []
    for folder, studies in folders.items():
        name = _folder_name(folder)
        for place, held in enumerate(sorted(studies), start=1):
            if len(studies) == 1:
                groups.append(Group(name, folder, tuple(held)))
                continue
            groups.append(
                Group(
                    f"{name} (study {place} of {len(studies)})",
                    folder,
                    tuple(held),
                    f"The folder {name} holds {len(studies)} studies, which are predicted apart: this "
                    f"is study {place}, {len(held)} files.",
                )
            )
    return groups


def _whose(path: Path) -> tuple[str, str] | None:
    """Return what stands for the patient and the study of a DICOM file, None where it does not say."""
    try:
        if path.stat().st_size > MAX_INFLATED_BYTES:
            return None
        content = path.read_bytes()
        patient, study = or_damaged(lambda: whose(read_elements(content)))
    except (OSError, DecodeError):
        return None
    return (patient, study) if study or patient else None


def _join_unnamed_patients(by_study: dict[tuple[str, str], list[Path]]) -> None:
    """Put the files of a study without a patient's id to those that have the only one of the study."""
    for patient, study in [*by_study]:
        named = [key for key in by_study if key[1] == study and key[0]]
        if not patient and study and len(named) == 1:
            by_study[named[0]] += by_study.pop(("", study))


def _nifti_groups(files: list[Path], folder: Path, root: Path) -> list[Group]:
    """Return the NIfTI files of a folder: a group for each subject whose names tell its sequences."""
    groups = []
    subjects = _by_subject(files)
    for subject, held in subjects.items():
        images = [path for path in held if not is_label_map(path.name)]
        if _are_sequences(images):
            name = _folder_name(folder)
            if subject and (len(subjects) > 1 or folder.name.casefold() in _GENERIC.split()):
                name = subject
            groups.append(Group(name, folder, tuple(held)))
            continue
        masks = [path for path in held if path not in images]
        for place, path in enumerate(images):
            one = single(path)
            more = masks if not place and len(images) == 1 else []
            groups.append(Group(one.name, path, (path, *more)))
    return groups


def _by_subject(files: list[Path]) -> dict[str, list[Path]]:
    """Return files by subject; lone small numbers count where a sequence would stand twice without."""
    weak, strong = (_split_by_subject(files, with_numbers) for with_numbers in (False, True))
    named = [[guess_from_words(path.name) for path in held] for held in weak.values()]
    is_twice = any(
        guesses.count(guess) > 1 for guesses in named for guess in guesses if guess is not None
    )
    subjects = strong if is_twice else weak
    if "" in subjects and len(subjects) == 2:
        (other,) = subjects.keys() - {""}
        subjects = {other: sorted(subjects[""] + subjects[other])}
    return subjects


def _split_by_subject(files: list[Path], with_numbers: bool) -> dict[str, list[Path]]:
    subjects: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        subjects[subject_of(path.name, with_numbers)].append(path)
    # A name without any word of a sequence goes to the subject that it begins with.
    for name in [*subjects]:
        of = [
            other for other in subjects if other and re.match(rf"{re.escape(other)}[_\-. ]", name)
        ]
        if of:
            subjects[max(of, key=len)] += subjects.pop(name)
    return {subject: sorted(held) for subject, held in subjects.items()}


def _are_sequences(files: Iterable[Path]) -> bool:
    named = [guess for path in files if (guess := guess_from_words(path.name))]
    return len(named) > 1 and len(named) == len(set(named))
