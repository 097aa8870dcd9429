"""DICOM studies, recognised by their content, whatever their names: one case a study of one patient."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.cohort.layouts.folder_names import folder_name
from brainseg.errors import DecodeError
from brainseg.io.dicom.elements import PEEKED_BYTES, looks_like_dicom, read_elements
from brainseg.io.dicom.evidence import whose
from brainseg.io.files import open_file, read_file
from brainseg.io.limits import or_damaged
from brainseg.io.names import DISC_DIRECTORY

NUMBERED = "\0"
"""Begins the number of a patient that gets the name of the first of its studies."""

_START_BYTES = 64 * 1024
"""The patient and the study are named near the beginning of a file, before its pixels."""


def is_dicom(path: Path) -> bool:
    """Return whether a file's content is DICOM."""
    try:
        with open_file(path) as file:
            return looks_like_dicom(file.read(PEEKED_BYTES))
    except OSError:
        return False


def is_disc_directory(path: Path) -> bool:
    """Return whether a file is the DICOMDIR of a disc."""
    return path.name.upper() == DISC_DIRECTORY and is_dicom(path)


def find_studies(files: Iterable[Path]) -> list[CaseFiles]:
    """Return DICOM files grouped by patient and study; a file without ids goes with its folder.

    Patients are numbered, see :data:`NUMBERED`: two studies of a patient stay one patient.
    """
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
    patients = {
        path: patient for (patient, _), study in by_study.items() if patient for path in study
    }
    # Their own ids are never shown.
    numbers = {
        patient: f"{NUMBERED}{n}" for n, patient in enumerate(dict.fromkeys(patients.values()))
    }
    return [
        replace(one, patient_id=numbers.get(patients.get(one.files[0], ""), ""))
        for one in _named(folders)
    ]


def _named(folders: dict[Path, list[list[Path]]]) -> list[CaseFiles]:
    groups = []
    for folder, studies in folders.items():
        name = folder_name(folder)
        for number, study in enumerate(sorted(studies), start=1):
            if len(studies) == 1:
                groups.append(CaseFiles(name, folder, tuple(study)))
                continue
            groups.append(
                CaseFiles(
                    f"{name} (study {number} of {len(studies)})",
                    folder,
                    tuple(study),
                    note=f"The folder {name} contains {len(studies)} studies, which are separate "
                    f"cases: this is study {number}, {len(study)} files.",
                )
            )
    return groups


def _patient_and_study(path: Path) -> tuple[str, str] | None:
    """Return the identifiers of patient and study in a DICOM file, or None where it has neither."""
    try:
        with open_file(path) as file:
            start = file.read(_START_BYTES)
        ids = _ids_in(start, is_start=True)
        # With one of them alone, the other may lie behind the start.
        return ids if ids and all(ids) else _ids_in(read_file(path))
    except OSError:
        return None


def _ids_in(content: bytes, is_start: bool = False) -> tuple[str, str] | None:
    try:
        patient, study = or_damaged(lambda: whose(read_elements(content, is_start)))
    except DecodeError:
        return None
    return (patient, study) if study or patient else None


def _join_unnamed_patients(by_study: dict[tuple[str, str], list[Path]]) -> None:
    """Merge files without a patient id into their study where it names exactly one patient."""
    for patient, study in [*by_study]:
        named = [key for key in by_study if key[1] == study and key[0]]
        if not patient and study and len(named) == 1:
            by_study[named[0]] += by_study.pop(("", study))
