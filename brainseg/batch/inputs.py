"""Find what can be predicted at a path: cases of slices, volumes, DICOM studies, single pictures.

The rules, in order:

1. A file is one input: a picture, a volume such as NIfTI, a DICOM file, or a zip of any of them.
2. TIFF and PNG files below a folder are slices of cases, as :mod:`brainseg.cohort.discovery` finds
   them, except below a folder with a DICOMDIR: those belong to the disc.
3. The DICOM files (recognised by their content) of one study of one patient are one input; its series
   are the sequences.
4. Volumes of one folder are the sequences of one case if their names give one subject and at least
   two sequences, none twice (``BraTS_001/BraTS_001_flair.nii.gz``); label maps are left out.
5. Any other volume, JPEG or zip is an input of its own.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.batch.input_groups import FolderContent, find_groups, single
from brainseg.cohort import Case, Cohort
from brainseg.cohort.answers import read_answers
from brainseg.cohort.discovery import list_files
from brainseg.cohort.index import Progress
from brainseg.cohort.layouts import CaseFiles
from brainseg.cohort.layouts.dicom import is_dicom
from brainseg.errors import CohortError, DecodeError
from brainseg.exports import file_stem
from brainseg.inference.record import CaseRecord, record_of_case, record_of_upload
from brainseg.io import (
    ALL_PAGES,
    InputFile,
    PagesError,
    assemble,
    assemble_all,
    is_input,
    left_out,
    open_upload,
    ruling_grid,
)
from brainseg.io.detached import files_of, read_joined
from brainseg.io.files import open_file
from brainseg.io.foreign_files import remedy_for
from brainseg.io.label_names import TABLES
from brainseg.io.limits import MAX_INFLATED_BYTES, MAX_INPUT_BYTES
from brainseg.io.sequence_choice import Choice, applicable, ask, choices, choose
from brainseg.io.subjects import mask_name
from brainseg.models import CaseExposure, Model
from brainseg.storage import real_path
from brainseg.volume import FLAIR

if TYPE_CHECKING:
    from brainseg.io import DicomSource, NiftiSource, Upload


@dataclass(frozen=True)
class Opened:
    """An input that was read, ready to be predicted.

    Attributes:
        record: without a prediction.
        case: of a cohort, or None.
        source: needed to export on the input's own grid, or None.
        left_out: a sentence on the parts of the input that could not be used, or None.
        sequences: the series used for each sequence, with the reason; empty for a case of slices.
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
        path: the folder of cases and the case's name, as shown to users.
        cohort: the cohort of the case.
        folder: of its outputs, unique among the inputs.
    """

    name: str
    path: Path
    cohort: Cohort
    folder: str = ""

    def alone(self) -> "CaseInput":
        """Return the input with no other case of its cohort."""
        slices = self.cohort.slices
        rows = slices[slices["case"] == self.name].reset_index(drop=True)
        return replace(self, cohort=replace(self.cohort, slices=rows))

    def content(self) -> str:
        """Return a hash of the pixels."""
        hashes = self.cohort.case(self.name).slices["image_hash"].tolist()
        return hashlib.sha256(repr(hashes).encode()).hexdigest()

    def open(self, sequences: Mapping[str, str] | None = None, with_others: bool = False) -> Opened:
        """Read the case; raises CohortError if no slice is usable, or if sequences are chosen."""
        if sequences:
            raise CohortError(
                f"the sequences of {self.name} are the channels of its slices: predict it without "
                "--sequences."
            )
        case = self.cohort.case(self.name)
        record = record_of_case(case, case.volume(with_others))
        return Opened(record, case, left_out=" ".join(record.warnings) or None)


@dataclass(frozen=True)
class FilesInput:
    """One or more files that make one volume.

    Attributes:
        name: of the file without its ending, or of the folder.
        path: of the file, or of the folder that contains the files.
        files: in order.
        folder: of its outputs, unique among the inputs.
        note: one sentence on how the files were grouped, or None.
        names: by which files are read, if not by their own.
        answers: the user's about the folder, a series by sequence; see
            :mod:`brainseg.cohort.answers`.
        labels: the values in the masks that each name means, if the folder names them.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    folder: str = ""
    note: str | None = None
    names: Mapping[Path, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def alone(self) -> "FilesInput":
        """Return the input itself."""
        return self

    def content(self) -> str:
        """Return a hash of the files; of one that cannot be opened, of the reason."""
        digest = hashlib.sha256(
            repr(sorted(self.answers.items())).encode() if self.answers else b""
        )
        for path in (one for file in self.files for one in files_of(file)):
            digest.update(f"{path.name}\0".encode(errors="replace"))
            try:
                with open_file(path, MAX_INFLATED_BYTES) as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                digest.update(str(error.strerror).encode())
        return digest.hexdigest()

    def open(self, sequences: Mapping[str, str] | None = None, with_others: bool = False) -> Opened:
        """Read the files, all pages of a TIFF, and assign the series to sequences.

        Args:
            sequences: the series that the user chose, by sequence; see
                :func:`brainseg.io.sequence_choice.choose`.
            with_others: whether sequences such as T2 are read, too.

        Raises:
            DecodeError: nothing is usable, or it is uncertain which series is FLAIR.
            CohortError: a file cannot be opened.
        """
        given, unreadable = self._read()
        upload = _opened(given)
        answered = applicable(upload, self.answers)
        choice = choose(upload, answered | {**(sequences or {})})
        if doubt := choice.question(FLAIR):
            raise DecodeError(ask(upload, doubt))
        assignment = choice.assignment
        if all(index is None for index in assignment.values()):
            raise DecodeError(
                "No series looks like FLAIR, pre-contrast or post-contrast: choose with "
                f"--sequences flair=SERIES, where SERIES is one of: {choices(upload)}."
            )
        volume = (assemble_all if with_others else assemble)(upload, assignment)
        record = record_of_upload(upload, assignment, volume, self.name)
        lost = [*unreadable, *upload.refused, *left_out(upload, assignment)]
        lost += [ask(upload, question) for question in choice.questions]
        return Opened(
            replace(record, warnings=(*record.warnings, *filter(None, [self.note]))),
            source=ruling_grid(upload, assignment).source,
            left_out=" ".join(lost) or None,
            sequences=_used_series(upload, choice, sequences or {}, answered),
        )

    def _read(self) -> tuple[list[InputFile], list[str]]:
        """Return the files, and a sentence for each that cannot be opened."""
        given, unreadable, left = [], [], MAX_INPUT_BYTES
        for path in self.files:
            try:
                given.append(InputFile(self._label(path), read_joined(path)))
            except OSError as error:
                unreadable.append(f"{path.name} cannot be opened ({error.strerror}).")
                continue
            left -= len(given[-1].data)
            if left < 0:
                raise CohortError(
                    f"{self.path} contains more than {MAX_INPUT_BYTES >> 20:,} MiB in "
                    f"{len(self.files)} files: predict parts of it."
                )
        if not given:
            raise CohortError(" ".join(unreadable))
        if self.labels:
            given.append(InputFile(TABLES[0], json.dumps({"labels": dict(self.labels)}).encode()))
        return given, unreadable

    def _label(self, path: Path) -> str:
        """Return the path of a file below the input, because folder names may give the sequence."""
        if path in self.names:
            return self.names[path]
        inside = path.is_relative_to(self.path) and path != self.path
        return path.relative_to(self.path).as_posix() if inside else path.name


Input = CaseInput | FilesInput


def _opened(files: list[InputFile]) -> "Upload":
    pages: dict[int, int] = {}
    while True:
        try:
            return open_upload(files, pages)
        except PagesError as several:
            if several.file_index in pages:
                raise
            pages[several.file_index] = ALL_PAGES


def _used_series(
    upload: "Upload", choice: Choice, chosen: Mapping[str, str], answered: Mapping[str, str]
) -> dict[str, str]:
    """Return the series used for each sequence, with the reason."""
    used = {}
    for sequence, index in choice.assignment.items():
        if index is not None:
            series = upload.series[index]
            reasons = series.suggestion.reasons or ("the files do not say what it is",)
            if sequence in chosen:
                reasons = ("chosen with --sequences",)
            elif sequence in answered:
                reasons = ("as the user chose for the folder",)
            used[sequence] = f"{series.label} ({'; '.join(reasons)})"
    return used


def find_inputs(
    source: Path, progress: Progress | None = None, executor: Executor | None = None
) -> list[Input]:
    """Return the inputs that can be predicted at a path, in order of name.

    Args:
        source: a file or a folder; pixels are read only for the index of a cohort.
        progress: called with (slices indexed, slices to index).
        executor: indexes a cohort; see :mod:`brainseg.executors`.

    Raises:
        CohortError: the path is missing, not readable, or contains no input.
    """
    if source.is_file():
        if not (is_input(source) or is_dicom(source)):
            raise CohortError(
                f"{source} is not an input{remedy_for(source.name)}: give a TIFF, PNG, JPEG, NIfTI, "
                "NRRD, MetaImage, MGH, DICOM or zip file, or a folder of them."
            )
        return _named_apart([FilesInput(single(source).name, source, (source,))])
    groups = find_groups(source) if source.is_dir() else FolderContent()
    answers = read_answers(source).sequences
    found: list[Input] = [replace(_as_input(one), answers=answers) for one in groups.groups]
    if not found or groups.has_pictures:
        try:
            list_files(source, with_volumes=False)
            cohort = Cohort.open(source, progress, False, executor)
        except CohortError:
            if not found:
                raise
        else:
            used = {cohort.root / path for path in cohort.slices["image_path"].dropna()}
            used |= {cohort.root / path for path in cohort.slices["mask_path"].dropna()}
            found = [one for one in found if real_path(one.path) not in used]
            found += _cases(cohort, groups)
    return _named_apart(found)


def _as_input(case: CaseFiles) -> FilesInput:
    files = tuple(sorted((*case.files, *case.masks)))
    # The mask of a case is compared with the prediction; its name says that it is one.
    names = {path: mask_name(path.name) for path in case.masks}
    names |= dict(case.named())
    return FilesInput(
        case.name, case.folder, files, note=case.note, names=names, labels=case.labels
    )


def _cases(cohort: Cohort, groups: FolderContent) -> list[Input]:
    """Return the cases of a cohort except those whose pictures lie on a disc of DICOM files."""
    first_images = cohort.slices.groupby("case")["image_path"].first()
    return [
        CaseInput(name, cohort.root / name, cohort)
        for name in cohort.cases
        if not groups.on_disc(cohort.root / str(first_images.get(name, "")))
    ]


def _named_apart(found: Iterable[Input]) -> list[Input]:
    """Return inputs in order of name, each with its own folder, also on case-insensitive systems."""
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
