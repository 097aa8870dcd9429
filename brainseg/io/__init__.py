"""Read pictures, NIfTI and DICOM files from any source: the result is checked pixels or one sentence.

Limits are checked before anything is decoded, and a damaged file is refused as a whole: the decoders
here raise where others return an image with wrong pixels. :func:`open_upload` reads all files of an
upload and :func:`decode_files` the picture files of a cohort: where a library decodes, in a worker.
"""

from brainseg.io.decoded import Decoded, check_usable, is_deep, spread_few_bits, to_three_channels
from brainseg.io.decoding import decode_files, open_upload, warm_decoders
from brainseg.io.limits import DAMAGED, MAX_INFLATED_BYTES, MAX_MEGAPIXELS, MAX_SLICES, MIN_SIDE_PX
from brainseg.io.names import IMAGE_SUFFIXES, INPUT_SUFFIXES, is_input, shown_name
from brainseg.io.opening import open_inputs
from brainseg.io.pictures import decode
from brainseg.io.sequences import assemble, guess_assignment, left_out, ruling_grid, series_warnings
from brainseg.io.upload import ALL_PAGES, DicomSource, Grid, NiftiSource, PagesError, Series, Upload
from brainseg.io.upload_file import InputFile
from brainseg.io.window import Window, WindowFinder

__all__ = [
    "ALL_PAGES",
    "DAMAGED",
    "IMAGE_SUFFIXES",
    "INPUT_SUFFIXES",
    "MAX_INFLATED_BYTES",
    "MAX_MEGAPIXELS",
    "MAX_SLICES",
    "MIN_SIDE_PX",
    "Decoded",
    "DicomSource",
    "Grid",
    "InputFile",
    "NiftiSource",
    "PagesError",
    "Series",
    "Upload",
    "Window",
    "WindowFinder",
    "assemble",
    "check_usable",
    "decode",
    "decode_files",
    "guess_assignment",
    "is_deep",
    "is_input",
    "left_out",
    "open_inputs",
    "open_upload",
    "ruling_grid",
    "series_warnings",
    "shown_name",
    "spread_few_bits",
    "to_three_channels",
    "warm_decoders",
]
