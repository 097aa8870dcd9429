"""What a path holds that can be predicted: cases of slices, volumes, DICOM studies, single pictures.

The rules, in order:

1. A file is one input: a picture, a NIfTI volume, a DICOM file, or a zip of any of them.
2. TIFF and PNG files below a folder are slices of cases, as :mod:`brainseg.cohort.discovery` finds
   them, but not where a DICOMDIR lies above them: these belong to the disc.
3. DICOM files, known by their content, of one patient's one study are one input, its series the
   sequences.
4. NIfTI files of one folder whose names tell one subject, at least two sequences and none twice are the
   sequences of one case (``BraTS_001/BraTS_001_flair.nii.gz``); label maps beside them are left out.
5. Any other NIfTI file, JPEG or zip is an input of its own.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.batch.input_groups import FolderContent, find_groups, is_dicom, single
from brainseg.cohort import Case, Cohort
from brainseg.cohort.discovery import list_files
from brainseg.cohort.index import Progress
from brainseg.errors import CohortError, DecodeError
from brainseg.exports import file_stem
from brainseg.inference.record import CaseRecord, record_of_case, record_of_upload
from brainseg.io import (
    ALL_PAGES,
    InputFile,
    PagesError,
    assemble,
    is_input,
    left_out,
    open_inputs,
    ruling_grid,
)
from brainseg.io.sequence_choice import Choice, ask, choices, choose
from brainseg.models import CaseExposure, Model
from brainseg.volume import FLAIR

if TYPE_CHECKING:
    from brainseg.io import DicomSource, NiftiSource, Pool, Upload


@dataclass(frozen=True)
class Opened:
    """An input that was read, ready to be predicted.

    Attributes:
        record: without a prediction.
        case: of a cohort, or None.
        source: what an export on the input's own grid needs, or None.
        left_out: a sentence on what of the input could not be used, or None.
        sequences: which series is used for each sequence, and why; empty for a case of slices.
    """

    record: CaseRecord
    case: Case | None = None
    source: "NiftiSource | DicomSource | None" = None
    left_out: str | None = None
    sequences: Mapping[str, str] = field(default_factory=dict)

    def exposure(self, model: Model) -> CaseExposure:
        """Return what a model knows of the patient."""
        return model.exposure(self.case, self.record.volume)


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

    def open(
        self, pool: "Pool | None" = None, sequences: Mapping[str, str] | None = None
    ) -> Opened:
        """Read the case; raises CohortError where no slice can be used, or sequences are chosen."""
        if sequences:
            raise CohortError(
                f"the sequences of {self.name} are the channels of its slices: predict it without "
                "--sequences."
            )
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
        note: what to know of which files it holds, a sentence, or None.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    folder: str = ""
    note: str | None = None

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

    def open(
        self, pool: "Pool | None" = None, sequences: Mapping[str, str] | None = None
    ) -> Opened:
        """Read the files, each sequence as all evidence of it suggests; every page of a TIFF.

        Args:
            pool: decodes in processes of their own; in this one without.
            sequences: the series for each sequence that a person chose; see
                :func:`brainseg.io.sequence_choice.choose`.

        Raises:
            DecodeError: nothing of them can be used, or it is not certain which series is FLAIR.
            CohortError: a file cannot be opened.
        """
        upload = self._upload(pool)
        choice = choose(upload, sequences or {})
        if doubt := choice.question(FLAIR):
            raise DecodeError(ask(upload, doubt))
        assignment = choice.assignment
        if not any(place is not None for place in assignment.values()):
            raise DecodeError(
                "No series looks like FLAIR, pre-contrast or post-contrast: choose with "
                f"--sequences flair=SERIES, where SERIES is one of: {choices(upload)}."
            )
        volume = assemble(upload, assignment)
        record = record_of_upload(upload, assignment, volume, self.name)
        lost = [*upload.refused, *left_out(upload, assignment)]
        lost += [ask(upload, question) for question in choice.questions]
        return Opened(
            replace(record, warnings=(*record.warnings, *filter(None, [self.note]))),
            source=ruling_grid(upload, assignment).source,
            left_out=" ".join(lost) or None,
            sequences=_told(upload, choice, sequences or {}),
        )

    def _upload(self, pool: "Pool | None") -> "Upload":
        try:
            given = [InputFile(self._label(path), path.read_bytes()) for path in self.files]
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

    def _label(self, path: Path) -> str:
        """Return a file's name with the folders between, which may tell its sequence."""
        inside = path.is_relative_to(self.path) and path != self.path
        return path.relative_to(self.path).as_posix() if inside else path.name


Input = CaseInput | FilesInput


def _told(upload: "Upload", choice: Choice, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return for each sequence the series that is used, and why."""
    told = {}
    for sequence, place in choice.assignment.items():
        if place is not None:
            series = upload.series[place]
            why = series.suggestion.reasons
            why = ("chosen with --sequences",) if sequence in chosen else why
            told[sequence] = f"{series.label} ({'; '.join(why or ('nothing says what it is',))})"
    return told


def find_inputs(source: Path, progress: Progress | None = None) -> list[Input]:
    """Return what a path holds that can be predicted, in order of name.

    Args:
        source: a file or a folder; nothing is decoded but what a cohort's index needs.
        progress: called with (slices indexed, slices to index).

    Raises:
        CohortError: it is missing or closed, or holds nothing of the kind.
    """
    if source.is_file():
        if not (is_input(source) or is_dicom(source)):
            raise CohortError(
                f"{source} is no input: give a TIFF, PNG, JPEG, NIfTI, DICOM or zip file, or a folder "
                "of them."
            )
        return _named_apart([FilesInput(single(source).name, source, (source,))])
    groups = find_groups(source) if source.is_dir() else FolderContent()
    found: list[Input] = [
        FilesInput(one.name, one.folder, one.files, note=one.note) for one in groups.groups
    ]
    if not found or groups.has_pictures:
        try:
            list_files(source)
            cohort = Cohort.open(source, progress)
        except CohortError:
            if not found:
                raise
        else:
            found += _cases(cohort, groups)
    return _named_apart(found)


def _cases(cohort: Cohort, groups: FolderContent) -> list[Input]:
    """Return the cases of a cohort but for those of pictures that lie on a disc of DICOM files."""
    places = cohort.slices.groupby("case")["image_path"].first()
    return [
        CaseInput(name, cohort.root / name, cohort)
        for name in cohort.cases
        if not groups.on_disc(cohort.root / str(places.get(name, "")))
    ]


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
