"""The first cases of a folder, for a look while its index is made."""

from pathlib import Path

from brainseg.cohort.answers import read_answers
from brainseg.cohort.cohort import Cohort
from brainseg.cohort.discovery import list_files
from brainseg.cohort.index import build_index, identity_of
from brainseg.cohort.volume_files import index_volumes
from brainseg.storage import real_path


def open_first_cases(root: Path | str, most: int = 4) -> Cohort:
    """Return a cohort of the first cases of a folder alone, not saved: for pictures, not counts.

    Args:
        root: as for :meth:`Cohort.open`.
        most: the number of cases.

    Raises:
        CohortError: as for :meth:`Cohort.open`.
    """
    folder = Path(root).expanduser()
    answers = read_answers(folder)
    found = list_files(folder, masks_in=answers.masks)
    folder = real_path(folder)
    if found.volumes:
        volumes = found.volumes[:most]
        slices = index_volumes(folder, volumes, None, sequences=answers.sequences)
    else:
        names = found.files["case"].drop_duplicates().iloc[:most]
        files = found.files[found.files["case"].isin(names)].reset_index(drop=True)
        slices = build_index(folder, files, None)
    return Cohort(folder, slices, identity_of(slices))
