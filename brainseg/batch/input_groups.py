"""Find the files below a folder that are no slices of a cohort: volumes, studies and single pictures."""

from dataclasses import dataclass, field
from pathlib import Path

from brainseg.cohort.layouts import CaseFiles, find_cases
from brainseg.cohort.layouts.dataset_json import DESCRIPTION
from brainseg.cohort.layouts.dicom import is_dicom, is_disc_directory
from brainseg.cohort.picture_pairs import SUFFIXES, is_picture
from brainseg.cohort.twin_folders import pair_twins
from brainseg.io import is_input
from brainseg.io.detached import is_volume
from brainseg.io.folders import walk_folders
from brainseg.io.names import suffix_of


@dataclass
class FolderContent:
    """The content of a folder besides the slices of a cohort.

    Attributes:
        groups: of DICOM and NIfTI files, and single files.
        discs: folders with a DICOMDIR; their pictures belong to the disc, not to a case.
        has_pictures: whether there are pictures outside of the discs.
    """

    groups: list[CaseFiles] = field(default_factory=list)
    discs: list[Path] = field(default_factory=list)
    has_pictures: bool = False

    def on_disc(self, path: Path) -> bool:
        """Return whether a path lies on one of the discs."""
        return any(path.is_relative_to(disc) for disc in self.discs)


def find_groups(root: Path) -> FolderContent:
    """Return the groups below a folder; only headers of DICOM files are read, no pixels."""
    found = FolderContent()
    niftis: list[Path] = []
    dicom: list[Path] = []
    tables: list[Path] = []
    for path_text, entries in walk_folders(root):
        folder, files = Path(path_text), [Path(entry.path) for entry in entries]
        if any(is_disc_directory(path) for path in files):
            found.discs.append(folder)
        on_disc = found.on_disc(folder)
        for path in files:
            suffix = suffix_of(path.name)
            if path.name.lower() == DESCRIPTION:
                tables.append(path)
            elif is_volume(path):
                niftis.append(path)
            elif is_disc_directory(path):
                continue
            elif suffix in SUFFIXES:
                found.has_pictures |= not on_disc
            elif is_input(path) and suffix not in (".dcm", ".hdr"):
                found.has_pictures |= is_picture(path.name) and not on_disc
                found.groups += [] if on_disc else [single(path)]
            elif suffix == ".dcm" or is_dicom(path):
                dicom.append(path)
    cases = find_cases(root, niftis, dicom, tables)
    if niftis and not any(case.masks for case in cases):
        twins = pair_twins(root, niftis)
        niftis = [path for path in niftis if path not in twins.masks_or_other]
        cases = find_cases(root, niftis, dicom, tables, twins.masks)
    found.groups += cases
    return found


def single(path: Path) -> CaseFiles:
    """Return the group of one file, named after it without its ending."""
    ending = suffix_of(path.name) if is_input(path) else ""
    return CaseFiles(path.name[: len(path.name) - len(ending)] or path.name, path, (path,))
