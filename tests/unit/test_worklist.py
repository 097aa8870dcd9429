"""The rows of the worklist, with unknown values missing."""

import pandas as pd
import pytest
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE

from brainseg import worklist
from brainseg.checks import findings_table, run_checks
from brainseg.checks.contradictions import finding_of
from brainseg.cohort import Cohort
from brainseg.evaluation.second_look import MISSED, Contradiction
from brainseg.reviews import open_reviews
from brainseg.reviews.table import ReviewedPrediction
from brainseg.worklist import READERS_DIFFER, REVIEWS_DIFFER


@pytest.fixture
def cohort(tiny_cohort) -> Cohort:
    return Cohort.open(tiny_cohort)


@pytest.fixture
def rows(cohort) -> pd.DataFrame:
    return worklist.case_rows(cohort).set_index("case")


def test_the_files_give_slices_areas_and_codes(rows):
    assert rows.loc[FIRST, "area_by_slice"] == [100, 144, 0]
    assert rows.loc[FIRST, "tumour_vx"] == 244
    assert rows["missing_sequences"].to_dict() == {
        FIRST: [],
        FLAIR_REPEATED: ["post-contrast"],
        OTHER_SITE: [],
    }
    assert rows["age_at_initial_pathologic"].to_dict() == {
        FIRST: 67,
        FLAIR_REPEATED: 44,
        OTHER_SITE: 37,
    }


def test_codes_are_whole_numbers_also_beside_a_gap(rows):
    grade = rows["neoplasm_histologic_grade"]
    assert grade.astype("str").tolist()[0] == "1"
    assert pd.isna(grade[FLAIR_REPEATED])


def test_unknown_values_are_missing(tiny_cohort):
    for path in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        path.unlink()
    rows = worklist.case_rows(Cohort.open(tiny_cohort)).set_index("case")
    assert rows.loc[OTHER_SITE, "area_by_slice"] == [None, None]
    assert pd.isna(rows.loc[OTHER_SITE, "tumour_vx"])
    assert rows.loc[OTHER_SITE, "unusable"] == 2


def test_a_cohort_of_one_channel_lacks_no_sequence_that_could_be_compared(tiny_cohort):
    import tifffile

    for path in (tiny_cohort / FIRST).glob("*_[0-9]*.tif"):
        if "mask" not in path.name:
            tifffile.imwrite(path, tifffile.imread(path)[..., 1])
    rows = worklist.case_rows(Cohort.open(tiny_cohort)).set_index("case")
    assert rows.loc[FIRST, "missing_sequences"] is None


def test_a_column_of_data_csv_never_hides_one_of_the_worklist(tiny_cohort):
    patients = pd.read_csv(tiny_cohort / "data.csv").assign(slices=7, dice=0.5)
    patients.to_csv(tiny_cohort / "data.csv", index=False)
    rows = worklist.case_rows(Cohort.open(tiny_cohort))
    assert rows["slices"].tolist() == [3, 3, 2]
    assert rows["slices (data.csv)"].tolist() == [7, 7, 7]
    assert "dice (data.csv)" in worklist.code_columns(rows)
    assert "dice" not in rows


def test_columns_that_are_named_like_renamed_ones_or_like_lists_are_labelled_apart(tiny_cohort):
    patients = pd.read_csv(tiny_cohort / "data.csv")
    patients = patients.assign(**{"slices": 7, "slices (data.csv)": 8, "area_by_slice": 9})
    patients.to_csv(tiny_cohort / "data.csv", index=False)
    rows = worklist.case_rows(Cohort.open(tiny_cohort))
    assert rows.columns.is_unique
    assert rows["slices (data.csv)"].tolist() == [8, 8, 8]
    assert rows["slices (data.csv) (data.csv)"].tolist() == [7, 7, 7]
    codebook = pd.DataFrame({"column": ["area_by_slice"], "code": [9], "label": ["nine"]})
    assert worklist.with_labels(rows, codebook)["area_by_slice"].tolist() == [
        *([100, 144, 0], [0, 64, 0], [36, 36])
    ]


def test_findings_are_counted_by_severity_and_missing_before_the_checks(cohort):
    rows = worklist.case_rows(cohort)
    assert worklist.with_findings(rows, None)["errors"].isna().all()
    found = run_checks(cohort)
    counted = worklist.with_findings(rows, findings_table(found)).set_index("case")
    for severity, column in worklist.FINDING_COLUMNS.items():
        for case in cohort.cases:
            of_case = [f for f in found if f.case == case and f.severity == severity]
            assert counted.loc[case, column] == len(of_case)
    assert counted.loc[FLAIR_REPEATED, "infos"] + counted.loc[FLAIR_REPEATED, "warnings"] > 0


def test_contradicted_masks_are_counted_where_they_were_compared(cohort):
    found = [
        finding_of(FIRST, Contradiction(MISSED, number, 1, 10, 321, 120, 0.42, 0.98, 2))
        for number in (2, 10)
    ]
    rows = worklist.with_second_look(
        worklist.case_rows(cohort), [FIRST, OTHER_SITE], found
    ).set_index("case")["second_look"]
    assert (rows[FIRST], rows[OTHER_SITE]) == (2, 0)
    assert pd.isna(rows[FLAIR_REPEATED])


def test_no_finding_counts_as_0_and_not_as_missing(cohort):
    counted = worklist.with_findings(worklist.case_rows(cohort), findings_table([]))
    assert counted[["errors", "warnings", "infos"]].to_numpy().tolist() == [[0, 0, 0]] * 3


def test_only_scored_cases_have_a_dice(cohort):
    rows = worklist.case_rows(cohort)
    scores = pd.DataFrame({"case": [OTHER_SITE], "dice": [0.75]})
    dice = worklist.with_scores(rows, scores).set_index("case")["dice"]
    assert dice[OTHER_SITE] == 0.75
    assert dice.isna().sum() == 2
    assert worklist.with_scores(rows, None)["dice"].isna().all()


def test_readers_who_agree_give_one_state_and_others_differ(cohort):
    reviews = open_reviews(cohort)
    reviews.put(FIRST, "AB", "agree")
    reviews.put(FIRST, "CD", "agree", "clear edge")
    reviews.put(OTHER_SITE, "AB", "agree")
    reviews.put(OTHER_SITE, "CD", "reject", "wrong\nslice")
    rows = worklist.with_reviews(worklist.case_rows(cohort), reviews.table()).set_index("case")
    assert rows.loc[FIRST, "review"] == "agree"
    assert rows.loc[OTHER_SITE, "review"] == READERS_DIFFER
    assert pd.isna(rows.loc[FLAIR_REPEATED, "review"])
    assert rows["readers"].to_dict() == {FIRST: 2, FLAIR_REPEATED: 0, OTHER_SITE: 2}
    assert rows["reviewed_by"].to_dict() == {
        FIRST: ["AB", "CD"],
        FLAIR_REPEATED: [],
        OTHER_SITE: ["AB", "CD"],
    }
    assert rows.loc[FIRST, "comments"] == "CD: clear edge"
    assert pd.isna(rows.loc[FLAIR_REPEATED, "comments"])


def test_a_verdict_on_a_prediction_is_never_counted_as_one_on_the_mask(cohort):
    reviews = open_reviews(cohort)
    low, high = (ReviewedPrediction("net", "d1", (0,), at) for at in (0.4, 0.5))
    reviews.put(FIRST, "AB", "agree")
    reviews.put(FIRST, "AB", "reject", "too small", low)
    reviews.put(OTHER_SITE, "CD", "reject", prediction=low)
    reviews.put(OTHER_SITE, "CD", "agree", prediction=high)
    rows = worklist.with_reviews(worklist.case_rows(cohort), reviews.table()).set_index("case")
    assert rows.loc[FIRST, ["review", "prediction_review"]].tolist() == ["agree", "reject"]
    assert pd.isna(rows.loc[OTHER_SITE, "review"])
    assert rows.loc[OTHER_SITE, "prediction_review"] == REVIEWS_DIFFER
    assert rows["readers"].to_dict() == {FIRST: 1, FLAIR_REPEATED: 0, OTHER_SITE: 1}
    assert rows["reviewed_by"].to_dict() == {FIRST: ["AB"], FLAIR_REPEATED: [], OTHER_SITE: []}
    assert rows["prediction_reviewed_by"].to_dict() == {
        FIRST: ["AB"],
        FLAIR_REPEATED: [],
        OTHER_SITE: ["CD"],
    }
    assert rows.loc[FIRST, "comments"] == "AB (prediction of net at threshold 0.4): too small"


def test_without_reviews_there_are_0_readers_and_unreadable_reviews_are_missing(cohort):
    rows = worklist.case_rows(cohort)
    nobody = worklist.with_reviews(rows, open_reviews(cohort).table())
    assert nobody["review"].isna().all()
    assert nobody["readers"].tolist() == [0, 0, 0]
    unreadable = worklist.with_reviews(rows, None)
    assert unreadable["readers"].isna().all()


def test_codes_in_the_code_book_get_its_labels(rows):
    codebook = pd.DataFrame(
        {"column": ["neoplasm_histologic_grade"], "code": [2], "label": ["grade III"]}
    )
    named = worklist.with_labels(rows, codebook)["neoplasm_histologic_grade"]
    assert named[OTHER_SITE] == "2 grade III"
    assert named[FIRST] == "1"
    assert pd.isna(named[FLAIR_REPEATED])
    assert worklist.with_labels(rows, None).equals(rows)


def test_an_export_has_lists_as_text_and_keeps_missing_values(cohort):
    rows = worklist.with_findings(worklist.case_rows(cohort), None)
    rows = worklist.with_reviews(worklist.with_scores(rows, None), None)
    table = worklist.for_export(rows).set_index("case")
    assert "area_by_slice" not in table
    assert table["missing_sequences"].to_dict() == {
        FIRST: "",
        FLAIR_REPEATED: "post-contrast",
        OTHER_SITE: "",
    }
    assert table[["dice", "errors", "review", "reviewed_by"]].isna().all(axis=None)


def test_every_join_keeps_all_rows(cohort):
    rows = worklist.case_rows(cohort)
    rows = worklist.with_findings(rows, findings_table(run_checks(cohort)))
    rows = worklist.with_second_look(rows, [], [])
    rows = worklist.with_reviews(worklist.with_scores(rows, None), None)
    assert set(worklist.OWN_COLUMNS) - {"tumour_ml"} <= set(rows.columns)
    assert rows["case"].tolist() == cohort.cases
    assert rows.index.tolist() == [0, 1, 2]
