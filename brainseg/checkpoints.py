"""The files that let a killed training go on, and the moving average that is kept."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.errors import RunError
from brainseg.home import write_atomically

if TYPE_CHECKING:
    import keras


class Checkpoints:
    """Two states to go on from, and the best weights.

    ``progress.json`` names the state that it belongs to and is replaced last, so that a kill between
    two writes leaves the epoch before.

    Args:
        folder: of the run; the files lie in ``checkpoints`` below it.
        network: compiled, with an optimizer whose state is kept, too.
        build_bare: makes the same network without an optimizer.
    """

    def __init__(
        self, folder: Path, network: "keras.Model", build_bare: "Callable[[], keras.Model]"
    ) -> None:
        self.folder, self.network = folder / "checkpoints", network
        self.build_bare = build_bare
        self.best = self.folder / "best.weights.h5"
        self.progress_path = self.folder / "progress.json"

    def restore(self) -> dict:
        """Load the newest whole state into the network and return what was known at its end.

        Raises:
            RunError: the state cannot be read.
        """
        if not self.progress_path.exists():
            return {"epoch": 0, "best_epoch": None, "best_dice": None}
        try:
            progress = json.loads(self.progress_path.read_text())
            self.network.optimizer.build(self.network.trainable_variables)
            self.network.load_weights(self.folder / progress["state"])
        except (OSError, ValueError, KeyError) as error:
            raise RunError(
                f"the checkpoint in {self.folder} cannot be read ({error}): start a new run."
            ) from error
        return progress

    def keep_state(self, epoch: int) -> Path:
        """Keep weights and optimizer, its moving averages included, and return the file."""
        path = self.folder / f"state-{epoch:04d}.weights.h5"
        self._save(self.network, path)
        return path

    def keep_best(self) -> None:
        """Keep the weights as they are now, without the optimizer: a third of the size."""
        bare = self.build_bare()
        bare.set_weights(self.network.get_weights())
        self._save(bare, self.best)

    def best_network(self) -> "keras.Model":
        """Return the network with the best weights, ready to run."""
        bare = self.build_bare()
        bare.load_weights(self.best)
        return bare

    def keep_progress(self, progress: dict, state: Path) -> None:
        """Keep what is known at the end of an epoch, and drop all but the last two states."""
        write_atomically(self.progress_path, json.dumps(progress | {"state": state.name}).encode())
        for old in sorted(self.folder.glob("state-*.weights.h5"))[:-2]:
            old.unlink()

    def _save(self, network: "keras.Model", path: Path) -> None:
        self.folder.mkdir(exist_ok=True)
        # The suffix stays, for Keras chooses the format by it.
        partial = path.with_name(f"partial-{path.name}")
        try:
            network.save_weights(partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise RunError(
                f"checkpoint {path.name} could not be written ({error}): free some space, then "
                "resume; the checkpoints before it stand."
            ) from error


@contextmanager
def averaged(network: "keras.Model", averaging: float) -> Iterator[None]:
    """While it lasts, the network holds the moving average of its weights (Polyak 1992).

    Args:
        network: compiled with an optimizer that averages.
        averaging: 0 leaves the weights as they are.
    """
    raw = network.get_weights()
    if averaging:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    try:
        yield
    finally:
        network.set_weights(raw)
