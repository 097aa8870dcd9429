"""Values of the measurements that readers draw, as in the viewer's measurements.js.

Without a spacing, pixels of a slice count as squares of 1 px, and the distance of the slices is unknown.
Across slices that are tilted against their axis, lengths are unknown, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.io.orientation import is_skewed, sides_of
from brainseg.reviews.measurements import ANGLE, ELLIPSE, KIND_WORDS, PRODUCT, RULER, Measurement
from brainseg.volume import Volume

MM, PX = "mm", "px"

_NAMES = {"LR": "sagittal", "PA": "coronal", "IS": "axial"}
_NEUTRAL = ("column plane", "row plane")


@dataclass(frozen=True)
class Values:
    """The values of one measurement; None where they are unknown or of another kind.

    Attributes:
        unit: :data:`MM` or :data:`PX`, None if the distance of the slices is needed and unknown.
        length: of a ruler.
        longest: the longer of two diameters.
        perpendicular: the shorter one.
        product: of both, in the square of the unit.
        degrees: of an angle, 0..180.
        area: of the pixels in an ellipse, in the square of the unit.
        pixels: the number of pixels whose centre is inside.
        mean: of their 8-bit grey values.
        deviation: their standard deviation, divided by n.
    """

    unit: str | None
    length: float | None = None
    longest: float | None = None
    perpendicular: float | None = None
    product: float | None = None
    degrees: float | None = None
    area: float | None = None
    pixels: int | None = None
    mean: float | None = None
    deviation: float | None = None


VALUES = tuple(name for name in Values.__dataclass_fields__ if name != "unit")


def values_of(measurement: Measurement, volume: Volume) -> Values:
    """Return the values of a measurement on the volume on which it was drawn."""
    axes = [axis for axis in range(3) if axis != measurement.normal]
    size, unit = _metric(volume, measurement.normal)
    flat = np.array(measurement.points)[:, axes]
    points = flat * (1 if size is None else size)
    if measurement.kind == ELLIPSE:
        return _ellipse(measurement, volume, flat, size, unit)
    if size is None:
        return Values(None)
    if measurement.kind == RULER:
        return Values(unit, length=_apart(points[0], points[1]))
    if measurement.kind == ANGLE:
        one, other = points[0] - points[1], points[2] - points[1]
        share = one @ other / (np.linalg.norm(one) * np.linalg.norm(other) or 1)
        return Values(unit, degrees=float(np.degrees(np.arccos(np.clip(share, -1, 1)))))
    short, long = sorted((_apart(points[0], points[1]), _apart(points[2], points[3])))
    return Values(unit, longest=long, perpendicular=short, product=long * short)


def in_words(measurement: Measurement, volume: Volume) -> str:
    """Return the value of a measurement as the viewer writes it: “31.2 × 20.1 mm = 627 mm²”."""
    one = values_of(measurement, volume)
    if measurement.kind == ELLIPSE:
        if not one.pixels:
            return "no pixel inside"
        size = f"{one.area:.0f} mm²" if one.unit == MM else f"{one.pixels} {one.unit or 'voxels'}"
        return f"{one.mean:.1f} ± {one.deviation:.1f} ({size})"
    if measurement.kind == RULER:
        return _across_slices(measurement) if one.length is None else f"{one.length:.1f} {one.unit}"
    if one.unit is None:
        return "unknown"
    if measurement.kind == PRODUCT:
        sides = f"{one.longest:.1f} × {one.perpendicular:.1f} {one.unit}"
        return f"{sides} = {one.product:.0f} {one.unit}²"
    return f"{one.degrees:.1f}°"


def place_of(
    measurement: Measurement, volume: Volume, slice_numbers: Sequence[int]
) -> tuple[str, int]:
    """Return the plane (“slice”, “coronal”, …) and the slice_number, or the index of row or column."""
    if measurement.normal == 2:
        return "slice", int(slice_numbers[measurement.index])
    sides = sides_of(volume.affine, volume.directions)
    if sides is None:
        return _NEUTRAL[measurement.normal], measurement.index
    first, last = (("left", "right"), ("top", "bottom"))[measurement.normal]
    across = {sides[first], sides[last]}
    return next(name for ends, name in _NAMES.items() if across == {*ends}), measurement.index


def drawn_table(
    measurements: Sequence[Measurement], volume: Volume, slice_numbers: Sequence[int], case: str
) -> pd.DataFrame:
    """Return one row per measurement.

    Returns:
        ``case``, ``reader``, ``plane``, ``place``, ``kind``, ``name``, ``sequence``, ``unit``, and the
        other fields of :class:`Values`, rounded to three decimals, missing where unknown.
    """
    rows = []
    for one in measurements:
        plane, place = place_of(one, volume, slice_numbers)
        values = values_of(one, volume)
        numbers = {name: getattr(values, name) for name in VALUES}
        rows.append(
            {
                "case": case,
                "reader": one.reader,
                "plane": plane,
                "place": place,
                "kind": one.kind,
                "name": one.name,
                "sequence": one.sequence if one.kind == ELLIPSE else "",
                "unit": values.unit,
                **{
                    name: value if value is None else round(value, 3)
                    for name, value in numbers.items()
                },
            }
        )
    head = ["case", "reader", "plane", "place", "kind", "name", "sequence", "unit", *VALUES]
    return pd.DataFrame(rows, columns=head).astype({"pixels": "Int64"})


def sentence_of(measurement: Measurement, volume: Volume, slice_numbers: Sequence[int]) -> str:
    """Return a measurement in one line: “Ruler “edge”, slice 12: 31.2 mm”."""
    plane, place = place_of(measurement, volume, slice_numbers)
    name = f" “{measurement.name}”" if measurement.name else ""
    value = in_words(measurement, volume)
    return f"{KIND_WORDS[measurement.kind]}{name}, {plane} {place}: {value}"


def _metric(volume: Volume, normal: int) -> tuple[tuple[float, float] | None, str | None]:
    """Return the size of a voxel along the two axes of a plane, and the unit; None where unknown."""
    if volume.spacing_mm is None:
        return ((1.0, 1.0), PX) if normal == 2 else (None, None)
    if normal != 2 and is_skewed(volume.affine):
        return None, None
    sizes = volume.spacing_mm[::-1]
    one, other = (sizes[axis] for axis in range(3) if axis != normal)
    return ((one, other), MM) if one and other else (None, None)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(other - one))


def _ellipse(
    measurement: Measurement,
    volume: Volume,
    corners: np.ndarray,
    size: tuple[float, float] | None,
    unit: str | None,
) -> Values:
    name = measurement.sequence if measurement.sequence in volume.names else volume.sequences[0]
    stack = volume.sequence(name)  # (slice, row, column)
    plane = stack.take(measurement.index, axis=2 - measurement.normal)  # rows: the later axis
    middle, radii = corners.mean(axis=0), np.abs(corners[1] - corners[0]) / 2
    if not radii.all():
        return Values(unit, pixels=0)
    rows, columns = np.indices(plane.shape) + 0.5
    across = ((columns - middle[0]) / radii[0]) ** 2 + ((rows - middle[1]) / radii[1]) ** 2
    inside = plane[across <= 1].astype(float)
    if not inside.size:
        return Values(unit, pixels=0)
    area = None if size is None else inside.size * size[0] * size[1]
    mean, deviation = float(inside.mean()), float(inside.std())
    return Values(unit, area=area, pixels=inside.size, mean=mean, deviation=deviation)


def _across_slices(measurement: Measurement) -> str:
    """Return a length across slices of unknown distance: pixels and slices, each on its own."""
    axis = 1 - measurement.normal
    first, last = measurement.points
    return (
        f"{abs(last[axis] - first[axis]):.1f} px × {abs(last[2] - first[2]):.1f} slices, "
        "length unknown"
    )
