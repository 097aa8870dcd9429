"""The share of planted mask defects that the second look finds, and of untouched cases that it lists.

    python benchmarks/second_look.py DATA [--model lgg-unet] [--leave-out 3]

Each defect is planted in the mask of every case in memory; DATA is not changed. It counts as found if
the list has a contradiction of the case that it lacks for the untouched mask. The rule's limits were
chosen on every third case of the LGG cohort, which ``--leave-out 3`` therefore leaves out.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator

import cv2
import numpy as np
from scipy.stats import binomtest

from brainseg.evaluation.second_look import Contradiction, contradictions
from brainseg.inference.prediction import Prediction
from brainseg.metrics.labelling import label_components

LESION_VX = 200

Counts = dict[str, list[int]]


def planted(
    mask: np.ndarray, other: np.ndarray, healthy: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the defects of a mask, each with its name.

    Args:
        mask, other: (n, h, w) bool, of the case and of another patient.
        healthy: (h, w) bool, of the mask's largest slice, where a false disc may be drawn.
    """
    largest = int(np.count_nonzero(mask, axis=(1, 2)).argmax())
    beside = slice(max(0, largest - 1), largest + 2)
    emptied = mask.copy()
    emptied[beside] = False
    yield "three largest slices emptied", emptied
    half = mask.copy()
    half[:, :, : int(np.median(np.nonzero(mask[largest])[1]))] = False
    yield "left half erased", half
    one = mask.copy()
    one[largest] = False
    yield "largest slice emptied", one
    labels, sizes, box = label_components(mask)
    lesions = np.flatnonzero(sizes >= LESION_VX) + 1
    if len(lesions) > 1:
        fewer = mask.copy()
        fewer[box] &= labels != lesions[sizes[lesions - 1].argmin()]
        yield f"smallest lesion of at least {LESION_VX} voxels removed", fewer
    yield "shifted by 10 px", np.roll(mask, 10, axis=2)
    yield "shifted by 30 px", np.roll(mask, 30, axis=2)
    yield "mirrored", mask[:, :, ::-1].copy()
    places = np.arange(len(mask)) * len(other) // len(mask)
    size = mask.shape[2], mask.shape[1]
    copied = [cv2.resize(other[place].view(np.uint8), size, interpolation=0) for place in places]
    yield "mask of another case", np.array(copied).view(bool)
    spots = np.argwhere(healthy)
    if len(spots):
        disc = np.zeros(mask.shape[1:], np.uint8)
        row, column = spots[len(spots) // 2].tolist()
        cv2.circle(disc, (column, row), 12, 1, -1)
        added = mask.copy()
        added[beside] |= disc.view(bool)
        yield "disc of 24 px drawn on three slices", added
    yield "all slices emptied", np.zeros_like(mask)


def found_in(
    mask: np.ndarray, prediction: Prediction, threshold: float
) -> tuple[Contradiction, ...]:
    """Return the contradictions of a mask with a usable slice everywhere."""
    return contradictions(
        mask,
        prediction.mask(threshold),
        prediction.probability,
        prediction.std,
        np.arange(len(mask)),
        prediction.ensemble_size,
    )


def measure(
    mask: np.ndarray, other: np.ndarray, prediction: Prediction, threshold: float, counts: Counts
) -> None:
    """Add to the counts, by defect [found, planted], what the second look finds in one case."""
    untouched = found_in(mask, prediction, threshold)
    counts.setdefault("none", []).append(len(untouched))
    largest = int(np.count_nonzero(mask, axis=(1, 2)).argmax())
    near = cv2.dilate(mask[largest].view(np.uint8), np.ones((41, 41), np.uint8)).view(bool)
    healthy = ~near & (prediction.probability[largest] < 0.1)
    height, width = healthy.shape
    inside = np.zeros_like(healthy)
    inside[height // 4 : -height // 4, width // 3 : -width // 3] = True
    known = {(one.kind, one.slice_number, one.volume_vx) for one in untouched}
    for name, defect in planted(mask, other, healthy & inside):
        listed = found_in(defect, prediction, threshold)
        new = any((one.kind, one.slice_number, one.volume_vx) not in known for one in listed)
        counts.setdefault(name, []).append(int(new))


def in_words(counts: Counts) -> list[str]:
    """Return the counts as rows of a Markdown table, each share with its 95% interval (Wilson)."""
    lines = ["| defect | cases | listed | 95% interval |", "|---|---|---|---|"]
    for name, numbers in counts.items():
        listed, cases = sum(number > 0 for number in numbers), len(numbers)
        ends = binomtest(listed, cases).proportion_ci(method="wilson")
        share = f"{listed} ({listed / cases:.0%})"
        lines.append(f"| {name} | {cases} | {share} | {ends.low:.0%} to {ends.high:.0%} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--model", default=None)
    parser.add_argument(
        "--leave-out", type=int, default=0, help="each how manieth case is left out"
    )
    options = parser.parse_args()
    os.environ.setdefault("BRAINSEG_HOME", tempfile.mkdtemp())

    from brainseg.cohort import Cohort
    from brainseg.evaluation import scorable
    from brainseg.inference.prediction import predict_timed
    from brainseg.models import open_model

    cohort, model = Cohort.open(options.data), open_model(options.model)
    cases, _ = scorable(cohort, model)
    counts: Counts = {}
    for place, case in enumerate(cases):
        if options.leave_out and place % options.leave_out == 0:
            continue
        prediction = predict_timed(case.volume(), model, model.exposure(case))
        threshold = model.threshold_for(prediction.exposure.folds)
        other = cases[(place + len(cases) // 2) % len(cases)].masks()[0]
        measure(case.masks()[0], other, prediction, threshold, counts)
    print("\n".join(in_words(counts)))


if __name__ == "__main__":
    main()
