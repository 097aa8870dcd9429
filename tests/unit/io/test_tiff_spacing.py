"""The spacing of stacks that ImageJ and OME write: in mm if the unit makes a head, else unknown."""

import io

import numpy as np
import pytest
import tifffile
from support.cohorts import head

from brainseg.io import ALL_PAGES, InputFile, Upload, open_inputs
from brainseg.io.orientation import NO_ORIENTATION

STACK = np.stack([head(number)[..., 0] for number in range(4)])


def opened(**options: object) -> Upload:
    file = io.BytesIO()
    tifffile.imwrite(file, STACK, **options)
    return open_inputs([InputFile("flair.tif", file.getvalue())], {0: ALL_PAGES})


def imagej(unit: str, spacing: float, per_unit: tuple[float, float]) -> Upload:
    metadata = {"axes": "ZYX", "unit": unit, "spacing": spacing}
    return opened(imagej=True, resolution=per_unit, metadata=metadata)


def ome(x: float, y: float, z: float, unit: str) -> Upload:
    sizes = {f"PhysicalSize{axis}": value for axis, value in zip("XYZ", (x, y, z), strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    return opened(ome=True, metadata={"axes": "ZYX", **sizes, **units})


@pytest.mark.parametrize(
    "upload",
    [
        lambda: imagej("mm", 3.0, (2.0, 1.25)),
        lambda: imagej("micron", 3000.0, (0.002, 0.00125)),
        lambda: ome(0.5, 0.8, 3.0, "mm"),
        lambda: ome(500.0, 800.0, 3000.0, "µm"),
    ],
    ids=["imagej mm", "imagej micron", "ome mm", "ome um"],
)
def test_a_stated_spacing_is_read_in_mm_and_the_orientation_stays_unknown(upload) -> None:
    (series,) = upload().series
    assert series.grid.spacing_mm == pytest.approx((3.0, 0.8, 0.5), rel=1e-3)
    assert series.grid.affine is None
    assert series.warnings == (NO_ORIENTATION,)


@pytest.mark.parametrize(
    ("upload", "notes"),
    [
        (lambda: imagej("pixel", 3.0, (1.0, 1.0)), 0),
        (lambda: imagej("micron", 3.0, (1.0, 1.0)), 1),
        (lambda: ome(1.0, 1.0, 3.0, "µm"), 1),
        (lambda: opened(imagej=True, metadata={"axes": "ZYX"}), 0),
        (lambda: opened(photometric="minisblack"), 0),
    ],
    ids=["pixels", "micrometres", "ome micrometres", "nothing stated", "plain"],
)
def test_a_spacing_that_makes_no_head_or_has_no_unit_stays_unknown(upload, notes: int) -> None:
    found = upload()
    assert found.series[0].grid.spacing_mm is None
    assert sum("make no head" in note for note in found.notes) == notes
