"""The worklist: every case in one table, filtered by the address, leading to the case."""

from conftest import FIRST, FLAIR_REPEATED, OTHER_SITE
from pages import open_page, texts

from brainseg.cohort import Cohort
from brainseg.statistics import case_table


def cases(app) -> list[str]:
    return app.dataframe[0].value["case"].tolist()


def test_each_case_is_a_row_with_the_numbers_of_the_core(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "worklist")
    assert not app.exception
    table = app.dataframe[0].value
    expected = case_table(Cohort.open(tiny_cohort).slices)
    for column in ("case", "slices", "slices_with_tumour", "tumour_vx", "flair_copies"):
        assert table[column].tolist() == expected[column].tolist()


def test_a_repeated_sequence_and_a_missing_mask_are_noted(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1_mask.tif").unlink()
    table = open_page(monkeypatch, tiny_cohort, "worklist").dataframe[0].value.set_index("case")
    assert table.loc[FLAIR_REPEATED, "flair_copies"] == "post-contrast"
    assert table.loc[FIRST, "notes"] == "1 without usable mask"
    assert table.loc[OTHER_SITE, "notes"] == ""


def test_a_case_without_masks_has_no_volume_instead_of_0(monkeypatch, tiny_cohort):
    for path in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        path.unlink()
    table = open_page(monkeypatch, tiny_cohort, "worklist").dataframe[0].value.set_index("case")
    assert table["tumour_vx"].isna().to_dict() == {
        FIRST: False,
        FLAIR_REPEATED: False,
        OTHER_SITE: True,
    }


def test_the_address_filters(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "worklist", institution="XX", search="_0002")
    assert cases(app) == [FLAIR_REPEATED]
    assert app.text_input("search").value == "_0002"


def test_filters_go_into_the_address(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "worklist")
    app.selectbox("institution").set_value("YY").run()
    assert cases(app) == [OTHER_SITE]
    assert app.query_params["institution"] == "YY"
    app.text_input("search").set_value("tcga").run()
    assert app.query_params["search"] == "tcga"
    assert cases(app) == [OTHER_SITE]
    app.text_input("search").set_value("").run()
    app.selectbox("institution").set_value("all").run()
    assert len(cases(app)) == 3


def test_an_unknown_institution_in_the_address_is_said(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "worklist", institution="*ZZ*")
    assert r"“\*ZZ\*”" in app.warning[0].value
    assert len(cases(app)) == 3


def test_filters_that_fit_no_case_are_said(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "worklist", search="(")
    assert not app.exception
    assert "No case fits" in texts(app)
