"""Text on a PDF page: the font, its styles, and what happens to characters that it lacks.

Noto Sans (SIL Open Font License, see ``fonts/OFL.txt``) holds Latin, Greek and Cyrillic, and is
embedded, so a page looks the same everywhere. Its scripts need no shaping, which ReportLab has not.
"""

import unicodedata
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

REGULAR, BOLD = "NotoSans-Regular", "NotoSans-Bold"

INK, MUTED, RULE, ACCENT = (HexColor(c) for c in ("#1b2126", "#5a656e", "#d3d9de", "#0072b2"))

WARNED = HexColor("#f7f1b0")
"""Behind warnings: a pale yellow of the palette of Okabe and Ito (2008), 17 to 1 under :data:`INK`."""

MISSING = "unknown"
"""What stands in place of None and of missing values."""

REPLACED = "\ufffd"
"""Drawn in place of a character that the font lacks."""

REPLACED_MEANS = f"{REPLACED} stands for a character that this page has no glyph for."

LONGEST_NAME = 80


@cache
def _glyphs() -> frozenset[int]:
    """Return the code points that both fonts can draw; the first call registers the fonts."""
    fonts = Path(__file__).with_name("fonts")
    found = []
    for name in (REGULAR, BOLD):
        font = TTFont(name, fonts / f"{name}.ttf")
        pdfmetrics.registerFont(font)
        found.append(frozenset(font.face.charToGlyph))
    return found[0] & found[1]


def drawable(text: str) -> str:
    """Return text as the font can draw it: composed, control characters as spaces, others replaced."""
    composed = unicodedata.normalize("NFC", text)
    glyphs = _glyphs()
    drawn = []
    for character in composed:
        category = unicodedata.category(character)
        if category == "Cc":
            drawn.append("\n" if character == "\n" else " ")
        elif category != "Cf":  # invisible ones, such as marks of direction
            drawn.append(character if ord(character) in glyphs else REPLACED)
    return "".join(drawn)


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Return text of at most so many characters; what was cut is in the middle, as an ellipsis."""
    if len(text) <= longest:
        return text
    front = (longest - 1) * 2 // 3
    return f"{text[:front]}…{text[len(text) - (longest - 1 - front) :]}"


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Return a paragraph of literal text: nothing in it is markup, line breaks are kept."""
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


def width_of(text: str, style: ParagraphStyle) -> float:
    """Return how wide text runs on one line, in points."""
    _glyphs()
    return max(
        pdfmetrics.stringWidth(line, style.fontName, style.fontSize)
        for line in (text.split("\n") or [""])
    )


def style(
    size: float, font: str = REGULAR, colour: HexColor = INK, **more: object
) -> ParagraphStyle:
    """Return a paragraph's style; lines stand 1.35 times the size apart."""
    _glyphs()
    return ParagraphStyle(
        f"{font}-{size}",
        fontName=font,
        fontSize=size,
        leading=size * 1.35,
        textColor=colour,
        splitLongWords=True,
        **more,
    )


def as_text(value: object) -> str:
    """Return a value as it stands on a page: thousands apart, two decimals, :data:`MISSING`."""
    if value is None or value is pd.NA or (np.isscalar(value) and pd.isna(value)):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return f"{value:,.2f}"
    return str(value)
