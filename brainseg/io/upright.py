"""Turn pixels upright by the orientation tag of TIFF and EXIF.

The tag says where the stored rows and columns belong: TIFF 6.0, section 8, and Exif 2.32, tag 0x0112.
"""

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 0x0112

_STEPS: dict[int, tuple[bool, int]] = {
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}
"""By tag: whether the picture is mirrored, and the number of quarter turns to the left after that."""

_WORDS = {1: "turned left by 90°", 2: "turned by 180°", 3: "turned right by 90°"}


def upright(pixels: np.ndarray, tag: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return pixels oriented by an orientation tag, with a note if that changes them.

    Args:
        pixels: (h, w) or (h, w, c) as stored.
        tag: 1 to 8; any other number means nothing and changes nothing.
    """
    if tag not in _STEPS:
        return pixels, ()
    is_mirrored, turns = _STEPS[tag]
    steps = ["mirrored left to right"] if is_mirrored else []
    steps += [_WORDS[turns]] if turns else []
    turned = np.rot90(pixels[:, ::-1] if is_mirrored else pixels, turns)
    note = f"{', then '.join(steps)}, as the orientation tag ({tag}) of the file asks"
    return np.ascontiguousarray(turned), (note,)


def orientation_of(image: "Image") -> int:
    """Return the orientation tag of a picture that Pillow opened; 1, upright, where none is readable."""
    try:
        tag = image.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return 1  # unreadable metadata does not affect the pixels
    return tag if isinstance(tag, int) else 1
