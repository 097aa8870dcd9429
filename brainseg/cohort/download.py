"""Download the LGG cohort from Kaggle, resuming after interruptions."""

import os
import shutil
from pathlib import Path

from brainseg.errors import CohortError

HANDLE = "mateuszbuda/lgg-mri-segmentation"
COHORT_FOLDER = "kaggle_3m"

TERMS = f"""\
LGG Segmentation Dataset: brain MRI of 110 patients with manual FLAIR abnormality masks.

  Page:     https://www.kaggle.com/datasets/{HANDLE}
  Licence:  CC BY-NC-SA 4.0 according to the dataset's page: read it there before you agree.
  Source:   TCGA-LGG of The Cancer Imaging Archive, under its data usage policy.
  Cite:     Buda, Saha, Mazurowski (2019), Computers in Biology and Medicine 109, 218-225;
            Mazurowski et al. (2017), Journal of Neuro-Oncology.
  Size:     about 1 GB on disk.

Research and education only. Not a medical device.
"""


def download(dest: Path) -> Path:
    """Fetch the cohort into ``dest/kaggle_3m`` and return that folder; an existing one is unchanged.

    The archive is fetched and unpacked in ``dest/.download``, where an interrupted download resumes, and
    the complete cohort is then moved.

    Args:
        dest: any folder; only ``kaggle_3m`` and ``.download`` in it are written.

    Raises:
        CohortError: there is no network, Kaggle refuses, or the folder cannot be written.
    """
    cohort = dest / COHORT_FOLDER
    if cohort.exists():
        return cohort
    again = "run the same command again to resume"
    scratch = dest / ".download"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        unpacked = _fetch(scratch, again)
        # The archive contains the cohort twice; the shorter path has data.csv.
        found = sorted(unpacked.rglob(COHORT_FOLDER), key=lambda path: len(path.parts))
        if not found:
            raise CohortError(
                f"the archive of Kaggle contains no folder {COHORT_FOLDER}: open the folder of cases in "
                f"{unpacked} instead."
            )
        found[0].rename(cohort)
        shutil.rmtree(scratch)
    except OSError as error:
        raise CohortError(
            f"{dest} cannot be written ({error.strerror or _first_line(error)}): free some space or "
            f"choose another folder, and {again}."
        ) from error
    return cohort


def _fetch(scratch: Path, again: str) -> Path:
    """Return the folder below ``scratch`` into which kagglehub unpacked the archive."""
    import kagglehub
    from kagglehub import exceptions
    from requests.exceptions import RequestException

    refusals = (
        *(exceptions.KaggleApiHTTPError, exceptions.BackendError, exceptions.CredentialError),
        *(exceptions.DataCorruptionError, exceptions.UnauthenticatedError),
    )
    # kagglehub resumes a download in its cache; with output_dir it starts anew.
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(scratch)
    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except refusals as error:
        raise CohortError(
            f"Kaggle refused the download ({_first_line(error)}): sign in there, accept the "
            f"dataset's terms on its page, and {again}."
        ) from error
    except (ConnectionError, RequestException) as error:
        raise CohortError(
            f"Kaggle cannot be reached ({type(error).__name__}): check the network and {again}, or "
            "use the synthetic cohort, `brainseg sample DEST`."
        ) from error
    finally:
        os.environ.pop("KAGGLEHUB_CACHE")
        os.environ.update({} if before is None else {"KAGGLEHUB_CACHE": before})


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
