"""Reports: one page, names as literal text, reproducible bytes."""

import io
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader
from support import predictions
from support.cohorts import FIRST, FLAIR_REPEATED, blob, head

from brainseg import RESEARCH_USE, __version__
from brainseg.cohort import Cohort
from brainseg.exports.report import Outline, Page, case_report
from brainseg.exports.report.drawing import edges_of
from brainseg.exports.report.text import REPLACED_MEANS, as_text, drawable, shortened
from brainseg.inference.record import CaseRecord, record_of
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN
from brainseg.reviews import open_reviews
from brainseg.reviews.table import ReviewedPrediction
from brainseg.volume import Volume


def words(pdf: bytes) -> str:
    """Return the text of all pages, white space folded."""
    return " ".join(
        " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split()
    )


def pages(pdf: bytes) -> int:
    return len(PdfReader(io.BytesIO(pdf)).pages)


@pytest.fixture
def record(tiny_cohort) -> CaseRecord:
    case = Cohort.open(tiny_cohort).case(FIRST)
    return record_of(FIRST, case.volume(), case.readable["slice_number"], *case.masks())


def with_prediction(record: CaseRecord, relation: str = HELD_OUT) -> CaseRecord:
    probability = np.roll(record.masks, 2, axis=1).astype(np.float32) * 0.9
    return replace(
        record, predicted=predictions.made("net", relation, (2,), 0.4, probability, 0.8123)
    )


def test_a_case_is_one_page_with_its_measures_and_unknown_values(record):
    pdf = case_report(record)
    told = words(pdf)
    assert pages(pdf) == 1
    for expected in (
        f"Case report {FIRST}",
        "FLAIR, slice 2 (1–10)",
        "The slice with the largest area of the mask",
        "Area of the slice 144 px",
        "Longest diameter 15.6 px",
        "Components in slice 1",
        "Volume of the case 244 voxels",
        "Slices marked 2 of 3",
        "Usable masks 3 of 3",
        "Spacing unknown",
        "Orientation unknown",
        "manual FLAIR abnormality",
        f"{RESEARCH_USE} brainseg {__version__} · page 1",
    ):
        assert expected in told, told
    assert "Model" not in told
    assert "Reviews" not in told
    assert "mm" not in told.replace("component", "")


def test_a_prediction_has_model_fold_threshold_and_score(record):
    told = words(case_report(with_prediction(record), made_on=date(2026, 3, 4)))
    for expected in (
        "Model net",
        "Predicted by fold 2",
        "Held-out prediction: fold 2 was not trained on this patient.",
        "Threshold 0.40",
        "Dice of the case 0.812",
        "prediction of net",
        "Area of the slice 144 px 144 px",
        "2026-03-04",
    ):
        assert expected in told, told
    assert "the Dice is not meaningful" in words(case_report(with_prediction(record, SEEN)))
    assert "This patient was not in the training data" in words(
        case_report(with_prediction(record, NEW))
    )
    assert "It is unknown whether" in words(case_report(with_prediction(record, UNKNOWN)))
    unscored = replace(record, has_mask=np.zeros(3, bool), masks=np.zeros_like(record.masks))
    told = words(
        case_report(
            replace(
                with_prediction(record),
                masks=unscored.masks,
                has_mask=unscored.has_mask,
                predicted=replace(with_prediction(record).predicted, dice=None),
            )
        )
    )
    assert "Dice of the case unknown" in told
    assert "largest area of the prediction" in told


def test_reviews_are_listed_and_many_are_counted(record, tiny_cohort):
    reviews = open_reviews(Cohort.open(tiny_cohort))
    assert "No reader has reviewed" in words(case_report(record, reviews.of(FIRST)))
    reviews.put(FIRST, "AB", "needs edit", "see <b>slice 2</b>\nplease")
    told = words(case_report(record, reviews.of(FIRST)))
    assert re.search(
        r"AB, \d{4}-\d\d-\d\d, manual mask: needs edit. see <b>slice 2</b> please", told
    )
    prediction = ReviewedPrediction("net", "d1", (0, 1), 0.45)
    reviews.put(FIRST, "AB", "agree", prediction=prediction)
    assert "prediction of net at threshold 0.45 (the mean of folds 0 and 1): agree" in words(
        case_report(record, reviews.of(FIRST))
    )
    for number in range(7):
        reviews.put(FIRST, f"R{number}", "agree")
    assert "and 5 more" in words(case_report(record, reviews.of(FIRST)))


def test_without_mask_and_prediction_the_middle_slice_is_shown(record):
    bare = replace(record, has_mask=np.zeros(3, bool), masks=np.zeros_like(record.masks))
    told = words(case_report(bare))
    assert "there is no mask and no prediction" in told
    assert "nothing to measure" in told
    empty = replace(record, masks=np.zeros_like(record.masks))
    told = words(case_report(empty))
    assert "The middle slice: mask is empty" in told
    assert "Area of the slice 0 px" in told
    assert "Longest diameter none" in told


def test_with_a_spacing_there_are_millimetres_and_millilitres(record):
    known = Volume(record.volume.pixels, spacing_mm=(5.0, 0.5, 0.5))
    told = words(case_report(replace(record, volume=known)))
    assert "36.0 mm²" in told
    assert "Longest diameter 7.8 mm" in told
    assert "0.3 ml" in told
    assert "0.5 × 0.5 mm, slices 5 mm apart" in told


def test_a_case_with_much_content_is_still_one_page(record, tiny_cohort):
    reviews = open_reviews(Cohort.open(tiny_cohort))
    for number in range(8):
        reviews.put(FIRST, f"READER{number}", "needs edit", "word " * 400)
    notes = tuple("a long note on what was done " * 20 for _ in range(9))
    predicted = with_prediction(record, SEEN)
    made = predicted.predicted.prediction
    by_five_folds = replace(made, exposure=replace(made.exposure, folds=(0, 1, 2, 3, 4)))
    full = replace(
        predicted,
        predicted=replace(predicted.predicted, model="m" * 99, prediction=by_five_folds),
        case="患者" + "W" * 300,
        volume=Volume(record.volume.pixels, spacing_mm=(5.0, 0.5, 0.5), notes=notes),
        has_mask=np.array([True, True, False]),
    )
    assert pages(case_report(full, reviews.of(FIRST), date(2026, 1, 1))) == 1


def test_a_single_slice_has_a_report(record):
    one = CaseRecord(
        "upload", Volume(head(3)[np.newaxis]), (1,), np.zeros((1, 64, 64), bool), np.array([False])
    )
    assert "FLAIR, slice 1 " in words(case_report(one))


@pytest.mark.parametrize(
    "name",
    [
        "<img onerror=x>&amp;<b>",
        "../../x",
        "Пациент Ωμέγα žluť",
        "a\nb\tc\0d",
        "患者 🧠 אב",
        "**x** _y_",
    ],
)
def test_a_name_is_literal_text_and_missing_glyphs_are_replaced_visibly(record, name):
    told = words(case_report(replace(record, case=name)))
    shown = drawable(name).replace("\t", " ")
    assert " ".join(shown.split()) in told
    assert (REPLACED_MEANS in told) == ("\ufffd" in shown)


def test_the_same_case_gives_the_same_bytes_in_any_thread(record):
    full = with_prediction(record)
    expected = case_report(full, made_on=date(2026, 1, 1))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: case_report(full, made_on=date(2026, 1, 1)), range(8)))
    assert all(result == expected for result in results)


def test_a_sequence_that_repeats_flair_is_named(tiny_cohort):
    case = Cohort.open(tiny_cohort).case(FLAIR_REPEATED)
    record = record_of(case.name, case.volume(), case.readable["slice_number"], *case.masks())
    assert "post-contrast repeats FLAIR" in words(case_report(record))


def test_content_continues_on_the_next_page():
    page = Page("Checks", subtitle="86 cases", made_on=date(2026, 1, 2))
    page.heading("Findings")
    page.facts({"Cases": 3101, "Share": 0.5, "Spacing": None, "Synthetic": True})
    page.table(pd.DataFrame({"kind": [f"kind {n}" for n in range(90)], "cases": range(90)}))
    left, right = page.columns(0.6, 0.4)
    left.picture(head(1), "a picture", [Outline("mask", blob(5, 5) > 0, (230, 159, 0))])
    page.columns(1, 1)
    right.text("beside it", muted=True)
    page.text("below")
    pdf = page.as_bytes()
    told = words(pdf)
    for expected in (
        "Cases 3,101",
        "Share 0.50",
        "Spacing unknown",
        "Synthetic yes",
        "kind 89 89",
        "mask",
        "beside it",
    ):
        assert expected in told
    assert pages(pdf) == 3
    assert told.count("kind cases") == 3
    assert told.count(RESEARCH_USE) == 3
    assert page.as_bytes() == pdf


def test_content_higher_than_a_page_continues_without_loss():
    page = Page("T")
    left, right = page.columns(1, 1)
    left.table(pd.DataFrame({"row": [f"number{n}." for n in range(100)]}))
    right.text(" ".join(f"word{n}." for n in range(900)))
    page.table(pd.DataFrame({"cell": [" ".join(f"part{n}." for n in range(4000))], "b": [1]}))
    told = words(page.as_bytes())
    assert page.pages > 3
    for word, count in (("number", 100), ("word", 900), ("part", 4000)):
        assert all(told.count(f"{word}{n}.") == 1 for n in range(count)), word


def test_an_empty_table_and_wide_words_break_nothing():
    page = Page("T")
    page.table(pd.DataFrame(columns=["a", "b"]))
    page.facts({})
    page.table(pd.DataFrame({"W" * 60: ["M" * 400], "b": [pd.NA], "c": ["x " * 300]}))
    assert pages(page.as_bytes()) == 1


def test_outlines_follow_the_pixels_with_their_holes():
    ring = np.zeros((7, 7), bool)
    ring[1:6, 1:6] = True
    ring[3, 3] = False
    outer, hole = sorted(edges_of(ring), key=lambda p: -np.ptp([row for row, _ in p]))
    assert np.allclose(np.min(outer, axis=0), 1 - 1 / 3)
    assert np.allclose(np.max(outer, axis=0), 5 + 1 / 3)
    assert np.all(np.abs(np.array(hole) - 3) < 1)


def test_values_as_text():
    assert [as_text(v) for v in (None, pd.NA, float("nan"), 1234, np.int64(5), 2.5, True)] == [
        "unknown",
        "unknown",
        "unknown",
        "1,234",
        "5",
        "2.50",
        "yes",
    ]
    assert shortened("a" * 100, 11) == "aaaaaa…aaaa"
    assert shortened("short", 11) == "short"


@pytest.mark.skipif(not shutil.which("pdftoppm"), reason="pdftoppm is not installed")
def test_the_page_draws_the_picture_and_the_outline(record, tmp_path):
    (tmp_path / "r.pdf").write_bytes(case_report(record))
    subprocess.run(["pdftoppm", "-r", "60", "-png", "r.pdf", "r"], cwd=tmp_path, check=True)
    from PIL import Image

    drawn = np.asarray(Image.open(tmp_path / "r-1.png").convert("RGB")).astype(int)
    orange = np.abs(drawn - (230, 159, 0)).sum(axis=2) < 60
    assert orange[:500].sum() > 50
