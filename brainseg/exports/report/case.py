"""The report of one case: an A4 page with its key slice, measures, model and reviews."""

from datetime import date

import numpy as np
import pandas as pd
from reportlab.lib.units import mm

from brainseg.exports.report.chart import AreaBySlice
from brainseg.exports.report.drawing import Ends, Outline
from brainseg.exports.report.page import Block, Page
from brainseg.exports.report.text import shortened
from brainseg.imaging import (
    MASK_COLOUR,
    PREDICTION_COLOUR,
    REMOVED_COLOUR,
    window_in_words,
    windowed,
)
from brainseg.inference.record import SYNTHETIC, CaseRecord
from brainseg.io.orientation import sides_of
from brainseg.models.exposure import fold_words
from brainseg.reviews.table import subject_words_with_folds
from brainseg.statistics.drawn import sentence_of
from brainseg.statistics.measures import by_slice, diameters, measure_volume
from brainseg.volume import FLAIR

MOST_REVIEWS = 4
LONGEST_COMMENT = 120
MOST_NOTES = 2
MOST_MEASUREMENTS = 6
MOST_COMPONENTS = 4
LONGEST_NOTE = 125

PICTURE_HEIGHTS = (95 * mm, 75 * mm, 60 * mm, 40 * mm, 28 * mm)
"""The first height at which the report fits on one page is used."""


def case_report(
    record: CaseRecord, reviews: pd.DataFrame | None = None, made_on: date | None = None
) -> bytes:
    """Return one A4 page about a case as PDF; the same content gives the same bytes.

    The case's name is its only information about the patient.

    Args:
        record: see :func:`brainseg.inference.record.record_of`.
        reviews: rows of :meth:`brainseg.reviews.Reviews.of`; None leaves out the section.
        made_on: the date on the page.
    """
    for highest in PICTURE_HEIGHTS:
        page = _laid_out(record, reviews, made_on, highest)
        content = page.as_bytes()
        if page.pages == 1:
            break
    return content


def _laid_out(
    record: CaseRecord, reviews: pd.DataFrame | None, made_on: date | None, highest: float
) -> Page:
    page = Page("Case report", record.case, made_on)
    page.warnings(record.warnings)
    place = record.key_slice
    _pictures(page, record, place, highest)
    left, right = page.columns(1, 1)
    left.heading("Measures")
    if regions := record.regions:
        left.table(_measures(record, place), right=regions)
        left.text(_how_measured(record), muted=True)
    else:
        left.text("There is no usable mask and no prediction, so there is nothing to measure.")
    right.heading("Area by slice")
    _areas(right, record, place)
    left, right = page.columns(1, 1)
    left.heading("Case details")
    left.facts(_known(record))
    _model(right, record)
    _reviews(page, reviews)
    _measurements(page, record)
    for note in record.volume.notes[:MOST_NOTES]:
        page.text(f"Note: {shortened(note, LONGEST_NOTE)}", muted=True)
    return page


def _pictures(page: Page, record: CaseRecord, place: int, highest: float) -> None:
    number = record.slice_numbers[place]
    pixels = windowed(record.volume.sequence(FLAIR)[place], record.windows[FLAIR])
    outlines = []
    if record.has_mask[place]:
        mask = record.masks[place]
        outlines.append(Outline("mask", mask, MASK_COLOUR, _diameters(mask, record)))
    if record.predicted:
        name = f"prediction of {shortened(record.predicted.model, 30)}"
        mask = record.predicted.mask[place]
        # Two crosses on top of each other would be illegible; the table has both.
        lines = () if any(outline.lines for outline in outlines) else _diameters(mask, record)
        outlines.append(Outline(name, mask, PREDICTION_COLOUR, lines, dashed=True))
        removed = record.predicted.split.removed[place]
        if removed.any():
            outlines.append(Outline("removed", removed, REMOVED_COLOUR, hatched=True))
    sides = sides_of(record.volume.affine, record.volume.directions)
    left, right = page.columns(1, 1)
    caption = f"{FLAIR}, slice {number}{_range(record.slice_numbers)}"
    left.picture(pixels, caption, highest=highest, sides=sides)
    right.picture(pixels, _why_this_slice(record, place), outlines, highest, sides)


def _diameters(mask: np.ndarray, record: CaseRecord) -> tuple[Ends, ...]:
    spacing_mm = record.volume.spacing_mm
    found = diameters(mask, spacing_mm[1:] if spacing_mm else (1.0, 1.0))
    return (found.longest_ends, found.perpendicular_ends) if found else ()


def _why_this_slice(record: CaseRecord, place: int) -> str:
    regions = record.regions
    for name, (region, _) in regions.items():
        if region[place].any():
            return f"The slice with the largest area of the {name.lower()}, and its diameters"
    if not regions:
        return "The middle slice: there is no mask and no prediction"
    are = "are" if len(regions) > 1 else "is"
    return f"The middle slice: {' and '.join(regions).lower()} {are} empty"


def _measures(record: CaseRecord, place: int) -> pd.DataFrame:
    """Return one row per measure and one column per region, as text with its unit."""
    columns = {
        name: _column(record, place, region, has_mask)
        for name, (region, has_mask) in record.regions.items()
    }
    return pd.DataFrame(columns, dtype=object).rename_axis("").reset_index()


def _column(
    record: CaseRecord, place: int, region: np.ndarray, has_mask: np.ndarray | None
) -> dict[str, str | None]:
    spacing_mm = record.volume.spacing_mm
    known = None if has_mask is None else has_mask[[place]]
    row = by_slice(region[[place]], [record.slice_numbers[place]], known, spacing_mm).iloc[0]
    whole = measure_volume(region, has_mask, spacing_mm)

    def of_slice(name: str, text: str) -> str | None:
        if row["area_px"] == 0 and name in lengths:
            return "none"
        return None if pd.isna(row[name]) else text.format(row[name])

    unit = "px" if spacing_mm is None else "mm"
    lengths = longest, perpendicular = f"longest_{unit}", f"perpendicular_{unit}"
    area = of_slice(*(("area_px", "{:,.0f} px") if unit == "px" else ("area_mm2", "{:,.1f} mm²")))
    text = f"{{:,.1f}} {unit}"
    share, volume_ml = whole.largest_share, whole.volume_ml
    return {
        "Area of the slice": area,
        "Longest diameter": of_slice(longest, text),
        "Longest perpendicular": of_slice(perpendicular, text),
        "Components in slice": of_slice("components", "{:.0f}"),
        "Volume of the case": f"{whole.volume_vx:,} voxels"
        if volume_ml is None
        else f"{volume_ml:,.1f} ml",
        "Components in case": f"{whole.components:,}",
        "Share of the largest": None if share is None else f"{share:.1%}",
        "Slices marked": f"{whole.slices} of {whole.known}",
    }


def _how_measured(record: CaseRecord) -> str:
    sentences = ["Diameters are of the slice's largest component, between pixel centres."]
    if record.has_mask.any():
        sentences.append(f"Mask: {record.mask_means}.")
        if missing := int((~record.has_mask).sum()):
            sentences.append(f"Slices without a usable mask are left out of its column: {missing}.")
    return " ".join(sentences)


def _areas(block: Block, record: CaseRecord, place: int) -> None:
    spacing_mm = record.volume.spacing_mm
    pixel = 1.0 if spacing_mm is None else spacing_mm[1] * spacing_mm[2]
    areas = (record.masks.sum(axis=(1, 2)) * pixel).tolist()
    of_mask = [area if known else None for area, known in zip(areas, record.has_mask, strict=True)]
    predicted = record.predicted
    of_prediction = (predicted.mask.sum(axis=(1, 2)) * pixel).tolist() if predicted else None
    numbers = record.slice_numbers
    chart = AreaBySlice(numbers, of_mask, of_prediction, numbers[place], block.width)
    block.flowables.append(chart)
    colours = {"mask": MASK_COLOUR} if record.has_mask.any() else {}
    if predicted:
        colours["prediction"] = PREDICTION_COLOUR
    if not record.has_mask.all():
        colours["no usable mask"] = (211, 217, 222)
    block.legend(colours)
    unit = "Pixels" if spacing_mm is None else "mm²"
    block.text(f"{unit} by slice number; slice {numbers[place]} is the one shown.", muted=True)


def _model(block: Block, record: CaseRecord) -> None:
    predicted = record.predicted
    if predicted is None:
        return
    block.heading("Model")
    block.facts(
        {
            "Model": shortened(predicted.model, 32),
            "Predicted by": fold_words(predicted.folds),
            "Threshold": f"{predicted.threshold:.2f}",
            "Dice of the case": None if predicted.dice is None else f"{predicted.dice:.3f}",
        }
    )
    block.text(predicted.exposure.in_words())
    for sentence in (
        *predicted.removed(record.slice_numbers, MOST_COMPONENTS),
        *predicted.how_made,
        *predicted.how_sure(record.slice_numbers),
    ):
        block.text(sentence, muted=True)


def _known(record: CaseRecord) -> dict[str, object]:
    volume = record.volume
    height, width = volume.pixels.shape[1:3]
    sides = sides_of(volume.affine, volume.directions)
    spacing = None
    if volume.spacing_mm is not None:
        between, row, column = volume.spacing_mm
        apart = f"slices {between:.3g} mm apart" if between else "distance of slices unknown"
        spacing = f"{row:.3g} × {column:.3g} mm, {apart}"
    sequences, copies = ", ".join(volume.names), volume.flair_copies
    if copies:
        repeat = "repeats" if len(copies) == 1 else "repeat"
        sequences += f"; {' and '.join(copies)} {repeat} {FLAIR}"
    return {
        **({"Origin": SYNTHETIC} if record.synthetic else {}),
        **({"Images from": record.address} if record.address else {}),
        "Slices": f"{len(volume)}, of {width} × {height} px",
        "Usable masks": f"{int(record.has_mask.sum())} of {len(volume)}",
        "Sequences": sequences,
        f"{FLAIR} shown": window_in_words(record.windows[FLAIR]),
        "Spacing": spacing,
        "Orientation": sides and f"{sides['left']} on the left, {sides['top']} on top",
    }


def _reviews(block: Block, reviews: pd.DataFrame | None) -> None:
    if reviews is None:
        return
    block.heading("Reviews")
    if reviews.empty:
        block.text("No reader has reviewed this case.", muted=True)
        return
    for review in reviews.head(MOST_REVIEWS).itertuples():
        earlier = pd.notna(review.mask_changed) and review.mask_changed
        mark = ", of an earlier mask" if earlier else ""
        comment = " ".join(review.comment.split())
        if len(comment) > LONGEST_COMMENT:
            comment = f"{comment[: LONGEST_COMMENT - 1]}…"
        block.text(
            f"{review.reader}, {review.changed_at:%Y-%m-%d}, {subject_words_with_folds(review)}: "
            f"{review.state}{mark}" + (f". {comment}" if comment else "")
        )
    if len(reviews) > MOST_REVIEWS:
        block.text(f"and {len(reviews) - MOST_REVIEWS} more, in the CSV file", muted=True)


def _measurements(block: Block, record: CaseRecord) -> None:
    drawn = record.measurements
    if not drawn:
        return
    block.heading("Measurements drawn")
    for one in drawn[:MOST_MEASUREMENTS]:
        sentence = sentence_of(one, record.volume, record.slice_numbers)
        block.text(f"{one.reader}: {sentence}" if one.reader else sentence)
    if len(drawn) > MOST_MEASUREMENTS:
        block.text(f"and {len(drawn) - MOST_MEASUREMENTS} more, in the CSV file", muted=True)


def _range(numbers: tuple[int, ...]) -> str:
    return f" ({numbers[0]}–{numbers[-1]})" if len(numbers) > 1 else ""
