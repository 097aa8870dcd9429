"""Group the files below a folder: the series of a study, the sequences of a subject.

DICOM files are recognised by their content, whatever their names. Files of different studies, patients
or subjects are never in one group.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from brainseg.cohort.picture_pairs import SUFFIXES
from brainseg.errors import DecodeError
from brainseg.io import is_input
from brainseg.io.dicom.elements import PEEKED_BYTES, looks_like_dicom, read_elements
from brainseg.io.dicom.evidence import whose
from brainseg.io.files import open_file, read_file
from brainseg.io.folders import walk_folders
from brainseg.io.limits import or_damaged
from brainseg.io.names import DISC_DIRECTORY, suffix_of
from brainseg.io.sequences import guess_from_words
from brainseg.io.subjects import is_label_map, subject_of

NIFTI_SUFFIXES = (".nii", ".nii.gz")
_GENERIC = """
anat func nifti niftis nii image images img imgs data dicom dicoms dcm mr mri scan scans raw
"""
"""Folder names that do not identify a case."""


@dataclass(frozen=True)
class Group:
    """Files that make one input.

    Attributes:
        name: of the case.
        folder: that contains the files.
        files: in order.
        note: one sentence about the grouping, or None.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    note: str | None = None


@dataclass
class FolderContent:
    """The content of a folder besides the slices of a cohort.

    Attributes:
        groups: of DICOM and NIfTI files, and single files.
        discs: folders with a DICOMDIR; their pictures belong to the disc, not to a case.
        has_pictures: whether there are TIFF or PNG files outside of the discs.
    """

    groups: list[Group] = field(default_factory=list)
    discs: list[Path] = field(default_factory=list)
    has_pictures: bool = False

    def on_disc(self, path: Path) -> bool:
        """Return whether a path lies on one of the discs."""
        return any(path.is_relative_to(disc) for disc in self.discs)


def find_groups(root: Path) -> FolderContent:
    """Return the groups below a folder; only headers of DICOM files are read, no pixels."""
    found = FolderContent()
    dicom: list[Path] = []
    for path_text, entries in walk_folders(root):
        folder, files = Path(path_text), [Path(entry.path) for entry in entries]
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
        with open_file(path) as file:
            return looks_like_dicom(file.read(PEEKED_BYTES))
    except OSError:
        return False


def _is_directory(path: Path) -> bool:
    return path.name.upper() == DISC_DIRECTORY and is_dicom(path)


def _folder_name(folder: Path) -> str:
    """Return the name of a folder, or of its first parent whose name is not generic."""
    folder = folder.resolve()
    for one in (folder, *folder.parents):
        if one.name and one.name.casefold() not in _GENERIC.split():
            return one.name
    return folder.name or "study"


def _studies(files: Iterable[Path]) -> list[Group]:
    """Return DICOM files grouped by patient and study; a file without ids goes with its folder."""
    by_study: dict[tuple[str, str], list[Path]] = defaultdict(list)
    without_ids: list[Path] = []
    for path in files:
        ids = _patient_and_study(path)
        (by_study[ids] if ids else without_ids).append(path)
    _join_unnamed_patients(by_study)
    for path in without_ids:
        near = [key for key, study in by_study.items() if study[0].parent == path.parent]
        by_study[near[0] if near else ("", str(path.parent))].append(path)
    folders: dict[Path, list[list[Path]]] = defaultdict(list)
    for study in by_study.values():
        folders[Path(os.path.commonpath([path.parent for path in study]))].append(sorted(study))
    groups = []
    for folder, studies in folders.items():
        name = _folder_name(folder)
        for number, study in enumerate(sorted(studies), start=1):
            if len(studies) == 1:
                groups.append(Group(name, folder, tuple(study)))
                continue
            groups.append(
                Group(
                    f"{name} (study {number} of {len(studies)})",
                    folder,
                    tuple(study),
                    f"The folder {name} contains {len(studies)} studies, which are predicted "
                    f"separately: this is study {number}, {len(study)} files.",
                )
            )
    return groups


def _patient_and_study(path: Path) -> tuple[str, str] | None:
    """Return the identifiers of patient and study in a DICOM file, or None where it has neither."""
    try:
        content = read_file(path)
        patient, study = or_damaged(lambda: whose(read_elements(content)))
    except (OSError, DecodeError):
        return None
    return (patient, study) if study or patient else None


def _join_unnamed_patients(by_study: dict[tuple[str, str], list[Path]]) -> None:
    """Merge files without a patient id into their study where it names exactly one patient."""
    for patient, study in [*by_study]:
        named = [key for key in by_study if key[1] == study and key[0]]
        if not patient and study and len(named) == 1:
            by_study[named[0]] += by_study.pop(("", study))


def _nifti_groups(files: list[Path], folder: Path, root: Path) -> list[Group]:
    """Return the NIfTI files of a folder, one group per subject whose file names give the sequences."""
    groups = []
    subjects = _by_subject(files)
    for subject, own in subjects.items():
        images = [path for path in own if not is_label_map(path.name)]
        if _are_sequences(images):
            name = _folder_name(folder)
            if subject and (len(subjects) > 1 or folder.name.casefold() in _GENERIC.split()):
                name = subject
            groups.append(Group(name, folder, tuple(own)))
            continue
        masks = [path for path in own if path not in images] if len(images) == 1 else []
        groups += [Group(single(path).name, path, (path, *masks)) for path in images]
    return groups


def _by_subject(files: list[Path]) -> dict[str, list[Path]]:
    """Return files by subject; short numbers tell subjects apart only where a sequence repeats."""
    weak, strong = (_split_by_subject(files, with_numbers) for with_numbers in (False, True))
    named = [[guess_from_words(path.name) for path in own] for own in weak.values()]
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
    # A name without any sequence word belongs to the subject that it begins with.
    for name in [*subjects]:
        prefixes = [
            other for other in subjects if other and re.match(rf"{re.escape(other)}[_\-. ]", name)
        ]
        if prefixes:
            subjects[max(prefixes, key=len)] += subjects.pop(name)
    return {subject: sorted(own) for subject, own in subjects.items()}


def _are_sequences(files: Iterable[Path]) -> bool:
    named = [guess for path in files if (guess := guess_from_words(path.name))]
    return len(named) > 1 and len(named) == len(set(named))
