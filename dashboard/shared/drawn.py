"""The measurements drawn in the viewer: saved under the reader's initials, else kept in the session."""

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, ReviewError
from brainseg.reviews import Measurement, as_reader, open_measurements
from brainseg.reviews.database import fingerprints_of
from brainseg.reviews.measurements import MOST_OF_A_READER, as_measurement
from dashboard.shared import keys

_UNSAVED = "_measurements that are not saved"
_ERROR = "_why measurements are not saved"


@dataclass(frozen=True)
class Drawn:
    """The measurements on one volume.

    Attributes:
        of: names the volume to the viewer.
        cohort: of the case; None for an upload, whose measurements are never saved on the disk.
        case: its name.
    """

    of: str
    cohort: Cohort | None = None
    case: str = ""

    @property
    def items(self) -> tuple[Measurement, ...]:
        """Return all that were drawn on the volume, by all readers and in this session."""
        kept = tuple(_unsaved(self.of).values())
        if self.cohort is None:
            return kept
        try:
            return (*open_measurements(self.cohort).of(self.case), *kept)
        except BrainsegError:
            return kept  # the viewer shows the error

    def state(self) -> dict[str, Any]:
        """Return what the viewer shows, see Measuring.receive in static/viewer/measuring.js.

        What was drawn before the initials were entered is saved under them.
        """
        error, reader, items = st.session_state.get(_ERROR), self._reader(), _unsaved(self.of)
        if self.cohort is not None and reader is not None:
            try:
                saved = open_measurements(self.cohort)
                if items:
                    saved.change(self.case, reader, [one.as_dict() for one in items.values()])
                    items.clear()
                items = {one.id: one for one in saved.of(self.case, reader)}
            except BrainsegError as failed:
                reader, error = None, str(failed)
        return {
            "of": self.of,
            "reader": reader,
            "items": [one.as_dict() for one in items.values()],
            "error": error,
            "signs": self.cohort is not None,
        }

    def receive(self, message: Mapping[str, Any]) -> None:
        """Save changes of the viewer, from a callback; a message may be on the case shown before."""
        try:
            of, case = str(message["of"]), str(message["case"])
            put, removed = list(message["put"]), [str(one) for one in message["removed"]]
        except (TypeError, KeyError):
            return
        st.session_state[_ERROR] = None
        try:
            reader = self._reader()
            if self.cohort is None or reader is None:
                _keep(of, [as_measurement(one) for one in put], removed)
            elif fingerprints_of(self.cohort, case)[0] == of:
                open_measurements(self.cohort).change(case, reader, put, removed)
        except BrainsegError as error:
            st.session_state[_ERROR] = str(error)

    def _reader(self) -> str | None:
        """Return the initials of the session, None without valid ones or for an upload."""
        try:
            return as_reader(st.session_state.get(keys.READER) or "") if self.cohort else None
        except ReviewError:
            return None  # the review form shows it


def of_case(cohort: Cohort, case: str) -> Drawn:
    """Return the measurements on a case of a cohort."""
    return Drawn(fingerprints_of(cohort, case)[0], cohort, case)


def of_upload(key: Hashable) -> Drawn:
    """Return the measurements on an upload, which last as long as the session."""
    return Drawn(hashlib.blake2b(repr(key).encode(), digest_size=16).hexdigest())


def _unsaved(of: str) -> dict[str, Measurement]:
    return st.session_state.setdefault(_UNSAVED, {}).setdefault(of, {})


def _keep(of: str, put: list[Measurement], removed: list[str]) -> None:
    kept = _unsaved(of)
    if len({*kept, *(one.id for one in put)} - {*removed}) > MOST_OF_A_READER:
        raise ReviewError(f"a case may have {MOST_OF_A_READER} measurements: delete some.")
    for identity in removed:
        kept.pop(identity, None)
    kept |= {one.id: one for one in put}
