"""What a visitor uploads: it stays in the memory of the session, bounded, and is gone with it."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from brainseg.formats import count_pages, read_upload
from brainseg.models import Model
from brainseg.prediction import Prediction, predict_timed
from brainseg.volume import Volume

T = TypeVar("T")

KEPT = "_uploads"
"""Where the session keeps them; not a widget."""

MOST_KEPT = 6
"""Page counts and predicted pages together."""


@dataclass(frozen=True)
class Upload:
    """An uploaded file by its content; the name only tells what its suffix promises."""

    data: bytes
    name: str
    digest: str

    @classmethod
    def of(cls, file: UploadedFile) -> "Upload":
        """Return an upload from Streamlit's file."""
        data = file.getvalue()
        suffix = PurePath(file.name).suffix.lower()
        digest = hashlib.blake2b(suffix.encode() + b"\0" + data, digest_size=16).hexdigest()
        return cls(data, file.name, digest)


def pages(upload: Upload) -> int:
    """Return how many pages the file holds; raises DecodeError where it cannot be read."""
    return _kept((upload.digest, "pages"), lambda: count_pages(upload.data, upload.name))


def predicted(upload: Upload, page: int, model: Model) -> tuple[Volume, Prediction]:
    """Return one page as a volume of one slice, with its prediction.

    Args:
        upload: the file.
        page: from 0.
        model: new to it, as far as anyone can tell.

    Raises:
        DecodeError: the page was not used; one sentence names the file and the reason.
        ModelError: the model cannot be opened.
    """

    def predict() -> tuple[Volume, Prediction]:
        volume = read_upload(upload.data, upload.name, page)
        return volume, predict_timed(volume, model, model.standing(None))

    return _kept((upload.digest, page, model.digest), predict)


def forget() -> None:
    """Drop all that was kept of uploads in this session."""
    st.session_state.pop(KEPT, None)


def _kept(key: tuple, make: Callable[[], T]) -> T:
    """Return what is kept under a key, made the first time; the oldest gives way to the newest."""
    kept: OrderedDict = st.session_state.setdefault(KEPT, OrderedDict())
    if key not in kept:
        made = make()
        kept[key] = made
    kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
    return kept[key]
