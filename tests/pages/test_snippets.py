"""The code under each chart and table runs as it stands, and gives what the page shows."""

import json

import pandas as pd
import pytest
from conftest import FIRST
from support.explore import charts_of, explore, run

from dashboard.shared import snippets
from dashboard.shared.snippets import Chosen

SECTIONS = (
    {},
    {"section": "How large"},
    {"section": "Where"},
    {"section": "Which shape"},
    {"section": "How bright", "sequence": "post-contrast"},
    {"section": "Patients", "measure": "components"},
    {"section": "Patients", "column": "age_at_initial_pathologic"},
    {"section": "Compare", "against": "largest_share", "group": "neoplasm_histologic_grade"},
    {"section": "Tables"},
    {"section": "Tables", "level": "cases"},
    {"section": "Tables", "level": "institutions and codes"},
    {"section": "Tables", "level": "files"},
)
CHOICES = ({}, {"where": "institution~XX"}, {"search": "_0001_"})


@pytest.mark.parametrize("address", SECTIONS, ids=lambda address: " ".join(address.values()))
def test_the_code_under_a_chart_gives_the_chart_and_under_a_table_the_table(
    monkeypatch, tiny_cohort, address
):
    for choice in CHOICES:
        app = explore(monkeypatch, tiny_cohort, **address, **choice)
        assert not app.exception
        check(app)


def check(app) -> None:
    """Compare what each piece of code of a page gives with what the page shows, in its order."""
    pieces = [run(code.value) for code in app.code]
    figures = [
        json.loads(piece["figure"].to_json())["data"] for piece in pieces if "figure" in piece
    ]
    assert figures == charts_of(app)
    tables = [piece["table"] for piece in pieces if "figure" not in piece]
    shown = [element.value for element in app.dataframe]
    assert len(tables) == len(shown)
    for table, on_page in zip(tables, shown, strict=True):
        pd.testing.assert_frame_equal(
            table.reset_index(drop=True), on_page.reset_index(drop=True), check_dtype=False
        )
    assert len(pieces) == len(figures) + len(tables) > 0


def test_a_filter_of_the_files_stands_in_the_code_as_a_filter(monkeypatch, tiny_cohort):
    app = explore(monkeypatch, tiny_cohort, where="institution~XX")
    assert "Filter.parse('institution~XX')" in app.code[0].value


def test_what_only_the_page_knows_stands_in_the_code_as_names(monkeypatch, tiny_cohort):
    app = explore(monkeypatch, tiny_cohort, search="_0001_")
    assert run(app.code[0].value)["names"] == [FIRST]


def test_a_name_with_quotes_and_backslashes_stays_a_name(monkeypatch, tiny_cohort):
    name = 'it\'s "one"\\n; raise SystemExit'
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))
    piece = snippets.whole([], "names", Chosen(names=(name,)))
    assert run(piece)["names"] == [name]


def test_each_module_is_imported_once_and_in_order():
    lines = ["from b import y", "from a import z", "from b import x, y"]
    assert snippets.merged(lines) == ["from a import z", "from b import x, y"]
