"""Keras callbacks of a training: progress reports, the end of an epoch, TensorBoard files."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import keras

REPORT_INTERVAL_S = 2.0


class Pulse(keras.callbacks.Callback):
    """Reports progress, stops the training on request, and passes on each finished epoch.

    Args:
        should_stop: checked after each batch.
        report: called every few seconds with the batches done and the seconds they took.
        end_epoch: called at the end of an epoch with the same and the mean loss of its batches; returns
            the values that other callbacks, such as TensorBoard's, should log.
    """

    def __init__(
        self,
        should_stop: Callable[[], bool],
        report: Callable[[int, float], None],
        end_epoch: Callable[[int, float, float], dict],
    ) -> None:
        super().__init__()
        self._should_stop, self._report, self._end_epoch = should_stop, report, end_epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock and the count of batches."""
        self._began = self._reported = time.monotonic()
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop if requested; otherwise report progress every few seconds."""
        self._batches = batch + 1
        now = time.monotonic()
        if self._should_stop():
            self.model.stop_training = True
        elif now - self._reported > REPORT_INTERVAL_S:
            self._reported = now
            self._report(self._batches, now - self._began)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Pass on the batches done; after a stop they are fewer than a whole epoch."""
        seconds = time.monotonic() - self._began
        logs.update(self._end_epoch(self._batches, seconds, float(logs["loss"])))


def event_files(folder: Path) -> list[keras.callbacks.Callback]:
    """Return Keras's TensorBoard callback, or an empty list where it is not available.

    It needs TensorFlow, which would compete with another Keras backend for the device.
    """
    available = keras.backend.backend() == "tensorflow" and importlib.util.find_spec("tensorboard")
    return [keras.callbacks.TensorBoard(str(folder), write_graph=False)] if available else []
