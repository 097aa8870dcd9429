"""Addresses of folders on other machines: which are accepted, and what their refusals say."""

from pathlib import Path

import pytest

from brainseg.errors import StorageError
from brainseg.storage.addresses import checked_address, is_address, name_in_mirror, place_in_words


@pytest.mark.parametrize(
    "text", ["s3://bucket/cohort", "gs://b/c d", "abfs://box@account/c", "sftp://anna@host/c"]
)
def test_an_address_is_known_and_keeps_its_names(text):
    assert is_address(text) and checked_address(f"{text}//") == text


@pytest.mark.parametrize(
    "place", ["cohort", "/data/s3", r"C:\data", "C:/data", "a:b", Path("s3:/b/c")]
)
def test_a_path_is_no_address(place):
    assert not is_address(place)


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIAKEY:hush@bucket/cohort",
        "s3://AKIAKEY:hu/sh@bucket/cohort",
        "S3://hush@bucket/cohort",
        "https://hush@host/study.zip",
        "sftp://anna:hush@host/cohort",
        "https://host/study.zip?X-Amz-Signature=hush",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(text):
    with pytest.raises(StorageError) as refused:
        checked_address(text)
    assert "hush" not in str(refused.value) and "AKIA" not in str(refused.value)
    assert "leave" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["s3://", "s3:///", "zip://a::s3://b/c", "s3://b/\0", "s3://b/\nc"]
)
def test_an_address_that_names_no_folder_is_refused_in_a_sentence(text):
    with pytest.raises(StorageError, match="names one folder of one storage"):
        checked_address(text)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://b/kaggle_3m", "kaggle_3m"),
        ("s3://b/x/study.nii.gz", "study.nii.gz"),
        ("s3://b/..", "data"),
        ("s3://b/a:b", "a_b"),
        ("s3://b/.hidden", "hidden"),
    ],
)
def test_a_mirror_has_the_last_name_of_its_address_if_a_path_may(address, name):
    assert name_in_mirror(address) == name


def test_a_path_outside_of_the_mirrors_is_given_as_it_is(tmp_path, home):
    assert place_in_words(tmp_path) == str(tmp_path)
    assert place_in_words(home / "mirrors") == str(home / "mirrors")
    assert place_in_words(home / "mirrors" / "unknown" / "data") == str(
        home / "mirrors" / "unknown" / "data"
    )
