"""The layouts of cohorts of volumes: each finds its own cases by names, content and standard.

A layout is a function ``find(root, files, tables)`` that returns a :class:`CaseFiles` for each case that
it recognises; the files of its cases are not offered to the next one. DICOM comes last, by content.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from brainseg.cohort.layouts import bids, dataset_json, freesurfer, named, vsd
from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.cohort.layouts.dicom import NUMBERED, find_studies
from brainseg.io.names import IMAGE_SUFFIXES, base_of, suffix_of

VOLUME_LAYOUTS = (dataset_json.find, bids.find, freesurfer.find, vsd.find, named.find)

__all__ = ["CaseFiles", "find_cases"]


def find_cases(
    root: Path,
    niftis: list[Path],
    dicom: list[Path],
    tables: list[Path],
    masks: Mapping[Path, Path] = MappingProxyType({}),
    known: Iterable[CaseFiles] = (),
) -> list[CaseFiles]:
    """Return the cases of volumes below a folder, each with a name of its own; no pixels are read.

    Args:
        root: the folder.
        niftis: all NIfTI files below it.
        dicom: all DICOM files below it.
        tables: the other files that may describe them, such as dataset.json.
        masks: the mask of each image where folders, not names, tell them apart.
        known: cases of pictures, which were found before.
    """
    cases = [*known]
    left = niftis
    for find in VOLUME_LAYOUTS:
        found = find(root, left, tables)
        cases += found
        used = {path for case in found for path in (*case.files, *case.masks)}
        # A layout that knows a folder also knows its other files.
        folders = {path.parent for path in used}
        left = [path for path in left if path not in used and path.parent not in folders]
        if found and find is bids.find:
            left = [path for path in left if not bids.entities_of(path)]
        if find is freesurfer.find:
            left = [path for path in left if not freesurfer.is_result(path, folders)]
        if find is dataset_json.find:  # results of nnU-Net are called like their cases
            names = {case.name for case in found}
            left = [path for path in left if base_of(path.name) not in names]
    cases = [replace(one, masks=own) if (own := _of(one, masks)) else one for one in cases]
    return _named_apart(root, [*map(_with_channels, cases), *find_studies(dicom)])


def _with_channels(case: CaseFiles) -> CaseFiles:
    """Return a case of TIFF stacks with names that give each of them as a channel."""
    if case.names or suffix_of(case.files[0].name) not in IMAGE_SUFFIXES:
        return case
    return replace(case, names=tuple(f"{path.stem}/{path.name}" for path in case.files))


def _of(case: CaseFiles, masks: Mapping[Path, Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(masks[path] for path in case.files if path in masks))


def _named_apart(root: Path, cases: list[CaseFiles]) -> list[CaseFiles]:
    """Return cases in order of name; those of equal names get the names of their folders in front."""
    names = Counter(case.name for case in cases)
    taken: set[str] = set()
    named = []
    for case in cases:
        name = case.name
        if names[name] > 1:
            folder = case.folder.parent if case.folder in case.files else case.folder
            name = "-".join(dict.fromkeys((*folder.relative_to(root).parts, name)))
        free, count = name, 2
        while free in taken:
            free, count = f"{name}-{count}", count + 1
        taken.add(free)
        named.append(replace(case, name=free))
    # Two studies of a patient stay one patient, known by the name of the first.
    named.sort(key=lambda case: case.name)
    first: dict[str, str] = {}
    for case in named:
        first.setdefault(case.patient_id, case.name)
    return [
        replace(case, patient_id=first[case.patient_id])
        if case.patient_id.startswith(NUMBERED)
        else case
        for case in named
    ]
