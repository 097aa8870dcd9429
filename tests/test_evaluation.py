"""Scores are by case, on cases that the model never saw, with the refused ones named."""

import numpy as np
import pytest

from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.evaluation import (
    SCORE_COLUMNS,
    by_case,
    evaluate,
    keep,
    kept,
    relations,
    scorable,
    seconds_left,
)
from brainseg.metrics import dice
from brainseg.models import HELD_OUT, NEW, SEEN, open_model
from brainseg.prediction import predict


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


@pytest.fixture
def taught(taught_root):
    return Cohort.open(taught_root)


def test_held_out_cases_are_scored_and_seen_ones_refused_with_the_reason(model, taught):
    result = evaluate(taught, model)
    (record,) = model.folds
    assert set(result.scores["case"]) == set(record.held_out)
    assert set(result.refused) == {*record.trained_on, *record.selected_on}
    assert all("learned from this patient" in reason for reason in result.refused.values())
    assert tuple(result.scores.columns) == SCORE_COLUMNS
    assert not result.scores["seen"].any()
    assert (result.scores["fold"] == 0).all()
    low, high = result.ci95
    assert low <= result.mean_dice <= high


def test_a_score_is_dice_of_the_whole_case_at_the_manifests_threshold(model, taught):
    row = evaluate(taught, model).scores.iloc[0]
    case = taught.case(row["case"])
    masks, _ = case.masks()
    prediction = predict(case.volume(), model, (0,)) >= model.threshold
    both = masks.sum() + prediction.sum()
    assert row["dice"] == pytest.approx(2 * (masks & prediction).sum() / both)
    assert row["dice"] == dice(masks, prediction)
    assert row["tumour_vx"] == masks.sum()


def test_seen_cases_are_scored_only_when_asked_for_and_are_marked(model, taught):
    result = evaluate(taught, model, allow_seen=True)
    (record,) = model.folds
    assert len(result.scores) == 10
    assert result.seen_cases == len(record.trained_on) + len(record.selected_on)
    seen = result.scores.set_index("case")["seen"]
    assert seen[record.trained_on[0]]
    assert not seen[record.held_out[0]]


def test_new_cases_are_scored_by_all_folds(model, tiny_cohort):
    result = evaluate(Cohort.open(tiny_cohort), model)
    assert len(result.scores) == 3
    assert not result.scores["seen"].any()


def test_a_missed_tumour_counts_as_nought_and_stays_in_the_mean(model, tiny_cohort, monkeypatch):
    import brainseg.prediction

    def finds_nothing(volume, model, folds):
        return np.zeros(volume.pixels.shape[:3], np.float32)

    monkeypatch.setattr(brainseg.prediction, "predict", finds_nothing)
    result = evaluate(Cohort.open(tiny_cohort), model)
    assert result.scores["dice"].tolist() == [0.0, 0.0, 0.0]
    assert result.mean_dice == 0.0


def test_slices_without_a_usable_mask_are_left_out_of_their_cases_score(model, tiny_cohort):
    case = "TCGA_XX_0001_20000101"
    (tiny_cohort / case / f"{case}_2_mask.tif").unlink()
    scores = evaluate(Cohort.open(tiny_cohort), model).scores.set_index("case")
    assert scores.loc[case, "slices"] == 2


def test_a_cohort_without_masks_is_one_sentence(model, tiny_cohort):
    for mask in tiny_cohort.glob("*/*_mask.tif"):
        mask.unlink()
    with pytest.raises(CohortError, match=r"no case of this cohort can be scored.*no usable mask"):
        evaluate(Cohort.open(tiny_cohort), model)


def test_kept_scores_come_back_for_this_cohort_and_this_model_alone(model, taught, tiny_cohort):
    assert kept(taught, model) is None
    result = evaluate(taught, model)
    keep(result, taught)
    again = kept(taught, model)
    assert again.scores.to_dict() == result.scores.to_dict()
    assert again.refused == result.refused
    assert kept(Cohort.open(tiny_cohort), model) is None


def test_torn_scores_are_as_good_as_none(model, taught):
    keep(evaluate(taught, model), taught)
    (path,) = (taught.home / "scores").iterdir()
    path.write_text(path.read_text()[:-20])
    assert kept(taught, model) is None


def test_cases_are_sorted_from_the_worst(model, taught):
    assert by_case(evaluate(taught, model))["dice"].is_monotonic_increasing


def test_progress_reaches_the_end(model, tiny_cohort):
    steps = []
    evaluate(Cohort.open(tiny_cohort), model, progress=lambda *step: steps.append(step))
    assert steps[0] == (0, 3)
    assert steps[-1] == (3, 3)


def test_what_the_model_learned_from_is_left_out_of_the_numbers_that_count(model, taught):
    result = evaluate(taught, model, allow_seen=True)
    (record,) = model.folds
    assert set(result.unseen().scores["case"]) == set(record.held_out)
    result.scores["seen"] = True
    assert result.unseen() is None


def test_each_score_says_what_the_model_knew_of_the_patient(model, taught, tiny_cohort):
    result = evaluate(taught, model, allow_seen=True)
    of = dict(zip(result.scores["case"], relations(result, taught, model), strict=True))
    (record,) = model.folds
    assert {of[case] for case in record.held_out} == {HELD_OUT}
    assert {of[case] for case in (*record.trained_on, *record.selected_on)} == {SEEN}
    others = Cohort.open(tiny_cohort)
    assert set(relations(evaluate(others, model), others, model)) == {NEW}


def test_the_cases_to_score_are_known_before_the_network_runs(model, taught):
    chosen, refused = scorable(taught, model)
    assert (len(chosen), len(refused)) == (5, 5)
    chosen, refused = scorable(taught, model, allow_seen=True)
    assert (len(chosen), len(refused)) == (10, 0)


def test_time_left_is_unknown_before_the_first_case_and_nothing_after_the_last():
    assert seconds_left(0, 10, 3.0) is None
    assert seconds_left(2, 10, 3.0) == 12.0
    assert seconds_left(10, 10, 30.0) == 0
