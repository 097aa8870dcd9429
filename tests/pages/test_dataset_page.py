"""The dataset page: its numbers equal the core's, and a choice applies to every section."""

import base64
import json
import time
from threading import Event

import numpy as np
import pandas as pd
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE
from support.explore import charts_of, explore
from support.pages import open_page, texts

from brainseg import statistics
from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.statistics import atlas
from dashboard.shared import widgets

SECTIONS = (
    "What is here",
    "How large",
    "Where",
    "Which shape",
    "How bright",
    "Patients",
    "Compare",
)
TABLES = ("slices", "cases", "institutions and codes", "files")


@pytest.fixture
def page(monkeypatch, tiny_cohort):
    return lambda **address: explore(monkeypatch, tiny_cohort, "dataset", **address)


def values(encoded: object) -> list:
    """Return the numbers of a chart's column: plotly packs arrays as base64."""
    if isinstance(encoded, list):
        return encoded
    return np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"]).tolist()


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_images_masks_and_excluded_slices_are_counted(page, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    app = page()
    assert not app.exception
    shown = metrics(app)
    assert [shown[name] for name in ("Cases", "Images", "Masks")] == ["3", "8", "7"]
    assert shown["Excluded slices"] == "1"
    assert (
        "4 with tumour (50.0%), 3 without tumour (37.5%), 1 without a usable mask (12.5%)"
        in texts(app)
    )


def test_the_charts_contain_every_slice_and_every_case_once(page, tiny_cohort):
    slices = Cohort.open(tiny_cohort).slices
    share, institutions, by_case = charts_of(page())
    assert sum(trace["x"][0] for trace in share) == len(slices)
    assert values(institutions[1]["y"]) == [2, 1]
    table = statistics.case_table(slices)
    with_tumour = next(trace for trace in by_case if trace["name"] == "with tumour")
    assert values(with_tumour["y"]) == table["slices_with_tumour"].tolist()
    areas, volumes = charts_of(page(section="How large"))
    assert sum(values(areas[1]["y"])) == (slices["area_px"] > 0).sum()
    drawn = [y for trace in volumes if trace["mode"] == "markers" for y in values(trace["y"])]
    assert sorted(drawn) == sorted(table["tumour_vx"])


def test_the_heat_map_equals_that_of_the_core_and_counts_its_cases(page, tiny_cohort):
    app = page(section="Where")
    heat = next(trace for trace in charts_of(app)[0] if trace["type"] == "heatmap")
    cohort = Cohort.open(tiny_cohort)
    found = atlas.overlap(atlas.open_atlas(cohort), cohort.cases)
    drawn = np.nan_to_num(np.array(values(heat["z"]), float)).reshape(found.share.shape)
    np.testing.assert_allclose(drawn, found.share)
    assert "3 cases with tumour" in texts(app)


def test_a_chosen_region_stays_drawn_until_the_choice_changes(page):
    app = page(section="Where", where=f"case~{FIRST}")
    app.session_state["_chosen regions"] = [((0.1, 0.2), (0.3, 0.5))], None
    app.run()
    (outline,) = outlines(app)
    assert [outline[end] for end in ("x0", "x1", "y0", "y1")] == [0.3, 0.5, 0.1, 0.2]
    app.run()
    assert len(outlines(app)) == 1
    assert "regions=[((0.1, 0.2), (0.3, 0.5))]" in "".join(code.value for code in app.code)
    app.query_params["where"] = f"case~{OTHER_SITE}"
    app.run()
    assert outlines(app) == []


def outlines(app) -> list[dict]:
    """Return the rectangles on the heat map of the head."""
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    return figure["layout"].get("shapes", [])


def test_two_measures_have_their_rank_correlation_with_the_number_of_cases(page):
    assert "Spearman’s ρ" in texts(page(section="Compare"))
    assert "(n 3). 3 of 3 cases have both." in texts(page(section="Compare"))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_choice_of_cases_applies_to_every_section(page, section):
    app = page(section=section, where="institution~YY")
    assert not app.exception
    assert "1 of 3: Institution" in texts(app)
    findings = {
        "What is here": "1 case from 1 institution.",
        "How large": "over 2 slices",
        "Where": "1 case with tumour",
        "Which shape": "of 2 slices",
        "How bright": "of 1 case",
        "Patients": "Known in 1 of 1 case",
        "Compare": "of 1 case",
    }
    assert findings[section] in texts(app)


def test_the_tables_contain_only_the_chosen_cases(page, tiny_cohort):
    slices, cases, groups, _ = (
        page(section="Tables", level=level, where="institution~YY").dataframe[0].value
        for level in TABLES
    )
    assert slices["case"].unique().tolist() == cases["case"].tolist() == [OTHER_SITE]
    assert groups["group"].tolist() == ["YY"] and groups["cases"].tolist() == [1]
    whole = statistics.case_table(Cohort.open(tiny_cohort).slices)
    row = whole[whole["case"] == OTHER_SITE].iloc[0]
    assert cases["tumour_vx"].iloc[0] == groups["tumour_vx"].iloc[0] == row["tumour_vx"]


def test_the_address_reopens_section_column_and_measure(page):
    address = {"section": "Patients", "column": "age_at_initial_pathologic", "measure": "slices"}
    app = page(**address)
    for key, value in address.items():
        holder = app.button_group if key == "section" else app.selectbox
        assert holder(key).value == value
        assert app.query_params[key] in (value, [value])


def test_wrong_names_in_the_address_show_the_default(page):
    app = page(section="<b>", column="x", measure="x")
    assert not app.exception
    assert metrics(app)["Cases"] == "3"
    assert "Unknown question" in texts(app)
    assert not page(section="Compare", measure="x", against="y", group="z").exception


def test_a_filter_without_a_matching_case_shows_one_message(page):
    app = page(where="tumour_vx~999999..")
    assert not app.exception
    assert "No case matches" in texts(app)
    assert not app.get("plotly_chart")


def test_a_code_without_a_label_is_shown_as_code_and_a_gap_as_missing(page):
    app = page(section="Patients", column="neoplasm_histologic_grade")
    assert "no codebook.csv found" in texts(app)
    assert "Known in 2 of 3 cases, missing in 1." in texts(app)
    bars = charts_of(app)[0][1]
    assert [value[0] for value in bars["customdata"]] == ["1", "2", None]


def test_without_data_csv_the_page_says_so(page, tiny_cohort):
    (tiny_cohort / "data.csv").unlink()
    app = page(section="Patients")
    assert not app.exception
    assert "There is no data.csv" in texts(app)


def test_a_column_of_data_csv_named_like_markup_is_text(page, tiny_cohort):
    table, name = tiny_cohort / "data.csv", "**<b>[x](http://y)"
    table.write_text(table.read_text().replace("neoplasm_histologic_grade", name))
    app = page(section="Tables", level="institutions and codes", group=name)
    assert not app.exception
    header = next(one.value for one in app.header)
    assert header == f"By {widgets.plain(name)}" != f"By {name}"
    assert not page(section="Patients", column=name).exception


@pytest.mark.parametrize("section", [*SECTIONS, "Tables"])
def test_a_cohort_without_masks_opens_everywhere(page, tiny_cohort, section):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    assert not page(section=section).exception


@pytest.mark.parametrize("section", [*SECTIONS, "Tables"])
def test_a_cohort_of_empty_masks_opens_everywhere(page, tiny_cohort, section):
    for mask in tiny_cohort.rglob("*_mask.tif"):
        tifffile.imwrite(mask, np.zeros((64, 64), np.uint8))
    app = page(section=section)
    assert not app.exception
    if section == "Which shape":
        assert "None of these slices shows a tumour." in texts(app)


def test_a_repeated_sequence_is_not_counted_as_post_contrast(page):
    app = page(section="How bright", sequence="post-contrast")
    assert "of 2 cases; unknown in 1." in texts(app)
    table = page(section="Tables", level="cases").dataframe[0]
    assert json.loads(table.proto.columns)["tumour_ml"]["hidden"], "no case has a spacing"
    rows = table.value.set_index("case")
    assert pd.isna(rows.loc[FLAIR_REPEATED, "tumour_mean_post_contrast"])


def test_a_changed_file_shows_one_message_and_the_other_charts(page, tiny_cohort, monkeypatch):
    def fails(*_: object) -> None:
        raise CohortError("this file is not what it was: reload the data.")

    monkeypatch.setattr(atlas, "make_atlas", fails)
    app = page(section="Where")
    assert not app.exception
    assert "this file is not what it was" in app.error[0].value
    assert len(app.get("plotly_chart")) == 1


def test_reading_every_slice_can_be_cancelled_and_started_again(monkeypatch, tiny_cohort):
    go, make = Event(), atlas.make_atlas

    def slow(cohort, progress=None):
        while not go.wait(0.02):
            progress(1, 9)
        return make(cohort, progress)

    monkeypatch.setattr(atlas, "make_atlas", slow)
    app = open_page(monkeypatch, tiny_cohort, "dataset", section="Where")
    next(one for one in app.button if one.label == "Cancel").click().run()
    app = until(app, lambda: app.error)
    assert "was cancelled" in app.error[0].value
    go.set()
    next(one for one in app.button if one.label == "Retry").click().run()
    app = until(app, lambda: len(app.get("plotly_chart")) > 1)
    assert not app.error


def until(app, sign):
    """Run a page until something shows."""
    for _ in range(600):
        if sign():
            return app
        time.sleep(0.05)
        app.run()
    raise AssertionError("it never shows")


def test_each_chart_and_table_has_its_csv_and_its_code(page):
    for section in (*SECTIONS, "Tables"):
        app = page(section=section)
        shown = len(app.get("plotly_chart")) + len(app.dataframe)
        assert shown == len(app.get("download_button")) == len(app.code), section
