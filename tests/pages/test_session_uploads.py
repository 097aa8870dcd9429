"""What a session keeps of uploads: within the budget, and nothing once they are removed."""

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
from dashboard.shared.budget import BUDGET
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


def test_a_result_is_computed_once_while_the_budget_lasts():
    made = []
    for number in (1, 2, 1):
        session_uploads.cached((FILES, number), lambda: made.append(0) or np.zeros(1000))
    assert len(made) == 2


def test_what_raises_is_not_cached():
    with pytest.raises(ZeroDivisionError):
        session_uploads.cached((FILES, "wrong"), lambda: 1 / 0)
    assert session_uploads.cached((FILES, "wrong"), lambda: "right") == "right"


def test_other_files_than_those_shown_are_dropped(session):
    session_uploads.cached((FILES, "upload"), dict)
    session_uploads.drop_others(FILES)
    assert session_uploads.CACHE in session
    session_uploads.drop_others(("another file",))
    assert session_uploads.CACHE not in session


def test_two_sessions_share_no_upload(monkeypatch):
    session_uploads.cached((FILES, "upload"), lambda: "of the first session")
    monkeypatch.setattr(session_uploads.st, "session_state", {})
    assert session_uploads.cached((FILES, "upload"), lambda: "own") == "own"


def test_the_end_of_a_session_frees_its_part_of_the_budget(session):
    BUDGET.drop()
    session_uploads.cached((FILES, "upload"), lambda: np.zeros(1000))
    assert BUDGET.used >= 8000
    session.clear()
    deadline = time.monotonic() + GUARDS_AGAINST_A_HANG_S
    while BUDGET.used and time.monotonic() < deadline:
        time.sleep(0.01)
    assert BUDGET.used == 0


def test_a_result_made_after_its_upload_was_removed_is_not_kept():
    BUDGET.drop()

    def removed_meanwhile() -> np.ndarray:
        session_uploads.forget()
        return np.zeros(1000)

    session_uploads.cached((FILES, "upload"), removed_meanwhile)
    assert BUDGET.used == 0


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
