"""Links between pages: they keep the selected cases and lead back to the last view of a page."""

from itertools import chain, repeat
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest
from support.cohorts import FIRST, FLAIR_REPEATED
from support.pages import open_page, script_of, texts

from brainseg.cohort import Cohort
from dashboard.shared import cache

PAGES = (
    *("overview", "worklist", "case", "browser", "dataset", "similar"),
    *("tour", "checks", "training", "evaluation", "prediction"),
)


def links_of(app: AppTest) -> dict[str, dict[str, list[str]]]:
    """Return the parameters of each link of the navigation by its label."""
    found = [link.proto for link in app.sidebar.get("page_link")]
    return {link.label: parse_qs(link.query_string) for link in found}


def go(app: AppTest, page: str, **address: str) -> AppTest:
    """Open another page in the same session."""
    app.query_params.clear()
    for key, value in address.items():
        app.query_params[key] = value
    return app.switch_page(script_of(page)).run()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_the_navigation_keeps_the_selected_cases(monkeypatch, tiny_cohort, page):
    asked = {"where": "institution~XX", "sort": "-slices"}
    app = open_page(monkeypatch, tiny_cohort, page, **asked)
    assert not app.exception
    found = links_of(app)
    assert len(found) == len(PAGES)
    assert all(
        link.items() >= {k: [v] for k, v in asked.items()}.items() for link in found.values()
    )


def test_every_other_link_of_a_page_keeps_the_selected_cases(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "overview", search="TCGA")
    links = [parse_qs(link.proto.query_string) for link in app.main.get("page_link")]
    assert len(links) > 8
    assert all(link["search"] == ["TCGA"] for link in links)


def test_the_navigation_shows_the_selection_and_clears_it_on_all_pages(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", where="institution~XX")
    shown = next(one.value for one in app.sidebar.caption if "Institution" in one.value)
    assert "XX: 2 of 3 cases" in shown
    app.button("clear_everywhere").click().run()
    assert "where" not in app.query_params
    assert not any(links_of(app).values())
    assert "XX: 2 of 3 cases" not in texts(app)


def test_the_first_page_after_a_start_counts_the_selected_cases(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "checks", where="institution~XX")
    monkeypatch.setattr(cache, "opened", chain([None], repeat(Cohort.open(tiny_cohort))).__next__)
    app.run()
    assert not app.exception
    assert "XX: 2 of 3 cases" in texts(app)


def test_the_case_page_shows_the_selection_in_its_header(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", where="institution~XX")
    app.button("clear_here").click().run()
    assert "where" not in app.query_params


def test_the_navigation_leads_back_to_the_last_case_and_its_model(monkeypatch, tiny_cohort):
    asked = {"case": FLAIR_REPEATED, "model": "lgg-unet"}
    app = open_page(monkeypatch, tiny_cohort, "case", **asked, slice="2", mask="off")
    app = go(app, "worklist", where="institution~XX")
    found = links_of(app)
    assert found["Case"] == {key: [value] for key, value in asked.items()} | {
        "where": ["institution~XX"]
    }
    assert found["Prediction"]["case"] == [FLAIR_REPEATED]
    assert "model" not in found["Prediction"]


def test_a_page_without_parameters_of_the_viewer_comes_back_as_it_was_left(
    monkeypatch, tiny_cohort
):
    app = open_page(monkeypatch, tiny_cohort, "dataset", section="Where", case=FIRST)
    assert links_of(go(app, "tour"))["Dataset"] == {"section": ["Where"], "case": [FIRST]}


def test_another_case_is_opened_with_the_model_and_passes_of_the_last_one(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, model="lgg-unet")
    app = go(app, "overview")
    opened = [parse_qs(link.proto.query_string) for link in app.main.get("page_link")]
    cases = [link for link in opened if "slice" in link]
    assert cases
    assert all(link["model"] == ["lgg-unet"] for link in cases)


def test_a_choice_that_was_taken_back_is_not_remembered(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, model="lgg-unet")
    app = go(go(app, "case", case=FIRST), "overview")
    assert links_of(app)["Case"] == {"case": [FIRST]}
