"""Similar slices: the map of the cohort, and the neighbours of the slice that the address names."""

import json

import numpy as np
import pytest
from support.cohorts import FIRST, OTHER_SITE
from support.explore import charts_of, explore
from support.pages import texts

from brainseg.cohort import Cohort
from brainseg.exports import png_bytes
from brainseg.imaging import automatic_windows, contour, shown
from brainseg.statistics import embeddings
from brainseg.statistics.neighbours import neighbours
from dashboard.shared import overlays


@pytest.fixture
def described(tiny_cohort):
    return embeddings.describe_and_save(Cohort.open(tiny_cohort))


@pytest.fixture
def page(monkeypatch, tiny_cohort):
    return lambda **address: explore(monkeypatch, tiny_cohort, "similar", **address)


def points(app) -> int:
    return sum(
        len(trace["customdata"]) for trace in charts_of(app)[0] if trace["name"] != "this slice"
    )


def test_similarity_of_a_few_slices_is_computed_unasked_where_it_is_missing(page, tiny_cohort):
    app = page()
    while app.get("progress"):
        app.run()
    assert points(app) == 8


def test_similarity_of_many_slices_is_computed_after_a_click(page, tiny_cohort, monkeypatch):
    monkeypatch.setattr("brainseg.statistics.embeddings.STARTS_UNASKED", 1)
    app = page()
    assert not app.exception and not app.get("plotly_chart")
    assert app.code[0].value == f"brainseg features {tiny_cohort}"
    app.button("describe").click().run()
    while app.get("progress"):
        app.run()
    assert points(app) == 8
    assert embeddings.load_features(Cohort.open(tiny_cohort)) is not None


def test_every_slice_is_a_point_and_chosen_ones_are_coloured(page, described):
    app = page()
    assert not app.exception
    assert points(app) == 8
    assert {trace["name"] for trace in charts_of(app)[0]} == {"with tumour", "without tumour"}
    app = page(where="institution~YY")
    points_by = {trace["name"]: len(trace["customdata"]) for trace in charts_of(app)[0]}
    assert points_by["not chosen"] == 6


@pytest.mark.parametrize("by", ["case", "institution", "position", "neoplasm_histologic_grade"])
def test_the_address_chooses_the_colour_of_the_map(page, described, by):
    app = page(by=by)
    assert not app.exception
    assert points(app) == 8


def test_neighbours_match_the_core_and_the_nearest_comes_first(page, described):
    app = page(case=OTHER_SITE, slice=2, others="other cases")
    near = neighbours(described, OTHER_SITE, 2, 8)
    captions = [caption.value for caption in app.caption if caption.value.startswith("**")]
    assert len(captions) == len(near) == 6
    expected = [f"**{row.distance:.2f}** · slice {row.slice_number}" for row in near.itertuples()]
    assert [line.split("\n")[0].strip() for line in captions] == expected


def test_slices_are_drawn_with_the_window_of_their_case_until_the_reader_wants_them_as_stored(
    monkeypatch, page, tiny_cohort, described
):
    drawn = []
    monkeypatch.setattr(overlays, "png_bytes", lambda one: drawn.append(one) or png_bytes(one))
    case = Cohort.open(tiny_cohort).case(FIRST)
    stored, windows = case.slice_pixels(1), automatic_windows(case.volume())
    for preset, expected in (("auto", shown(stored, windows=windows)), ("stored", shown(stored))):
        drawn.clear()
        assert not page(case=FIRST, slice=1, preset=preset).exception
        outlined = contour(expected, case.slice_mask(1))
        assert any(np.array_equal(one, outlined) for one in drawn)


def test_a_neighbour_leads_to_its_own_neighbours(page, described):
    app = page(case=FIRST, slice=1)
    nearest = neighbours(described, FIRST, 1, 1).iloc[0]
    app.button(f"similar {nearest['case']} {nearest['slice_number']}").click().run()
    assert app.selectbox("case").value == nearest["case"]
    assert app.select_slider("slice").value == nearest["slice_number"]


def test_the_code_of_the_map_and_of_the_neighbours_gives_what_the_page_shows(page, described):
    app = page(case=FIRST, slice=2, by="position", where="institution~XX")
    pieces = [code.value for code in app.code]
    assert len(pieces) == 2
    space: dict = {}
    exec(compile(pieces[0], "map", "exec"), space)
    assert json.loads(space["figure"].to_json())["data"] == charts_of(app)[0]
    exec(compile(pieces[1], "neighbours", "exec"), space)
    near = neighbours(described, FIRST, 2, 10, one_a_case=True)
    assert space["table"].equals(near)


def test_a_model_without_saved_features_shows_the_command_that_computes_them(page, described):
    app = page(source="lgg-unet")
    assert not app.exception
    assert "--model lgg-unet" in app.code[0].value
    assert "have not been computed" in texts(app)


def test_a_wrong_case_or_slice_in_the_address_shows_one_message(page, described):
    assert "Unknown case" in texts(page(case="nobody"))
    app = page(case=FIRST, slice=99)
    assert not app.exception
    assert "This case has no slice “99”" in texts(app)


def test_the_page_shows_how_reliable_the_neighbours_are(page, described):
    assert "agree on whether there is a tumour" in texts(page())


def test_a_slice_without_a_usable_mask_says_so(page, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1_mask.tif").unlink()
    embeddings.describe_and_save(Cohort.open(tiny_cohort))
    assert "Slice 1: no usable mask" in texts(page(case=FIRST, slice=1))
