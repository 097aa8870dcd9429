"""Pictures with outlines along the edges of their pixels, and legends."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from reportlab.lib.colors import Color, black, white
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import FILL_EVEN_ODD
from reportlab.pdfgen.pathobject import PDFPathObject
from reportlab.platypus import Flowable

from brainseg.exports.report.text import BOLD, INK, REGULAR, style, width_of

HATCH_PT = 3
"""Horizontal distance of the lines of a hatch, in points."""

Ends = tuple[tuple[float, float], tuple[float, float]]
"""Two (row, column), in pixels from the centre of the first."""


@dataclass(frozen=True)
class Outline:
    """The outline of a region, drawn over a picture.

    Attributes:
        name: in the legend.
        mask: (h, w) bool, on the grid of the picture.
        colour: RGB, 0..255.
        lines: thin lines in the same colour.
        dashed: distinguishes two outlines without colour.
        hatched: filled with diagonal lines.
    """

    name: str
    mask: np.ndarray
    colour: tuple[int, int, int]
    lines: tuple[Ends, ...] = ()
    dashed: bool = False
    hatched: bool = False


class Picture(Flowable):
    """A picture with outlines and the letters of the patient's sides; see :meth:`Block.picture`."""

    def __init__(
        self,
        pixels: np.ndarray,
        outlines: list[Outline],
        width: float,
        highest: float,
        sides: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        grey = pixels.ndim == 3 and (pixels == pixels[..., :1]).all()
        self.pixels = np.ascontiguousarray(pixels[..., 0] if grey else pixels)
        self.outlines = outlines
        self.sides = sides
        self.scale = min(width / pixels.shape[1], highest / pixels.shape[0])
        self.width, self.height = pixels.shape[1] * self.scale, pixels.shape[0] * self.scale

    def draw(self) -> None:
        """Draw the pixels, the outlines and the letters."""
        image = ImageReader(Image.fromarray(self.pixels))
        self.canv.drawImage(image, 0, 0, self.width, self.height)
        for outline in self.outlines:
            self._draw(outline)
        if self.sides is not None:
            self._letter(self.sides)

    def _letter(self, sides: Mapping[str, str]) -> None:
        """Write each edge's letter, white with a black rim."""
        inset, size = 7, 9
        places = {
            "left": (inset, self.height / 2),
            "right": (self.width - inset, self.height / 2),
            "top": (self.width / 2, self.height - inset),
            "bottom": (self.width / 2, inset),
        }
        self.canv.saveState()
        self.canv.setFont(BOLD, size)
        self.canv.setLineWidth(1.6)
        self.canv.setStrokeColor(black)
        self.canv.setFillColor(white)
        for mode in (1, 0):  # the rim, then the letter
            for edge, (x, y) in places.items():
                self.canv.drawCentredString(x, y - 0.36 * size, sides[edge], mode=mode)
        self.canv.restoreState()

    def _draw(self, outline: Outline) -> None:
        self.canv.saveState()
        self.canv.setStrokeColor(rgb(outline.colour))
        self.canv.setLineJoin(1)
        if outline.dashed:
            self.canv.setDash(3, 1.5)
        self.canv.setLineWidth(1.1)
        path = self.canv.beginPath()
        for polygon in edges_of(outline.mask):
            points = [self._place(point) for point in polygon]
            path.moveTo(*points[0])
            for point in points[1:]:
                path.lineTo(*point)
            path.close()
        self.canv.drawPath(path)
        if outline.hatched and outline.mask.any():
            self._hatch(path)
        self.canv.setDash()
        self.canv.setLineWidth(0.6)
        for one, other in outline.lines:
            self.canv.line(*self._place(one), *self._place(other))
        self.canv.restoreState()

    def _hatch(self, path: PDFPathObject) -> None:
        self.canv.saveState()
        self.canv.clipPath(path, stroke=0, fill=0, fillMode=FILL_EVEN_ODD)
        self.canv.setLineWidth(0.6)
        for left in range(-int(self.height), int(self.width), HATCH_PT):
            self.canv.line(left, 0, left + self.height, self.height)
        self.canv.restoreState()

    def _place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return the position of a (row, column) on the page; a pixel's centre is half a pixel from
        its edge."""
        row, column = point
        return (column + 0.5) * self.scale, self.height - (row + 0.5) * self.scale


def edges_of(mask: np.ndarray) -> list[list[tuple[float, float]]]:
    """Return the outlines of a mask, (h, w) bool, along the edges of its pixels, including holes.

    Returns:
        Closed polygons of (row, column) in pixels from the centre of the first pixel. They run a sixth
        of a pixel inside the edge, so that touching regions have separate lines.
    """
    fine = np.pad(np.kron(mask, np.ones((3, 3), np.uint8)), 1)
    found, _ = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    points = [contour[:, 0, ::-1].astype(float) for contour in found]
    return [list(map(tuple, ((polygon - 1) / 3 - 1 / 3).tolist())) for polygon in points]


class Legend(Flowable):
    """Names with squares of their colours, in one line, in a text size that fits."""

    def __init__(self, colours: Mapping[str, tuple[int, int, int]], width: float) -> None:
        super().__init__()
        self.colours = colours
        self.width, self.height = width, 12.0

    def draw(self) -> None:
        """Draw each square with its name."""
        size, square, gap = 8.0, 6.0, 10.0
        text = sum(width_of(name, style(size)) for name in self.colours)
        room = self.width - len(self.colours) * (square + 3 + gap) + gap
        size *= min(1.0, room / text) if text else 1.0
        x = 0.0
        for name, colour in self.colours.items():
            self.canv.setFillColor(rgb(colour))
            self.canv.rect(x, 2.5, square, square, stroke=0, fill=1)
            self.canv.setFillColor(INK)
            self.canv.setFont(REGULAR, size)
            self.canv.drawString(x + square + 3, 3, name)
            x += square + 3 + width_of(name, style(size)) + gap


def rgb(colour: tuple[int, int, int], strength: float = 1.0) -> Color:
    """Return RGB of 0..255 as a colour of the page, mixed with white if the strength is below 1."""
    return Color(*(1 - (1 - value / 255) * strength for value in colour))
