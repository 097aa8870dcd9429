"""The case page: the data sent to the viewer, steps between cases, case details."""

import numpy as np
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, head
from support.jobs import fatal_tiff, use_fatal_files
from support.pages import addresses_of_cases, open_page, texts, viewed


def test_the_viewer_receives_the_pixels_and_masks_of_the_files(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    assert not app.exception
    header, arrays = viewed(app)
    image = tifffile.imread(tiny_cohort / FIRST / f"{FIRST}_10.tif")
    mask = tifffile.imread(tiny_cohort / FIRST / f"{FIRST}_2_mask.tif")
    assert header["slice_numbers"] == [1, 2, 10]
    for channel, sequence in enumerate(header["sequences"]):
        assert np.array_equal(arrays[sequence][2], image[..., channel])
    assert np.array_equal(arrays["mask"][1], mask // 255)
    assert "probability" not in arrays


def test_a_case_is_shown_without_the_file_that_ends_its_decoder(monkeypatch, tiny_cohort):
    use_fatal_files(monkeypatch)
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(fatal_tiff(head(2)))
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    assert not app.exception
    assert viewed(app)[0]["slice_numbers"] == [1, 10]


def test_without_a_case_in_the_address_the_first_one_is_shown(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case")
    assert app.selectbox("case").value == FIRST
    assert "case" not in app.query_params


def test_the_page_leaves_the_viewers_parameters_in_the_address(monkeypatch, tiny_cohort):
    address = {"case": FIRST, "slice": 10, "sequence": "pre-contrast", "mask": "off"}
    app = open_page(monkeypatch, tiny_cohort, "case", **address)
    assert not app.exception
    assert {key: str(app.query_params[key]) for key in address} == {
        key: str(value) for key, value in address.items()
    }


def test_another_case_removes_the_slice_from_the_address(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, slice=10)
    app.button("next_case").click().run()
    assert app.selectbox("case").value == FLAIR_REPEATED
    assert viewed(app)[0]["case"] == FLAIR_REPEATED
    assert "slice" not in app.query_params


def test_the_buttons_for_other_cases_are_disabled_at_the_ends_of_the_list(monkeypatch, tiny_cohort):
    first = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    assert first.button("previous_case").disabled
    assert not first.button("next_case").disabled
    assert open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE).button("next_case").disabled


def test_previous_and_next_case_follow_the_filter_and_order_of_the_worklist(
    monkeypatch, tiny_cohort
):
    address = {"case": FIRST, "where": "institution~XX", "sort": "-case"}
    app = open_page(monkeypatch, tiny_cohort, "case", **address)
    assert app.button("next_case").disabled
    app.button("previous_case").click().run()
    assert app.selectbox("case").value == FLAIR_REPEATED
    assert app.button("previous_case").disabled
    assert app.query_params["where"] == "institution~XX"


def test_an_unknown_case_shows_a_message_and_the_list_of_cases(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case="../../etc/passwd")
    assert not app.exception
    (error,) = app.error
    assert "Unknown case" in error.value
    assert error.value.count("choose one of the 3") == 1
    assert not addresses_of_cases(app)
    listed = [b for b in app.button if OTHER_SITE in b.label.replace("\\", "")]
    listed[0].click().run()
    assert app.selectbox("case").value == OTHER_SITE
    assert not app.error


def test_markup_in_the_address_is_shown_as_literal_text(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case="<img onerror=x> *a* [b](c) `d`")
    assert r"\<img onerror\=x\> \*a\* \[b\]\(c\) \`d\`" in app.error[0].value


def test_a_sequence_that_repeats_flair_is_sent_once_and_named(monkeypatch, tiny_cohort):
    header, arrays = viewed(open_page(monkeypatch, tiny_cohort, "case", case=FLAIR_REPEATED))
    assert header["copies"] == {"post-contrast": "FLAIR"}
    assert "post-contrast" not in arrays
    assert not viewed(open_page(monkeypatch, tiny_cohort, "case", case=FIRST))[0]["copies"]


def test_a_missing_mask_is_unknown_and_not_empty(monkeypatch, tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_1_mask.tif").unlink()
    header, _ = viewed(open_page(monkeypatch, tiny_cohort, "case", case=FIRST))
    assert header["mask_there"] == [False, True, True]


def test_a_model_adds_its_probability_and_whether_it_was_trained_on_the_case(
    monkeypatch, tiny_cohort, tiny_model
):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, model="tiny")
    assert not app.exception
    header, arrays = viewed(app)
    assert arrays["probability"].shape == (3, 64, 64)
    assert header["made_by"] == "tiny: fold 0"
    assert "This patient was not in the training data" in texts(app)


def test_an_unknown_model_shows_a_message_and_the_case_without_a_prediction(
    monkeypatch, tiny_cohort
):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST, model="nobody")
    assert "Unknown model “nobody”" in app.warning[0].value
    assert "probability" not in viewed(app)[1]


def test_spacing_and_orientation_are_shown_as_unknown(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=FIRST)
    told = app.table[0].value.astype(str).to_string()
    assert "unknown (not in the files)" in told
    assert "placeholder" in texts(app)


def test_codes_are_shown_as_codes_without_a_code_book(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE)
    facts = app.dataframe[0].value
    assert list(facts.columns) == ["Column", "Code"]
    assert facts.set_index("Column").loc["neoplasm_histologic_grade", "Code"] == "2"
    book = "column,code,label\nneoplasm_histologic_grade,2,Grade III\n"
    (tiny_cohort / "codebook.csv").write_text(book)
    app = open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE)
    facts = app.dataframe[0].value.set_index("Column")
    assert facts.loc["neoplasm_histologic_grade", "Label"] == "Grade III"


def test_a_case_without_a_readable_slice_shows_one_message(monkeypatch, tiny_cohort):
    for path in (tiny_cohort / OTHER_SITE).glob(f"{OTHER_SITE}_?.tif"):
        path.write_bytes(b"")
    app = open_page(monkeypatch, tiny_cohort, "case", case=OTHER_SITE)
    assert not app.exception
    assert "no slice that can be read" in app.error[0].value
