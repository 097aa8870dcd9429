"""What a session keeps of uploads: so much and no more, and nothing once they are removed."""

import time
import tomllib
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from brainseg.io.limits import MAX_INFLATED_BYTES
from brainseg.models import NEW, CaseExposure
from brainseg.volume import Volume
from dashboard.views.prediction import session_uploads

GUARDS_AGAINST_A_HANG_S = 60
FILES = ("one file",)
MODEL = SimpleNamespace(digest="a manifest")
NEW_TO_IT = CaseExposure(NEW, (0,))
SLICE = Volume(np.zeros((1, 32, 32, 3), np.uint8))


@pytest.fixture(autouse=True)
def session(monkeypatch) -> dict:
    kept = {}
    monkeypatch.setattr(session_uploads.st, "session_state", kept)
    return kept


def test_what_is_kept_is_made_once_and_the_oldest_gives_way(session):
    made = []
    for number in [*range(session_uploads.MAX_CACHED + 2), session_uploads.MAX_CACHED + 1]:
        session_uploads.cached((FILES, number), lambda: made.append(0))
    assert len(made) == session_uploads.MAX_CACHED + 2
    assert len(session[session_uploads.CACHE]) == session_uploads.MAX_CACHED
    assert (FILES, 0) not in session[session_uploads.CACHE]


def test_what_raises_is_not_kept(session):
    with pytest.raises(ZeroDivisionError):
        session_uploads.cached((FILES, "wrong"), lambda: 1 / 0)
    assert not session[session_uploads.CACHE]


def test_other_files_than_those_that_are_shown_are_dropped(session):
    session_uploads.cached((FILES, "upload"), dict)
    session_uploads.drop_others(FILES)
    assert session[session_uploads.CACHE]
    session_uploads.drop_others(("another file",))
    assert session_uploads.CACHE not in session


def test_predictions_are_bounded_by_themselves(monkeypatch, session):
    monkeypatch.setattr(session_uploads, "predict_timed", lambda *_: "a prediction")
    for mode in map(str, range(session_uploads.MAX_PREDICTIONS + 2)):
        work = session_uploads.predicting((FILES,), SLICE, MODEL, NEW_TO_IT, mode)
        assert work.result.result(GUARDS_AGAINST_A_HANG_S) == "a prediction"
    assert len(session[session_uploads.CACHE]) == session_uploads.MAX_PREDICTIONS


def test_a_removed_upload_ends_its_prediction(monkeypatch):
    started = Event()

    def endless(volume, model, exposure, mode, progress):
        while True:
            started.set()
            progress(1, 2)
            time.sleep(0.001)

    monkeypatch.setattr(session_uploads, "predict_timed", endless)
    work = session_uploads.predicting((FILES,), SLICE, MODEL, NEW_TO_IT, "fast")
    assert started.wait(GUARDS_AGAINST_A_HANG_S)
    session_uploads.forget()
    with pytest.raises(session_uploads.Forgotten):
        work.result.result(GUARDS_AGAINST_A_HANG_S)
    assert session_uploads.predicting((FILES,), SLICE, MODEL, NEW_TO_IT, "fast") is not work
    session_uploads.forget()


def test_a_failed_prediction_is_tried_again(monkeypatch, session):
    def fails(*_):
        raise ValueError("a broken network")

    monkeypatch.setattr(session_uploads, "predict_timed", fails)
    work = session_uploads.predicting((FILES,), SLICE, MODEL, NEW_TO_IT, "fast")
    with pytest.raises(ValueError, match="broken"):
        work.result.result(GUARDS_AGAINST_A_HANG_S)
    session_uploads.predicting((FILES,), SLICE, MODEL, NEW_TO_IT, "fast")
    again = session_uploads.predicting((FILES,), SLICE, MODEL, NEW_TO_IT, "fast")
    assert again is not work


def test_the_browser_may_send_a_file_as_large_as_the_limits_allow():
    config = Path(session_uploads.__file__).parents[2] / ".streamlit" / "config.toml"
    most = tomllib.loads(config.read_text())["server"]["maxUploadSize"]
    assert most * 2**20 == MAX_INFLATED_BYTES
