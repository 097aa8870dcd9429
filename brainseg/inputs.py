"""What a path holds that can be predicted: cases of slices, volumes, DICOM studies, single pictures.

The rules, in order:

1. A file is one input: a picture, a NIfTI volume, a DICOM file, or a zip of any of them.
2. TIFF and PNG files below a folder are slices of cases, as :mod:`brainseg.discovery` finds them.
3. Folders of DICOM files that belong to one study, as their first files say, are one input, its series
   the sequences.
4. NIfTI files of one folder below the given one are the sequences of one case where their names tell
   at least two sequences and none twice (``BraTS_001/BraTS_001_flair.nii.gz``).
5. Any other NIfTI file, JPEG or zip is an input of its own.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.cohort import Case, Cohort
from brainseg.discovery import MAX_DEPTH, SUFFIXES, list_files
from brainseg.errors import CohortError, DecodeError
from brainseg.exports import file_stem
from brainseg.formats import (
    ALL_PAGES,
    InputFile,
    PagesError,
    assemble,
    guess_assignment,
    is_input,
    left_out,
    open_inputs,
    ruling_grid,
)
from brainseg.formats.assignment import guess_from_words
from brainseg.formats.dicom_elements import PEEKED_BYTES, looks_like_dicom
from brainseg.formats.limits import or_damaged
from brainseg.formats.names import suffix_of
from brainseg.index import Progress
from brainseg.models import Model, Standing
from brainseg.record import CaseRecord, record_of_case, record_of_intake

if TYPE_CHECKING:
    from brainseg.formats import DicomSource, Intake, NiftiSource, Pool

NIFTI_SUFFIXES = (".nii", ".nii.gz")
_STUDY = frozenset({0x0020000D})  # StudyInstanceUID, and nothing of the patient


@dataclass(frozen=True)
class Opened:
    """An input that was read, ready to be predicted.

    Attributes:
        record: without a prediction.
        case: of a cohort, or None.
        source: what an export on the input's own grid needs, or None.
        left_out: a sentence on what of the input could not be used, or None.
    """

    record: CaseRecord
    case: Case | None = None
    source: "NiftiSource | DicomSource | None" = None
    left_out: str | None = None

    def standing(self, model: Model) -> Standing:
        """Return what a model knows of the patient."""
        return model.standing(self.case, self.record.volume)


@dataclass(frozen=True)
class CaseInput:
    """A case of slices in a folder of cases.

    Attributes:
        name: of the case.
        path: what a person is told: the folder of cases, and the name in it.
        cohort: it belongs to.
        folder: of its outputs, no other input's.
    """

    name: str
    path: Path
    cohort: Cohort
    folder: str = ""

    def content(self) -> str:
        """Return what tells these pixels from any others."""
        hashes = self.cohort.case(self.name).slices["image_hash"].tolist()
        return hashlib.sha256(repr(hashes).encode()).hexdigest()

    def open(self, pool: "Pool | None" = None) -> Opened:
        """Read the case; raises CohortError where no slice can be used."""
        case = self.cohort.case(self.name)
        record = record_of_case(case)
        return Opened(record, case, left_out=" ".join(record.warnings) or None)


@dataclass(frozen=True)
class FilesInput:
    """One or more files that make one volume.

    Attributes:
        name: of the file without its ending, or of the folder.
        path: of the file, or of the folder that holds the files.
        files: in order.
        folder: of its outputs, no other input's.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    folder: str = ""

    def content(self) -> str:
        """Return what tells these files from any others; raises CohortError where one is closed."""
        digest = hashlib.sha256()
        for path in self.files:
            digest.update(f"{path.name}\0".encode(errors="replace"))
            try:
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise CohortError(f"{path} cannot be opened ({error.strerror}).") from error
        return digest.hexdigest()

    def open(self, pool: "Pool | None" = None) -> Opened:
        """Read the files, each sequence as its name or header suggests; every page of a TIFF.

        Args:
            pool: decodes in processes of their own; in this one without.

        Raises:
            DecodeError: nothing of them can be used.
            CohortError: a file cannot be opened.
        """
        intake = self._intake(pool)
        assignment = guess_assignment(intake)
        volume = assemble(intake, assignment)
        record = record_of_intake(intake, assignment, volume, self.name)
        lost = (*intake.refused, *left_out(intake, assignment))
        source = ruling_grid(intake, assignment).source
        return Opened(record, source=source, left_out=" ".join(lost) or None)

    def _intake(self, pool: "Pool | None") -> "Intake":
        try:
            given = [InputFile(path.name, path.read_bytes()) for path in self.files]
        except OSError as error:
            raise CohortError(f"{self.path} cannot be opened ({error.strerror}).") from error
        pages: dict[int, int] = {}
        while True:
            try:
                return open_inputs(given, pages, pool)
            except PagesError as several:
                if several.file_index in pages:
                    raise
                pages[several.file_index] = ALL_PAGES


Input = CaseInput | FilesInput


def find_inputs(source: Path, progress: Progress | None = None) -> list[Input]:
    """Return what a path holds that can be predicted, in order of name.

    Args:
        source: a file or a folder; nothing is decoded but what a cohort's index needs.
        progress: called with (slices indexed, slices to index).

    Raises:
        CohortError: it is missing or closed, or holds nothing of the kind.
    """
    if source.is_file():
        if not (is_input(source) or _is_dicom(source)):
            raise CohortError(
                f"{source} is no input: give a TIFF, PNG, JPEG, NIfTI, DICOM or zip file, or a folder "
                "of them."
            )
        return _named_apart([FilesInput(_stem(source), source, (source,))])
    found = [*_volumes(source)] if source.is_dir() else []
    try:
        list_files(source)
        cohort = Cohort.open(source, progress)
    except CohortError:
        if not found:
            raise
    else:
        found += [CaseInput(name, cohort.root / name, cohort) for name in cohort.cases]
    return _named_apart(found)


def _volumes(root: Path) -> Iterator[FilesInput]:
    """Yield what of a folder is no case of slices, by rules 3 to 5."""
    studies: dict[str, list[Path]] = {}
    for folder, files in _walk(root):
        nifti = [path for path in files if suffix_of(path.name) in NIFTI_SUFFIXES]
        if folder != root and _are_sequences(nifti):
            yield FilesInput(folder.name, folder, tuple(nifti))
            nifti = []
        dicom = []
        for path in files:
            suffix = suffix_of(path.name)
            alone = is_input(path) and suffix not in (*NIFTI_SUFFIXES, *SUFFIXES, ".dcm")
            if alone or path in nifti:
                yield FilesInput(_stem(path), path, (path,))
            elif suffix == ".dcm" or (not suffix and _is_dicom(path)):
                dicom.append(path)
        if dicom:
            studies.setdefault(_study_of(dicom[0]), []).extend(dicom)
    for files in studies.values():
        folder = Path(os.path.commonpath([path.parent for path in files]))
        yield FilesInput(folder.resolve().name or "study", folder, tuple(files))


def _walk(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield folders down to :data:`MAX_DEPTH` with their files, hidden ones left out, in order."""
    for place, folders, files in os.walk(root):
        here = Path(place)
        deep = len(here.relative_to(root).parts)
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = shown if deep < MAX_DEPTH else []
        yield here, [here / name for name in sorted(files) if not name.startswith(".")]


def _are_sequences(files: Sequence[Path]) -> bool:
    named = [guess for path in files if (guess := guess_from_words(path.name))]
    return len(named) > 1 and len(named) == len(set(named))


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return looks_like_dicom(file.read(PEEKED_BYTES))
    except OSError:
        return False


def _study_of(path: Path) -> str:
    """Return the study that a DICOM file says it belongs to; where it does not, its folder."""
    from brainseg.formats.dicom import read_header
    from brainseg.formats.dicom_elements import read_elements

    def read() -> str:
        header = read_header(read_elements(path.read_bytes()).only(_STUDY))
        return str(header.get("StudyInstanceUID") or path.parent)

    try:
        return or_damaged(read)
    except DecodeError:
        return str(path.parent)


def _stem(path: Path) -> str:
    ending = suffix_of(path.name) if is_input(path) else ""
    return path.name[: len(path.name) - len(ending)] or path.name


def _named_apart(found: Iterable[Input]) -> list[Input]:
    """Return inputs in order of name, each with a folder of its own, also where case does not count."""
    taken: set[str] = set()
    named = []
    for one in sorted(found, key=lambda each: (each.name, str(each.path))):
        stem = folder = file_stem(one.name)
        count = 2
        while folder.casefold() in taken:
            folder, count = f"{stem}-{count}", count + 1
        taken.add(folder.casefold())
        named.append(replace(one, folder=folder))
    return named
