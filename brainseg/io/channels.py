"""Pictures with a file per channel, as nnU-Net takes PNG and TIFF files, and their label maps."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.label_maps import LabelMap
from brainseg.io.masks import plain_mask
from brainseg.io.opening import open_inputs
from brainseg.io.pictures import decode
from brainseg.io.sequence_guess import Evidence, guess_sequence
from brainseg.io.upload import ALL_PAGES, Series, Upload
from brainseg.io.upload_file import InputFile

BETWEEN = "+"
"""Separates the names of the channels of one file."""


def open_channels(
    files: list[InputFile], spacing_mm: tuple[float, float, float] | None = None
) -> Upload:
    """Return one series per channel, of its slices or of the pages of its file.

    Args:
        files: named ``FLAIR/P01_1.png`` after the channel and the slice, or ``T1+FLAIR+T1gd/P01_1.png``
            where a file contains several.
        spacing_mm: of slices, rows and columns, if known; by default what the pages of a file state.

    Raises:
        DecodeError: a channel is not usable, or the channels differ in size.
    """
    by_channel: dict[str, list[InputFile]] = defaultdict(list)
    for file in files:
        channel, _, name = file.name.rpartition("/")
        by_channel[channel].append(InputFile(name, file.data))
    series: list[Series] = []
    notes: list[str] = []
    for channel, own in by_channel.items():
        found = open_inputs(own, dict.fromkeys(range(len(own)), ALL_PAGES))
        if found.refused:
            raise DecodeError(found.refused[0].removesuffix("."))
        names = channel.split(BETWEEN)
        known = len(names) == len(found.series)
        named = zip(names if known else [""] * len(found.series), found.series, strict=True)
        series += [_named(name, one) if name else one for name, one in named]
        notes += found.notes
    grid = replace(series[0].grid, spacing_mm=spacing_mm or series[0].grid.spacing_mm)
    sizes = [" x ".join(map(str, one.pixels.shape)) for one in series]
    if len(set(sizes)) > 1:
        raise DecodeError(f"its channels differ in size ({' and '.join(dict.fromkeys(sizes))})")
    return Upload(
        "images", tuple(replace(one, grid=grid) for one in series), tuple(dict.fromkeys(notes))
    )


def _named(channel: str, series: Series) -> Series:
    guess = guess_sequence(Evidence(file_name=channel))
    return replace(series, label=channel, names=(channel,), suggestion=guess)


def read_picture_labels(files: list[InputFile], ruling: Series) -> LabelMap:
    """Return label maps of pictures, one per slice or all slices in the pages of one file.

    Raises:
        DecodeError: damaged, of another size than the slices, or with values that are no labels.
    """
    planes = []
    notes: dict[str, None] = {}
    for file in files:
        first = decode(file.data, file.name)
        rest = [decode(file.data, file.name, page) for page in range(1, first.pages)]
        for page in (first, *rest):
            plane, converted = plain_mask(page)
            if plane.ndim != 2 or plane.min() < 0 or plane.max() > 255 or (plane % 1).any():
                raise DecodeError(
                    "its values are no labels, whole numbers of 0 to 255 in one channel"
                )
            planes.append(plane.astype(np.uint8))
            notes |= dict.fromkeys(converted)
    sizes = {(len(planes), *plane.shape) for plane in planes}
    if sizes != {ruling.pixels.shape}:
        shown = [" x ".join(map(str, one)) for one in (*sorted(sizes), ruling.pixels.shape)]
        raise DecodeError(f"mask and image have different sizes ({' and '.join(shown)})")
    return LabelMap(np.stack(planes), notes=tuple(notes))
