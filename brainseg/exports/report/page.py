"""The page builder: what a PDF report is made of, from the top to the line that says what it is not.

A report is a :class:`Page`; what is told of it stands below what was told before::

    page = Page("Checks", subtitle="86 cases, 3,101 slices", made_on=date.today())
    page.heading("Findings by kind")
    page.table(frame)                         # a DataFrame; numbers stand to the right
    left, right = page.columns(0.6, 0.4)      # blocks side by side, with the same methods
    left.picture(pixels, "FLAIR, slice 17", [Outline("mask", mask, MASK_COLOUR)])
    right.facts({"Spacing": None})            # None is shown as "unknown"
    page.text("A sentence.", muted=True)
    content = page.as_bytes()                 # one A4 page, or more where there is more to say

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


class Block:
    """Content from top to bottom in a column of a page."""

    def __init__(self, width: float) -> None:
        """Start an empty block.

        Args:
            width: in points.
        """
        self.width = width
        self.flowables: list[Flowable] = []
        self._replaced = False

    def heading(self, text: str) -> None:
        """Begin a section."""
        if self.flowables:
            self.space(3)
        self.flowables += [paragraph(self._drawn(text), style(10, BOLD, ACCENT)), _Rule(self.width)]

    def text(self, text: str, muted: bool = False) -> None:
        """Add a paragraph; ``muted`` makes it small and grey, for what is said aside."""
        look = style(7.5, colour=MUTED) if muted else style(9)
        self.flowables += [paragraph(self._drawn(text), look), Spacer(0, 1 * mm)]

    def warnings(self, sentences: Iterable[str]) -> None:
        """Add warnings as a box that stands out; nothing without any."""
        lines = [[paragraph(self._drawn(f"Warning: {one}"), style(9, BOLD))] for one in sentences]
        if not lines:
            return
        box = [
            ("BACKGROUND", (0, 0), (-1, -1), WARNED),
            ("BOX", (0, 0), (-1, -1), 0.8, INK),
            ("LEFTPADDING", (0, 0), (-1, -1), 2 * mm),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2 * mm),
        ]
        self.flowables.append(Table(lines, [self.width], style=box, hAlign="LEFT"))
        self.space(3)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Add a line a fact, its name in front; see :func:`as_text` for the values."""
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
            [("TOPPADDING", (0, 0), (-1, -1), 0.8), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.8)],
        )

    def table(self, frame: pd.DataFrame, right: Iterable[str] = ()) -> None:
        """Add a table as wide as the column; its head is repeated where it goes on to a next page.

        Args:
            frame: its columns' names are the head, its index is not shown.
            right: columns that stand to the right although they hold text; numbers do so anyway.
        """
        to_the_right = {
            name
            for name in frame.columns
            if name in set(right)
            or (
                pd.api.types.is_numeric_dtype(frame[name])
                and not pd.api.types.is_bool_dtype(frame[name])
            )
        }
        looks = [{"alignment": TA_RIGHT} if name in to_the_right else {} for name in frame.columns]
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
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
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
        """Add a picture as wide as the column, its outlines as sharp lines, caption and legend below.

        Args:
            pixels: (h, w, 3) or (h, w) uint8.
            caption: a line below.
            outlines: regions drawn over it.
            highest: in points; a picture that would be higher is drawn narrower.
            sides: ``left``, ``right``, ``top`` and ``bottom`` to the letter of the patient's side
                there; None where the orientation is unknown.
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
        """Leave room; none at the top of a page."""
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
        """Return how wide each column would like to be, in points, the room between included."""
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
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 9),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
        self.flowables.append(Table(rows, widths, style=[*padding, *look], hAlign="LEFT", **more))
        self.space(1)


class Page(Block):
    """An A4 page with a title on top and the research-use sentence at its foot."""

    def __init__(self, title: str, subtitle: str = "", made_on: date | None = None) -> None:
        """Start a page.

        Args:
            title: what the page is.
            subtitle: of what; a long one is shortened.
            made_on: the day that stands on it; without one, no day does.
        """
        super().__init__(A4[0] - 2 * MARGIN)
        self.title = title
        self.made_on = made_on
        self.pages = 0
        """How many pages the report took, once it was laid out."""
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
            *shares: of the width, a number a block.
        """
        room = self.width - GUTTER * (len(shares) - 1)
        blocks = [Block(room * share / sum(shares)) for share in shares]
        self._blocks += blocks
        self.flowables.append(_Columns(blocks))
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
        document.build([flowable for flowable in flowables if not _is_empty(flowable)])
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
    """Return widths that fill a width: the wide columns give way first, or all grow alike."""
    spare = width - sum(natural)
    if spare >= 0:
        return [one + spare / len(natural) for one in natural]
    widths = list(natural)
    for narrow_first in sorted(range(len(natural)), key=lambda i: natural[i]):
        left = [i for i in range(len(natural)) if natural[i] >= natural[narrow_first]]
        fair = (width - sum(natural[i] for i in range(len(natural)) if i not in left)) / len(left)
        if natural[narrow_first] > fair:
            for i in left:
                widths[i] = fair
            break
    return widths


def _is_empty(flowable: Flowable) -> bool:
    return isinstance(flowable, _Columns) and not any(b.flowables for b in flowable.blocks)


class _Rule(Flowable):
    """A thin line as wide as its column."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.width, self.height = width, 2.2 * mm

    def draw(self) -> None:
        self.canv.setStrokeColor(RULE)
        self.canv.setLineWidth(0.5)
        self.canv.line(0, 1.6 * mm, self.width, 1.6 * mm)


class _Columns(Flowable):
    """Blocks side by side; a table made when the page is laid out, once the blocks are full."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = blocks

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        cells, widths = [], []
        for block in self.blocks:
            cells += [block.flowables or [Spacer(0, 0)], ""]
            widths += [block.width, GUTTER]
        look = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP")),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2 * mm),
        ]
        self._table = Table([cells[:-1]], widths[:-1], style=look, hAlign="LEFT", splitInRow=1)
        return self._table.wrapOn(self.canv, width, height)

    def split(self, width: float, height: float) -> list[Flowable]:
        return self._table.split(width, height)

    def draw(self) -> None:
        self._table.drawOn(self.canv, 0, 0)
