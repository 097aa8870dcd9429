"""The page builder for PDF reports.

A report is a :class:`Page`; content is added from top to bottom::

    page = Page("Checks", subtitle="86 cases, 3,101 slices", made_on=date.today())
    page.heading("Findings by kind")
    page.table(frame)                         # a DataFrame; numbers are aligned right
    left, right = page.columns(0.6, 0.4)      # blocks side by side, with the same methods
    left.picture(pixels, "FLAIR, slice 17", [Outline("mask", mask, MASK_COLOUR)])
    right.facts({"Spacing": None})            # None is printed as "unknown"
    page.text("A sentence.", muted=True)
    content = page.as_bytes()                 # one A4 page, or more

Each page ends with the research-use sentence and the version. All text is literal, never markup. The
same content gives the same bytes.
"""

import io
from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np
import pandas as pd
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    HRFlowable,
    PageTemplate,
    Spacer,
    Table,
)

from brainseg import RESEARCH_USE, __version__
from brainseg.exports.report.drawing import Legend, Outline, Picture
from brainseg.exports.report.text import (
    ACCENT,
    BOLD,
    INK,
    MISSING,
    MUTED,
    REGULAR,
    REPLACED,
    REPLACED_MEANS,
    RULE,
    WARNED,
    as_text,
    drawable,
    paragraph,
    shortened,
    style,
    width_of,
)

MARGIN = 16 * mm
FOOT = 9 * mm
GUTTER = 7 * mm
ALL = (0, 0), (-1, -1)
"""All cells of a table, for its style."""


class Block:
    """Content from top to bottom in a column of a page, ``width`` points wide."""

    def __init__(self, width: float) -> None:
        self.width = width
        self.flowables: list[Flowable] = []
        self._replaced = False

    def heading(self, text: str) -> None:
        """Begin a section."""
        if self.flowables:
            self.space(3)
        line = HRFlowable("100%", 0.5, color=RULE, spaceBefore=0.6 * mm, spaceAfter=1.6 * mm - 0.5)
        self.flowables += [paragraph(self._drawn(text), style(10, BOLD, ACCENT)), line]

    def text(self, text: str, muted: bool = False) -> None:
        """Add a paragraph; ``muted`` makes it small and grey."""
        look = style(7.5, colour=MUTED) if muted else style(9)
        self.flowables += [paragraph(self._drawn(text), look), Spacer(0, 1 * mm)]

    def warnings(self, sentences: Iterable[str]) -> None:
        """Add warnings in a coloured box; nothing without any."""
        lines = [[paragraph(self._drawn(f"Warning: {one}"), style(9, BOLD))] for one in sentences]
        if not lines:
            return
        box = [("BACKGROUND", *ALL, WARNED), ("BOX", *ALL, 0.8, INK)]
        box += [(f"{side}PADDING", *ALL, 2 * mm) for side in ("LEFT", "RIGHT")]
        self.flowables.append(Table(lines, [self.width], style=box, hAlign="LEFT"))
        self.space(3)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Add one line per fact, its name in front; see :func:`as_text` for the values."""
        if not facts:
            return
        names = [self._drawn(name) for name in facts]
        column = min(0.5 * self.width, max(width_of(name, style(8.5)) for name in names) + 14)
        self._grid(
            [
                [paragraph(name, style(8.5, colour=MUTED)), self._cell(value, style(8.5))]
                for name, value in zip(names, facts.values(), strict=True)
            ],
            [column, self.width - column],
            [(f"{side}PADDING", *ALL, 0.8) for side in ("TOP", "BOTTOM")],
        )

    def table(self, frame: pd.DataFrame, right: Iterable[str] = ()) -> None:
        """Add a table as wide as the column; its head is repeated on each page.

        Args:
            frame: its columns' names are the head; its index is not printed.
            right: columns of text to align right, as numbers are.
        """
        to_the_right = [
            name in set(right) or frame[name].dtype.kind in "iuf" for name in frame.columns
        ]
        looks = [{"alignment": TA_RIGHT} if is_right else {} for is_right in to_the_right]
        widths = _share_out(self._natural_widths(frame), self.width)
        head = [
            paragraph(self._drawn(str(name)), style(8, BOLD, **look))
            for name, look in zip(frame.columns, looks, strict=True)
        ]
        body = [
            [self._cell(value, style(8.5, **look)) for value, look in zip(row, looks, strict=True)]
            for row in frame.itertuples(index=False, name=None)
        ]
        lines = [
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
            ("LINEBELOW", (0, 1), (-1, -1), 0.3, RULE),
            ("TOPPADDING", *ALL, 1.5),
            ("BOTTOMPADDING", *ALL, 2),
        ]
        self._grid([head, *body], widths, lines, repeatRows=1, splitInRow=1)

    def picture(
        self,
        pixels: np.ndarray,
        caption: str,
        outlines: Iterable[Outline] = (),
        highest: float = 95 * mm,
        sides: Mapping[str, str] | None = None,
    ) -> None:
        """Add a picture as wide as the column with sharp outlines, a caption and a legend.

        Args:
            pixels: (h, w, 3) or (h, w) uint8.
            caption: a line below.
            outlines: regions drawn over it.
            highest: in points; a higher picture is drawn narrower.
            sides: letters of the patient's sides by edge (``left``, ``right``, ``top``, ``bottom``);
                None if the orientation is unknown.
        """
        drawn = list(outlines)
        self.flowables.append(Picture(pixels, drawn, self.width, highest, sides))
        self.space(0.8)
        self.flowables.append(paragraph(self._drawn(caption), style(8, colour=MUTED)))
        if drawn:
            self.legend({outline.name: outline.colour for outline in drawn})

    def legend(self, colours: Mapping[str, tuple[int, int, int]]) -> None:
        """Add names with their colours, RGB 0..255, in one line."""
        named = {self._drawn(name): colour for name, colour in colours.items()}
        self.flowables.append(Legend(named, self.width))

    def space(self, height_mm: float) -> None:
        """Leave space, except at the top of a page."""
        self.flowables.append(Spacer(0, height_mm * mm))

    def _cell(self, value: object, look) -> Flowable:
        text = as_text(value)
        if text == MISSING:
            look = style(look.fontSize, colour=MUTED, alignment=look.alignment)
        return paragraph(self._drawn(text), look)

    def _drawn(self, text: str) -> str:
        drawn = drawable(text)
        self._replaced = self._replaced or REPLACED in drawn
        return drawn

    def _natural_widths(self, frame: pd.DataFrame) -> list[float]:
        """Return the width of each column without line breaks, in points, including the gap."""
        return [
            10
            + max(
                width_of(drawable(str(name)), style(8, BOLD)),
                *(width_of(drawable(as_text(value)), style(8.5)) for value in frame[name]),
                0,
            )
            for name in frame.columns
        ]

    def _grid(self, rows: list, widths: list[float], look: list[tuple], **more: object) -> None:
        padding = [
            ("LEFTPADDING", *ALL, 0),
            ("RIGHTPADDING", *ALL, 9),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("VALIGN", *ALL, "TOP"),
        ]
        self.flowables.append(Table(rows, widths, style=[*padding, *look], hAlign="LEFT", **more))
        self.space(1)


class Page(Block):
    """An A4 page with a title on top and the research-use sentence at its foot.

    Attributes:
        title: of the page.
        made_on: the date at the foot, or None.
        pages: number of pages, after :meth:`as_bytes`.
    """

    def __init__(self, title: str, subtitle: str = "", made_on: date | None = None) -> None:
        super().__init__(A4[0] - 2 * MARGIN)
        self.title, self.made_on, self.pages = title, made_on, 0
        self._blocks: list[Block] = []
        self._about = shortened(subtitle)
        look = style(17, BOLD)
        self.flowables.append(paragraph(self._drawn(title), look))
        if subtitle:
            self.flowables.append(paragraph(self._drawn(self._about), style(11, colour=MUTED)))
        self.space(3)

    def columns(self, *shares: float) -> list[Block]:
        """Add blocks side by side and return them, empty.

        Args:
            *shares: of the width, one number per block.
        """
        room = self.width - GUTTER * (len(shares) - 1)
        blocks = [Block(room * share / sum(shares)) for share in shares]
        self._blocks += blocks
        # The table keeps the lists of content, which the caller fills later.
        cells: list = [cell for block in blocks for cell in (block.flowables, "")][:-1]
        widths = [width for block in blocks for width in (block.width, GUTTER)][:-1]
        look: list[tuple] = [(f"{side}PADDING", *ALL, 0) for side in ("LEFT", "RIGHT", "TOP")]
        look += [("VALIGN", *ALL, "TOP"), ("BOTTOMPADDING", *ALL, 2 * mm)]
        self.flowables.append(Table([cells], widths, style=look, hAlign="LEFT", splitInRow=1))
        return blocks

    def as_bytes(self) -> bytes:
        """Return the PDF; the same content gives the same bytes."""
        flowables = list(self.flowables)
        if self._replaced or any(block._replaced for block in self._blocks):
            flowables.append(paragraph(REPLACED_MEANS, style(7.5, colour=MUTED)))
        file = io.BytesIO()
        document = BaseDocTemplate(
            file,
            pagesize=A4,
            title=" · ".join(filter(None, (self.title, self._about))),
            author=f"brainseg {__version__}",
            subject=RESEARCH_USE,
            creator=f"brainseg {__version__}",
            lang="en",
            invariant=1,
        )
        frame = Frame(
            MARGIN, MARGIN + FOOT, self.width, A4[1] - 2 * MARGIN - FOOT, 0, 0, 0, 0, id="page"
        )
        document.addPageTemplates(PageTemplate("page", [frame], onPage=self._foot))
        document.build(flowables)
        self.pages = document.page
        return file.getvalue()

    def _foot(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        bottom = MARGIN
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, bottom + 12, A4[0] - MARGIN, bottom + 12)
        canvas.setFillColor(INK)
        canvas.setFont(BOLD, 8)
        canvas.drawString(MARGIN, bottom, RESEARCH_USE)
        day = f"{self.made_on.isoformat()} · " if self.made_on else ""
        canvas.setFillColor(MUTED)
        canvas.setFont(REGULAR, 8)
        canvas.drawRightString(
            A4[0] - MARGIN, bottom, f"{day}brainseg {__version__} · page {document.page}"
        )


def _share_out(natural: list[float], width: float) -> list[float]:
    """Return column widths that fill a width: the widest columns shrink first, or all grow equally."""
    spare = width - sum(natural)
    if spare >= 0:
        return [one + spare / len(natural) for one in natural]
    widths, left = list(natural), width
    for place, index in enumerate(sorted(range(len(natural)), key=lambda i: natural[i])):
        # Narrow columns keep their width, the others share the rest equally.
        widths[index] = min(natural[index], left / (len(natural) - place))
        left -= widths[index]
    return widths
