"""The case page: it opens where the tumour is largest, and shows the file's pixels where they are."""

import numpy as np
import pytest
import tifffile
from conftest import FIRST, FLAIR_REPEATED, OTHER_SITE
from pages import open_page, pictures_of, texts

from brainseg.imaging import MASK_COLOUR


def mark_corner(root, case: str, number: int) -> None:
    path = root / case / f"{case}_{number}.tif"
    image = tifffile.imread(path)
    image[0, 0] = (11, 201, 31)
    tifffile.imwrite(path, image)


def test_a_case_opens_at_the_slice_with_the_largest_tumour(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    assert not app.exception
    assert app.select_slider("slice").value == 2
    assert "Tumour area 144 px" in texts(app)


def test_without_a_case_in_the_address_the_first_one_is_shown(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case")
    assert app.selectbox("case").value == FIRST
    assert "case" not in app.query_params


def test_the_address_reopens_slice_sequence_and_mask(monkeypatch, tiny_cohort):
    address = {"case": FIRST, "slice": 10, "sequence": "pre-contrast", "mask": "off"}
    app = open_page(monkeypatch, tiny_cohort, "case", **address)
    image = tifffile.imread(tiny_cohort / FIRST / f"{FIRST}_10.tif")
    (picture,) = pictures_of(app)
    assert app.select_slider("slice").value == 10
    assert np.array_equal(picture[..., 0], image[..., 0])
    assert {key: str(app.query_params[key]) for key in address} == {
        key: str(value) for key, value in address.items()
    }


@pytest.mark.parametrize("mask", ["off", "contour", "fill"])
def test_a_marked_corner_pixel_stands_in_the_same_corner(monkeypatch, tiny_cohort, mask):
    mark_corner(tiny_cohort, FIRST, 2)
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=2, mask=mask)
    (picture,) = pictures_of(app)
    assert picture.shape == (64, 64, 3)
    assert tuple(picture[0, 0]) == (201, 201, 201)
    assert all(tuple(picture[corner]) == (0, 0, 0) for corner in [(0, -1), (-1, 0), (-1, -1)])


def test_the_three_sequences_are_colours_only_where_asked_for(monkeypatch, tiny_cohort):
    mark_corner(tiny_cohort, FIRST, 2)
    address = {"case": FIRST, "slice": 2, "sequence": "all three as colours"}
    app = open_page(monkeypatch, tiny_cohort, "case", **address)
    assert tuple(pictures_of(app)[0][0, 0]) == (11, 201, 31)


def test_the_contour_has_the_colour_of_the_mask_and_lies_on_its_rim(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=2)
    (picture,) = pictures_of(app)
    rows, columns = np.nonzero((picture == MASK_COLOUR).all(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (22, 33, 22, 33)
    assert len(rows) == 4 * 11


def test_a_chosen_slice_goes_into_the_address(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    app.select_slider("slice").set_value(1).run()
    assert app.query_params["slice"] == "1"
    app.button("next_slice").click().run()
    app.button("next_slice").click().run()
    assert app.query_params["slice"] == "10"
    app.button("next_slice").click().run()
    assert app.select_slider("slice").value == 10


def test_another_case_opens_at_its_own_largest_slice(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=10)
    app.button("next_case").click().run()
    assert app.selectbox("case").value == FLAIR_REPEATED
    assert app.select_slider("slice").value == 2
    assert "slice" not in app.query_params
    app.selectbox("case").set_value(OTHER_SITE).run()
    assert app.query_params["case"] == OTHER_SITE


def test_the_case_before_the_first_is_the_last(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    app.button("previous_case").click().run()
    assert app.selectbox("case").value == OTHER_SITE


def test_an_unknown_case_gets_one_sentence_and_the_list(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case="../../etc/passwd")
    assert not app.exception
    (error,) = app.error
    assert "Unknown case" in error.value
    assert error.value.count("choose one of the 3") == 1
    assert not app.get("plotly_chart")
    listed = [b for b in app.button if OTHER_SITE in b.label.replace("\\", "")]
    listed[0].click().run()
    assert app.selectbox("case").value == OTHER_SITE
    assert not app.error


def test_markup_in_the_address_is_shown_as_literal_text(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case="<img onerror=x> *a* [b](c) `d`")
    assert r"\<img onerror\=x\> \*a\* \[b\]\(c\) \`d\`" in app.error[0].value


def test_a_slice_that_is_not_there_is_answered_and_another_one_shown(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=999)
    assert "There is no slice “999”" in app.warning[0].value
    assert app.select_slider("slice").value == 2


def test_a_sequence_that_repeats_flair_is_said(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FLAIR_REPEATED)
    assert "FLAIR is repeated in place of post-contrast" in app.info[0].value
    assert not open_page(monkeypatch, tiny_cohort, "case", case=FIRST).info


def test_a_missing_mask_is_unknown_and_no_empty_mask(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1_mask.tif").unlink()
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=1)
    assert "no usable mask" in app.warning[0].value
    assert "shows no tumour" not in texts(app)


def test_an_empty_mask_is_said_to_be_empty(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=10)
    assert "shows no tumour" in texts(app)


def test_spacing_and_orientation_are_said_to_be_unknown(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    told = app.table[0].value.astype(str).to_string()
    assert "unknown: the files hold neither" in told


def test_codes_stay_codes_until_a_code_book_names_them(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE)
    facts = app.dataframe[0].value
    assert list(facts.columns) == ["column", "code"]
    assert facts.set_index("column").loc["neoplasm_histologic_grade", "code"] == "2"
    book = "column,code,label\nneoplasm_histologic_grade,2,Grade III\n"
    (tiny_cohort / "codebook.csv").write_text(book)
    app = open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE)
    facts = app.dataframe[0].value.set_index("column")
    assert facts.loc["neoplasm_histologic_grade", "label"] == "Grade III"


def test_a_case_without_a_readable_slice_is_one_sentence(monkeypatch, tiny_cohort):
    for path in (tiny_cohort / OTHER_SITE).glob(f"{OTHER_SITE}_?.tif"):
        path.write_bytes(b"")
    app = open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE)
    assert not app.exception
    assert "no slice that can be read" in app.error[0].value
