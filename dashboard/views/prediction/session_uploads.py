"""What a visitor uploads: it stays in the memory of the session, bounded, and is gone with it.

Nothing of it is written to disk, cached for other visitors, logged, or put into the address; what is
kept is found by numbers that Streamlit gives to files, not by their names.
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

KEPT = "_uploads"
"""Where the session keeps them; not a widget."""

MOST_KEPT = 12
"""What was opened, assembled, predicted and packed, together: enough to go back and forth."""

MOST_PREDICTED = 3
"""Of these the predictions, which are the largest part."""

_FORGOTTEN = "_uploads forgotten"


class Forgotten(BrainsegError):
    """Ends the prediction of an upload that was removed meanwhile."""


def files_of(uploaded: Sequence[UploadedFile]) -> list[InputFile]:
    """Return Streamlit's files as the core takes them."""
    return [InputFile(file.name, file.getvalue()) for file in uploaded]


def identity(uploaded: Sequence[UploadedFile]) -> tuple[str, ...]:
    """Return what stands for files in this session; another upload of the same content is another."""
    return tuple(file.file_id for file in uploaded)


def kept(key: tuple, make: Callable[[], T]) -> T:
    """Return what the session keeps under a key, made the first time; the oldest gives way.

    What raises is not kept.
    """
    memory: OrderedDict = st.session_state.setdefault(KEPT, OrderedDict())
    if key not in memory:
        made = make()
        memory[key] = made
    memory.move_to_end(key)
    while len(memory) > MOST_KEPT:
        memory.popitem(last=False)
    return memory[key]


def keep_only(files: tuple[str, ...]) -> None:
    """Drop all that was kept of other files than these."""
    memory: OrderedDict = st.session_state.get(KEPT, OrderedDict())
    if any(key[0] != files for key in memory):
        forget()


def predicting(
    key: tuple, volume: Volume, model: Model, exposure: CaseExposure, mode: str
) -> Work[Prediction]:
    """Return the prediction of an upload, started the first time; it ends when that is forgotten.

    Args:
        key: what stands for the volume in this session.
        volume: see :func:`brainseg.io.assemble`.
        model: what predicts.
        exposure: which of its folds.
        mode: a key of :data:`brainseg.inference.prediction.MODES`.
    """
    forgotten: Event = st.session_state.setdefault(_FORGOTTEN, Event())

    def predict(progress: Callable[[int, int], None]) -> Prediction:
        def told(done: int, total: int) -> None:
            if forgotten.is_set():
                raise Forgotten("The upload was removed: its prediction was ended.")
            progress(done, total)

        return predict_timed(volume, model, exposure, mode, told)

    whole = (*key, model.digest, exposure, mode)
    work = kept(whole, lambda: Work("predicting", predict))
    memory: OrderedDict = st.session_state[KEPT]
    for old in [one for one, value in memory.items() if isinstance(value, Work)][:-MOST_PREDICTED]:
        del memory[old]
    if work.ready(0) and work.result.exception():
        # A failure is never kept: the next look at the page tries again.
        del memory[whole]
    return work


def forget() -> None:
    """Drop all that was kept of uploads in this session, and end what is being predicted of them."""
    st.session_state.pop(KEPT, None)
    if ended := st.session_state.pop(_FORGOTTEN, None):
        ended.set()
