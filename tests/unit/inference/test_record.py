"""CaseRecord: which slice stands for a case, and what is said of it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support import predictions
from support.cohorts import FIRST, FLAIR_REPEATED, head

from brainseg.cohort import Cohort
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import CaseRecord, record_of, record_of_volume
from brainseg.models import HELD_OUT, CaseExposure
from brainseg.volume import Volume


def bare(masks: np.ndarray, probability: np.ndarray | None = None) -> CaseRecord:
    pixels = np.stack([head(n, 20, 20) for n in range(len(masks))])
    predicted = None
    if probability is not None:
        predicted = predictions.made("net", HELD_OUT, (0,), 0.5, probability, None)
    numbers = tuple(range(3, 3 + len(masks)))
    return CaseRecord("case", Volume(pixels), numbers, masks, np.ones(len(masks), bool), predicted)


def predicted(
    probability: np.ndarray,
    exposure: CaseExposure,
    std: np.ndarray | None = None,
    ensemble_size: int = 1,
) -> Prediction:
    return Prediction(probability, std, exposure, 0.1, "Net float32", "CPU", ensemble_size)


def areas(*sizes: int) -> np.ndarray:
    """Return (n, 20, 20) bool with so many pixels in each slice."""
    return np.array([np.arange(400).reshape(20, 20) < size for size in sizes])


def test_the_key_slice_has_the_largest_mask_else_prediction_else_is_in_the_middle():
    assert bare(areas(1, 7, 7, 2)).key_slice == 1
    assert bare(areas(1, 7, 3), areas(0, 0, 9).astype(np.float32)).key_slice == 1
    assert bare(areas(0, 0, 0), areas(0, 0, 9).astype(np.float32)).key_slice == 2
    assert bare(areas(0, 0, 0), areas(0, 0, 0).astype(np.float32)).key_slice == 1
    assert bare(areas(0)).key_slice == 0


def test_a_prediction_is_scored_at_the_threshold_that_is_shown(tiny_cohort):
    case = Cohort.open(tiny_cohort).case(FIRST)
    volume, (masks, has_mask) = case.volume(), case.masks()
    prediction = predicted(masks * np.float32(0.6), CaseExposure(HELD_OUT, (2,)))
    model = SimpleNamespace(
        name="net", digest="d", target="tumour", threshold_for=lambda folds: 0.5
    )
    read = (FIRST, volume, case.readable["slice_number"], masks, has_mask)
    record = record_of(*read, model, prediction)
    assert (record.predicted.threshold, record.predicted.dice) == (0.5, 1.0)
    np.testing.assert_array_equal(record.predicted.mask, masks)
    higher = record_of(*read, model, prediction, threshold=0.7)
    assert (higher.predicted.threshold, higher.predicted.dice) == (0.7, 0.0)
    unscored = record_of(*read[:4], np.zeros(3, bool), model, prediction)
    assert unscored.predicted.dice is None
    assert record_of(*read).predicted is None
    assert record_of(*read).slice_numbers == (1, 2, 10)


@pytest.mark.parametrize(("name", "copies"), [(FIRST, []), (FLAIR_REPEATED, ["post-contrast"])])
def test_a_repeated_sequence_is_known(tiny_cohort, name, copies):
    case = Cohort.open(tiny_cohort).case(name)
    record = record_of(name, case.volume(), case.readable["slice_number"], *case.masks())
    assert list(record.volume.flair_copies) == copies


def test_what_made_a_prediction_is_told_with_it():
    probability = areas(1, 7).astype(np.float32)
    looked = predicted(probability, CaseExposure(HELD_OUT, (2,)), probability / 4, 2)
    model = SimpleNamespace(
        name="net", digest="d", target="tumour", threshold_for=lambda folds: 0.5
    )
    record = record_of_volume(bare(areas(0, 0)).volume, [4, 5], model, looked, warnings=("Odd.",))
    assert record.predicted.made_by == "net: fold 2, with mirror images"
    (how,) = record.predicted.how_made
    assert how == (
        "The probability is the mean of the two passes (original and mirrored), computed by Net float32 "
        "on CPU in 0.1 s."
    )
    once = replace(looked, ensemble_size=1)
    alone = record_of_volume(bare(areas(0, 0)).volume, [4, 5], model, once)
    assert alone.predicted.how_made[0].startswith(
        "The probability is that of a single pass, computed by"
    )
    assert record.predicted.how_sure(record.slice_numbers)[0].startswith("The two passes")
    assert (record.case, record.slice_numbers, record.warnings) == ("upload", (4, 5), ("Odd.",))
    assert list(record.regions) == ["Prediction"]
    assert record.predicted.dice is None
    assert record.key_slice == 1
    assert record.predicted.removed(record.slice_numbers) == []


def test_the_components_removed_are_told_with_the_slices_they_lie_on():
    probability = areas(100, 100, 0, 0).astype(np.float32)
    probability[2:, 15, 3] = probability[3, 19, 19] = 0.9
    made = replace(predicted(probability, CaseExposure(HELD_OUT, (2,))), min_component_fraction=0.2)
    model = SimpleNamespace(
        name="net", digest="d", target="tumour", threshold_for=lambda folds: 0.5
    )
    record = record_of_volume(bare(areas(0, 0, 0, 0)).volume, [4, 5, 7, 9], model, made)
    assert record.predicted.removed(record.slice_numbers) == [
        "2 smaller components were removed (below 20% of the largest).",
        "Removed: slices 7–9: 2 voxels; slice 9: 1 voxel.",
    ]
    assert record.predicted.removed(record.slice_numbers, most=1)[1] == (
        "Removed: slices 7–9: 2 voxels; 1 more."
    )
    assert record.predicted.mask.sum() == 200
    assert record.predicted.probability.max() == 1
    assert record.predicted.probability[2, 15, 3] == np.float32(0.9)
