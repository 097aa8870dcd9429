"""The layouts of cohorts of volumes: each finds its own cases by names, content and standard.

A layout is a function ``find(root, files, tables)`` that returns a :class:`CaseFiles` for each case that
it recognises; the files of its cases are not offered to the next one. DICOM comes last, by content.
"""

from pathlib import Path

from brainseg.cohort.layouts import bids, dataset_json, named
from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.cohort.layouts.dicom import find_studies

NIFTI_LAYOUTS = (dataset_json.find, bids.find, named.find)

__all__ = ["CaseFiles", "find_cases"]


def find_cases(
    root: Path, niftis: list[Path], dicom: list[Path], tables: list[Path]
) -> list[CaseFiles]:
    """Return the cases of volumes below a folder; of DICOM files only headers are read.

    Args:
        root: the folder.
        niftis: all NIfTI files below it.
        dicom: all DICOM files below it.
        tables: the other files that may describe them, such as dataset.json.
    """
    cases: list[CaseFiles] = []
    left = niftis
    for find in NIFTI_LAYOUTS:
        found = find(root, left, tables)
        cases += found
        used = {path for case in found for path in (*case.files, *case.masks)}
        # A layout that knows a folder also knows its other files.
        folders = {path.parent for path in used}
        left = [path for path in left if path not in used and path.parent not in folders]
    return cases + find_studies(dicom)
