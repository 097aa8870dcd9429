"""The files that let a stopped or killed training go on, and the weights that are kept."""

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
    """How far a training is; with the state that it names, all that is needed to go on.

    Attributes:
        epoch: whole epochs done, each with its score.
        step: batches done of the epoch to come; all of them where only its score is missing.
        loss: mean over these batches.
        seconds: that these batches took.
        best_epoch: whose weights are kept, or None.
        best_dice: its score, 0..1.
        stopped_early: whether patience has ended it.
        state: name of the file with weights and optimizer.
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
    """The last two states to go on from, and the best weights.

    ``progress.json`` names the state that it belongs to and is replaced last, so that a kill between
    two writes leaves what was before. It holds the progress of the state before as well, for a file
    that turns out to be damaged.

    Args:
        folder: of the run; the files lie in ``checkpoints`` below it.
        network: compiled, with an optimizer whose state is kept, too.
    """

    def __init__(self, folder: Path, network: "keras.Model") -> None:
        self.folder, self.network = folder / "checkpoints", network
        self.best = self.folder / "best.weights.h5"
        self.progress_path = self.folder / "progress.json"
        self._newest: dict | None = None
        self._before: dict | None = None

    def restore(self) -> Progress:
        """Load the newest state that can be read into the network, and return how far it was.

        Raises:
            RunError: there are states, and none can be read.
        """
        if not self.progress_path.exists():
            return Progress()
        try:
            kept = json.loads(self.progress_path.read_text())
            before = kept.pop("before", None)
        except (OSError, ValueError, AttributeError) as error:
            raise self._unreadable(error) from error
        failure: Exception | None = None
        for facts in filter(None, (kept, before)):
            try:
                progress = _progress_of(facts)
                self.network.optimizer.build(self.network.trainable_variables)
                self.network.load_weights(self.folder / progress.state)
            except (OSError, ValueError, KeyError, TypeError) as error:
                failure = error
                continue
            self._newest, self._before = asdict(progress), before if facts is kept else None
            return progress
        raise self._unreadable(failure) from failure

    def keep(self, progress: Progress, name: str) -> None:
        """Keep weights and optimizer, its moving averages included, with how far they are.

        Args:
            progress: gets the name of the state.
            name: of the state, another than that of the one before.

        Raises:
            RunError: the disk is full, or the folder cannot be written; what was kept before stands.
        """
        progress.state = f"{name}.weights.h5"
        self._save(self.network, self.folder / progress.state)
        self._before = self._newest
        self.keep_progress(progress)
        kept = {progress.state, (self._before or {}).get("state")}
        left_over = (old for old in self.folder.glob("state-*") if old.name not in kept)
        for old in (*left_over, *self.folder.glob(".*.part")):
            old.unlink(missing_ok=True)

    def keep_progress(self, progress: Progress) -> None:
        """Keep how far a training is where its state has not changed, but its score is known."""
        self._newest = asdict(progress)
        content = json.dumps(self._newest | {"before": self._before})
        write_atomically(self.progress_path, content.encode())

    def keep_best(self, network: "keras.Model") -> None:
        """Keep the weights of a network without its optimizer: a third of the size."""
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
                "resume; the checkpoints before it stand."
            ) from error

    def _unreadable(self, error: Exception | None) -> BrainsegError:
        return RunError(
            f"the checkpoint in {self.folder} cannot be read ({error}): start a new run."
        )


def weights_of(network: "keras.Model") -> bytes:
    """Return the content of a ``.weights.h5`` of a network."""
    whole = _InMemory()
    network.save_weights(whole)
    return whole.getvalue()


class _InMemory(io.BytesIO):
    """A file that Keras takes for one of weights, which it tells by the end of a name."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def _progress_of(facts: dict) -> Progress:
    """Return what a file holds; one of an older version lacks what was not known then."""
    known = {field.name for field in fields(Progress)}
    progress = Progress(**{key: value for key, value in facts.items() if key in known})
    if not progress.state:
        raise KeyError("state")
    return progress
