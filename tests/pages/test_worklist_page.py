"""The worklist: every case in one table, filtered and sorted by the address."""

import pandas as pd
import pytest
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.pages import open_page, texts

from brainseg import evaluation
from brainseg.checks import run_checks
from brainseg.cohort import Cohort
from brainseg.evaluation import Evaluation
from brainseg.models import DEFAULT_MODEL, open_model
from brainseg.reviews import open_reviews
from brainseg.statistics import case_table


@pytest.fixture
def worklist(monkeypatch, tiny_cohort):
    return lambda **address: open_page(monkeypatch, tiny_cohort, "worklist", **address)


def rows(app) -> pd.DataFrame:
    return app.dataframe[0].value.set_index("case")


def cases(app) -> list[str]:
    return app.dataframe[0].value["case"].tolist()


def test_each_case_is_a_row_with_the_numbers_of_the_core(worklist, tiny_cohort):
    app = worklist()
    assert not app.exception
    expected = case_table(Cohort.open(tiny_cohort).slices).set_index("case")
    for column in ("slices", "tumour_fraction"):
        assert rows(app)[column].tolist() == expected[column].tolist()
    assert rows(app)["area_by_slice"][FIRST].tolist() == [100, 144, 0]
    assert "3 of 3 cases; masks reviewed: 0." in texts(app)


def test_a_repeated_sequence_is_missing_and_findings_are_counted(worklist, tiny_cohort):
    app = worklist(where="warnings~..")  # a filter of findings waits for them
    assert list(rows(app).loc[FLAIR_REPEATED, "missing_sequences"]) == ["post-contrast"]
    found = run_checks(Cohort.open(tiny_cohort))
    for case, row in rows(app).iterrows():
        assert row["warnings"] == sum(f.case == case and f.severity == "warning" for f in found)


def test_a_case_without_masks_has_no_volume_instead_of_0(worklist, tiny_cohort):
    for path in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        path.unlink()
    unknown = rows(worklist())["tumour_fraction"].isna().to_dict()
    assert unknown == {FIRST: False, FLAIR_REPEATED: False, OTHER_SITE: True}


def test_the_address_filters_searches_and_sorts(worklist):
    assert cases(worklist(where="institution~XX", search="_0002")) == [FLAIR_REPEATED]
    assert cases(worklist(sort="-tumour_vx")) == [FIRST, OTHER_SITE, FLAIR_REPEATED]


def test_pickers_show_the_filter_of_the_address(worklist):
    asked = "institution~XX~~missing_sequences~post-contrast~~errors~0~~warnings~0~~slices~2.."
    app = worklist(where=asked, search="TCGA", sort="-slices")
    assert app.multiselect(key="pick institution").value == ["XX"]
    assert app.multiselect(key="pick missing_sequences").value == ["post-contrast"]
    assert app.selectbox(key="findings").value == "no errors or warnings"
    assert app.text_input("search").value == "TCGA"
    assert app.selectbox(key="sort by").value == "slices"
    assert app.toggle(key="highest first").value
    chips = [button.label for button in app.button if (button.key or "").startswith("no more")]
    assert chips == [r"Slices\: at least 2"]


def test_picked_values_are_written_into_the_address_and_removed(worklist):
    app = worklist()
    app.multiselect(key="pick institution").select("YY").run()
    assert cases(app) == [OTHER_SITE]
    assert app.query_params["where"] == "institution~YY"
    app.multiselect(key="pick review").select("\0").run()
    assert app.query_params["where"] == "institution~YY~~review~missing"
    app.multiselect(key="pick institution").unselect("YY").run()
    assert app.query_params["where"] == "review~missing"
    app.button("clear_all").click().run()
    assert "where" not in app.query_params
    assert len(cases(app)) == 3


def test_search_and_order_are_written_into_the_address(worklist):
    app = worklist()
    app.text_input("search").set_value("grade=2").run()
    assert cases(app) == [OTHER_SITE]
    assert app.query_params["search"] == "grade=2"
    app.text_input("search").set_value("").run()
    app.selectbox(key="sort by").set_value("tumour_vx").run()
    app.toggle(key="highest first").set_value(True).run()
    assert app.query_params["sort"] == "-tumour_vx"
    assert cases(app) == [FIRST, OTHER_SITE, FLAIR_REPEATED]


def test_findings_are_picked_with_and_without(worklist):
    app = worklist()
    app.selectbox(key="findings").set_value("warnings").run()
    assert app.query_params["where"] == "warnings~1.."
    assert cases(app) == [FIRST]
    app.selectbox(key="findings").set_value("no errors or warnings").run()
    assert FIRST not in cases(app)
    app.selectbox(key="findings").set_value("any").run()
    assert "where" not in app.query_params


def test_a_numeric_column_is_filtered_by_a_range(worklist):
    app = worklist()
    app.number_input("tumour_vx from").set_value(70).run()
    assert app.query_params["where"] == "tumour_vx~70.."
    app.number_input("tumour_vx to").set_value(100).run()
    assert app.query_params["where"] == "tumour_vx~70..100"
    assert cases(app) == [OTHER_SITE]
    app.number_input("tumour_vx from").set_value(None).run()
    assert cases(app) == [FLAIR_REPEATED, OTHER_SITE]
    assert app.number_input("tumour_vx from").value is None


def test_a_code_is_picked_by_its_name_in_the_code_book(worklist, tiny_cohort):
    (tiny_cohort / "codebook.csv").write_text(
        "column,code,label\nneoplasm_histologic_grade,2,grade III\n"
    )
    app = worklist(columns="neoplasm_histologic_grade")
    grade = rows(app)["neoplasm_histologic_grade"]
    assert grade[OTHER_SITE] == "2 grade III"
    assert grade[FIRST] == "1"
    assert pd.isna(grade[FLAIR_REPEATED])
    app.selectbox(key="filtered").set_value("neoplasm_histologic_grade").run()
    picker = app.multiselect(key="pick neoplasm_histologic_grade")
    assert picker.options == ["1", "2 grade III", "missing"]
    picker.select("2").run()
    assert cases(app) == [OTHER_SITE]
    assert cases(worklist(search="grade III")) == [OTHER_SITE]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"where": "colour~red"}, "no column “colour” to filter by"),
        ({"where": "institution~1..2"}, "contains no numbers"),
        ({"where": "what?"}, "is no filter"),
        ({"sort": "colour"}, "no column “colour” to sort by"),
        ({"columns": "case~colour"}, "Unknown column “colour”"),
    ],
)
def test_a_wrong_address_shows_one_message_and_all_cases(worklist, address, told):
    app = worklist(**address)
    assert not app.exception
    assert [told in warning.value.replace("\\", "") for warning in app.warning] == [True]
    assert len(cases(app)) == 3


def test_filters_without_a_matching_case_show_a_message(worklist):
    app = worklist(search="(", where="institution~ZZ")
    assert not app.exception
    assert "No case matches" in texts(app)
    app.button("clear_all").click().run()
    assert len(cases(app)) == 3


def test_the_choice_of_columns_is_written_into_the_address(worklist):
    app = worklist()
    shown = list(app.dataframe[0].value.columns)
    assert "dice" not in shown, "nothing was scored"
    assert "age_at_initial_pathologic" not in shown
    app.button("all_codes").click().run()
    assert "age_at_initial_pathologic" in app.dataframe[0].value
    picked = worklist(columns="slices~age_at_initial_pathologic")
    assert list(picked.dataframe[0].value.columns) == [
        "case",
        "slices",
        "age_at_initial_pathologic",
    ]
    picked.button("usual_columns").click().run()
    assert list(picked.dataframe[0].value.columns) == shown


def test_columns_without_a_value_in_any_case_are_left_out(worklist, tiny_cohort):
    shown = list(worklist().dataframe[0].value.columns)
    assert {"institution", "missing_sequences"} <= set(shown)
    assert not {"errors", "second_look", "readers", "prediction_review"} & set(shown)
    reviews = open_reviews(Cohort.open(tiny_cohort))
    reviews.put(FIRST, "AB", "agree")
    assert "readers" not in worklist().dataframe[0].value, "one reader is no difference"
    reviews.put(FIRST, "CD", "agree")
    assert "readers" in worklist().dataframe[0].value


def test_errors_are_a_column_if_any_case_has_one(worklist, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1.tif").write_bytes(b"")
    # A filter of findings waits for them.
    assert rows(worklist(where="errors~.."))["errors"][FIRST] > 0


def test_reviews_are_shown_by_case(worklist, tiny_cohort):
    reviews = open_reviews(Cohort.open(tiny_cohort))
    reviews.put(FIRST, "AB", "agree")
    reviews.put(OTHER_SITE, "AB", "agree")
    reviews.put(OTHER_SITE, "CD", "reject", "wrong slice")
    app = worklist()
    assert rows(app)["review"].dropna().to_dict() == {
        FIRST: "agree",
        OTHER_SITE: "readers differ",
    }
    assert rows(app)["readers"].tolist() == [1, 0, 2]
    assert "masks reviewed: 2." in texts(app)
    assert cases(worklist(where="review~missing")) == [FLAIR_REPEATED]
    assert cases(worklist(where="reviewed_by~not.CD")) == [FIRST, FLAIR_REPEATED]
    assert cases(worklist(search="wrong")) == [OTHER_SITE]


def test_one_click_shows_the_readers_own_reviews_or_the_cases_without(worklist, tiny_cohort):
    open_reviews(Cohort.open(tiny_cohort)).put(FIRST, "SR", "agree")
    app = worklist()
    assert not any("SR" in one.label for one in app.toggle)
    app.session_state["reader"] = "sr"
    own, rest = "Mask reviewed by SR", "Mask not reviewed by SR"
    for label, names in ((own, [FIRST]), (rest, [FLAIR_REPEATED, OTHER_SITE])):
        app.run()
        next(one for one in app.toggle if one.label == label).set_value(True).run()
        assert cases(app) == names


def test_unreadable_reviews_show_a_message_and_the_table_stays(worklist, home):
    (home / "reviews.sqlite").write_bytes(b"no database at all" * 100)
    app = worklist()
    assert not app.exception
    assert len(cases(app)) == 3
    assert "reviews.sqlite" in app.error[0].value.replace("\\", "")


def test_dice_is_shown_for_scored_cases(worklist, tiny_cohort):
    cohort, model = Cohort.open(tiny_cohort), open_model(DEFAULT_MODEL)
    scores = pd.DataFrame(
        [score(FIRST, 0.5, seen=False), score(OTHER_SITE, 0.99, seen=True)],
    )
    evaluation.save_scores(Evaluation(model.name, model.digest, scores, {}), cohort)
    app = worklist()
    dice = rows(app)["dice"]
    assert dice[FIRST] == 0.5
    assert pd.isna(dice[OTHER_SITE]), "the model learned from it"
    assert f"Dice: {DEFAULT_MODEL}" in texts(app).replace("\\", "")
    assert cases(worklist(where="dice~missing", sort="-slices")) == [FLAIR_REPEATED, OTHER_SITE]


def score(case: str, dice: float, seen: bool) -> dict:
    known = {"case": case, "patient_id": case, "dice": dice, "seen": seen}
    return dict.fromkeys(evaluation.SCORE_COLUMNS, 0) | known


def test_the_table_and_the_reviews_are_exported(worklist, tiny_cohort):
    open_reviews(Cohort.open(tiny_cohort)).put(FIRST, "AB", "reject", "why; not")
    labels = [button.proto.label for button in worklist().get("download_button")]
    assert labels == ["This table as CSV", "All reviews as CSV"]


def test_checks_that_do_not_end_are_said_and_the_worklist_stands(monkeypatch, tiny_cohort):
    from brainseg import checks

    def fail(cohort, progress):
        raise RuntimeError("planted")

    monkeypatch.setattr(checks, "check_cohort", fail)
    app = open_page(monkeypatch, tiny_cohort, "worklist", where="errors~1..")
    assert not app.exception
    assert "The checks failed" in app.warning[0].value


def test_the_worklist_of_a_large_cohort_is_shown_page_by_page(worklist, monkeypatch, tiny_cohort):
    ordered = Cohort.open(tiny_cohort).cases
    monkeypatch.setattr("dashboard.shared.selection.ROWS_ON_A_PAGE", 2)
    assert cases(worklist()) == ordered  # of a small cohort all at once
    monkeypatch.setattr("dashboard.shared.selection.MAPPED_FROM", 0)
    app = worklist()
    assert not app.exception
    assert cases(app) == ordered[:2]
    assert "Rows 1 to 2 of 3" in texts(app)
    assert cases(worklist(rows=2)) == ordered[2:]
    assert "Rows 3 to 3 of 3" in texts(worklist(rows=2))
    # A page of the list before a filter.
    app = worklist(rows=2, where="institution~XX")
    assert cases(app) == [FIRST, FLAIR_REPEATED]
    assert cases(worklist(rows=7)) == ordered[:2]
