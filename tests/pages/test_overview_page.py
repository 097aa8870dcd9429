"""The overview page, and what every page shows."""

import ast
import tomllib

import pytest
from support.cohorts import FIRST
from support.colours import contrast
from support.pages import APP, open_page, texts

from brainseg import RESEARCH_USE, TUMOUR_MEANS
from brainseg.cohort import Cohort
from brainseg.sample import write_sample
from brainseg.statistics import counts

PAGES = (
    "overview",
    "worklist",
    "case",
    "browser",
    "dataset",
    "checks",
    "training",
    "evaluation",
    "prediction",
)


def test_the_numbers_are_those_of_the_core(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort)
    assert not app.exception
    held = counts(Cohort.open(tiny_cohort).slices)
    told = {metric.label: metric.value for metric in app.metric}
    assert told == {
        "Cases": str(held["cases"]),
        "Slices": str(held["slices"]),
        "Masks": str(held["masks"]),
        "Slices with tumour": str(held["slices_with_tumour"]),
        "Institutions": str(len(held["institutions"])),
    }


def test_each_case_of_the_gallery_leads_to_its_largest_slice(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort)
    links = [link.proto for link in app.get("page_link")]
    leads = [(link.page, link.query_string) for link in links if "case=" in link.query_string]
    assert ("case", f"case={FIRST}&slice=2") in leads
    assert len(leads) == 3
    assert "slice 2" in [caption.value for caption in app.caption]


def test_the_tour_comes_before_everything_else(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort)
    shown = [link.proto for link in app.main.get("page_link")]
    assert (shown[0].page, shown[0].label) == ("tour", "**New here?** Take the five-minute tour")


def test_the_overview_shows_the_scores_that_came_with_the_model(monkeypatch, tmp_path):
    app = open_page(monkeypatch, write_sample(tmp_path / "sample", cases=2))
    assert "on 2 unseen cases, one bar per case, mean 0" in texts(app)


def test_the_overview_links_to_the_pages_for_each_task(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort)
    pages = {link.proto.page for link in app.get("page_link")}
    assert set(PAGES) - {"overview"} <= pages


@pytest.mark.parametrize("page", PAGES)
def test_the_research_use_notice_is_on_every_page(monkeypatch, tiny_cohort, page):
    app = open_page(monkeypatch, tiny_cohort, page)
    assert not app.exception
    assert RESEARCH_USE in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_the_research_use_notice_is_also_on_pages_without_data(monkeypatch, page):
    assert RESEARCH_USE in texts(open_page(monkeypatch, None, page))


@pytest.mark.parametrize("page", ["overview", "worklist", "case", "browser"])
def test_tumour_is_explained_once_where_the_word_is_used(monkeypatch, tiny_cohort, page):
    assert texts(open_page(monkeypatch, tiny_cohort, page)).count(TUMOUR_MEANS) == 1


@pytest.mark.parametrize("page", ["overview", "worklist", "case", "browser"])
def test_without_data_a_page_has_its_title_and_says_how_to_start(monkeypatch, page):
    app = open_page(monkeypatch, None, page)
    assert not app.exception
    assert app.title[0].value == page.capitalize()
    assert "make demo DATA=" in texts(app)


@pytest.mark.parametrize("page", ["overview", "worklist", "case", "browser"])
def test_a_missing_folder_shows_one_message_until_it_exists(monkeypatch, tmp_path, page):
    app = open_page(monkeypatch, tmp_path / "gone", page)
    assert not app.exception
    (error,) = app.error
    assert "does not exist" in error.value.replace("\\", "")
    (tmp_path / "gone").mkdir()
    app.run()
    assert "contains no TIFF or PNG image" in app.error[0].value.replace("\\", "")


def test_the_synthetic_sample_is_labelled(monkeypatch, sample_root, tiny_cohort):
    badge = "synthetic sample"
    assert badge in texts(open_page(monkeypatch, sample_root))
    assert badge not in texts(open_page(monkeypatch, tiny_cohort))


def test_notes_on_the_folder_are_shown(monkeypatch, tiny_cohort):
    for path in tiny_cohort.rglob("*_mask.tif"):
        path.unlink()
    app = open_page(monkeypatch, tiny_cohort)
    assert not app.exception
    assert "No mask was found" in texts(app).replace("\\", "")


def test_an_added_file_is_found_without_a_restart(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort)
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").rename(tiny_cohort / FIRST / f"{FIRST}_3.tif")
    (tiny_cohort / FIRST / f"{FIRST}_3.tif").unlink()
    app.run()
    assert {m.label: m.value for m in app.metric}["Slices with tumour"] == "4"


VIEWS = APP.parent / "views"
SCRIPTS = [APP, *VIEWS.glob("[a-z]*.py"), *VIEWS.glob("*/page.py")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_no_page_script_has_a_bare_string_which_streamlit_would_show(script):
    after_docstring = ast.parse(script.read_text(encoding="utf-8")).body[1:]
    bare = [node.value for node in after_docstring if isinstance(node, ast.Expr)]
    assert not [node.value for node in bare if isinstance(node, ast.Constant)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_white_on_buttons_and_the_primary_colour_on_the_page_are_legible(scheme):
    theme = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text())["theme"][scheme]
    primary, page = theme["primaryColor"], theme["backgroundColor"]
    assert contrast("#ffffff", primary) >= 4.5, "white text on a button"
    assert contrast(primary, page) >= 3, "outlines and sliders on the page"
