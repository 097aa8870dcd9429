"""The name that a folder gives to a case."""

from pathlib import Path

from brainseg.storage import real_path

GENERIC = """
anat func nifti niftis nii image images img imgs data dicom dicoms dcm mr mri scan scans raw
"""
"""Folder names that do not identify a case."""


def folder_name(folder: Path) -> str:
    """Return the name of a folder, or of its first parent whose name is not generic."""
    folder = real_path(folder)
    for one in (folder, *folder.parents):
        if one.name and one.name.casefold() not in GENERIC.split():
            return one.name
    return folder.name or "study"
