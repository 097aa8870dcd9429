"""The index of cases of NIfTI or DICOM files: the rows of their slices, read by workers."""

import json
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
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
from brainseg.cohort.slice_rows import (
    READ_DTYPES,
    SPACING_COLUMNS,
    one_opencv_thread,
    row_of_pair,
)
from brainseg.cohort.studies import GUESSED, LONGEST_S, Study, decode_study
from brainseg.errors import DecodeError
from brainseg.executors import map_parts, saved_part
from brainseg.io import Decoded
from brainseg.io.decoding import DECODING, why_lost
from brainseg.io.limits import or_damaged
from brainseg.io.masks import label_as_bool
from brainseg.jobs import JobLost


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
        "volume_facts": json.dumps(study.facts),
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
        without_answers = {case.name: case.source(root) for case in cases} if sequences else {}
        answered = dict(zip((case.name for case in cases), sources, strict=True))
        known = _known_rows(previous, without_answers, answered)
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
    return _index_of(tables)


def _known_rows(
    previous: pd.DataFrame, without_answers: Mapping[str, str], answered: Mapping[str, str]
) -> dict[tuple[str, str], pd.DataFrame]:
    """Return the rows of an earlier index by the case and the source that they hold for."""
    first = previous[previous["source"].notna() & previous["image_error"].isna()]
    by_case = dict(iter(previous.groupby("case", sort=False)))
    known = {(row.case, row.source): by_case[row.case] for row in first.itertuples()}
    for row in first.itertuples():
        # An answer concerns only a case that was guessed.
        if row.source == without_answers.get(row.case) and GUESSED not in str(row.image_notes):
            known[row.case, answered[row.case]] = by_case[row.case]
    return known


def _index_of(tables: list[pd.DataFrame]) -> pd.DataFrame:
    columns = [*FILE_COLUMNS, *READ_DTYPES]
    index = pd.concat(tables, ignore_index=True).reindex(columns=columns)
    whole = [name for name in FILE_COLUMNS if name.endswith(("_bytes", "_ns"))]
    texts = ["case", "patient_id", "institution", "image_path", "mask_path"]
    index = index.astype({**dict.fromkeys(whole, "Int64"), **dict.fromkeys(texts, "str")})
    index.insert(4, "slice_index", index.groupby("case").cumcount())
    return index


def _rows(root: Path, case: CaseFiles, source: str) -> list[dict]:
    try:
        job = DECODING.schedule(rows_of, (root, source), longest_s=LONGEST_S, is_bounded=False)
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
