"""Images packed for the viewer give back the volume that a prediction needs, to the byte."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from brainseg.exports.packed_images import pack_images
from brainseg.volume import Volume

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
ONE = RNG.integers(0, 256, (3, 5, 4, 1), dtype=np.uint8)
WITH_COPY = np.concatenate([ONE, ONE, PIXELS[..., :1]], axis=-1)


@pytest.mark.parametrize(
    "volume",
    [
        Volume(PIXELS, (3.0, 1.0, 0.5), np.eye(4), notes=("a note",)),
        Volume(WITH_COPY),
        Volume(np.broadcast_to(ONE, (3, 5, 4, 3))),
        Volume(PIXELS[..., :2], sequences=("T1", "T2"), others={"T2*": PIXELS[..., 2]}),
    ],
    ids=["all different", "a copy of FLAIR", "one array", "other sequences"],
)
def test_a_volume_comes_back_as_it_was(volume):
    found = pack_images(volume).volume()
    np.testing.assert_array_equal(found.pixels, volume.pixels)
    assert found.nbytes == volume.nbytes  # what shared memory still does
    assert found.flair_copies == volume.flair_copies
    assert found.others.keys() == volume.others.keys()
    for name, plane in volume.others.items():
        np.testing.assert_array_equal(found.others[name], plane)
    assert (found.spacing_mm, found.notes) == (volume.spacing_mm, volume.notes)
    assert found.sequences == volume.sequences
    with pytest.raises(ValueError, match="read-only"):
        found.pixels[0] = 0


def test_images_of_another_case_have_another_digest():
    volume = Volume(PIXELS, (3.0, 1.0, 1.0))
    changed = PIXELS.copy()
    changed[1, 2, 3, 0] ^= 1
    others = [
        replace(volume, pixels=changed),
        replace(volume, spacing_mm=(3.0, 1.0, 2.0)),
        replace(volume, affine=np.eye(4)),
        replace(volume, sequences=("a", "b", "c")),
        replace(volume, others={"T2": PIXELS[..., 0]}),
    ]
    digests = [pack_images(one).digest for one in (volume, *others)]
    assert len({*digests}) == len(digests)
    assert pack_images(Volume(PIXELS.copy(), (3.0, 1.0, 1.0))).digest == digests[0]


def test_images_without_noise_take_a_fraction_of_their_memory():
    pixels = np.zeros((20, 64, 64, 3), np.uint8)
    pixels[5:9, 20:40, 20:40] = RNG.integers(0, 256, (4, 20, 20, 3))
    assert pack_images(Volume(pixels)).nbytes < pixels.nbytes / 20


def test_all_who_use_the_volume_at_one_time_use_the_same_one():
    packed = pack_images(Volume(PIXELS.copy()))
    one = packed.volume()
    assert packed.volume() is one
    last = weakref.ref(one)
    del one
    assert last() is None, "the packed images keep no volume alive"
    np.testing.assert_array_equal(packed.volume().pixels, PIXELS)
