"""The list of metrics: definition, value for empty masks, and how cases are summarised."""

from dataclasses import dataclass
from math import inf, isinf, isnan, nan

EMPTY_MASK_RULE = (
    "Dice by case: the whole volume, all slices. Both empty counts as 1, "
    "only one of the two empty as 0; a missed tumour is never dropped from a mean."
)

MEAN, MEDIAN, RATIO = "mean", "median", "ratio"
"""How cases become one figure. A median, unlike a mean, can include infinite values; a ratio sums
numerators and denominators over the cases, so that a case with nothing to find adds nothing."""

DISTANCE, RELATIVE = "distance", "relative"
"""Units: px, or mm if the cases have a spacing; and a share that is printed in per cent."""


@dataclass(frozen=True)
class Metric:
    """One figure of an evaluation, with its rule for empty masks.

    Attributes:
        name: the column of the scores; for a ratio, the figure's name.
        label: the name on pages.
        plain: what it says, in everyday words.
        meaning: the definition.
        empty: its values for a case whose mask and prediction are both empty, for a missed tumour (only
            the prediction is empty), and for a false alarm of one part (only the mask is empty); NaN if
            the metric is undefined and the case adds nothing.
        summary: :data:`MEAN`, :data:`MEDIAN` or :data:`RATIO`.
        unit: empty for a share of 0..1, :data:`DISTANCE`, :data:`RELATIVE`, or the things counted.
        of: numerator and denominator of a ratio, columns of the scores; "cases" counts the cases.
        best: the value of a perfect prediction; for shares 1, for distances and errors 0.
        source: the author of the definition.
    """

    name: str
    label: str
    plain: str
    meaning: str
    empty: tuple[float, float, float]
    summary: str = MEAN
    unit: str = ""
    of: tuple[str, str] = ("", "")
    best: float = 1.0
    source: str = ""

    @property
    def good(self) -> str:
        """Return which values are good, as a sentence."""
        direction = "The higher" if self.best else "The closer to 0"
        return f"{direction}, the better; {self._shown(self.best)} is perfect."

    @property
    def explained(self) -> str:
        """Return plain meaning, definition, what is good, and the rule for empty masks."""
        return f"{self.plain} {self.good}\n\nDefinition: {self.meaning}. Empty masks: {self.rule}."

    @property
    def is_share(self) -> bool:
        """Return whether its values are 0..1."""
        return not self.unit

    @property
    def empty_masks(self) -> tuple[str, str, str]:
        """Return its values for empty masks as printed: “1”, “−100%”, “∞”, “–” if undefined."""
        both_empty, missed, false_alarm = map(self._shown, self.empty)
        return both_empty, missed, false_alarm

    @property
    def rule(self) -> str:
        """Return the rule for empty masks in words, without a full stop."""
        both_empty, missed, false_alarm = self.empty_masks
        return f"both empty {both_empty}, tumour missed {missed}, false alarm {false_alarm}"

    def _shown(self, value: float) -> str:
        if isnan(value):
            return "–"
        if isinf(value):
            return "∞"
        as_percent = self.unit == RELATIVE and value
        return (f"{100 * value:g}%" if as_percent else f"{value:g}").replace("-", "−")


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "dice",
            "Dice",
            "How well the predicted mask and the manual one overlap.",
            "2|A∩B| / (|A|+|B|) of mask and prediction, the case as one volume, all slices",
            (1, 0, 0),
            source="Dice 1945",
        ),
        Metric(
            "iou",
            "IoU",
            "The common part of the two masks, of all that either of them covers. Lower than "
            "Dice for the same masks.",
            "|A∩B| / |A∪B|, the case as one volume, all slices",
            (1, 0, 0),
            source="Jaccard 1912",
        ),
        Metric(
            "precision",
            "Precision",
            "How much of what is predicted is really tumour.",
            "share of the predicted voxels that are in the mask, the case as one volume",
            (1, 0, 0),
        ),
        Metric(
            "recall",
            "Recall",
            "How much of the tumour is found.",
            "share of the mask's voxels that are predicted, the case as one volume",
            (1, 0, 0),
        ),
        Metric(
            "dice_slices",
            "Slice Dice by case, all slices",
            "Dice of each slice, averaged over the case. Slices without tumour lift it.",
            "mean over the slices of a case of the slice's Dice; slices without tumour count 1 where "
            "nothing is predicted, and lift it",
            (1, 0, 0),
        ),
        Metric(
            "dice_tumour_slices",
            "Slice Dice by case, tumour slices",
            "Dice of each slice with tumour, averaged over the case.",
            "mean of the slice's Dice over the slices whose mask is not empty; false alarms on the "
            "other slices do not count",
            (nan, 0, nan),
        ),
        Metric(
            "surface_dice",
            "Surface Dice",
            "How much of the two outlines runs close to each other.",
            "share of both outlines that lies within 2 px of the other, in the slice, all slices "
            "pooled; with a spacing, of both surfaces within 2 mm, in 3D",
            (1, 0, 0),
            source="Nikolov et al. 2021",
        ),
        Metric(
            "hd95",
            "HD95",
            "How far apart the two outlines are at their worst places, without the most "
            "extreme 5%.",
            "distance that 95% of each outline does not exceed, in the slice, all slices pooled; "
            "infinite where more than 5% of an outline lies on slices that the other mask lacks; with "
            "a spacing, of each surface, in mm in 3D",
            (0, inf, inf),
            MEDIAN,
            DISTANCE,
            best=0,
            source="Huttenlocher et al. 1993",
        ),
        Metric(
            "lesion_recall",
            "Lesions found",
            "The share of separate lesions that the prediction touches at all.",
            "connected parts of the masks (26 neighbours) with a predicted voxel, of all such parts",
            (nan, 0, nan),
            RATIO,
            of=("lesions_found", "lesions"),
            source="Carass et al. 2017",
        ),
        Metric(
            "false_positives",
            "False positives per case",
            "Separate predicted parts where the mask has nothing.",
            "connected parts of the prediction without a voxel of the mask, however small",
            (0, 0, 1),
            RATIO,
            "findings",
            of=("false_positives", "cases"),
            best=0,
        ),
        Metric(
            "volume_error",
            "Volume error",
            "How much too large or too small the predicted volume is.",
            "(predicted − manual) / manual volume; above 0 where too much is predicted",
            (0, -1, inf),
            MEDIAN,
            RELATIVE,
            best=0,
        ),
        Metric(
            "absolute_volume_error",
            "Absolute volume error",
            "How wrong the predicted volume is, in either direction.",
            "|predicted − manual| / manual volume",
            (0, 1, inf),
            MEDIAN,
            RELATIVE,
            best=0,
        ),
    )
}
"""Every figure of an evaluation, in the order it is printed.

Infinite and undefined values are always reported. Maier-Hein et al. (2024, Nature Methods 21, 195-212)
ask for the worst value if a prediction is missing. That is 0 for a share; a distance has no natural
worst value, so it stays infinite, and cases are summarised by rank, as a median."""
