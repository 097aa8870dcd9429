"""Which cases the address asks for: the order that pages follow, and what a chart's selection means."""

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.pages import open_page, texts

from brainseg.cohort import Cohort
from brainseg.cohort.filters import Condition, Filter
from brainseg.reviews import open_reviews
from dashboard.shared import selection


def page() -> None:
    import os

    import streamlit as st

    from brainseg.cohort import Cohort
    from dashboard.shared import selection

    cohort = Cohort.open(os.environ["BRAINSEG_DATA"])
    st.session_state["order"] = selection.order(cohort)
    st.session_state["places"] = {name: selection.place(cohort, name) for name in cohort.cases}
    st.session_state["parameters"] = selection.parameters()
    st.button("large", on_click=selection.add, args=("tumour_vx", 200, None))
    st.button("nothing", on_click=selection.clear)
    selection.say_wrong(selection.selected(cohort))


@pytest.fixture
def ask(monkeypatch, tiny_cohort) -> Callable[..., AppTest]:
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))

    def ask(**address: str) -> AppTest:
        app = AppTest.from_function(page)
        for key, value in address.items():
            app.query_params[key] = value
        return app.run()

    return ask


def test_a_plain_address_asks_for_all_cases_in_the_cohorts_order(ask, tiny_cohort):
    app = ask()
    assert app.session_state["order"] == Cohort.open(tiny_cohort).cases
    assert app.session_state["parameters"] == {}
    assert texts(app) == ""


def test_the_address_filters_searches_and_sorts(ask):
    assert ask(where="tumour_vx~60..100").session_state["order"] == [FLAIR_REPEATED, OTHER_SITE]
    assert ask(sort="-tumour_vx").session_state["order"] == [FIRST, OTHER_SITE, FLAIR_REPEATED]
    assert ask(search="_YY_").session_state["order"] == [OTHER_SITE]
    assert ask(search="age=44").session_state["order"] == [FLAIR_REPEATED]
    both = ask(where="institution~XX", search="0002", sort="slices")
    assert both.session_state["order"] == [FLAIR_REPEATED]


def test_links_pass_on_what_leads_to_the_same_cases(ask):
    asked = {"where": "institution~XX", "search": "TCGA", "sort": "-slices", "columns": "case"}
    assert ask(**asked, case=FIRST, slice="2").session_state["parameters"] == asked


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"where": "colour~red"}, "no column “colour”"),
        ({"where": "tumour_vx~2..1"}, "is no range"),
        ({"where": "nonsense"}, "is no filter"),
        ({"sort": "colour", "where": "slices~.."}, "to sort by"),
    ],
)
def test_a_wrong_address_is_one_sentence_and_shows_all(ask, tiny_cohort, address, told):
    app = ask(**address)
    assert app.session_state["order"] == Cohort.open(tiny_cohort).cases
    assert len(app.warning) == 1
    assert told in app.warning[0].value.replace("\\", "")


def test_markup_in_the_address_is_shown_literally(ask):
    app = ask(where="*colour*~<b>red</b>")
    assert r"“\*colour\*”" in app.warning[0].value


def test_each_case_knows_its_neighbours_in_the_order(ask):
    places = ask(sort="-tumour_vx").session_state["places"]
    assert places[FIRST] == selection.Place(None, OTHER_SITE, 1, 3)
    assert places[OTHER_SITE] == selection.Place(FIRST, FLAIR_REPEATED, 2, 3)
    assert places[FLAIR_REPEATED] == selection.Place(OTHER_SITE, None, 3, 3)


def test_a_case_that_was_just_reviewed_still_leads_to_the_next(ask, tiny_cohort):
    open_reviews(Cohort.open(tiny_cohort)).put(FLAIR_REPEATED, "AB", "agree")
    places = ask(where="review~missing").session_state["places"]
    assert places[FLAIR_REPEATED] == selection.Place(FIRST, OTHER_SITE, None, 2)


def test_a_review_given_elsewhere_counts_in_the_next_run(ask, tiny_cohort):
    app = ask(where="review~agree")
    assert app.session_state["order"] == []
    open_reviews(Cohort.open(tiny_cohort)).put(OTHER_SITE, "AB", "agree")
    assert app.run().session_state["order"] == [OTHER_SITE]
    open_reviews(Cohort.open(tiny_cohort)).put(OTHER_SITE, "AB", "reject")
    assert app.run().session_state["order"] == []


def test_a_filter_of_findings_waits_for_the_checks(ask):
    assert ask(where="warnings~1..").session_state["order"] == [FIRST]  # slices 3 to 9 are missing


def test_reviews_that_cannot_be_read_stop_no_step(ask, home):
    (home / "reviews.sqlite").write_bytes(b"no database at all" * 100)
    assert len(ask().session_state["order"]) == 3


def test_a_callback_sets_a_range_beside_what_else_is_asked(ask):
    app = ask(where="institution~XX")
    app.button[0].click().run()
    assert app.query_params["where"] == "institution~XX~~tumour_vx~200.."
    assert app.session_state["order"] == [FIRST]
    app.button[1].click().run()
    assert "where" not in app.query_params


def test_another_page_says_what_is_asked_with_a_link_and_a_way_out(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", where="tumour_vx~60..100", search="TCGA")
    assert not app.exception
    link = next(link.proto for link in app.get("page_link") if "worklist" in link.proto.label)
    assert link.label == "These 2 cases in the worklist"
    assert parse_qs(link.query_string) == {"where": ["tumour_vx~60..100"], "search": ["TCGA"]}
    assert "Tumour (voxels): 60 to 100" in texts(app).replace("\\", "")
    app.button("clear_selection").click().run()
    assert "where" not in app.query_params
    assert not any("in the worklist" in link.proto.label for link in app.get("page_link"))


def points(*given: dict, box: int = 0, lasso: int = 0) -> dict:
    return {"points": list(given), "box": [{}] * box, "lasso": [{}] * lasso}


def test_no_selection_asks_for_all():
    assert selection.chosen(points(), case="x") == Filter()


def test_a_box_over_two_columns_is_the_range_of_its_points():
    boxed = points({"x": 20, "y": 5.5, "customdata": ["a"]}, {"x": 30, "y": 1.5}, box=1)
    asked = selection.chosen(boxed, case="customdata", x="slices", y="dice")
    assert str(asked) == "slices~20..30~~dice~1.5..5.5"


def test_a_lasso_or_several_boxes_are_the_cases_by_name():
    chosen = ({"x": 1, "customdata": ["a~1"]}, {"x": 2, "customdata": {"0": "b"}})
    for many in (points(*chosen, lasso=1), points(*chosen, box=2), points(*chosen)):
        asked = selection.chosen(many, case="customdata", x="slices")
        assert asked == Filter((Condition("case", ("a~1", "b")),))


def test_a_case_that_stands_at_several_points_is_named_once():
    asked = selection.chosen(points({"x": "a"}, {"x": "a"}, {"x": "b"}), case="x")
    assert str(asked) == "case~a~b"


def test_bars_of_codes_are_values():
    assert str(selection.chosen(points({"x": 2.0}, {"x": 3}), x="grade")) == "grade~2~3"
    assert str(selection.chosen(points({"y": "CS"}), y="institution")) == "institution~CS"


def test_bins_are_ranges_and_neighbours_are_joined():
    bins = [{"customdata": [low, low + 99]} for low in (300, 0, 100)]
    assert str(selection.chosen(points(*bins, box=1), bins="tumour_vx")) == (
        "tumour_vx~0..199~300..399"
    )
    shares = [{"customdata": [0.1, 0.2]}, {"customdata": [0.2, 0.3]}, {"customdata": [0.5, 0.6]}]
    assert str(selection.chosen(points(*shares), bins="tumour_share")) == (
        "tumour_share~0.1..0.3~0.5..0.6"
    )
