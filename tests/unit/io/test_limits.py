"""Limits are refused with the rule, the value and the remedy, before memory is taken."""

import numpy as np
import pytest

from brainseg.errors import DecodeError
from brainseg.io import assemble
from brainseg.io.limits import MAX_SLICES, MAX_VOXELS, check_planes
from brainseg.io.upload import Grid, Series, Upload
from brainseg.volume import FLAIR


def test_a_volume_of_the_most_voxels_is_accepted_and_a_larger_one_refused():
    check_planes(512, 512, 512)
    assert MAX_VOXELS == 512**3
    with pytest.raises(DecodeError, match=r"512 slices of 513 x 512 px has more than 134,217,728"):
        check_planes(512, 512, 513)
    with pytest.raises(DecodeError, match=f"513 slices exceed {MAX_SLICES}"):
        check_planes(513, 32, 32)


def test_slices_that_make_too_large_a_volume_are_not_assembled():
    pixels = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (512, 600, 600))
    upload = Upload("images", (Series("one", pixels, grid=Grid(tuple(range(512)))),))
    with pytest.raises(
        DecodeError, match=r"\(512 x 512 x 512\): crop it, or reduce its resolution"
    ):
        assemble(upload, {FLAIR: 0})
