"""Overlap and lesions: hand-worked examples, counting by brute force, and the rule for empty masks."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.evaluation import measure
from brainseg.metrics import EMPTY_MASK_RULE, METRICS, Overlap, dice, dice_of_counts, lesions

DOCS = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"

TRUTH = np.array([[1, 1, 0], [1, 0, 0]], bool)
PREDICTION = np.array([[1, 0, 0], [1, 1, 0]], bool)
EMPTY, FULL = np.zeros((2, 4, 4), bool), np.ones((2, 4, 4), bool)


def counted(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int, int]:
    """Return hits, misses and false alarms, counted voxel by voxel."""
    hits = misses = false_alarms = 0
    for was, said in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        hits += was and said
        misses += was and not said
        false_alarms += said and not was
    return hits, misses, false_alarms


def parts(mask: np.ndarray) -> list[set[tuple[int, ...]]]:
    """Return the parts of a mask that touch at faces, edges or corners, by flooding."""
    left = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}
    found = []
    while left:
        part, border = set(), [left.pop()]
        while border:
            here = border.pop()
            part.add(here)
            near = {v for v in left if max(abs(a - b) for a, b in zip(v, here, strict=True)) == 1}
            left -= near
            border.extend(near)
        found.append(part)
    return found


def test_overlap_of_a_hand_worked_example() -> None:
    overlap = Overlap.of(TRUTH, PREDICTION)
    assert overlap == Overlap(truth_vx=3, predicted_vx=3, both_vx=2)
    assert overlap.dice == dice(TRUTH, PREDICTION) == pytest.approx(4 / 6)
    assert overlap.iou == pytest.approx(2 / 4)
    assert overlap.precision == pytest.approx(2 / 3)
    assert overlap.recall == pytest.approx(2 / 3)
    assert overlap.volume_error == 0
    assert Overlap(truth_vx=8, predicted_vx=10, both_vx=8).volume_error == 0.25
    assert dice(TRUTH, TRUTH) == 1
    assert dice(TRUTH, ~TRUTH) == 0


@pytest.mark.parametrize(
    ("in_truth", "in_prediction", "expected"),
    [(False, False, 1.0), (True, False, 0.0), (False, True, 0.0), (True, True, 1.0)],
)
def test_the_rule_for_empty_masks(in_truth: bool, in_prediction: bool, expected: float) -> None:
    truth, prediction = np.full((2, 4, 4), in_truth), np.full((2, 4, 4), in_prediction)
    assert dice(truth, prediction) == expected
    assert "Both empty counts as 1" in EMPTY_MASK_RULE


def documented() -> dict[str, list[str]]:
    """Return the rows of the table of empty masks in the documentation, by metric."""
    section = DOCS.read_text(encoding="utf-8").partition("## Empty masks")[2]
    table = section.partition("|---")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[1:]]
    return {label: cells for label, *cells in rows}


def test_each_metric_is_explained_in_words_then_defined_then_judged() -> None:
    for metric in METRICS.values():
        assert metric.explained.startswith(metric.plain)
        assert metric.plain.endswith(".")
        assert metric.explained.index("is perfect.") < metric.explained.index(metric.meaning)
    assert METRICS["dice"].good == "The higher, the better; 1 is perfect."
    assert METRICS["hd95"].good == "The closer to 0, the better; 0 is perfect."


def test_the_documentation_has_every_metric_once() -> None:
    assert list(documented()) == [metric.label for metric in METRICS.values()]


@pytest.mark.parametrize("name", METRICS)
def test_each_cell_of_the_documented_table_equals_the_code(name: str) -> None:
    metric = METRICS[name]
    told = documented()[metric.label]
    assert told == [*metric.empty_masks, metric.summary]
    masks = ((EMPTY, EMPTY), (FULL, EMPTY), (EMPTY, FULL))
    for (truth, prediction), value in zip(masks, metric.empty, strict=True):
        scores = measure(truth, prediction) | {"cases": 1}
        if metric.of[0]:
            of = scores[metric.of[1]]
            found = scores[metric.of[0]] / of if of else float("nan")
        else:
            found = scores[name]
        assert found == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_prediction_has_the_best_value(name: str) -> None:
    truth = np.zeros((3, 12, 12), bool)
    truth[1, 2:6, 3:9] = True
    scores, metric = measure(truth, truth) | {"cases": 1}, METRICS[name]
    found = scores[metric.of[0]] / scores[metric.of[1]] if metric.of[0] else scores[name]
    assert found == metric.best


def test_a_case_is_one_volume_and_not_the_mean_of_its_slices() -> None:
    truth = np.zeros((2, 4, 4), bool)
    truth[0] = True
    prediction = truth.copy()
    prediction[1, 0, 0] = True
    scores = measure(truth, prediction)
    assert scores["dice"] == dice(truth, prediction) == pytest.approx(2 * 16 / (16 + 17))
    assert scores["dice_slices"] == 0.5
    assert scores["dice_tumour_slices"] == 1


@pytest.mark.parametrize("seed", range(10))
def test_overlap_equals_a_count_voxel_by_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.random((2, 3, 9, 9)) < rng.random()
    hits, misses, false_alarms = counted(truth, prediction)
    overlap = Overlap.of(truth, prediction)
    assert overlap.dice == pytest.approx(2 * hits / (2 * hits + misses + false_alarms))
    assert overlap.iou == pytest.approx(hits / (hits + misses + false_alarms))
    assert overlap.precision == pytest.approx(hits / (hits + false_alarms))
    assert overlap.recall == pytest.approx(hits / (hits + misses))
    manual = hits + misses
    assert overlap.volume_error == pytest.approx((hits + false_alarms - manual) / manual)
    assert overlap.dice == dice(prediction, truth)


@pytest.mark.parametrize("seed", range(5))
def test_overlap_equals_that_of_scikit_learn(seed: int) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(100 + seed)
    truth, prediction = rng.random((2, 4, 7, 7)) < 0.3
    overlap, pair = Overlap.of(truth, prediction), (truth.ravel(), prediction.ravel())
    assert overlap.dice == pytest.approx(metrics.f1_score(*pair))
    assert overlap.iou == pytest.approx(metrics.jaccard_score(*pair))
    assert overlap.precision == pytest.approx(metrics.precision_score(*pair))
    assert overlap.recall == pytest.approx(metrics.recall_score(*pair))


def test_dice_of_counts_takes_arrays_and_keeps_the_rule() -> None:
    scores = dice_of_counts(np.array([0, 4, 0, 4]), np.array([0, 0, 4, 4]), np.array([0, 0, 0, 2]))
    assert scores.tolist() == [1, 0, 0, 0.5]


def test_masks_of_two_grids_are_refused() -> None:
    with pytest.raises(ValueError, match=r"truth is \(4, 4\), prediction \(4, 5\)"):
        dice(np.zeros((4, 4), bool), np.zeros((4, 5), bool))


def test_lesions_of_a_hand_worked_example() -> None:
    truth = np.zeros((3, 8, 8), bool)
    truth[0, 0:2, 0:2] = True  # found: one voxel is enough
    truth[1, 2, 2] = True  # the same lesion, at a corner of the slice above
    truth[0, 6, 6] = True  # missed
    prediction = np.zeros_like(truth)
    prediction[0, 1, 0:4] = True  # reaches into the first lesion
    prediction[2, 7, 0] = True  # a false alarm
    prediction[0, 4, 5:7] = True  # another, which the missed lesion does not touch
    found = lesions(truth, prediction)
    assert (found.count, found.found, found.false_positives) == (2, 1, 2)


@pytest.mark.parametrize("seed", range(10))
def test_lesions_equal_those_found_by_flooding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.random((2, 4, 9, 9)) < 0.08
    of_truth, of_prediction = parts(truth), parts(prediction)
    voxels = [{tuple(v) for v in np.argwhere(mask).tolist()} for mask in (truth, prediction)]
    found = lesions(truth, prediction)
    assert found.count == len(of_truth)
    assert found.found == sum(bool(part & voxels[1]) for part in of_truth)
    assert found.false_positives == sum(not part & voxels[0] for part in of_prediction)


def test_lesions_join_as_the_components_of_a_measured_volume_do() -> None:
    from brainseg.statistics.measures import measure_volume

    mask = np.random.default_rng(3).random((4, 9, 9)) < 0.1
    assert lesions(mask, mask).count == measure_volume(mask).components
