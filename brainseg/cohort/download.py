"""The real cohort from Kaggle: its terms first, then its files, again and again until complete."""

import os
import shutil
from pathlib import Path

from brainseg.errors import CohortError

HANDLE = "mateuszbuda/lgg-mri-segmentation"
COHORT_FOLDER = "kaggle_3m"

TERMS = f"""\
LGG Segmentation Dataset: brain MRI of 110 patients with manual FLAIR abnormality masks.

  Page:     https://www.kaggle.com/datasets/{HANDLE}
  Licence:  CC BY-NC-SA 4.0 as the dataset's page names it: read it there before you agree.
  Source:   TCGA-LGG of The Cancer Imaging Archive, under its data usage policy.
  Cite:     Buda, Saha, Mazurowski (2019), Computers in Biology and Medicine 109, 218-225;
            Mazurowski et al. (2017), Journal of Neuro-Oncology.
  Size:     about 1 GB on disk.

Research and education only. Not a medical device.
"""


def download(dest: Path) -> Path:
    """Fetch the cohort into ``dest/kaggle_3m`` and return that folder; a whole one is left as it is.

    The archive is fetched and unpacked below ``dest/.download``, where an interrupted attempt is gone
    on with, and only a whole cohort is moved to its place.

    Args:
        dest: any folder; nothing but ``kaggle_3m`` and ``.download`` in it is touched.

    Raises:
        CohortError: there is no network, Kaggle refuses, or the folder cannot be written.
    """
    cohort = dest / COHORT_FOLDER
    if cohort.exists():
        return cohort
    again = "run the same command again, it goes on where it stopped"
    scratch = dest / ".download"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        unpacked = _fetch(scratch, again)
        # The archive holds the cohort twice, and the shorter path is the one that data.csv is in.
        found = sorted(unpacked.rglob(COHORT_FOLDER), key=lambda path: len(path.parts))
        if not found:
            raise CohortError(
                f"what Kaggle sent holds no folder {COHORT_FOLDER}: look at {unpacked}, and name the "
                "folder of cases in it yourself."
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
    """Return the folder that kagglehub unpacked the archive to, below ``scratch``."""
    import kagglehub
    from kagglehub.exceptions import (
        BackendError,
        CredentialError,
        DataCorruptionError,
        KaggleApiHTTPError,
        UnauthenticatedError,
    )
    from requests.exceptions import RequestException

    refusals = (
        KaggleApiHTTPError,
        BackendError,
        CredentialError,
        DataCorruptionError,
        UnauthenticatedError,
    )
    # Its cache resumes a download; its output_dir starts anew.
    before = os.environ.get("KAGGLEHUB_CACHE")
    os.environ["KAGGLEHUB_CACHE"] = str(scratch)
    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except refusals as error:
        raise CohortError(
            f"Kaggle refused the download ({_first_line(error)}): sign in there, look at the "
            f"dataset's page, and {again}."
        ) from error
    except (ConnectionError, RequestException) as error:
        raise CohortError(
            f"Kaggle cannot be reached ({type(error).__name__}): check the network and {again}, or "
            "use the synthetic cohort, `brainseg sample DEST`."
        ) from error
    finally:
        if before is None:
            del os.environ["KAGGLEHUB_CACHE"]
        else:
            os.environ["KAGGLEHUB_CACHE"] = before


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
