"""Checkpoints: the state that lets a stopped or killed training resume, and the best weights."""

import io
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.errors import BrainsegError, RunError
from brainseg.storage import write_atomically

if TYPE_CHECKING:
    import keras


@dataclass
class Progress:
    """Progress of a training; together with the state file it names, enough to resume.

    Attributes:
        epoch: number of finished and scored epochs.
        step: batches done of the current epoch; all of them if only its score is missing.
        loss: mean over these batches.
        seconds: training time of these batches.
        best_epoch: epoch of the best weights, or None.
        best_dice: its mean validation Dice, 0..1.
        stopped_early: True if the patience ran out.
        state: name of the file with weights and optimizer state.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    best_epoch: int | None = None
    best_dice: float | None = None
    stopped_early: bool = False
    state: str = ""


class Checkpoints:
    """The last two states of a training, and its best weights.

    ``progress.json`` names its state file and is replaced last, so a kill between two writes leaves the
    previous checkpoint valid. It also contains the progress of the previous state, in case the newest
    file is damaged. The network must be compiled, so that the optimizer's state is saved, too.
    """

    def __init__(self, folder: Path, network: "keras.Model") -> None:
        self.folder, self.network = folder / "checkpoints", network
        self.best = self.folder / "best.weights.h5"
        self.progress_path = self.folder / "progress.json"
        self._newest: dict | None = None
        self._before: dict | None = None

    def restore(self) -> Progress:
        """Load the newest readable state into the network and return its progress.

        Raises:
            RunError: no state of an existing checkpoint can be read.
        """
        if not self.progress_path.exists():
            return Progress()
        try:
            newest = json.loads(self.progress_path.read_text())
            before = newest.pop("before", None)
        except (OSError, ValueError, AttributeError) as error:
            raise self._unreadable(error) from error
        failure: Exception | None = None
        for facts in filter(None, (newest, before)):
            try:
                progress = _progress_of(facts)
                self.network.optimizer.build(self.network.trainable_variables)
                self.network.load_weights(self.folder / progress.state)
            except (OSError, ValueError, KeyError, TypeError) as error:
                failure = error
                continue
            self._newest, self._before = asdict(progress), before if facts is newest else None
            return progress
        raise self._unreadable(failure) from failure

    def save_state(self, progress: Progress, name: str) -> None:
        """Save weights, optimizer state and moving averages, with their progress, under a new name.

        Raises:
            RunError: the disk is full or the folder is not writable; earlier checkpoints stay valid.
        """
        progress.state = f"{name}.weights.h5"
        self._save(self.network, self.folder / progress.state)
        self._before = self._newest
        self.save_progress(progress)
        current = {progress.state, (self._before or {}).get("state")}
        outdated = (old for old in self.folder.glob("state-*") if old.name not in current)
        for old in (*outdated, *self.folder.glob(".*.part")):
            old.unlink(missing_ok=True)

    def save_progress(self, progress: Progress) -> None:
        """Save the progress alone, when the score of an unchanged state becomes known."""
        self._newest = asdict(progress)
        content = json.dumps(self._newest | {"before": self._before})
        write_atomically(self.progress_path, content.encode())

    def save_best(self, network: "keras.Model") -> None:
        """Save the best weights, without the optimizer state: a third of the size."""
        self._save(network, self.best)

    def _save(self, network: "keras.Model", path: Path) -> None:
        # In memory first: HDF5 that meets a full disk crashes the process at one of its next files.
        content = weights_of(network)
        try:
            write_atomically(path, content)
        except BrainsegError as error:
            reason = getattr(error.__cause__, "strerror", None) or str(error)
            raise RunError(
                f"checkpoint {path.name} could not be written ({reason}): free some space, then "
                "resume; earlier checkpoints are intact."
            ) from error

    def _unreadable(self, error: Exception | None) -> BrainsegError:
        return RunError(
            f"the checkpoint in {self.folder} cannot be read ({error}): start a new run."
        )


def weights_of(network: "keras.Model") -> bytes:
    """Return the bytes of a network's ``.weights.h5`` file."""
    whole = _InMemory()
    network.save_weights(whole)
    return whole.getvalue()


class _InMemory(io.BytesIO):
    """A file in memory whose name has the suffix that Keras requires of a weights file."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def _progress_of(facts: dict) -> Progress:
    """Return the progress in a file; fields that an older version did not write get their defaults."""
    known = {field.name for field in fields(Progress)}
    progress = Progress(**{key: value for key, value in facts.items() if key in known})
    if not progress.state:
        raise KeyError("state")
    return progress
