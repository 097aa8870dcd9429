"""The frames of an enhanced (multi-frame) MR image, each with a header like that of a classic image.

An enhanced image describes what its frames share, and what each frame has of its own, in sequences of
functional groups. The elements needed here are lifted out of them, so that a frame reads like a separate
file. They are defined in PS3.3 C.7.6.16 and C.8.13.
"""

import math
import struct
from collections.abc import Collection, Iterator

from brainseg.errors import DecodeError
from brainseg.io.archives import too_large
from brainseg.io.dicom.elements import Element, Elements
from brainseg.io.limits import MAX_INFLATED_BYTES

ENHANCED_MR = ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4")
"""Enhanced MR Image Storage, and Legacy Converted Enhanced MR Image Storage."""

MOST_FRAMES = 8192
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_INSTANCE_NUMBER = 0x00200013
_LIFTED = {
    0x00189112: (0x00180080,),  # timing: RepetitionTime
    0x00189114: (0x00189082,),  # echo: EffectiveEchoTime
    0x00189115: (0x00189079,),  # modifier: InversionTimes
    0x00189117: (0x00189087,),  # diffusion: DiffusionBValue
    0x00189226: (0x00089007, 0x00089208),  # frame type: FrameType, ComplexImageComponent
    0x00209111: (0x00209056, 0x00209057, 0x00209128, 0x00209156),  # stack, place, time, acquisition
    0x00209113: (0x00200032,),  # position
    0x00209116: (0x00200037,),  # orientation
    0x00289110: (0x00180050, 0x00180088, 0x00280030),  # thickness, distance, pixel spacing
    0x00289145: (0x00281052, 0x00281053),  # intercept, slope
}
"""By functional group: the elements that are lifted out of its item."""


def frame_headers(elements: Elements, kept: Collection[int], frame_bytes: int) -> Iterator[bytes]:
    """Yield the header of each frame; its InstanceNumber is the frame's number, from 1.

    Args:
        elements: of an enhanced MR image.
        kept: tags of the top level that go into each header.
        frame_bytes: size of the pixels of one frame.

    Raises:
        DecodeError: damaged, or with more frames than the limits allow; before any pixel is read.
    """
    groups = elements.found.get(_PER_FRAME)
    if groups is None:
        raise DecodeError("it lacks the sequence that describes its frames (functional groups)")
    frames = elements.items(groups)
    if len(frames) > MOST_FRAMES:
        raise DecodeError(f"{len(frames):,} frames exceed {MOST_FRAMES:,}")
    if len(frames) * frame_bytes > MAX_INFLATED_BYTES:
        raise too_large(len(frames) * frame_bytes)
    shared: dict[int, Element] = {}
    if _SHARED in elements.found:
        for item in elements.items(elements.found[_SHARED])[:1]:
            shared = _lifted(elements, item)
    order = ">" if elements.is_big_endian else "<"
    kept = set(kept) - {_INSTANCE_NUMBER}
    for number, item in enumerate(frames, 1):
        header = elements.only(kept, shared | _lifted(elements, item))
        value = f"{number} "[: 2 * math.ceil(len(str(number)) / 2)].encode()
        yield header + struct.pack(f"{order}HH2sH", 0x0020, 0x0013, b"IS", len(value)) + value


def _lifted(elements: Elements, groups: dict[int, Element]) -> dict[int, Element]:
    """Return the elements lifted out of the functional groups of one frame, by tag."""
    lifted: dict[int, Element] = {}
    for group, tags in _LIFTED.items():
        if group not in groups:
            continue
        items = elements.items(groups[group])
        if not items:
            continue
        lifted |= {tag: items[0][tag] for tag in tags if tag in items[0]}
    return lifted
