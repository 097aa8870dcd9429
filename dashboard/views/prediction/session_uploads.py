"""Uploads in the memory of the session: bounded, and deleted with it.

Uploads are not written to disk, cached for other visitors, logged, or put into the address. Their keys
are Streamlit's file ids, not file names.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Event
from typing import TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from brainseg.errors import BrainsegError
from brainseg.inference.prediction import Prediction, predict_timed
from brainseg.io import InputFile
from brainseg.models import CaseExposure, Model
from brainseg.volume import Volume
from dashboard.shared.background import Work

T = TypeVar("T")

CACHE = "_uploads"
"""Session key of the cached results; not a widget."""

MAX_CACHED = 12
"""Maximum number of opened, assembled, predicted and packed results together."""

MAX_PREDICTIONS = 3
"""Maximum number of predictions among them, the largest part."""

_FORGOTTEN = "_uploads forgotten"


class Forgotten(BrainsegError):
    """Ends the prediction of an upload that was removed."""


def files_of(uploaded: Sequence[UploadedFile]) -> list[InputFile]:
    """Return Streamlit's files as input files of the core."""
    return [InputFile(file.name, file.getvalue()) for file in uploaded]


def identity(uploaded: Sequence[UploadedFile]) -> tuple[str, ...]:
    """Return the ids of uploaded files; uploading the same content again gives other ids."""
    return tuple(file.file_id for file in uploaded)


def cached(key: tuple, make: Callable[[], T]) -> T:
    """Return the cached result of a key, computed on first use; the oldest result is evicted.

    Nothing is cached if ``make`` raises.
    """
    memory: OrderedDict = st.session_state.setdefault(CACHE, OrderedDict())
    if key not in memory:
        made = make()
        memory[key] = made
    memory.move_to_end(key)
    while len(memory) > MAX_CACHED:
        memory.popitem(last=False)
    return memory[key]


def drop_others(files: tuple[str, ...]) -> None:
    """Drop the cached results of all other files."""
    memory: OrderedDict = st.session_state.get(CACHE, OrderedDict())
    if any(key[0] != files for key in memory):
        forget()


def predicting(
    key: tuple, volume: Volume, model: Model, exposure: CaseExposure, mode: str
) -> Work[Prediction]:
    """Return the prediction of an upload, started on first use; it ends when the upload is removed.

    Args:
        key: identifies the volume in this session.
        volume: see :func:`brainseg.io.assemble`.
        model: the model that predicts.
        exposure: the folds that predict.
        mode: a key of :data:`brainseg.inference.prediction.MODES`.
    """
    forgotten: Event = st.session_state.setdefault(_FORGOTTEN, Event())

    def predict(progress: Callable[[int, int], None]) -> Prediction:
        def report(done: int, total: int) -> None:
            if forgotten.is_set():
                raise Forgotten("The upload was removed, so its prediction was stopped.")
            progress(done, total)

        return predict_timed(volume, model, exposure, mode, report)

    whole = (*key, model.digest, exposure, mode)
    work = cached(whole, lambda: Work("predicting", predict))
    memory: OrderedDict = st.session_state[CACHE]
    for old in [one for one, value in memory.items() if isinstance(value, Work)][:-MAX_PREDICTIONS]:
        del memory[old]
    if work.ready(0) and work.result.exception():
        # A failure is not cached: the next run of the page tries again.
        del memory[whole]
    return work


def forget() -> None:
    """Drop all cached results of this session, and stop running predictions of uploads."""
    st.session_state.pop(CACHE, None)
    if ended := st.session_state.pop(_FORGOTTEN, None):
        ended.set()
