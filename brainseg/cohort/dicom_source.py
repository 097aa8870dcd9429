"""The image headers of a case of DICOM files, for files that refer to its images."""

import json
from pathlib import Path

import pandas as pd

from brainseg.cohort.case import Case
from brainseg.cohort.volume_files import by_worker, open_study
from brainseg.io import DicomSource, ruling_grid
from brainseg.io.names import NIFTI_SUFFIXES, suffix_of


def dicom_source(case: Case) -> DicomSource | None:
    """Return the headers of the images that the volume of a case is on; None unless they are DICOM.

    Raises:
        CohortError: the files can no longer be read.
    """
    source = case.slices["source"].iloc[0]
    if pd.isna(source) or suffix_of(json.loads(source)["images"][0][1]) in NIFTI_SUFFIXES:
        return None
    found: DicomSource | None = by_worker(_decoded, case.name, case.root, str(source))
    return found


def _decoded(root: Path, source: str) -> DicomSource | None:
    upload, assignment, _, _ = open_study(root, json.loads(source))
    grid = ruling_grid(upload, assignment)
    return grid.source if isinstance(grid.source, DicomSource) else None
