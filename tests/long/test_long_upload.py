"""The largest uploads within the limits, decoded, predicted and shown; run by `make test-long`."""

import gzip
import json
from contextlib import suppress
from threading import Event, Thread

import nibabel
import numpy as np
import psutil
import pytest
from support.servers import server

from benchmarks.support.visitor import Visitor

pytestmark = pytest.mark.long

MOST_BYTES = 1_500_000_000
"""Of server and workers together, while nothing else is open."""


def ball(shape: tuple[int, int, int], dtype: type) -> bytes:
    """Return a NIfTI file with a bright ball, compressed."""
    far = sum(
        ((np.arange(n) - n / 2) / (n / 2)).reshape(place) ** 2
        for n, place in zip(shape, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
    )
    pixels = np.where(far < 0.7, 60 + 80 * (1 - far), 0).astype(dtype)
    return gzip.compress(nibabel.Nifti1Image(pixels, np.eye(4)).to_bytes(), 1)


@pytest.mark.parametrize(
    ("names", "shape", "dtype"),
    [(("flair",), (512, 512, 512), np.int16), (("flair", "t1", "t1ce"), (512, 512, 341), np.uint8)],
)
def test_the_largest_upload_costs_at_most_a_gigabyte_and_a_half(
    sample_root, tmp_path, names, shape, dtype
):
    files, most, done = {f"{name}.nii.gz": ball(shape, dtype) for name in names}, [0], Event()
    with server(tmp_path, sample_root) as (address, process):
        started = psutil.Process(process.pid)

        def measure() -> None:
            while not done.wait(0.1):
                with suppress(psutil.Error):  # a process has ended
                    every = [started, *started.children(recursive=True)]
                    most[0] = max(most[0], sum(one.memory_full_info().pss for one in every))

        with Visitor(address, 600) as visitor:
            visitor.open("prediction", "source=your%20own%20files")
            Thread(target=measure, daemon=True).start()
            visitor.upload("TIFF, PNG", files)
            visitor.wait(
                lambda: any(
                    "case" in json.loads(e.bidi_component.json)
                    for e in visitor.elements.values()
                    if e.HasField("bidi_component") and e.bidi_component.json
                )
            )
            done.set()
    assert 300_000_000 < most[0] < MOST_BYTES
