"""Uploads in the memory of the session: within the budget of all visitors, and deleted with it.

Uploads are not written to disk, cached for other visitors, logged, or put into the address. Their keys
are Streamlit's file ids, not file names.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from threading import Event, Thread
from typing import TypeVar
from weakref import finalize

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from brainseg.errors import BrainsegError
from brainseg.inference.prediction import Prediction, predict_timed
from brainseg.io import InputFile
from brainseg.io.detached import join_detached
from brainseg.io.subjects import mask_name
from brainseg.models import CaseExposure, Model
from brainseg.volume import Volume
from dashboard.shared.background import Work
from dashboard.shared.budget import BUDGET

T = TypeVar("T")

CACHE = "_uploads"
"""Session key of :class:`Kept`; not a widget."""

_NUMBERS = count()


class Kept:
    """What one session keeps in the budget; dropped when the session ends.

    Attributes:
        number: distinguishes sessions.
        keys: of the entries.
        forgotten: set when they are dropped, which ends running predictions.
    """

    def __init__(self) -> None:
        self.number, self.forgotten = next(_NUMBERS), Event()
        self.keys: set[tuple] = set()
        self.drop = finalize(self, _drop, self.keys, self.forgotten)
        self.drop.atexit = False

    def own(self, key: tuple) -> tuple:
        """Return the key of an entry in the budget."""
        self.keys.add((self.number, *key))
        return self.number, *key


def _drop(keys: set[tuple], forgotten: Event) -> None:
    forgotten.set()
    # Garbage collection may end a session anywhere, also while this thread changes the budget.
    Thread(target=BUDGET.drop, args=(list(keys),), name="dropping uploads").start()


def _kept() -> Kept:
    if CACHE not in st.session_state:
        st.session_state[CACHE] = Kept()
    kept: Kept = st.session_state[CACHE]
    return kept


class Forgotten(BrainsegError):
    """Ends the prediction of an upload that was removed."""


def files_of(
    uploaded: Sequence[UploadedFile], masks: Sequence[UploadedFile] = ()
) -> list[InputFile]:
    """Return Streamlit's files as input files of the core; ``masks`` are named as such."""
    files, added = (
        [InputFile(file.name, file.getvalue()) for file in own] for own in (uploaded, masks)
    )
    # A header names the file of its voxels, so both are joined before their names change.
    return files + [replace(one, name=mask_name(one.name)) for one in join_detached(added)]


def session_id() -> str:
    """Return the id under which the server stores the uploads of this session."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def identity(uploaded: Sequence[UploadedFile]) -> tuple[str, ...]:
    """Return the ids of uploaded files; uploading the same content again gives other ids."""
    return tuple(file.file_id for file in uploaded)


def cached(key: tuple, make: Callable[[], T]) -> T:
    """Return the cached result of a key, computed on first use.

    Nothing is cached if ``make`` raises.
    """
    kept = _kept()
    own = kept.own(key)
    made = BUDGET.get(own, make)
    if kept.forgotten.is_set():  # while it was made
        BUDGET.drop([own])
    return made


def drop_others(files: tuple[str, ...]) -> None:
    """Drop the cached results of all other files."""
    if any(key[1] != files for key in _kept().keys):
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
    kept = _kept()
    forgotten = kept.forgotten

    def predict(progress: Callable[[int, int], None]) -> Prediction:
        def report(done: int, total: int) -> None:
            if forgotten.is_set():
                raise Forgotten("The upload was removed, so its prediction was stopped.")
            progress(done, total)

        return predict_timed(volume, model, exposure, mode, report)

    whole = kept.own((*key, model.digest, exposure, mode))
    return BUDGET.start(whole, lambda: Work("predicting", predict))


def forget() -> None:
    """Drop all cached results of this session, and stop running predictions of uploads."""
    if kept := st.session_state.pop(CACHE, None):
        kept.drop()
