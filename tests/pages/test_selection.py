"""The cases that the address selects: their order, neighbours and links."""

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.pages import open_page, texts

from brainseg.cohort import Cohort
from brainseg.reviews import open_reviews
from dashboard.shared import selection


def page() -> None:
    import os

    import streamlit as st

    from brainseg.cohort import Cohort
    from brainseg.cohort.filters import Condition
    from dashboard.shared import links, selection

    cohort = Cohort.open(os.environ["BRAINSEG_DATA"])
    st.session_state["order"] = selection.order(cohort)
    st.session_state["places"] = {name: selection.place(cohort, name) for name in cohort.cases}
    st.session_state["parameters"] = links.selection()
    large = Condition("tumour_vx", ranges=((200, None),))
    st.button("large", on_click=selection.set_condition, args=(large,))
    st.button("nothing", on_click=selection.clear)
    selection.show_errors(selection.selected(cohort))


@pytest.fixture
def ask(monkeypatch, tiny_cohort) -> Callable[..., AppTest]:
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))

    def ask(**address: str) -> AppTest:
        app = AppTest.from_function(page, default_timeout=60)
        for key, value in address.items():
            app.query_params[key] = value
        return app.run()

    return ask


def test_a_plain_address_selects_all_cases_in_the_cohorts_order(ask, tiny_cohort):
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


def test_links_keep_filter_search_order_and_columns(ask):
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
def test_a_wrong_address_shows_one_message_and_all_cases(ask, tiny_cohort, address, told):
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
    assert places[FIRST].around == [OTHER_SITE, FLAIR_REPEATED]
    assert places[OTHER_SITE].around == [FLAIR_REPEATED, FIRST]


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


def test_unreadable_reviews_do_not_block_the_step_to_the_next_case(ask, home):
    (home / "reviews.sqlite").write_bytes(b"no database at all" * 100)
    assert len(ask().session_state["order"]) == 3


def test_a_callback_adds_a_range_to_the_filter(ask):
    app = ask(where="institution~XX")
    app.button[0].click().run()
    assert app.query_params["where"] == "institution~XX~~tumour_vx~200.."
    assert app.session_state["order"] == [FIRST]
    app.button[1].click().run()
    assert "where" not in app.query_params


def test_another_page_shows_the_filter_with_a_link_and_a_button_to_clear_it(
    monkeypatch, tiny_cohort
):
    app = open_page(monkeypatch, tiny_cohort, "dataset", where="tumour_vx~60..100", search="TCGA")
    assert not app.exception
    link = next(link.proto for link in app.get("page_link") if "worklist" in link.proto.label)
    assert link.label == "2 cases in the worklist"
    assert parse_qs(link.query_string) == {"where": ["tumour_vx~60..100"], "search": ["TCGA"]}
    assert "Tumour (voxels): 60 to 100" in texts(app).replace("\\", "")
    app.button("clear_selection").click().run()
    assert "where" not in app.query_params
    assert not any("in the worklist" in link.proto.label for link in app.get("page_link"))
