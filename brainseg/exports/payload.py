"""One case as two blocks of bytes: all that a viewer needs to show it without asking again.

The images are a block of their own, which every view of the case shares, see :mod:`packed_images`.
Layout of the other: 4 bytes, little-endian, the length of a header; the header, JSON in UTF-8; then the
blobs, each an array of the case, C order, in zlib's format. The header names the blobs of both blocks
with their place.
"""

import json
import math
from itertools import cycle
from typing import NamedTuple

import numpy as np

from brainseg import RESEARCH_USE
from brainseg.cohort.label_layers import LabelLayers
from brainseg.exports.packed_images import PackedImages, deflated, pack_images, places_of
from brainseg.imaging import COLOURS, LABEL_COLOURS, as_hex
from brainseg.inference.quantised import UNITS
from brainseg.inference.record import CaseRecord, Predicted
from brainseg.io.orientation import is_skewed, sides_of

VERSION = 3

STEPS = 200
"""A probability is sent as the whole steps of 1/200 in it, rounded down: 0..200. So a threshold that is
a multiple of 0.005 cuts the same pixels as in the float32 probability."""


class CasePayload(NamedTuple):
    """A case as a viewer takes it: the block with the header, and the block of the images."""

    case: bytes
    images: bytes


def case_payload(record: CaseRecord, images: PackedImages | None = None) -> CasePayload:
    """Return a case as a viewer takes it.

    A sequence that equals FLAIR on every slice is not sent twice: the header says that it is a copy.

    Args:
        record: what to send.
        images: of its volume, if they have been packed already.

    Returns:
        Blobs of the images: one a sequence, uint8 (n, h, w), by the sequence's name.

        Blobs after the header: ``mask``, uint8 0 or 1
        (n, h, w), where any slice has one that can be used; ``labels``, uint8 (n, h, w), the label map
        of a cohort with several labels; ``probability``, uint8 0..:data:`STEPS`
        (n, h, w), as the networks gave it; ``spread``, likewise, where several passes were averaged;
        ``other``, likewise, the probability of a prediction to compare with.

        The header holds ``version``, ``case``, ``shape`` (n, h, w), ``slice_numbers``, ``sequences``,
        ``copies`` (sequence -> the one it repeats), ``labels`` (name, values in the label map and colour
        of each), ``label`` (the one whose mask is sent, or null for the union), ``mask_there`` (a flag a
        slice), ``spacing_mm``
        (slice, which may be null, row, column; or null), ``orientation`` (see
        :func:`brainseg.io.orientation.sides_of`), ``skewed`` (whether slices are tilted against their
        axis), ``notes``, ``warnings``, ``steps``,
        ``threshold``, ``made_by``, ``min_component_fraction`` (null without a prediction), ``exposure``
        (whether the model was trained on the patient, in one word), ``other`` (null, or the first three
        of it), ``colours`` (see :data:`brainseg.imaging.COLOURS`, as
        #rrggbb), ``research_use``, ``images`` and ``blobs`` (each name -> offset, bytes).
    """
    images = images or pack_images(record.volume)
    blobs = _blobs(record)
    header = {
        **_header(record),
        "copies": images.copies,
        "images": images.places,
        "blobs": places_of(blobs),
    }
    head = json.dumps(header).encode()
    case = b"".join((len(head).to_bytes(4, "little"), head, *blobs.values()))
    return CasePayload(case, images.data)


def _blobs(record: CaseRecord) -> dict[str, bytes]:
    """Return the arrays of a case beside its images, compressed, by name."""
    blobs = {}
    if record.has_mask.any():
        blobs["mask"] = deflated(record.masks.view(np.uint8))
    if record.labels is not None:
        blobs["labels"] = deflated(record.labels.values)
    if record.predicted is not None:
        blobs["probability"] = deflated(in_steps(record.predicted.prediction.units))
        if (std := record.predicted.prediction.std_units) is not None:
            blobs["spread"] = deflated(in_steps(std))
    if record.other is not None:
        blobs["other"] = deflated(in_steps(record.other.prediction.units))
    return blobs


def _header(record: CaseRecord) -> dict[str, object]:
    """Return the header without what depends on the blobs."""
    volume, labels, predicted = record.volume, record.labels, record.predicted
    return {
        "version": VERSION,
        "case": record.case,
        "shape": list(volume.pixels.shape[:3]),
        "slice_numbers": [int(number) for number in record.slice_numbers],
        "sequences": list(volume.names),
        "labels": _labels(labels),
        "label": labels and labels.chosen,
        "mask_there": [bool(known) for known in record.has_mask],
        "spacing_mm": volume.spacing_mm and [mm and float(mm) for mm in volume.spacing_mm],
        "orientation": sides_of(volume.affine, volume.directions),
        "skewed": is_skewed(volume.affine),
        "notes": list(volume.notes),
        "warnings": list(record.warnings),
        "steps": STEPS,
        **_made(predicted),
        "exposure": predicted and predicted.exposure.relation,
        "other": record.other and _made(record.other),
        "colours": {meaning: as_hex(colour) for meaning, colour in COLOURS.items()},
        "research_use": RESEARCH_USE,
    }


def _labels(layers: LabelLayers | None) -> list[dict[str, object]]:
    """Return name, values and colour of each label, those with the most voxels first."""
    if layers is None:
        return []
    counts = np.bincount(layers.values.ravel(), minlength=256)
    coloured = zip(layers.labels.items(), cycle(LABEL_COLOURS), strict=False)
    by_size = sorted(coloured, key=lambda one: -int(counts[list(one[0][1])].sum()))
    return [
        {"name": name, "values": list(values), "colour": as_hex(colour)}
        for (name, values), colour in by_size
    ]


def in_steps(units: np.ndarray) -> np.ndarray:
    """Return values in units of 1/40,000, uint16, as whole steps of 1 / :data:`STEPS`, uint8."""
    steps = np.empty(units.shape, np.uint8)
    return np.floor_divide(units, UNITS // STEPS, out=steps, casting="unsafe")


def threshold_on_steps(threshold: float) -> float:
    """Return the threshold, 0..1, at which the viewer opens: the nearest whole step, a half upwards."""
    return math.floor(threshold * STEPS + 0.5) / STEPS


def _made(predicted: Predicted | None) -> dict[str, object]:
    return {
        "threshold": predicted and predicted.threshold,
        "made_by": predicted and predicted.made_by,
        "min_component_fraction": predicted and predicted.min_component_fraction,
    }
