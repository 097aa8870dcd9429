"""A filter's text and the rows it keeps."""

import pandas as pd
import pytest

from brainseg.cohort.filters import Condition, Filter, found, sort_rows
from brainseg.errors import FilterError


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": ["a_1", "b_2", "c~3", "d.4"],
            "institution": pd.Series(["CS", None, "DU", "CS"], dtype="str"),
            "tumour_vx": pd.Series([10, 200, None, 3000], dtype="Int64"),
            "share": [0.25, 0.5, float("nan"), -1.0],
            "missing_sequences": [[], ["pre-contrast"], None, ["pre-contrast", "post-contrast"]],
            "review": pd.Series(["needs edit", None, "missing", "1..2"], dtype="str"),
        }
    )


def kept(table: pd.DataFrame, text: str) -> list[str]:
    return table.loc[Filter.parse(text).rows(table), "case"].tolist()


@pytest.mark.parametrize(
    ("text", "cases"),
    [
        ("", ["a_1", "b_2", "c~3", "d.4"]),
        ("tumour_vx~10..200", ["a_1", "b_2"]),
        ("tumour_vx~11..", ["b_2", "d.4"]),
        ("tumour_vx~..199", ["a_1"]),
        ("tumour_vx~..", ["a_1", "b_2", "d.4"]),
        ("tumour_vx~missing", ["c~3"]),
        ("tumour_vx~missing~..10", ["a_1", "c~3"]),
        ("tumour_vx~200~3000", ["b_2", "d.4"]),
        ("tumour_vx~0..20~1000..", ["a_1", "d.4"]),
        ("share~0.25..0.5", ["a_1", "b_2"]),
        ("share~-2..-0.5", ["d.4"]),
        ("institution~CS", ["a_1", "d.4"]),
        ("institution~CS~missing", ["a_1", "b_2", "d.4"]),
        ("institution~CS~~tumour_vx~100..", ["d.4"]),
        ("case~a_1~c%7E3", ["a_1", "c~3"]),
        ("missing_sequences~post-contrast", ["d.4"]),
        ("missing_sequences~none", ["a_1"]),
        ("missing_sequences~none~missing", ["a_1", "c~3"]),
        ("review~needs edit", ["a_1"]),
        ("review~%6Dissing", ["c~3"]),
        ("review~missing", ["b_2"]),
        ("review~%31..2", ["d.4"]),
        ("institution~XX", []),
        ("institution~not.CS", ["b_2", "c~3"]),
        ("institution~not.CS~not.DU", ["b_2"]),
        ("missing_sequences~not.post-contrast", ["a_1", "b_2", "c~3"]),
        ("tumour_vx~not.10", ["b_2", "c~3", "d.4"]),
    ],
)
def test_a_text_keeps_the_rows_it_names(table, text, cases):
    assert kept(table, text) == cases


@pytest.mark.parametrize(
    "condition",
    [
        Condition("case", ("a_1", "c~3", "100%", "50%7E", "missing", "none", "ä b")),
        Condition("case", ("1..2", "x..", "..", "not.a", "a..b..c", "...")),
        Condition("50% ~ of it", missing=True),
        Condition("readers", without=("AB", "not.C~D", "1..2")),
        Condition("tumour_vx", ranges=((1000.0, 5000.0), (None, -0.125), (7, None), (None, None))),
        Condition("share", ("1", "2.5"), ((0.1, 0.30000000000000004),), True),
    ],
)
def test_what_is_written_is_read_back(condition):
    both = Filter((Condition("first", ("one",)), condition))
    assert Filter.parse(str(both)) == both


def test_every_text_in_a_column_can_be_asked_for(table):
    for column in ("case", "review"):
        for text in table[column].dropna():
            asked = Filter.parse(str(Filter((Condition(column, (text,)),))))
            assert table.loc[asked.rows(table), column].tolist() == [text]


@pytest.mark.parametrize("letter", list("~%.|:=&+ /?#é"))
def test_an_address_keeps_its_plain_letters(letter):
    # What stands unescaped in an address: the filter's own letters are among it.
    assert str(Condition("tumour_vx", ("CS",), ((1.5, 20),))) == "tumour_vx~CS~1.5..20"
    named = Condition(f"a{letter}b", (f"c{letter}d", letter))
    assert Filter.parse(str(named)).conditions == (named,)


@pytest.mark.parametrize(
    "text",
    [
        "tumour_vx",
        "~1..2",
        "tumour_vx~",
        "tumour_vx~~",
        "a~1~~",
        "tumour_vx~5..1",
        "tumour_vx~nan..2",
        "tumour_vx~1..inf",
        "tumour_vx~x..y",
        "a~1~~a~2",
        "../../etc/passwd",
        "a~" + "b" * 70_000,
    ],
)
def test_a_wrong_text_is_one_sentence_with_a_remedy(text):
    with pytest.raises(FilterError) as error:
        Filter.parse(text)
    assert "clear the filter" in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour~red", "no column “colour”"),
        ("institution~1..2", "contains no numbers"),
        ("missing_sequences~1..2", "contains no numbers"),
        ("tumour_vx~many", "“many” is none"),
    ],
)
def test_a_filter_that_does_not_fit_the_table_says_why(table, text, told):
    with pytest.raises(FilterError, match="clear the filter") as error:
        Filter.parse(text).rows(table)
    assert told in str(error.value)


def test_a_column_is_asked_anew_in_its_place_and_nothing_removes_it():
    asked = Filter.parse("a~1~~b~2~~c~3")
    assert str(asked.but(Condition("b", ("9",)))) == "a~1~~b~9~~c~3"
    assert str(asked.but(Condition("d", ("4",)))) == "a~1~~b~2~~c~3~~d~4"
    assert str(asked.but(Condition("b"))) == "a~1~~c~3"
    assert asked.of("b").values == ("2",)
    assert not asked.of("z")


def test_a_column_of_only_missing_cells_can_be_filtered(table):
    table["dice"] = pd.Series(pd.NA, index=table.index, dtype="Float64")
    assert kept(table, "dice~0..1") == []
    assert len(kept(table, "dice~missing")) == 4


@pytest.mark.parametrize(
    ("sort", "cases"),
    [
        ("", ["a_1", "b_2", "c~3", "d.4"]),
        ("tumour_vx", ["a_1", "b_2", "d.4", "c~3"]),
        ("-tumour_vx", ["d.4", "b_2", "a_1", "c~3"]),
        ("institution", ["a_1", "d.4", "c~3", "b_2"]),
        ("-institution", ["c~3", "a_1", "d.4", "b_2"]),
        ("missing_sequences", ["a_1", "b_2", "d.4", "c~3"]),
        ("-missing_sequences", ["d.4", "b_2", "a_1", "c~3"]),
    ],
)
def test_rows_are_sorted_with_ties_in_order_and_missing_last(table, sort, cases):
    assert sort_rows(table, sort)["case"].tolist() == cases


def test_an_unknown_order_is_said(table):
    with pytest.raises(FilterError, match="no column “colour” to sort by"):
        sort_rows(table, "-colour")


@pytest.mark.parametrize(
    ("text", "cases"),
    [
        ("", ["a_1", "b_2", "c~3", "d.4"]),
        ("B_", ["b_2"]),
        ("(", []),
        ("cs", ["a_1", "d.4"]),
        ("cs 4", ["d.4"]),
        ("200", ["b_2"]),
        ("20", []),
        ("tumour=200", ["b_2"]),
        ("share=200", []),
    ],
)
def test_a_search_finds_parts_of_names_and_whole_codes(table, text, cases):
    rows = found(table, text, ["case", "institution"], ["tumour_vx", "share"])
    assert table.loc[rows, "case"].tolist() == cases
