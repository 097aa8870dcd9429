"""The real cohort's download: its refusals for real, its unpacking with Kaggle's answer played.

The machines that run these tests reach no Kaggle. What kagglehub would have fetched is therefore a
zip in the archive's layout, written here and unpacked by the function that stands in for it.
"""

import os
import shutil
import zipfile
from pathlib import Path

import pytest
from support.cohorts import write_tiny_cohort

from brainseg.cohort import Cohort
from brainseg.cohort.download import HANDLE, TERMS, download
from brainseg.errors import CohortError


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """Play Kaggle: unpack an archive that holds the cohort twice, as the real one does."""
    import kagglehub

    once = write_tiny_cohort(tmp_path / "archive" / "kaggle_3m")
    shutil.copytree(once, tmp_path / "archive" / "lgg-mri-segmentation" / "kaggle_3m")
    archive = Path(shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "archive"))
    asked = []

    def dataset_download(handle: str) -> str:
        asked.append(handle)
        unpacked = Path(os.environ["KAGGLEHUB_CACHE"]) / "datasets" / "versions" / "2"
        with zipfile.ZipFile(archive) as file:
            file.extractall(unpacked)
        return str(unpacked)

    monkeypatch.setattr(kagglehub, "dataset_download", dataset_download)
    return asked


def test_the_cohort_lands_once_and_opens(kaggle, tmp_path):
    dest = tmp_path / "dest"
    cohort = download(dest)
    assert cohort == dest / "kaggle_3m"
    assert [path.name for path in dest.iterdir()] == ["kaggle_3m"]
    opened = Cohort.open(dest)
    assert len(opened.cases) == 3
    assert opened.patients is not None
    assert opened.notes == ()


def test_a_whole_cohort_is_not_fetched_again(kaggle, tmp_path):
    download(tmp_path / "dest")
    download(tmp_path / "dest")
    assert kaggle == [HANDLE]


def test_an_attempt_that_was_killed_while_unpacking_is_gone_on_with(kaggle, tmp_path):
    half = tmp_path / "dest" / ".download" / "datasets" / "versions" / "2" / "kaggle_3m" / "half"
    half.mkdir(parents=True)
    assert not (tmp_path / "dest" / "kaggle_3m").exists()
    download(tmp_path / "dest")
    assert len(Cohort.open(tmp_path / "dest").cases) == 3


def test_an_archive_without_the_cohort_is_one_sentence(tmp_path, monkeypatch):
    import kagglehub

    (tmp_path / "other").mkdir()
    monkeypatch.setattr(kagglehub, "dataset_download", lambda handle: str(tmp_path / "other"))
    with pytest.raises(CohortError, match="contains no folder kaggle_3m"):
        download(tmp_path / "dest")


def test_without_a_network_the_sentence_says_what_to_do(tmp_path, monkeypatch):
    # A proxy where nobody listens: the real client fails as it does without a network.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    before = dict(os.environ)
    with pytest.raises(CohortError, match=r"Kaggle cannot be reached.*brainseg sample"):
        download(tmp_path / "dest")
    assert dict(os.environ) == before
    assert not (tmp_path / "dest" / "kaggle_3m").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CohortError, match="choose another folder"):
        download(tmp_path / "file" / "dest")


def test_the_terms_name_the_licence_the_source_and_the_limits():
    for part in ("Licence", "TCGA-LGG", "Buda", "Not a medical device"):
        assert part in TERMS
