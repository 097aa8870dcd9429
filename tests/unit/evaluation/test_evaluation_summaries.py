"""Figures over the cases, by group, of calibration, and under other rules of counting."""

import json

import numpy as np
import pandas as pd
import pytest
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.evaluations import evaluation_of, nothing, outlined

from brainseg.cohort import Cohort
from brainseg.evaluation import (
    as_json,
    as_lines,
    by_group,
    calibration,
    conventions,
    dice_at_thresholds,
    distance_unit,
    figure_text,
    interval_text,
    subgroups,
    summary,
)
from brainseg.metrics import EMPTY_MASK_RULE, METRICS, bootstrap_interval

SCORES = (0.9, 0.8, 0.5, 0.7)


def figures(evaluation) -> pd.DataFrame:
    return summary(evaluation).set_index("metric")


def test_every_metric_has_a_figure_an_interval_and_its_rule():
    table = summary(evaluation_of([outlined(dice) for dice in SCORES]))
    assert table["metric"].tolist() == list(METRICS)
    assert table["rule"].tolist() == [metric.rule for metric in METRICS.values()]
    assert (table["cases"] == 4).all()
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_a_mean_is_over_the_cases_with_the_interval_of_the_cases():
    row = figures(evaluation_of([outlined(dice) for dice in SCORES])).loc["dice"]
    assert row["value"] == pytest.approx(np.mean(SCORES))
    assert (row["low"], row["high"]) == pytest.approx(bootstrap_interval(np.array(SCORES)))


def test_the_median_has_its_own_interval():
    result = evaluation_of([outlined(dice) for dice in (0.3, 0.6, 0.8, 0.9, 0.9)])
    drawn = np.random.default_rng(3).choice(result.scores["dice"], (20_000, 5))
    expected = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    assert result.median_ci95 == pytest.approx(expected)


def test_a_missed_tumour_counts_in_every_figure():
    truth, _ = outlined(1)
    table = figures(evaluation_of([outlined(1), outlined(1), (truth, nothing())]))
    assert table.loc[["dice", "precision", "recall", "surface_dice"], "value"].tolist() == (
        pytest.approx([2 / 3] * 4)
    )
    assert table.loc["lesion_recall", "value"] == pytest.approx(2 / 3)
    assert (table.loc["hd95", ["value", "cases", "infinite"]] == [0, 3, 1]).all()
    assert table.loc["hd95", "high"] == np.inf
    missed_more = figures(evaluation_of([outlined(1), (truth, nothing()), (truth, nothing())]))
    assert missed_more.loc["hd95", "value"] == np.inf


def test_a_case_without_tumour_counts_only_where_a_metric_is_defined():
    table = figures(evaluation_of([outlined(0.5), (nothing(), nothing())]))
    assert table.loc["dice", ["value", "cases"]].tolist() == [0.75, 2]
    assert table.loc["dice_tumour_slices", ["value", "cases"]].tolist() == [0.5, 1]
    assert table.loc["lesion_recall", ["value", "cases"]].tolist() == [1, 1]
    healthy = figures(evaluation_of([(nothing(), nothing())]))
    assert np.isnan(healthy.loc["lesion_recall", "value"])
    assert healthy.loc["lesion_recall", "cases"] == 0


def test_false_findings_are_counted_per_case():
    alarm = nothing()
    alarm[0, 0, 0] = alarm[1, 5, 5] = alarm[0, 9, 9] = True
    table = figures(evaluation_of([(nothing(), alarm), (nothing(), nothing())]))
    assert table.loc["false_positives", "value"] == 1.5


def test_distances_of_two_units_are_never_mixed():
    in_px = evaluation_of([outlined(0.9)] * 2)
    mixed = in_px.scores.assign(distance_unit=["px", "mm"])
    object.__setattr__(in_px, "scores", mixed)
    assert distance_unit(in_px) is None
    assert np.isnan(figures(in_px).loc["hd95", "value"])
    in_mm = evaluation_of([outlined(0.9)] * 2, spacing=(None, 0.5, 0.5))
    assert distance_unit(in_mm) == "mm"
    assert figures(in_mm).loc["hd95", "unit"] == "mm"


def test_figures_are_printed_with_their_unit():
    assert figure_text(0.8252) == "0.825"
    assert figure_text(11.27, "px") == "11.3 px"
    assert figure_text(-0.07, "relative") == "−7%"
    assert figure_text(-0.005, "relative") == figure_text(0.004, "relative") == "0%"
    assert figure_text(float("inf"), "px") == "∞"
    assert figure_text(float("nan")) == "–"


def test_an_interval_without_a_width_is_none():
    assert interval_text(0.829, 0.877) == "0.829 to 0.877"
    assert interval_text(0.0, 0.08, "per case") == "0.00 to 0.08"
    assert interval_text(0.0, 0.0, "per case") == "–"
    assert interval_text(float("nan"), float("nan")) == "–"
    assert interval_text(7.4, float("inf"), "px") == "7.4 px to ∞"
    assert interval_text(float("inf"), float("inf"), "px") == "∞ to ∞"


def test_an_evaluation_is_standard_json():
    truth, _ = outlined(1)
    result = evaluation_of([outlined(0.9), (truth, nothing())], seen=[True, False])
    facts = json.loads(json.dumps(as_json(result), allow_nan=False))
    assert facts["mean_dice"] == pytest.approx(0.45)
    assert facts["unseen"] == {
        "cases": 1,
        "mean_dice": 0,
        "median_dice": 0,
        "ci95": [0, 0],
        "median_ci95": [0, 0],
    }
    assert facts["scores"][1]["hd95"] == "inf"
    assert facts["metrics"]["dice"]["cases"] == 1
    assert facts["rule"] == EMPTY_MASK_RULE
    assert as_json(evaluation_of([outlined(1)], seen=[True]))["unseen"] is None


def test_the_lines_for_a_terminal_end_with_the_figure_and_its_rule():
    result = evaluation_of([outlined(0.9), outlined(0.7)], seen=[True, False])
    lines = as_lines(result)
    assert lines[0] == "A: 0.900 (seen)"
    assert lines[-1] == EMPTY_MASK_RULE
    assert "mean Dice 0.800" in lines[-2]
    assert "mean Dice 0.700" in lines[-3]
    assert any(line.startswith("HD95: median") and "tumour missed ∞" in line for line in lines)


@pytest.fixture
def in_cohort(tiny_cohort):
    """Return a cohort of three cases, and scores of them."""
    cohort = Cohort.open(tiny_cohort)
    result = evaluation_of([outlined(0.9), outlined(0.6), outlined(0.3)])
    names = [FIRST, FLAIR_REPEATED, OTHER_SITE]
    scores = result.scores.assign(
        case=names,
        patient_id=[cohort.case(name).patient_id for name in names],
        institution=["XX", "XX", "YY"],
        tumour_vx=[244, 64, 72],
    )
    object.__setattr__(result, "scores", scores)
    return cohort, result


def test_cases_are_grouped_by_institution_size_sequences_and_grade(in_cohort):
    cohort, result = in_cohort
    table = subgroups(result, cohort).set_index("case")
    assert table.loc[FLAIR_REPEATED].tolist() == [
        "XX",
        "small, up to 69 vx",
        "no post-contrast",
        "missing",
    ]
    assert table.loc[FIRST, ["tumour size", "sequences", "grade"]].tolist() == [
        "large, above 129 vx",
        "all three",
        "code 1",
    ]
    groups = by_group(result, subgroups(result, cohort))
    assert groups["trait"].unique().tolist() == ["institution", "tumour size", "sequences", "grade"]
    xx = groups[groups["group"] == "XX"].iloc[0]
    assert (xx["cases"], xx["mean"]) == (2, pytest.approx(0.75))
    sizes = groups.loc[groups["trait"] == "tumour size", "group"]
    assert [size.split(",")[0] for size in sizes] == ["small", "medium", "large"]
    assert groups.loc[groups["trait"] == "grade", "group"].iloc[-1] == "missing"


def test_each_group_has_every_case_once(in_cohort):
    cohort, result = in_cohort
    groups = by_group(result, subgroups(result, cohort))
    assert (groups.groupby("trait")["cases"].sum() == 3).all()


def test_a_grade_has_its_label_from_the_code_book(in_cohort):
    cohort, result = in_cohort
    book = pd.DataFrame(
        {"column": ["neoplasm_histologic_grade"], "code": [1], "label": ["grade II"]}
    )
    object.__setattr__(cohort, "codebook", book)
    assert subgroups(result, cohort)["grade"].tolist() == ["grade II", "missing", "code 2"]
    object.__setattr__(cohort, "patients", None)
    assert "grade" not in subgroups(result, cohort)


def test_few_patients_have_a_mean_and_no_interval():
    result = evaluation_of([outlined(dice) for dice in (*SCORES, 0.6, 0.4, 0.3)])
    known = pd.DataFrame(
        {"case": result.scores["case"], "institution": ["few"] * 5 + ["others"] * 2}
    )
    assert by_group(result, known)["low"].isna().all()
    known["institution"] = ["many"] * 7
    row = by_group(result, known).iloc[0]
    assert row["low"] < row["mean"] < row["high"]
    same_patient = evaluation_of([outlined(dice) for dice in SCORES * 2], patients=["P"] * 8)
    known = pd.DataFrame({"case": same_patient.scores["case"], "institution": ["one"] * 8})
    assert by_group(same_patient, known)["low"].isna().all()


def test_cases_without_tumour_are_a_separate_size(tiny_cohort):
    result = evaluation_of([outlined(0.5), (nothing(), nothing())])
    sizes = subgroups(result, Cohort.open(tiny_cohort))["tumour size"]
    assert sizes.tolist() == ["small, up to 100 vx", "no tumour"]


def test_calibration_pools_voxels_and_resamples_cases():
    result = evaluation_of([outlined(dice) for dice in SCORES])
    found = calibration(result)
    # Predictions are 0.8 where positive and 0.2 elsewhere: two steps of the curve.
    assert found.curve["probability"].tolist() == pytest.approx([0.2, 0.8])
    hits = sum(SCORES) / len(SCORES)
    assert found.curve["tumour"].iloc[1] == pytest.approx(hits)
    assert found.error_low <= found.error <= found.error_high
    assert (found.curve["low"] <= found.curve["tumour"]).all()
    by_step = found.curve["voxels"] * (found.curve["probability"] - found.curve["tumour"]).abs()
    assert found.error == pytest.approx(by_step.sum() / found.curve["voxels"].sum())


def test_there_is_no_calibration_without_probabilities():
    result = evaluation_of([outlined(0.9)])
    object.__setattr__(result, "histograms", np.zeros((0, 3, 100)))
    assert calibration(result) is None
    assert dice_at_thresholds(result).empty


def test_dice_at_each_threshold_is_the_mean_over_the_cases():
    result = evaluation_of([outlined(dice) for dice in SCORES])
    curve = dice_at_thresholds(result).set_index("threshold")["dice"]
    assert curve[0.5] == pytest.approx(np.mean(SCORES))
    assert curve[0.9] == 0


@pytest.fixture
def counted_otherwise():
    """Return the rules of counting by name, for cases worked out by hand."""
    found, half = outlined(1.0, slices=4), outlined(0.5, slices=4)
    missed = outlined(1.0, slices=4)[0], nothing(slices=4)
    result = evaluation_of([found, half, missed, found], seen=[False, False, False, True])
    return conventions(result).set_index("rule")


@pytest.mark.parametrize(
    ("rule", "dice", "n"),
    [
        ("by case", (1 + 0.5 + 0) / 3, 3),
        ("by case, tumour slices alone", 0.5, 3),
        ("by slice, tumour slices alone", 0.5, 3),
        ("by slice, all slices", (9 + 1.5) / 12, 12),
        ("by slice, missed slices dropped", 0.75, 2),
        ("all voxels pooled", 2 * 150 / (300 + 200), 300),
        ("threshold chosen on the scored cases", 0.5, 3),
        ("on cases it learned from", 1, 1),
    ],
)
def test_each_rule_of_counting_is_what_it_says(counted_otherwise, rule, dice, n):
    row = counted_otherwise.loc[rule]
    assert row["dice"] == pytest.approx(dice)
    assert row["n"] == n
    assert row["difference"] == pytest.approx(dice - 0.5)


def test_without_seen_cases_there_is_no_figure_for_them():
    rules = conventions(evaluation_of([outlined(0.9), outlined(0.5)]))["rule"].tolist()
    assert len(rules) == 7
    assert "on cases it learned from" not in rules
    assert conventions(evaluation_of([outlined(0.9)], seen=[True])).empty
