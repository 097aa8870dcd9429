"""What is computed of a large volume needs little more memory than the volume itself."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from brainseg.exports.payload import in_steps
from brainseg.imaging import level_counts
from brainseg.inference.prediction import Prediction
from brainseg.inference.uncertainty import agreement_of
from brainseg.io import assemble
from brainseg.io.upload import Grid, Series, Upload
from brainseg.metrics.labelling import label_components
from brainseg.models import NEW, CaseExposure
from brainseg.volume import FLAIR, PRE_CONTRAST, SEQUENCES, Volume

SHAPE = (64, 256, 256)
VOXELS = 64 * 256 * 256


def peak_of(work: Callable[[], object]) -> float:
    """Return the most memory that a call takes, in bytes per voxel."""
    work()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / VOXELS
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def prediction() -> Prediction:
    probability = np.zeros(SHAPE, np.float32)
    probability[20:30, 60:120, 60:120] = probability[40, :9, :9] = 0.9
    exposure = CaseExposure(NEW, (0,))
    return Prediction(probability, probability / 9, exposure, 0.1, "Net", "CPU", 2, 0.2)


def test_a_single_sequence_is_in_memory_once():
    pixels = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    upload = Upload("NIfTI", (Series("one", pixels, grid=Grid(tuple(range(64)))),))
    volume = assemble(upload, {FLAIR: 0})
    assert volume.nbytes == VOXELS
    assert np.shares_memory(volume.pixels, pixels)
    assert set(volume.flair_copies) == set(SEQUENCES) - {FLAIR}
    assert peak_of(lambda: Volume(volume.pixels).flair_copies) < 0.1
    assert peak_of(lambda: level_counts(pixels)) < 0.1


def test_sequences_of_one_grid_are_in_memory_once_after_they_are_assembled():
    grid = Grid(tuple(range(64)))
    stacks = [np.full(SHAPE, value, np.uint8) for value in (1, 2)]
    upload = Upload("NIfTI", tuple(Series(f"{n}", one, grid=grid) for n, one in enumerate(stacks)))
    volume = assemble(upload, {FLAIR: 0, PRE_CONTRAST: 1})
    for series, stack in zip(upload.series, stacks, strict=True):
        assert np.shares_memory(series.pixels, volume.pixels)
        np.testing.assert_array_equal(series.pixels, stack)
    turned = assemble(upload, {FLAIR: 1, PRE_CONTRAST: 0})
    assert (turned.sequence(FLAIR) == 2).all() and (turned.sequence(PRE_CONTRAST) == 1).all()


def test_components_agreement_and_steps_need_a_few_bytes_per_voxel(prediction):
    units = prediction.units
    assert peak_of(lambda: label_components(units > 20_000)) < 2
    assert peak_of(lambda: prediction.mask(0.5)) < 3.5
    assert peak_of(lambda: agreement_of(prediction, 0.5)) < 6.5
    assert peak_of(lambda: in_steps(units)) < 1.2


def test_components_are_those_of_the_whole_volume():
    mask = np.zeros(SHAPE, bool)
    mask[3, 5, 7] = mask[4, 6, 8] = mask[60, 200:210, 3] = True
    labels, sizes, box = label_components(mask)
    assert sizes.tolist() == [2, 10]
    assert labels.shape == (58, 205, 6)
    np.testing.assert_array_equal(labels > 0, mask[box])
    assert label_components(np.zeros(SHAPE, bool))[1].size == 0
