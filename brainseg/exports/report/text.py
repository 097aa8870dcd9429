"""Text on a PDF page: the font, its styles, and the replacement of characters without a glyph.

Noto Sans (SIL Open Font License, see ``fonts/OFL.txt``) has Latin, Greek and Cyrillic, and is
embedded, so that pages are the same everywhere. These scripts need no shaping, which ReportLab lacks.
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
"""Printed for None and missing values."""

REPLACED = "\ufffd"
"""Printed for a character without a glyph."""

REPLACED_MEANS = f"{REPLACED} replaces a character that the font of this page lacks."

LONGEST_NAME = 80


@cache
def _glyphs() -> frozenset[int]:
    """Return the code points of both fonts; the first call registers the fonts."""
    folder = Path(__file__).with_name("fonts")
    fonts = [TTFont(name, folder / f"{name}.ttf") for name in (REGULAR, BOLD)]
    for font in fonts:
        pdfmetrics.registerFont(font)
    return frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in fonts))


def drawable(text: str) -> str:
    """Return printable text: composed, control characters as spaces, unknown characters replaced."""
    glyphs, drawn = _glyphs(), []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category == "Cc":
            drawn.append("\n" if character == "\n" else " ")
        elif category != "Cf":  # invisible ones, such as marks of direction
            drawn.append(character if ord(character) in glyphs else REPLACED)
    return "".join(drawn)


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Return text of at most this many characters, with an ellipsis in the middle."""
    if len(text) <= longest:
        return text
    front = (longest - 1) * 2 // 3
    return f"{text[:front]}…{text[len(text) - (longest - 1 - front) :]}"


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """Return a paragraph of literal text: nothing in it is markup, line breaks are kept."""
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


def width_of(text: str, style: ParagraphStyle) -> float:
    """Return the width of text in points, of its longest line."""
    _glyphs()
    lines = text.split("\n")
    return max(pdfmetrics.stringWidth(line, style.fontName, style.fontSize) for line in lines)


def style(
    size: float, font: str = REGULAR, colour: HexColor = INK, **more: object
) -> ParagraphStyle:
    """Return a paragraph's style with a line height of 1.35."""
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
    """Return a value as text: with thousands separators, two decimals, or :data:`MISSING`."""
    if value is None or value is pd.NA or (np.isscalar(value) and pd.isna(value)):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return f"{value:,.2f}"
    return str(value)
