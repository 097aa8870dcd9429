"""Exports have the research-use sentence and every pixel at its position."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brainseg import RESEARCH_USE
from brainseg.exports import csv_bytes, png_bytes


def test_a_marked_corner_stays_in_its_corner_and_colours_in_their_order():
    picture = np.zeros((40, 50, 3), np.uint8)
    picture[0, 0] = (255, 10, 20)
    read = np.asarray(Image.open(io.BytesIO(png_bytes(picture))))
    np.testing.assert_array_equal(read, picture)
    mask = np.zeros((40, 50), bool)
    mask[0, -1] = True
    read = np.asarray(Image.open(io.BytesIO(png_bytes(mask))))
    np.testing.assert_array_equal(read == 255, mask)


def test_pictures_and_tables_carry_the_research_sentence():
    picture = Image.open(io.BytesIO(png_bytes(np.zeros((40, 50), np.uint8))))
    assert picture.text["Comment"] == RESEARCH_USE
    table = csv_bytes(pd.DataFrame({"case": ["ä"], "area_px": [3]})).decode("utf-8")
    assert table.splitlines() == [f"# {RESEARCH_USE}", "case,area_px", "ä,3"]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1+1", "=\n1"],
)
def test_text_that_a_spreadsheet_would_read_as_a_formula_gets_an_apostrophe(text):
    content = csv_bytes(pd.DataFrame({"comment": [text, None], "=column": ["x", "y"]}))
    table = pd.read_csv(io.BytesIO(content), skiprows=1)
    assert table.columns.tolist() == ["comment", "'=column"]
    assert table["comment"].tolist()[0] == f"'{text}".replace("\r", "\n")
    assert table["comment"].isna().tolist() == [False, True]


def test_a_carriage_return_in_a_text_begins_no_row():
    content = csv_bytes(pd.DataFrame({"comment": ["fine\r=1+1", "a\r\nb"]}))
    assert b"\r" not in content
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows[1:] == [["comment"], ["fine\n=1+1"], ["a\nb"]]


def test_numbers_and_harmless_text_do_not_change():
    table = pd.DataFrame(
        {
            "x": [-1.5, None],
            "n": [-3, 4],
            "t": ["-7", "-"],
            "u": ["a=b", "-1e-5"],
            "m": [pd.NA, "ü"],
        }
    )
    lines = csv_bytes(table).decode().splitlines()
    assert lines[1:] == ["x,n,t,u,m", "-1.5,-3,-7,a=b,", ",4,-,-1e-5,ü"]


def test_whole_numbers_with_gaps_stay_whole():
    table = pd.DataFrame(
        {"a": pd.array([3, None], "Int64"), "b": pd.array([True, None], "boolean")}
    )
    table["day"] = pd.to_datetime(["2026-01-02", None])
    table["kind"] = pd.Categorical(["=x", "y"])
    lines = csv_bytes(table).decode().splitlines()
    assert lines[1:] == ["a,b,day,kind", "3,True,2026-01-02,'=x", ",,,y"]


def test_an_empty_table_has_a_header():
    assert csv_bytes(pd.DataFrame(columns=["a", "b"])).decode().splitlines()[1:] == ["a,b"]
