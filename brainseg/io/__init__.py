"""Read pictures, NIfTI and DICOM files from any source: the result is checked pixels or one sentence.

Limits are checked before anything is decoded, and a damaged file is refused as a whole: the decoders
here raise where others return an image with wrong pixels. :func:`open_inputs` reads all files of an
upload; :func:`decode` reads one picture file, as the index of a cohort does thousands of times.
"""

from brainseg.io.decoded import (
    Decoded,
    check_usable,
    is_deep,
    spread_few_bits,
    to_three_channels,
)
from brainseg.io.limits import (
    DAMAGED,
    MAX_INFLATED_BYTES,
    MAX_MEGAPIXELS,
    MAX_SLICES,
    MIN_SIDE_PX,
)
from brainseg.io.names import IMAGE_SUFFIXES, INPUT_SUFFIXES, is_input, shown_name
from brainseg.io.opening import open_inputs
from brainseg.io.pictures import decode
from brainseg.io.sandbox.pool import Pool, shared_pool
from brainseg.io.sequences import (
    assemble,
    guess_assignment,
    left_out,
    ruling_grid,
    series_warnings,
)
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
    "Pool",
    "Series",
    "Upload",
    "Window",
    "WindowFinder",
    "assemble",
    "check_usable",
    "decode",
    "guess_assignment",
    "is_deep",
    "is_input",
    "left_out",
    "open_inputs",
    "ruling_grid",
    "series_warnings",
    "shared_pool",
    "shown_name",
    "spread_few_bits",
    "to_three_channels",
]
