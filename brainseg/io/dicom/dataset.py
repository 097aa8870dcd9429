"""Encoded DICOM elements as a pydicom dataset.

Messages of pydicom and highdicom quote values, which may be a patient's: they are dropped.
"""

import io
import logging
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brainseg.errors import DecodeError
from brainseg.io.limits import or_damaged

if TYPE_CHECKING:
    import pydicom

for _name in ("pydicom", "highdicom"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
    warnings.filterwarnings("ignore", module=rf"{_name}\.")


def read_header(encoded: bytes) -> "pydicom.Dataset":
    """Return the dataset of elements that :meth:`Elements.only` kept.

    Its text shows the patient's name: never print, log or keep it.
    """
    import pydicom
    from pydicom.filereader import read_dataset

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    dataset = read_dataset(io.BytesIO(encoded[1:]), False, encoded[:1] != b"B")
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return dataset


def text(header: "pydicom.Dataset", name: str) -> str:
    """Return the value of a tag as text; empty if it is missing or unreadable."""
    return str(_value(header, name) or "").strip("\0 ")


def texts(header: "pydicom.Dataset", name: str) -> list[str]:
    """Return all values of a tag as text in upper case; empty if it is missing or unreadable."""
    return [str(one).strip().upper() for one in _values(header, name)]


def number(header: "pydicom.Dataset", name: str) -> float | None:
    """Return the first value of a tag as a finite number, or None."""
    return next(iter(_finite(_values(header, name)[:1])), None)


def numbers(header: "pydicom.Dataset", name: str, count: int) -> list[float] | None:
    """Return the values of a tag as finite numbers, or None if they are not exactly ``count``."""
    found = _finite(_values(header, name))
    return found if len(found) == count else None


def _finite(values: list[object]) -> list[float]:
    try:
        found = [float(str(value)) for value in values]
    except ValueError:
        return []
    return found if all(map(math.isfinite, found)) else []


def _values(header: "pydicom.Dataset", name: str) -> list[object]:
    value = _value(header, name)
    if value is None:
        return []
    return [*value] if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _value(header: "pydicom.Dataset", name: str) -> object:
    try:
        return or_damaged(lambda: header.get(name))
    except DecodeError:
        return None
