"""Encoded DICOM elements as a pydicom dataset.

Messages of pydicom and highdicom quote values, which may be a patient's: they are dropped.
"""

import io
import logging
import warnings
from typing import TYPE_CHECKING

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
