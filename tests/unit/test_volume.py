"""Volume: the one shape that every reader returns."""

import pickle

import numpy as np
import pytest
from support.cohorts import head

from brainseg.volume import FLAIR, POST_CONTRAST, SEQUENCES, Volume


def test_a_volume_tells_its_length_and_its_sequences() -> None:
    pixels = np.stack([head(1), head(2)])
    volume = Volume(pixels)
    assert len(volume) == 2
    assert volume.sequences == SEQUENCES
    assert np.array_equal(volume.sequence(FLAIR), pixels[..., 1])
    assert np.array_equal(volume.sequence(POST_CONTRAST), pixels[..., 2])


def test_a_volume_invents_no_geometry() -> None:
    volume = Volume(head(1)[np.newaxis])
    assert volume.spacing_mm is None
    assert volume.affine is None
    assert volume.notes == ()


@pytest.mark.parametrize(
    "pixels",
    [
        head(1),
        head(1)[np.newaxis, ..., :2],
        head(1)[np.newaxis].astype(np.float32),
        np.zeros((2, 64, 64), np.uint8),
    ],
)
def test_an_array_that_is_no_volume_is_refused_with_its_shape(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a volume is \(n, h, w, 3\) uint8, but this array is"):
        Volume(pixels)


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="sequence is “T2”; expected one of pre-contrast"):
        Volume(head(1)[np.newaxis]).sequence("T2")


def test_sequences_that_share_memory_are_pickled_once() -> None:
    flair = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 1), np.uint8)
    shared = Volume(np.broadcast_to(flair, (2, 8, 8, 3)))
    again = pickle.loads(pickle.dumps(shared))
    np.testing.assert_array_equal(again.pixels, shared.pixels)
    assert again.nbytes == shared.nbytes == flair.nbytes
    copied = Volume(shared.pixels.copy())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(copied)).pixels, copied.pixels)
