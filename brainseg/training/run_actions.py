"""What a user does with a run that has ended: rename it, annotate it, delete it."""

import re

from brainseg.errors import RunError
from brainseg.people import OWNER, require
from brainseg.reviews import record
from brainseg.storage import remove_folder, write_atomically
from brainseg.training.config import NAME_RULE, is_name
from brainseg.training.runs import ACTIVE, NOTE, Run

LONGEST_NOTE = 2000
"""In characters."""


def rename(run: Run, name: str) -> Run:
    """Give a run another name, which keeps its time of start in front; return the renamed run.

    Raises:
        RunError: the name is invalid or taken, or the run is being trained or no longer exists.
    """
    require(OWNER, "rename a run")
    if not is_name(name):
        raise RunError(f"a run cannot be called “{name[:60]}”: use {NAME_RULE}.")
    _refuse_active(run, "renaming")
    start = re.match(r"\d{8}-\d{6}-", run.name)
    target = run.path.with_name(f"{start[0] if start else ''}{name}")
    if target == run.path:
        return run
    if target.exists():
        raise RunError(f"there is already a run {target.name}: choose another name.")
    record("rename run", run=run.name, name=target.name)
    try:
        run.path.rename(target)
    except OSError as error:
        raise RunError(
            f"run {run.name} could not be renamed ({error.strerror}): reload the list of runs."
        ) from error
    renamed = Run(target)
    renamed.set_config(renamed.config() | {"name": name})
    return renamed


def annotate(run: Run, note: str) -> None:
    """Save a note on a run; an empty one removes it.

    Raises:
        RunError: the note is too long.
        BrainsegError: it cannot be written.
    """
    require(OWNER, "annotate a run")
    if len(note) > LONGEST_NOTE:
        raise RunError(
            f"the note has {len(note):,} characters, but at most {LONGEST_NOTE:,} are saved: shorten it."
        )
    if not run.path.is_dir():
        raise RunError(f"run {run.name} no longer exists: reload the list of runs.")
    write_atomically(run.path / NOTE, note.strip().encode())


def delete(run: Run) -> None:
    """Delete a run with its checkpoints and its model; scores and published models stay.

    Raises:
        RunError: the run is being trained.
        BrainsegError: it cannot be deleted.
    """
    require(OWNER, "delete a run")
    _refuse_active(run, "deleting")
    record("delete run", run=run.name)
    remove_folder(run.path)


def _refuse_active(run: Run, doing: str) -> None:
    try:
        active = run.state() in ACTIVE
    except RunError:
        active = bool(run.is_alive())  # A damaged run can still be deleted.
    if active or run.is_alive():
        raise RunError(f"run {run.name} is being trained: stop it before {doing} it.")
