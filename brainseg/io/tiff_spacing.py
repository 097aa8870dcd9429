"""The spacing that ImageJ and OME state in a stack of TIFF pages, in mm where the unit makes a head."""

import io
import re

from brainseg.errors import DecodeError
from brainseg.io.limits import or_damaged

_MM = {
    **{"mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "m": 1000.0},
    **dict.fromkeys(("um", "µm", "μm", "\\u00b5m", "micron", "microns", "micrometer"), 0.001),
}
_LEAST_MM, _MOST_MM = 0.05, 20.0
_SIZE = re.compile(r'\bPhysicalSize([XYZ])\s*=\s*"([^"]*)"')
_UNIT = re.compile(r'\bPhysicalSize([XYZ])Unit\s*=\s*"([^"]*)"')
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_SIDEWAYS = 5
"""From this orientation on, rows are stored as columns."""


def stated_spacing(data: bytes) -> tuple[tuple[float, float, float] | None, tuple[str, ...]]:
    """Return the spacing of a stack as (slice, row, column) in mm, and a note on one that is not used.

    Args:
        data: a TIFF file with several pages, which are slices.

    Returns:
        None without a note if the file states none, or none in a unit of length.
    """
    try:
        widths = or_damaged(lambda: _widths(data))
    except DecodeError:
        return None, ()  # the pixels were read: only their description cannot be
    if widths is None:
        return None, ()
    if not all(_LEAST_MM <= width <= _MOST_MM for width in widths):
        shown = " x ".join(f"{width:.3g}" for width in widths)
        return None, (
            f"the file states voxels of {shown} mm, which make no head: its spacing is not used",
        )
    deep, tall, wide = (round(width, 6) for width in widths)
    return (deep, tall, wide), ()


def _widths(data: bytes) -> tuple[float, ...] | None:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        tags = tiff.pages.first.tags
        if "Orientation" in tags and tags["Orientation"].value >= _SIDEWAYS:
            return None
        if tiff.is_ome:
            return _of_ome(tiff.ome_metadata or "")
        described = tiff.imagej_metadata or {}
        mm = _MM.get(str(described.get("unit", "")).strip().lower())
        if mm is None or "spacing" not in described:
            return None
        per_unit = [
            tags[name].value[0] / tags[name].value[1] for name in ("YResolution", "XResolution")
        ]
        return abs(float(described["spacing"])) * mm, *(mm / each for each in per_unit)


def _of_ome(text: str) -> tuple[float, ...] | None:
    """Return the sizes of the first image; without a unit they are micrometres, as OME defines."""
    found = _PIXELS.search(text)
    if found is None:
        return None
    sizes, units = dict(_SIZE.findall(found[0])), dict(_UNIT.findall(found[0]))
    factors = [_MM.get(units.get(axis, "µm").strip().lower()) for axis in "ZYX"]
    if set(sizes) != {*"XYZ"} or None in factors:
        return None
    return tuple(float(sizes[axis]) * (mm or 0) for axis, mm in zip("ZYX", factors, strict=True))
