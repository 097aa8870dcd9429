"""Read a case of NIfTI or DICOM files: its volume, its labels and the rows of its slices.

Libraries in C decode these files, so workers read them, a case at a time; only the result comes back.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.cohort.case_names import patient_of
from brainseg.cohort.discovery import FILE_COLUMNS
from brainseg.cohort.fingerprint import hash_of_pixels
from brainseg.cohort.index import INDEX_VERSION, Progress, work_of
from brainseg.cohort.label_measures import measures_of_labels
from brainseg.cohort.layouts.case_files import NO_ANSWERS, CaseFiles
from brainseg.cohort.layouts.dataset_json import spacing_beside
from brainseg.cohort.slice_rows import (
    READ_DTYPES,
    SPACING_COLUMNS,
    one_opencv_thread,
    row_of_pair,
)
from brainseg.errors import CohortError, DecodeError
from brainseg.executors import map_parts, saved_part
from brainseg.io import Decoded, InputFile, assemble, open_inputs, ruling_grid
from brainseg.io.channels import open_channels, read_picture_labels
from brainseg.io.decoding import DECODING, why_lost
from brainseg.io.files import read_file
from brainseg.io.label_maps import (
    LabelMap,
    is_segmentation,
    merged,
    read_label_map,
    read_segmentation,
)
from brainseg.io.limits import or_damaged
from brainseg.io.masks import label_as_bool
from brainseg.io.names import IMAGE_SUFFIXES, NIFTI_SUFFIXES, shown_name, suffix_of
from brainseg.io.sequence_choice import applicable, choose
from brainseg.io.sequences import guess_from_words, other_kind, other_sequences
from brainseg.io.upload import Series, Upload
from brainseg.jobs import JobLost
from brainseg.volume import FLAIR, Volume

GUESSED = "was taken for"
_AS_SHOWN = "shown as axial"
_LONGEST_S = 300.0
_MOST_VALUES = 8
"""Of a label map; a head has more grey values."""


@dataclass(frozen=True, eq=False)
class Study:
    """A case of volume files, decoded.

    Attributes:
        volume: on the grid of FLAIR.
        slice_numbers: (n,), of the slices.
        values: (n, h, w) uint8, the labels; None without a usable mask.
        labels: the values that each name means.
        mask_error: why the mask is not used, or None.
        mask_notes: one sentence for each conversion of the mask.
    """

    volume: Volume
    slice_numbers: tuple[int, ...]
    values: np.ndarray | None = field(default=None, repr=False)
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    mask_error: str | None = None
    mask_notes: tuple[str, ...] = ()


def read_study(
    root: Path, source: str, name: str, for_mask: bool = False, with_others: bool = False
) -> Study:
    """Return a case, decoded by a worker.

    Args:
        root: the folder that the paths are relative to.
        source: see :meth:`CaseFiles.source`.
        name: of the case, for refusals.
        for_mask: whether only the mask is needed, so that FLAIR alone is read with it.
        with_others: whether sequences such as T2 are read, too.

    Raises:
        CohortError: no sequence can be read.
    """
    study: Study = by_worker(decode_study, name, root, source, for_mask, with_others)
    return study


def by_worker(decode: Callable, name: str, *arguments: object) -> Any:
    """Return what a worker decodes of a case; raises CohortError with its name."""
    try:
        job = DECODING.schedule(
            _decode_or_refuse, (decode, arguments), longest_s=_LONGEST_S, is_bounded=False
        )
        return job.result()
    except DecodeError as reason:
        raise CohortError(f"{name} was not used: {str(reason).removesuffix('.')}.") from reason
    except JobLost as lost:
        raise CohortError(f"{name} was not used: {why_lost(lost)}.") from lost


def _decode_or_refuse(decode: Callable, arguments: tuple) -> Any:
    return or_damaged(lambda: decode(*arguments))


def decode_study(
    root: Path, source: str, for_mask: bool = False, with_others: bool = False
) -> Study:
    """Return a case, decoded here; raises DecodeError if no sequence can be read."""
    found = json.loads(source)
    upload, assignment, notes, masks = open_study(root, found, for_mask)
    volume = assemble(upload, assignment)
    conversions = [note for note in volume.notes if not note.startswith(_AS_SHOWN)]
    volume = replace(volume, notes=(*conversions, *notes, *upload.refused))
    grid = ruling_grid(upload, assignment)
    ruling = Series("image", volume.pixels[..., 0], grid=grid)
    if with_others:
        own = {shown_name(name): _channel(path, name) for path, name in found["images"]}
        names = {label: channel for label, channel in own.items() if channel}
        others = other_sequences(upload, assignment, ruling, names)
        others |= _named_others(root, found["images"], ruling)
        volume = replace(volume, others=others)
    return _with_labels(Study(volume, grid.slice_numbers), masks, ruling, found)


def _named_others(root: Path, images: list[list[str]], ruling: Series) -> dict[str, np.ndarray]:
    """Return the other sequences in files that :func:`_needed` leaves out."""
    needed = _needed(images, for_mask=False)
    left = [(path, name) for path, name in images if [path, name] not in needed]
    given = [InputFile(name, _read(root, path)) for path, name in left if other_kind(name)]
    others = other_sequences(open_inputs(given), {}, ruling) if given else {}
    for path, name in left:
        channel = _channel(path, name)
        if channel and not other_kind(name):
            alone = open_inputs([InputFile(name, _read(root, path))])
            others |= other_sequences(alone, {}, ruling, {alone.series[0].label: channel})
    return others


def _channel(path: str, name: str) -> str:
    """Return the name that ``dataset.json`` gives the channel in a NIfTI file, such as ADC, or “”."""
    suffix = suffix_of(name)
    is_given = suffix in NIFTI_SUFFIXES and "/" not in name and name != Path(path).name
    return name.removesuffix(suffix) if is_given else ""


def open_study(
    root: Path, found: dict, for_mask: bool = False
) -> tuple[Upload, dict[str, int | None], list[str], list[InputFile]]:
    """Return the images of a case, the series of each sequence, notes on guesses, and its masks."""
    given: list[InputFile] = []
    masks = [InputFile(path, _read(root, path)) for path in found["masks"]]
    for path, name in _needed(found["images"], for_mask):
        file = InputFile(name, _read(root, path))
        (masks if is_segmentation(file.data) else given).append(file)
    if suffix_of(found["images"][0][1]) in IMAGE_SUFFIXES:
        upload = open_channels(given, spacing_beside(root / found["images"][0][0]))
    else:
        upload = open_inputs(given)
    return upload, *_assigned(upload, found.get("sequences", {})), masks


def rows_of(root: Path, source: str) -> list[dict]:
    """Return the columns of the index that reading gives, one row per slice, in a worker."""
    found = json.loads(source)
    paths = {
        "image_path": found["images"][0][0],
        "mask_path": next(iter(found["masks"]), None),
    }
    try:
        return or_damaged(lambda: _rows_of(decode_study(root, source), paths, source))
    except DecodeError as reason:
        return [{**paths, "slice_number": 1, "image_error": str(reason), "source": source}]


def _rows_of(study: Study, paths: dict[str, str | None], source: str) -> list[dict]:
    spacing = dict(zip(SPACING_COLUMNS, study.volume.spacing_mm or (), strict=False))
    if study.values is not None and not paths["mask_path"]:
        paths["mask_path"] = paths["image_path"]  # a DICOM segmentation among its images
    with one_opencv_thread():
        rows = [
            {**paths, "slice_number": number, **spacing, **_row(study, index)}
            for index, number in enumerate(study.slice_numbers)
        ]
    rows[0] |= {
        "source": source,
        "image_notes": "\n".join(study.volume.notes),
        "mask_notes": "\n".join(study.mask_notes),
    }
    return rows


def index_volumes(
    root: Path,
    cases: list[CaseFiles],
    previous: pd.DataFrame | None,
    progress: Progress | None = None,
    sequences: Mapping[str, str] = NO_ANSWERS,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Return the index of cases of volume files; unchanged ones come from ``previous``.

    Args:
        root: the folder that the paths are relative to.
        cases: with distinct names.
        previous: an earlier index of the same folder, or None.
        progress: called with (cases read, cases to read).
        sequences: the user's answers, for cases whose files do not decide.
        executor: see :mod:`brainseg.executors`; by default threads.
    """
    sources = [case.source(root, sequences) for case in cases]
    known: dict[tuple[str, str], pd.DataFrame] = {}
    if previous is not None and previous["source"].notna().any():
        first = previous[previous["source"].notna() & previous["image_error"].isna()]
        by_case = dict(iter(previous.groupby("case", sort=False)))
        known = {(row.case, row.source): by_case[row.case] for row in first.itertuples()}
        plain = {case.name: case.source(root) for case in cases} if sequences else {}
        answered = dict(zip((case.name for case in cases), sources, strict=True))
        for row in first.itertuples():
            # An answer concerns only a case that was guessed.
            if row.source == plain.get(row.case) and GUESSED not in str(row.image_notes):
                known[row.case, answered[row.case]] = by_case[row.case]
    stale = [
        (case, source)
        for case, source in zip(cases, sources, strict=True)
        if (case.name, source) not in known
    ]
    read: dict[str, pd.DataFrame] = {}
    calls = ((root, case, source) for case, source in stale)
    with ExitStack() as stack:
        # As many threads as workers, so that no more cases are in memory.
        engine = executor or stack.enter_context(ThreadPoolExecutor(DECODING.workers))
        one_by_one = map_parts(
            engine, _rows if executor is None else _saved_rows, calls, _lost_rows
        )
        for (case, _), rows in zip(stale, one_by_one, strict=True):
            read[case.name] = _table(rows, case)
            if progress:
                progress(len(read), len(stale))
    tables = [
        read[case.name] if case.name in read else known[case.name, source]
        for case, source in zip(cases, sources, strict=True)
    ]
    columns = [*FILE_COLUMNS, *READ_DTYPES]
    index = pd.concat(tables, ignore_index=True).reindex(columns=columns)
    whole = [name for name in FILE_COLUMNS if name.endswith(("_bytes", "_ns"))]
    texts = ["case", "patient_id", "institution", "image_path", "mask_path"]
    index = index.astype({**dict.fromkeys(whole, "Int64"), **dict.fromkeys(texts, "str")})
    index.insert(4, "slice_index", index.groupby("case").cumcount())
    return index


def _rows(root: Path, case: CaseFiles, source: str) -> list[dict]:
    try:
        job = DECODING.schedule(rows_of, (root, source), longest_s=_LONGEST_S, is_bounded=False)
        return job.result()
    except JobLost as lost:
        return _lost_rows(lost, root, case, source)


def _saved_rows(root: Path, case: CaseFiles, source: str) -> list[dict]:
    name = (INDEX_VERSION, root, source)
    return saved_part(work_of(root), name, lambda: _rows(root, case, source))


def _lost_rows(lost: JobLost, root: Path, case: CaseFiles, source: str) -> list[dict]:
    first = case.files[0].relative_to(root).as_posix()
    error = why_lost(lost)
    return [{"slice_number": 1, "image_path": first, "image_error": error, "source": source}]


def _table(rows: list[dict], case: CaseFiles) -> pd.DataFrame:
    columns = ["slice_number", "image_path", "mask_path", *READ_DTYPES]
    table = pd.DataFrame(rows, columns=columns).astype(READ_DTYPES)
    patient, institution = patient_of(case.name)
    if institution is None:
        patient = case.patient_id or case.name
    return table.assign(case=case.name, patient_id=patient, institution=institution)


def _read(root: Path, path: str) -> bytes:
    try:
        return read_file(root / path)
    except OSError as error:
        raise DecodeError(f"{Path(path).name} cannot be opened ({error.strerror})") from None


def _needed(images: list[list[str]], for_mask: bool) -> list[list[str]]:
    """Return the images whose names give one of our sequences, or all if none does."""
    guesses = [guess_from_words(name) for _, name in images]
    if suffix_of(images[0][1]) not in NIFTI_SUFFIXES:
        return images
    if for_mask and guesses.count(FLAIR) == 1:
        return [images[guesses.index(FLAIR)]]
    named = [one for one, guess in zip(images, guesses, strict=True) if guess]
    return named or images


def _assigned(
    upload: Upload, answers: Mapping[str, str]
) -> tuple[dict[str, int | None], list[str]]:
    """Return the series of each sequence without a question, and a note on each that is a guess."""
    given = applicable(upload, answers)
    choice = choose(upload, given)
    notes = [f"{name} is {sequence}, as the user chose" for sequence, name in sorted(given.items())]
    assignment = dict(choice.assignment)
    for question in choice.questions:
        free = [index for index in question.indices if index not in assignment.values()]
        if free:
            assignment[question.sequence] = free[0]
            label = upload.series[free[0]].label
            notes.append(f"{label} {GUESSED} {question.sequence}: {question.reason}")
    if all(index is None for index in assignment.values()):
        _check_is_image(upload.series[0].pixels)
        assignment[FLAIR] = 0
        notes.append(f"{upload.series[0].label} {GUESSED} {FLAIR}: no file names a sequence")
    return assignment, notes


def _check_is_image(pixels: np.ndarray) -> None:
    """Raise if an image without a name for its sequence has as few values as a label map."""
    values = np.unique(pixels)
    if 1 < len(values) <= _MOST_VALUES and np.count_nonzero(pixels == values[0]) > pixels.size / 2:
        raise DecodeError(
            f"it has {len(values)} values, so it is a label map and no image; add a word such as “seg” "
            "to its name, and put its images beside it"
        )


def _with_labels(
    study: Study, masks: list[InputFile], ruling: Series, source: dict[str, Any]
) -> Study:
    labels: dict[str, tuple[int, ...]] = {
        name: tuple(values) for name, values in source["labels"].items()
    }
    ignored = labels.pop("ignore", ())
    if not masks:
        return replace(study, labels=labels)
    try:
        if suffix_of(masks[0].name) in IMAGE_SUFFIXES:
            found = read_picture_labels(masks, ruling)
        else:
            found = merged([_label_map(file, ruling) for file in masks])
    except DecodeError as reason:
        return replace(study, mask_error=str(reason))
    values = np.where(np.isin(found.values, ignored), np.uint8(0), found.values)
    return replace(
        study, values=values, labels=labels | {**found.labels}, mask_notes=tuple(found.notes)
    )


def _label_map(file: InputFile, ruling: Series) -> LabelMap:
    read = read_segmentation if is_segmentation(file.data) else read_label_map
    return read(file.data, ruling)


def _row(study: Study, index: int) -> dict:
    image, mask = Decoded(np.ascontiguousarray(study.volume.pixels[index])), None
    areas: dict[str, int] = {}
    row: dict[str, Any] = {"image_hash": hash_of_pixels(image.pixels)}
    if study.values is None:
        row["mask_error"] = study.mask_error or "mask is missing"
    else:
        plane = study.values[index]
        mask = Decoded(np.where(plane, 255, 0).astype(np.uint8))
        row["mask_hash"] = hash_of_pixels(np.ascontiguousarray(plane))
        areas = _areas(plane, study.labels)
        row["label_px"] = json.dumps(areas) if areas else None
    row = row_of_pair(image, mask) | row
    if mask is not None and areas:
        regions = {name: label_as_bool(plane, name, study.labels) for name in areas}
        row["label_measures"] = measures_of_labels(image.pixels, regions, row)
    return row


def _areas(plane: np.ndarray, labels: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Return the pixels of each label that occurs."""
    counts = np.bincount(plane.ravel(), minlength=256)
    counts[0] = 0
    named = {name: int(counts[list(values)].sum()) for name, values in labels.items()}
    known = {value for values in labels.values() for value in values}
    unnamed = {str(v): int(counts[v]) for v in np.flatnonzero(counts) if v not in known}
    return {name: px for name, px in {**named, **unnamed}.items() if px}
