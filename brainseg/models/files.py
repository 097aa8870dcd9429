"""Read a model's files: only regular ones that its manifest names by their SHA-256, within limits."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from brainseg.errors import ModelError
from brainseg.io.files import read_file
from brainseg.models.places import remedy_for

MOST_BYTES = 2**30
"""Largest file of a model; the shipped ones have at most 8 MB."""

MOST_ARRAY_BYTES = 2**27
"""Limit for an archive of arrays and for its content; the shipped ones have less than 1 MB."""


def read_verified(folder: Path, file: str, sha256: str, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the content of a model's file, so that nothing can change between check and use.

    Args:
        folder: of the model.
        file: its name.
        sha256: of its content, as the manifest states it.
        most_bytes: a larger file is not read.

    Raises:
        ModelError: the file is missing, not regular, too large, or another one.
    """
    try:
        content = read_file(folder / file, most_bytes)
    except FileNotFoundError as error:
        raise ModelError(f"{folder.name} lacks its file {file}: {remedy_for(folder)}.") from error
    except OSError as error:
        raise ModelError(
            f"{file} of {folder.name} cannot be opened ({error.strerror}): {remedy_for(folder)}."
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(
            f"{file} of {folder.name} is not the file its manifest names (its SHA-256 differs): it "
            f"was not opened; {remedy_for(folder)}."
        )
    return content


def arrays_of(archive: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name; raises ValueError or another error if damaged."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        if sum(member.file_size for member in members.infolist()) > MOST_ARRAY_BYTES:
            raise ValueError("the arrays are too large")
        return {
            name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(members.read(name)))
            for name in members.namelist()
        }
