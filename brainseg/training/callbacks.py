"""What happens while Keras trains: the signs of life, the end of an epoch, the event files."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import keras

SIGN_OF_LIFE_S = 2.0


class Pulse(keras.callbacks.Callback):
    """Tells how far the epoch is, stops where that was asked, and hands the epoch over at its end.

    Args:
        asked: whether to stop.
        alive: gets the batches done and the seconds they took, every few seconds.
        trained: gets the same at the end of an epoch, and the mean loss over its batches; returns what
            other callbacks should know of it.
    """

    def __init__(
        self,
        asked: Callable[[], bool],
        alive: Callable[[int, float], None],
        trained: Callable[[int, float, float], dict],
    ) -> None:
        super().__init__()
        self._asked, self._alive, self._trained = asked, alive, trained

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin to count."""
        self._began = self._told = time.monotonic()
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Look whether to stop, and give a sign of life from time to time."""
        self._batches = batch + 1
        now = time.monotonic()
        if self._asked():
            self.model.stop_training = True
        elif now - self._told > SIGN_OF_LIFE_S:
            self._told = now
            self._alive(self._batches, now - self._began)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Hand over the batches done; fewer than an epoch's where it was stopped."""
        seconds = time.monotonic() - self._began
        logs.update(self._trained(self._batches, seconds, float(logs["loss"])))


def event_files(folder: Path) -> list[keras.callbacks.Callback]:
    """Return Keras's callback that writes for TensorBoard, or none where it cannot.

    It needs TensorFlow, which another backend of Keras should not have to share a device with.
    """
    there = keras.backend.backend() == "tensorflow" and importlib.util.find_spec("tensorboard")
    return [keras.callbacks.TensorBoard(str(folder), write_graph=False)] if there else []
