"""Encoded DICOM elements as a pydicom dataset."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pydicom


def read_header(encoded: bytes) -> "pydicom.Dataset":
    """Return the dataset of elements that :meth:`Elements.only` kept.

    Its text shows the patient's name: never print, log or keep it.
    """
    import pydicom
    from pydicom.filereader import read_dataset

    dataset = read_dataset(io.BytesIO(encoded[1:]), False, encoded[:1] != b"B")
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return dataset
