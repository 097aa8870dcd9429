"""Read pictures, NIfTI and DICOM files from any source: the result is checked pixels or one sentence.

Limits are checked before anything is decoded, and a damaged file is refused as a whole: the decoders
here raise where others return an image with wrong pixels. :func:`open_upload` reads all files of an
upload and :func:`decode_files` the picture files of a cohort: where a library decodes, in a worker.
"""

from brainseg.io.decoded import Decoded, to_three_channels
from brainseg.io.decoding import decode_files, open_upload, warm_decoders
from brainseg.io.names import is_input, shown_name
from brainseg.io.opening import open_inputs
from brainseg.io.pictures import decode
from brainseg.io.sequences import (
    assemble,
    assemble_all,
    guess_assignment,
    left_out,
    ruling_grid,
    series_warnings,
)
from brainseg.io.upload import ALL_PAGES, DicomSource, NiftiSource, PagesError, Upload
from brainseg.io.upload_file import InputFile

__all__ = [
    "ALL_PAGES",
    "Decoded",
    "DicomSource",
    "InputFile",
    "NiftiSource",
    "PagesError",
    "Upload",
    "assemble",
    "assemble_all",
    "decode",
    "decode_files",
    "guess_assignment",
    "is_input",
    "left_out",
    "open_inputs",
    "open_upload",
    "ruling_grid",
    "series_warnings",
    "shown_name",
    "to_three_channels",
    "warm_decoders",
]
