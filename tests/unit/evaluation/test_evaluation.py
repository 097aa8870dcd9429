"""Scores by case, on cases that the model never saw, with the refused cases and reasons."""

import json
import shutil

import numpy as np
import pytest

from brainseg.cohort import Cohort
from brainseg.errors import CohortError, ModelError
from brainseg.evaluation import (
    KNOWS_THE_PATIENT,
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    by_case,
    evaluate,
    load_scores,
    measure,
    relations,
    save_scores,
    scorable,
    store,
    worst,
)
from brainseg.evaluation.shipped import shipped_scores
from brainseg.inference.prediction import predict
from brainseg.metrics import dice, dice_by_threshold
from brainseg.models import HELD_OUT, NEW, SEEN, open_model


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


@pytest.fixture
def planted(tiny_model, tmp_path):
    """Return a function that copies the model, changes its folds, and opens the copy."""

    def plant(change):
        folder = tmp_path / "planted"
        shutil.copytree(tiny_model, folder)
        facts = json.loads((folder / "manifest.json").read_text())
        change(facts["folds"])
        (folder / "manifest.json").write_text(json.dumps(facts))
        return open_model(str(folder))

    return plant


def test_held_out_cases_are_scored_and_seen_ones_refused_with_the_reason(model, taught):
    result = evaluate(taught, model)
    (record,) = model.folds
    assert set(result.scores["case"]) == set(record.held_out)
    assert set(result.refused) == {*record.trained_on, *record.selected_on}
    assert all("learned from this patient" in reason for reason in result.refused.values())
    assert tuple(result.scores.columns) == SCORE_COLUMNS
    assert tuple(result.slices.columns) == SLICE_COLUMNS
    assert not result.scores["seen"].any()
    assert (result.scores["fold"] == 0).all()
    low, high = result.ci95
    assert low <= result.mean_dice <= high


def test_a_score_is_of_the_whole_case_at_the_manifests_threshold(model, taught):
    result = evaluate(taught, model)
    row = result.scores.iloc[0]
    case = taught.case(row["case"])
    masks, _ = case.masks()
    prediction = predict(case.volume(), model, (0,)) >= model.threshold
    both = masks.sum() + prediction.sum()
    assert row["dice"] == pytest.approx(2 * (masks & prediction).sum() / both)
    assert row["dice"] == dice(masks, prediction)
    assert row["tumour_vx"] == masks.sum()
    for name, value in measure(masks, prediction).items():
        assert row[name] == pytest.approx(value, nan_ok=True), name
    of_case = result.slices[result.slices["case"] == row["case"]]
    assert of_case["slice_number"].tolist() == case.readable["slice_number"].tolist()
    assert of_case["both_px"].tolist() == (masks & prediction).sum(axis=(1, 2)).tolist()


def test_the_saved_histogram_gives_the_same_dice(model, taught):
    result = evaluate(taught, model)
    for row, histogram in zip(result.scores.itertuples(), result.histograms, strict=True):
        curve = dice_by_threshold(histogram)
        at = curve.loc[np.isclose(curve["threshold"], model.threshold), "dice"]
        assert at.item() == pytest.approx(row.dice)


def test_seen_cases_are_scored_only_when_asked_for_and_are_marked(model, taught):
    result = evaluate(taught, model, allow_seen=True)
    (record,) = model.folds
    assert len(result.scores) == 10
    assert result.seen_cases == len(record.trained_on) + len(record.selected_on)
    seen = result.scores.set_index("case")["seen"]
    assert seen[record.trained_on[0]]
    assert not seen[record.held_out[0]]


def test_a_case_listed_in_two_folds_is_refused(planted):
    def hold_out_again(folds):
        other = json.loads(json.dumps(folds[0])) | {"number": 1}
        other["trained_on"] = [c for c in other["trained_on"] if c not in other["held_out"]]
        folds.append(other)

    with pytest.raises(ModelError, match=r"is held out by two folds.*scored by one fold"):
        planted(hold_out_again)


def test_a_held_out_case_listed_as_training_case_is_refused(planted):
    def learn_from_a_held_out_case(folds):
        folds[0]["trained_on"].append(folds[0]["held_out"][0])

    with pytest.raises(ModelError, match=r"is in trained_on and in held_out of fold 0"):
        planted(learn_from_a_held_out_case)


def test_a_held_out_case_of_a_patient_that_the_fold_learned_from_is_refused(planted, taught):
    def learn_from_another_day(folds):
        patient = folds[0]["held_out"][0].rpartition("_")[0]
        folds[0]["trained_on"].append(f"{patient}_20101231")

    model = planted(learn_from_another_day)
    case = model.folds[0].held_out[0]
    assert scorable(taught, model)[1][case] == KNOWS_THE_PATIENT
    assert case not in set(evaluate(taught, model).scores["case"])
    everyone = evaluate(taught, model, allow_seen=True)
    assert everyone.scores.set_index("case")["seen"][case]
    told = dict(zip(everyone.scores["case"], relations(everyone, taught, model), strict=True))
    assert told[case] == SEEN


def test_new_cases_are_scored_by_all_folds(model, tiny_cohort):
    result = evaluate(Cohort.open(tiny_cohort), model)
    assert len(result.scores) == 3
    assert not result.scores["seen"].any()


def test_a_missed_tumour_counts_as_zero_in_the_mean(model, tiny_cohort, monkeypatch):
    import brainseg.inference.prediction

    def finds_nothing(volume, model, folds):
        return np.zeros(volume.pixels.shape[:3], np.float32)

    monkeypatch.setattr(brainseg.inference.prediction, "predict", finds_nothing)
    result = evaluate(Cohort.open(tiny_cohort), model)
    assert result.scores["dice"].tolist() == [0.0, 0.0, 0.0]
    assert result.mean_dice == 0.0
    assert np.isinf(result.scores["hd95"]).all()
    assert result.scores["lesions_found"].sum() == 0


def test_slices_without_a_usable_mask_are_left_out_of_their_cases_score(model, tiny_cohort):
    case = "TCGA_XX_0001_20000101"
    (tiny_cohort / case / f"{case}_2_mask.tif").unlink()
    result = evaluate(Cohort.open(tiny_cohort), model)
    assert result.scores.set_index("case").loc[case, "slices"] == 2
    numbers = result.slices.loc[result.slices["case"] == case, "slice_number"]
    assert numbers.tolist() == [1, 10]


def test_a_cohort_without_masks_is_one_sentence(model, tiny_cohort):
    for mask in tiny_cohort.glob("*/*_mask.tif"):
        mask.unlink()
    with pytest.raises(CohortError, match=r"no case of this cohort can be scored.*no usable mask"):
        evaluate(Cohort.open(tiny_cohort), model)


def test_saved_scores_load_only_for_the_same_cohort_and_model(model, taught, tiny_cohort):
    assert load_scores(taught, model) is None
    result = evaluate(taught, model, allow_seen=True)
    save_scores(result, taught)
    again = load_scores(taught, model)
    assert again.scores.equals(result.scores)
    assert again.slices.equals(result.slices)
    assert again.histograms == pytest.approx(result.histograms, abs=1e-6)
    assert again.refused == result.refused
    assert load_scores(Cohort.open(tiny_cohort), model) is None


def test_an_infinite_distance_and_a_missing_institution_survive_saving(
    model, tiny_cohort, monkeypatch
):
    import brainseg.inference.prediction

    monkeypatch.setattr(
        brainseg.inference.prediction,
        "predict",
        lambda volume, model, folds: np.zeros(volume.pixels.shape[:3], np.float32),
    )
    cohort = Cohort.open(tiny_cohort)
    result = evaluate(cohort, model)
    result.scores.loc[0, "institution"] = None
    save_scores(result, cohort)
    again = load_scores(cohort, model)
    assert np.isinf(again.scores["hd95"]).all()
    assert again.scores["institution"].isna().tolist() == [True, False, False]
    assert json.dumps(again.rows, allow_nan=False)


@pytest.mark.parametrize("change", ["torn", "of another version", "of the first version"])
def test_damaged_or_outdated_scores_count_as_missing(model, taught, change):
    save_scores(evaluate(taught, model), taught)
    (path,) = (taught.state_dir / "scores").iterdir()
    content = json.loads(path.read_text())
    if change == "torn":
        path.write_text(path.read_text()[:-20])
    elif change == "of another version":
        path.write_text(json.dumps(content | {"version": store.VERSION + 1}))
    else:
        path.write_text(json.dumps({k: content[k] for k in ("model", "digest", "scores")}))
    assert load_scores(taught, model) is None


def test_cases_are_sorted_from_the_worst(model, taught):
    assert by_case(evaluate(taught, model))["dice"].is_monotonic_increasing


def test_the_worst_cases_come_with_the_slice_to_look_at(model, taught):
    result = evaluate(taught, model)
    lowest = worst(result, 2)
    assert lowest["case"].tolist() == by_case(result)["case"].tolist()[:2]
    of_case = result.slices[result.slices["case"] == lowest["case"].iloc[0]]
    differ = of_case["tumour_px"] + of_case["predicted_px"] - 2 * of_case["both_px"]
    assert lowest["slice_number"].iloc[0] == of_case["slice_number"].loc[differ.idxmax()]


def test_progress_reaches_the_end(model, tiny_cohort):
    steps = []
    evaluate(Cohort.open(tiny_cohort), model, progress=lambda *step: steps.append(step))
    assert steps[0] == (0, 3)
    assert steps[-1] == (3, 3)


def test_training_cases_are_left_out_of_the_main_figures(model, taught):
    result = evaluate(taught, model, allow_seen=True)
    (record,) = model.folds
    unseen = result.unseen()
    assert set(unseen.scores["case"]) == set(record.held_out)
    assert set(unseen.slices["case"]) == set(record.held_out)
    assert len(unseen.histograms) == len(record.held_out)
    assert len(result.seen().scores) + len(unseen.scores) == len(result.scores)
    result.scores["seen"] = True
    assert result.unseen() is None


def test_each_score_has_the_relation_of_the_model_to_the_patient(model, taught, tiny_cohort):
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


# Scoring all takes minutes on a processor without AVX-512, when another test has the second core.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "every",
    [pytest.param(7, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.long)],
)
def test_the_published_model_scores_what_its_card_says(real_cohort, every):
    cohort, model = real_cohort, open_model("lgg-unet")
    shipped = shipped_scores(cohort, model)
    again = np.arange(len(shipped.scores)) % every == 0
    result = evaluate(cohort, model, before=shipped.of(~again))
    assert len(result.scores) == len(cohort.cases) == 86
    # In bfloat16, or in Keras, the third digit may be another.
    assert (result.mean_dice, result.median_dice) == pytest.approx((0.854, 0.899), abs=0.0015)
    assert result.ci95 == pytest.approx((0.829, 0.877), abs=0.002)
    assert result.scores["dice"].lt(0.5).sum() == 2
    assert result.scores["case"].equals(shipped.scores["case"])
    differences = (result.scores["dice"] - shipped.scores["dice"])[again]
    assert abs(differences.mean()) < 0.0015 and differences.abs().max() < 0.02
