"""Counts that take minutes: run by `make test-long`, their last result stands in the README."""

import cv2
import numpy as np
import pytest

from brainseg.errors import DecodeError
from brainseg.formats import decode

pytestmark = pytest.mark.long

MUTATIONS = 20_000


def test_mutated_files_are_refused_or_read_and_nothing_else():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    originals = {
        "a.tif": cv2.imencode(".tif", picture, (cv2.IMWRITE_TIFF_COMPRESSION, 1))[1].tobytes(),
        "b.tif": cv2.imencode(".tif", picture, (cv2.IMWRITE_TIFF_COMPRESSION, 5))[1].tobytes(),
        "c.tif": cv2.imencode(".tif", picture, (cv2.IMWRITE_TIFF_COMPRESSION, 8))[1].tobytes(),
        "d.png": cv2.imencode(".png", picture)[1].tobytes(),
        "e.jpg": cv2.imencode(".jpg", picture)[1].tobytes(),
    }
    for count in range(MUTATIONS):
        name, original = list(originals.items())[count % len(originals)]
        data = bytearray(original)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        cut = int(rng.integers(1, len(data))) if rng.random() < 0.3 else len(data)
        try:
            decoded = decode(bytes(data[:cut]), name)
        except DecodeError as refusal:
            assert "\n" not in str(refusal)
        else:
            assert decoded.pixels.size > 0
