"""The code below each chart and table runs in a notebook and gives what the page shows."""

import ast
import json
import time
from concurrent.futures import ThreadPoolExecutor
from inspect import isfunction
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pandas as pd
import pytest
from support.cohorts import FIRST
from support.explore import charts_of, explore, run
from support.pages import texts

from brainseg.plotting import cohort_figures
from brainseg.storage.mirror import mirror
from dashboard.shared import source_code
from dashboard.shared.source_code import data_folder

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


def test_a_filter_of_the_files_is_a_filter_in_the_code(monkeypatch, tiny_cohort):
    app = explore(monkeypatch, tiny_cohort, where="institution~XX")
    assert "ChosenCases.where(cohort, 'institution~XX')" in app.code[0].value


def test_a_search_becomes_a_list_of_names_in_the_code(monkeypatch, tiny_cohort):
    app = explore(monkeypatch, tiny_cohort, search="_0001_")
    assert run(app.code[0].value)["chosen"].names == (FIRST,)


def test_a_column_with_quotes_and_backslashes_stays_a_column(monkeypatch, tiny_cohort):
    table, name = tiny_cohort / "data.csv", "it's one\\n); raise SystemExit"
    table.write_text(table.read_text().replace("neoplasm_histologic_grade", name))
    check(explore(monkeypatch, tiny_cohort, section="Patients", column=name))


def test_the_code_needs_no_environment_variable(monkeypatch, tiny_cohort):
    app = explore(monkeypatch, tiny_cohort)
    monkeypatch.delenv("BRAINSEG_DATA")
    assert len(run(app.code[0].value)["chosen"].names) == 3


@pytest.mark.parametrize(
    ("url", "ip_address", "headers"),
    [
        ("https://demo.example.org/dataset", None, {}),
        ("http://192.168.1.7:8501/dataset", "192.168.1.9", {}),
        ("http://localhost:8501/dataset", None, {"X-Forwarded-For": "203.0.113.5"}),
    ],
    ids=["behind a proxy", "in the local network", "forwarded"],
)
def test_a_hosted_server_shows_the_name_of_its_folder_and_never_the_path(
    monkeypatch, url, ip_address, headers
):
    visitor = SimpleNamespace(url=url, ip_address=ip_address, headers=headers)
    monkeypatch.setattr("dashboard.shared.source_code.st.context", visitor)
    assert data_folder(Path("/srv/private/kaggle_3m")) == "kaggle_3m"


def test_on_the_readers_own_machine_the_code_names_the_path(monkeypatch):
    visitor = SimpleNamespace(url="http://localhost:8501/dataset", ip_address=None, headers={})
    monkeypatch.setattr("dashboard.shared.source_code.st.context", visitor)
    assert data_folder(Path("/data/kaggle_3m")) == "/data/kaggle_3m"


def test_a_page_names_the_address_that_its_folder_was_fetched_from(monkeypatch, tiny_cohort):
    fsspec.filesystem("memory").put(str(tiny_cohort), "/hospital/tiny", recursive=True)
    app = explore(monkeypatch, mirror("memory://hospital/tiny"), "dataset")
    monkeypatch.setattr("dashboard.shared.source_code.is_local", lambda: True)
    app.run()
    assert not app.exception
    assert all("open_cohort('memory://hospital/tiny')" in code.value for code in app.code)


@pytest.mark.parametrize("page", ["dataset", "similar", "tour", "checks", "evaluation"])
def test_no_page_of_a_hosted_server_shows_the_path_of_its_folder(monkeypatch, tiny_cohort, page):
    app = explore(monkeypatch, tiny_cohort, page)
    monkeypatch.setattr("dashboard.shared.source_code.is_local", lambda: False)
    app.run()
    assert not app.exception
    assert str(tiny_cohort.parent) not in texts(app) + "".join(code.value for code in app.code)


def test_one_thread_parses_at_a_time(monkeypatch):
    # Python 3.11 fails where several do, and a garbage collection falls between.
    functions = [function for function in vars(cohort_figures).values() if isfunction(function)]
    parse, parsing, most = ast.parse, [], []

    def slow_parse(*given: object, **named: object) -> ast.Module:
        parsing.append(0)
        most.append(len(parsing))
        time.sleep(0.01)
        parsing.pop()
        return parse(*given, **named)

    monkeypatch.setattr(source_code.ast, "parse", slow_parse)
    with ThreadPoolExecutor(4) as visitors:
        list(visitors.map(source_code.cell, functions[:8]))
    assert max(most) == 1
