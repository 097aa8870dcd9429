"""The chart of area by slice: the mask as bars and the prediction as a line over them."""

from collections.abc import Callable, Sequence

from reportlab.platypus import Flowable

from brainseg.exports.report.drawing import rgb
from brainseg.exports.report.text import INK, MUTED, REGULAR, RULE, width_of
from brainseg.exports.report.text import style as text_style
from brainseg.imaging import MASK_COLOUR, PREDICTION_COLOUR

Place = Callable[[float], float]
"""Gives the position of a slice number, or of an area, on the chart, in points."""

_TEXT_SIZE = 7.0
_MOST_TICKS = 12


class AreaBySlice(Flowable):
    """Bars by slice number; a slice without a usable mask has a grey mark instead of a bar.

    Args:
        slice_numbers: (n,), ascending; missing numbers leave a gap.
        of_mask: (n,), areas in one unit, None for a slice without a usable mask.
        of_prediction: (n,), or None without a prediction.
        key_slice: the highlighted slice number.
        width: in points.
        height: in points.
    """

    def __init__(
        self,
        slice_numbers: Sequence[int],
        of_mask: Sequence[float | None],
        of_prediction: Sequence[float] | None,
        key_slice: int,
        width: float,
        height: float = 118.0,
    ) -> None:
        super().__init__()
        self.numbers, self.key_slice = slice_numbers, key_slice
        self.of_mask, self.of_prediction = of_mask, of_prediction
        self.width, self.height = width, height
        known = [area for area in of_mask if area is not None]
        self.highest = max([1, *known, *(of_prediction or [])])

    def draw(self) -> None:
        """Draw the chart."""
        left = width_of(f"{self.highest:,.0f}", text_style(_TEXT_SIZE)) + 4
        bottom, top = 12.0, self.height - 10
        first, last = self.numbers[0], self.numbers[-1]
        step = (self.width - left) / (last - first + 1)

        def x(number: float) -> float:
            return left + (number - first + 0.5) * step

        def y(area: float) -> float:
            return bottom + area / self.highest * (top - bottom)

        self._axes(left, bottom, top, x)
        self._bars(x, y, bottom, step)
        if self.of_prediction is not None:
            self._line(x, y, step)

    def _axes(self, left: float, bottom: float, top: float, x: Place) -> None:
        canvas = self.canv
        canvas.setFont(REGULAR, _TEXT_SIZE)
        canvas.setFillColor(MUTED)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.4)
        for area, height in ((0, bottom), (self.highest, top)):
            canvas.line(left, height, self.width, height)
            canvas.drawRightString(left - 3, height - 2.5, f"{area:,.0f}")
        numbers = range(self.numbers[0], self.numbers[-1] + 1)
        every = next(n for n in (1, 2, 5, 10, 20, 50, 10**9) if len(numbers) / n <= _MOST_TICKS)
        for number in numbers:
            beside_key = abs(number - self.key_slice) * 2 < every
            if number == self.key_slice or (number % every == 0 and not beside_key):
                canvas.setFillColor(INK if number == self.key_slice else MUTED)
                canvas.drawCentredString(x(number), 2, f"{number}")

    def _bars(self, x: Place, y: Place, bottom: float, step: float) -> None:
        canvas = self.canv
        thick = step * 0.72
        for number, area in zip(self.numbers, self.of_mask, strict=True):
            colour = rgb(MASK_COLOUR, 1 if number == self.key_slice else 0.6)
            canvas.setFillColor(RULE if area is None else colour)
            high = 2.5 if area is None else y(area) - bottom
            if high:
                canvas.rect(x(number) - thick / 2, bottom, thick, high, stroke=0, fill=1)

    def _line(self, x: Place, y: Place, step: float) -> None:
        canvas = self.canv
        canvas.setStrokeColor(rgb(PREDICTION_COLOUR))
        canvas.setLineWidth(1.3)
        canvas.setLineCap(1)
        path = canvas.beginPath()
        before = None
        for number, area in zip(self.numbers, self.of_prediction or (), strict=True):
            left, right = x(number) - step / 2, x(number) + step / 2
            (path.lineTo if before == number - 1 else path.moveTo)(left, y(area))
            path.lineTo(right, y(area))
            before = number
        canvas.drawPath(path)
