"""Assignment of series to sequences on the prediction page."""

import re

import numpy as np
import pytest
from support.cohorts import head
from support.files import dicom
from support.pages import open_page, texts

from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST

UPLOAD = {"source": "your own files"}


@pytest.fixture(autouse=True)
def model(monkeypatch, tiny_model):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))


def study(*described: str, **tags: object) -> list[tuple[str, bytes, str]]:
    """Return files of a study: one series of three slices for each description, numbered from 2."""
    files = []
    for number, words in enumerate(described, start=2):
        own = {"SeriesInstanceUID": f"1.2.{number}", "SeriesNumber": number} | tags
        for place in range(3):
            plane = np.roll(head(place + 1)[..., 0], number)
            data = dicom(plane, 5.0 * place, SeriesDescription=words, **own)
            files.append((f"{number}_{place}", data, "application/octet-stream"))
    return files


def uploaded(monkeypatch, cohort, files: list[tuple[str, bytes, str]]):
    app = open_page(monkeypatch, cohort, "prediction", **UPLOAD)
    app.file_uploader("upload").set_value(files)
    return app.run()


def said(app) -> str:
    return re.sub(r"\\(?=[^\w\s])", "", texts(app))


def choice(app, sequence: str):
    return next(one for one in app.selectbox if one.label == sequence)


def test_two_equal_candidates_need_a_choice_before_the_prediction(monkeypatch, tiny_cohort):
    app = uploaded(monkeypatch, tiny_cohort, study("FLAIR", "FLAIR", "T1 nach KM"))
    assert not app.exception
    assert choice(app, FLAIR).value is None
    assert choice(app, POST_CONTRAST).value == 2
    assert "Choose the series for FLAIR, or “not given”: series 2 and series 3" in said(app)
    assert not app.table
    choice(app, FLAIR).select_index(2).run()
    assert not app.exception
    assert "Choose the series for FLAIR" not in said(app)
    assert app.table


def test_the_page_shows_the_guessed_sequence_of_each_series_and_the_reason(
    monkeypatch, tiny_cohort
):
    app = uploaded(monkeypatch, tiny_cohort, study("AX T2 FLAIR", "AX T1 FLAIR", "AX T2 POST"))
    shown = said(app)
    assert "FLAIR (description: T2, FLAIR)" in shown
    assert "pre-contrast (description: T1, FLAIR)" in shown
    assert "T2, none of the three sequences (description: T2, post)" in shown
    (assigning,) = (one for one in app.expander if one.label == "Assign sequences")
    assert assigning.proto.expanded  # post-contrast is missing
    complete = uploaded(monkeypatch, tiny_cohort, study("FLAIR", "T1", "T1 +C"))
    assert not complete.expander[0].proto.expanded
    assert (choice(app, FLAIR).value, choice(app, PRE_CONTRAST).value) == (0, 1)


def test_one_of_two_studies_is_used_and_the_other_is_named_without_its_patient(
    monkeypatch, tiny_cohort
):
    first = study("FLAIR", PatientID="SECRET-1", StudyInstanceUID="1.1")
    second = study("T1", PatientID="SECRET-2", StudyInstanceUID="1.2")
    files = first + [(f"b{name}", data, kind) for name, data, kind in second]
    app = uploaded(monkeypatch, tiny_cohort, files)
    shown = said(app)
    assert "A study of 3 slices was left out: the files hold 2 studies of 2 patients" in shown
    assert "SECRET" not in shown
