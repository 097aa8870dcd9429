"""Warnings and the patient's sides, drawn into exported pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).parent / "report" / "fonts" / "NotoSans-Bold.ttf"

LEAST_WIDTH_PX = 384
"""A narrower picture gets black margins, so that its warnings are legible."""

BAND_COLOUR, TEXT_COLOUR = (240, 228, 66), (0, 0, 0)
"""Yellow of the palette of Okabe and Ito (2008), and black: a contrast of 16 to 1."""

_LEAST_FONT_PX = 13
_FONT_SHARE = 1 / 38


def stamped(picture: np.ndarray, warnings: Sequence[str]) -> np.ndarray:
    """Return a picture below a band with the warnings; without any, the picture itself.

    Args:
        picture: (h, w, 3) uint8.
        warnings: a sentence each.

    Returns:
        (h + band, max(w, :data:`LEAST_WIDTH_PX`), 3) uint8; the picture is centred, unscaled.
    """
    if not warnings:
        return picture
    height, width = picture.shape[:2]
    wide = max(width, LEAST_WIDTH_PX)
    font = ImageFont.truetype(FONT, max(_LEAST_FONT_PX, round(wide * _FONT_SHARE)))
    margin = round(font.size / 2)
    lines = [
        line
        for warning in warnings
        for line in _wrapped(f"Warning: {warning}", font, wide - 2 * margin)
    ]
    step = round(font.size * 1.35)
    band = Image.new("RGB", (wide, len(lines) * step + 2 * margin), BAND_COLOUR)
    draw = ImageDraw.Draw(band)
    for place, line in enumerate(lines):
        draw.text((margin, margin + place * step), line, TEXT_COLOUR, font)
    below = np.zeros((height, wide, 3), np.uint8)
    left = (wide - width) // 2
    below[:, left : left + width] = picture
    return np.concatenate([np.asarray(band), below])


def lettered(picture: np.ndarray, sides: Mapping[str, str] | None) -> np.ndarray:
    """Return a copy of a picture with the letter of the patient's side at each edge.

    Args:
        picture: (h, w, 3) uint8 RGB.
        sides: letters by edge (``left``, ``right``, ``top``, ``bottom``); None, for an unknown
            orientation, returns the picture itself.
    """
    if sides is None:
        return picture
    height, width = picture.shape[:2]
    font = ImageFont.truetype(FONT, max(_LEAST_FONT_PX, round(max(height, width) * _FONT_SHARE)))
    inset = round(font.size * 0.8)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for edge, place in {
        "left": (inset, height // 2),
        "right": (width - inset, height // 2),
        "top": (width // 2, inset),
        "bottom": (width // 2, height - inset),
    }.items():
        draw.text(place, sides[edge], "white", font, "mm", stroke_width=1, stroke_fill="black")
    return np.asarray(image)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Return text as lines of at most a width in pixels; a longer word has its own line."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
