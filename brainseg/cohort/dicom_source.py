"""The image headers of a case of DICOM files, for files that refer to its images."""

import json
from pathlib import Path

import pandas as pd

from brainseg.cohort.case import Case
from brainseg.cohort.studies import by_worker, open_study
from brainseg.io import DicomSource, ruling_grid
from brainseg.io.names import VOLUME_SUFFIXES, suffix_of


def is_of_dicom(case: Case) -> bool:
    """Return whether a case consists of DICOM files."""
    source = case.slices["source"].iloc[0]
    return (
        not pd.isna(source) and suffix_of(json.loads(source)["images"][0][1]) not in VOLUME_SUFFIXES
    )


def dicom_source(case: Case) -> DicomSource | None:
    """Return the headers of the images that the volume of a case is on; None unless they are DICOM.

    Raises:
        CohortError: the files can no longer be read.
    """
    if not is_of_dicom(case):
        return None
    source = str(case.slices["source"].iloc[0])
    found: DicomSource | None = by_worker(_decoded, case.name, case.root, source)
    return found


def _decoded(root: Path, source: str) -> DicomSource | None:
    upload, assignment, _, _ = open_study(root, json.loads(source))
    grid = ruling_grid(upload, assignment)
    return grid.source if isinstance(grid.source, DicomSource) else None
