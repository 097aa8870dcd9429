"""The training loop, for any Keras backend."""

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict

import keras
import numpy as np

from brainseg.cohort import Cohort
from brainseg.cohort.splits import Fold
from brainseg.errors import RunError
from brainseg.metrics import dice
from brainseg.models.engines import BATCH_SLICES, run_network
from brainseg.models.networks import ARCHITECTURES
from brainseg.models.networks.encoders import load_encoder, open_encoder
from brainseg.training import previews
from brainseg.training.callbacks import Pulse, event_files
from brainseg.training.checkpoints import Checkpoints
from brainseg.training.config import TrainingConfig
from brainseg.training.data import draw_batch, make_feed, prepare_case, prepare_phantom
from brainseg.training.devices import (
    Devices,
    apart,
    from_all_processes,
    make_deterministic,
    of_this_process,
    precision,
    precision_of,
    refuse_unlike_processes,
    runs_eagerly,
)
from brainseg.training.optimisation import (
    build_network,
    copy_averages,
    cross_entropy_and_soft_dice,
)
from brainseg.training.processes import Meter
from brainseg.training.runs import Run, progress_in, seconds_left
from brainseg.training.stopping import SharedStop, StopRequest

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)

ENCODER_BATCHES = 40
"""Batches that adapt the normalisation; each replaces a tenth of ImageNet's moving averages."""

BECAME_INVALID = (
    "the loss became invalid (NaN): resume with a lower learning_rate or with precision=float32; "
    "earlier checkpoints are intact."
)


class TrainingLoop:
    """One training in this process; ``report`` is called after each epoch."""

    def __init__(
        self,
        run: Run,
        config: TrainingConfig,
        stop: StopRequest,
        report: Callable[[dict], None] | None,
    ) -> None:
        self.run, self.config, self.report = run, config, report
        self.stop: StopRequest | SharedStop = stop
        self.meter = Meter()

    def train(self, cohort: Cohort, fold: Fold) -> None:
        """Train until the last epoch, until the patience runs out, or until a stop is requested.

        Raises:
            Stopped: a stop was requested; the state is saved.
        """
        make_deterministic()
        keras.utils.set_random_seed(self.config.seed)
        self.devices = devices = Devices(self.config)
        own = dict.fromkeys(("data", "name", "workers"))
        refuse_unlike_processes((asdict(self.config) | own, cohort.key, fold))
        self.stop = SharedStop(self.stop, from_all_processes)
        # Measured once per run: a resumed run must use the same precision.
        chosen = self.run.about().get("precision") or precision_of(self.config)
        self.run.add_about(**devices.facts(), precision=chosen)
        self._prepare(cohort, fold)
        with precision(chosen):
            with devices.scope():
                self.network = build_network(self.config)
                self.checkpoints = Checkpoints(self.run.path, self.network)
                self.progress = self.checkpoints.restore()
                self.progress.stopped_early = self._patience_is_over()
            refuse_unlike_processes((self.progress.epoch, self.progress.step))
            if self.config.encoder and self.progress.epoch == self.progress.step == 0:
                self._load_encoder()
            build = ARCHITECTURES[self.config.network]
            self.averaged = build(**self.config.architecture_arguments)
            self.averaged.run_eagerly = runs_eagerly()
            self._run_epochs()
            self.stop.raise_if_set()
            self._finish()

    def _prepare(self, cohort: Cohort, fold: Fold) -> None:
        """Read the cases and save the preview slices."""
        prepared, how = {}, self.config.preprocessing
        for name in (*fold.trained_on, *fold.selected_on):
            self.stop.raise_if_set()
            prepared[name] = prepare_case(cohort.case(name), how)
        self.training_cases = [prepared[name] for name in fold.trained_on]
        for number in range(self.config.synthetic_cases):
            self.stop.raise_if_set()
            self.training_cases.append(prepare_phantom(self.config.seed, number, how))
        self.validation_cases = [prepared[name] for name in fold.selected_on]
        self.preview_indices = previews.choose(self.validation_cases, self.config.seed)
        previews.save_slices(
            self.run, previews.read_slices(self.preview_indices, self.validation_cases, cohort)
        )

    def _load_encoder(self) -> None:
        """Start with pretrained weights, their normalisation adapted to the training slices."""
        config = self.config
        # Batches after the last epoch, which no training step uses.
        first = config.epochs * config.steps_per_epoch
        numbers = range(first, first + ENCODER_BATCHES)
        load_encoder(
            self.network,
            open_encoder(config.encoder),
            (draw_batch(self.training_cases, config, number)[0] for number in numbers),
            config.preprocessing.sequences,
            **config.architecture_arguments,
        )

    def _run_epochs(self) -> None:
        """Train epoch after epoch; a partly done one is completed first."""
        config, progress = self.config, self.progress
        if progress.step == config.steps_per_epoch:
            self._end_epoch(time.monotonic())
        while progress.epoch < config.epochs and not (progress.stopped_early or self.stop.is_set):
            rest = config.steps_per_epoch - progress.step
            last = progress.epoch + 1 if progress.step else config.epochs
            self._set_status("training")
            self._fit(rest, last)

    def _fit(self, steps: int, last: int) -> None:
        """Train up to epoch ``last`` with a number of steps per epoch."""
        done = self.progress.epoch * self.config.steps_per_epoch + self.progress.step
        feed = make_feed(self.training_cases, self.config, done, of_this_process)
        callbacks = [
            keras.callbacks.TerminateOnNaN(raise_error=True),
            Pulse(lambda: self.stop.is_set, self._report_progress, self._end_of_batches),
            *event_files(self.run.path / "tensorboard"),
        ]
        try:
            with self.devices.fitting():
                self.network.fit(
                    feed,
                    initial_epoch=self.progress.epoch,
                    epochs=last,
                    steps_per_epoch=steps,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
        except RuntimeError as error:
            if "NaN" not in str(error):
                raise
            raise RunError(BECAME_INVALID) from error
        finally:
            feed.close()

    def _report_progress(self, batches: int, seconds: float) -> None:
        self._set_status(
            "training",
            step=self.progress.step + batches,
            slices_per_second=batches * self.config.batch_size / seconds,
        )

    def _end_of_batches(self, batches: int, seconds: float, loss: float) -> dict:
        """Save the state after an epoch, or after the part of it that was done before a stop."""
        ended = time.monotonic()
        progress = self.progress
        loss_sum = progress.loss * progress.step + loss * batches
        progress.step += batches
        progress.loss = loss_sum / max(1, progress.step)
        progress.seconds += seconds
        # The loss is computed before the last step, so it does not show that step's effect.
        if not all(np.isfinite(array).all() for array in self.network.get_weights()):
            raise RunError(BECAME_INVALID)
        whole = progress.step == self.config.steps_per_epoch
        part = "" if whole else f"+{progress.step:04d}"
        self.checkpoints.save_state(progress, f"state-{progress.epoch + whole:04d}{part}")
        self._set_status("training")
        return self._end_epoch(ended) if whole else {}

    def _end_epoch(self, ended: float) -> dict:
        """Score the averaged weights, save the epoch, and return its values for TensorBoard."""
        config, progress = self.config, self.progress
        copy_averages(self.network, self.averaged)
        probabilities = self._probabilities()
        scores = self._scores(probabilities, threshold=0.5)
        score = float(np.mean(list(scores.values())))
        epoch = progress.epoch + 1
        if progress.best_dice is None or score > progress.best_dice:
            self.checkpoints.save_best(self.averaged)
            progress.best_dice, progress.best_epoch = score, epoch
        values = {
            "loss": progress.loss,
            "validation_dice": score,
            "validation_loss": self._loss(probabilities),
            "validation_volume_ratio": self._volume_ratio(probabilities),
            "learning_rate": _as_float(self.network.optimizer.learning_rate),
            "slices_per_second": config.steps_per_epoch * config.batch_size / progress.seconds,
            "seconds": progress.seconds,
            "epoch_seconds": progress.seconds + time.monotonic() - ended,
            **self.meter.read(),
        }
        self.run.add_case_scores(epoch, scores)
        previews.save_probability(
            self.run,
            epoch,
            np.stack([probabilities[case][index] for case, index in self.preview_indices]),
        )
        self.run.add_epoch(epoch=epoch, **values)
        progress.epoch, progress.step, progress.loss, progress.seconds = epoch, 0, 0.0, 0.0
        progress.stopped_early = self._patience_is_over()
        self.checkpoints.save_progress(progress)
        self._set_status("training")
        if progress.stopped_early:
            self.network.stop_training = True
        if self.report:
            status = self.run.status()
            left = seconds_left(self.run.history(), status, self.run.config())
            self.report(status | values | {"seconds_left": left})
        # Keras's prefix for validation metrics, for TensorBoard's callback.
        logged = {"val_dice": score, "val_loss": values["validation_loss"]}
        return logged | {
            key: values[key] for key in ("slices_per_second", "memory_mb", "cpu_percent")
        }

    def _patience_is_over(self) -> bool:
        """Return True if the patience has run out; a resumed run may have got more patience."""
        progress = self.progress
        return progress.epoch - (progress.best_epoch or 0) >= self.config.patience

    def _probabilities(self) -> list[np.ndarray]:
        """Return the averaged network's probabilities for each validation case, (n, s, s) float32.

        Batches run across cases, so that all but the last have one size: each size is compiled anew.
        """
        how = self.config.preprocessing
        slices = (slice_ for case in self.validation_cases for slice_ in case.inputs(how))
        found = []
        while batch := list(itertools.islice(slices, BATCH_SLICES)):
            self.stop.raise_if_set()
            with apart():
                found.append(run_network(self.averaged, np.stack(batch)))
        ends = np.cumsum([len(case.masks) for case in self.validation_cases])
        return np.split(np.concatenate(found), ends[:-1])

    def _scores(self, probabilities: list[np.ndarray], threshold: float) -> dict[str, float]:
        """Return Dice by case, 0..1, each case as one volume."""
        pairs = zip(self.validation_cases, probabilities, strict=True)
        return {case.name: dice(case.masks, found >= threshold) for case, found in pairs}

    def _volume_ratio(self, probabilities: list[np.ndarray]) -> float:
        """Return the predicted volume of all validation cases, divided by that of their masks."""
        truth = sum(np.count_nonzero(case.masks) for case in self.validation_cases)
        predicted = sum(np.count_nonzero(found >= 0.5) for found in probabilities)
        return predicted / max(1, truth)

    def _loss(self, probabilities: list[np.ndarray]) -> float:
        """Return the mean loss of the validation cases, each as one batch."""
        losses = []
        for case, found in zip(self.validation_cases, probabilities, strict=True):
            clipped = np.clip(found, 1e-7, 1 - 1e-7)
            loss = cross_entropy_and_soft_dice(case.masks, np.log(clipped) - np.log1p(-clipped))
            losses.append(_as_float(loss))
        return float(np.mean(losses))

    def _finish(self) -> None:
        """Choose the threshold of the best weights on the validation cases."""
        self.averaged.load_weights(self.checkpoints.best)
        probabilities = self._probabilities()
        scores = {
            threshold: np.array(list(self._scores(probabilities, threshold).values()))
            for threshold in THRESHOLDS
        }
        early = self.progress.stopped_early
        message = "stopped early" if early else "all epochs done"
        self._set_status("finished", message=message, threshold=choose_threshold(scores))
        self.run.add_event("early stop" if early else "finished", self.progress.epoch)

    def _set_status(self, state: str, **facts: object) -> None:
        known = progress_in(vars(self.progress)) | {"memory_mb": self.meter.memory_mb()}
        self.run.set_status(state, **(known | facts))


def choose_threshold(scores: dict[float, np.ndarray]) -> float:
    """Return the threshold of a fold: 0.5, unless another is better by more than its standard error.

    With a dozen cases thresholds hardly differ, and the best one is mostly luck.

    Args:
        scores: threshold -> Dice of each validation case, (cases,) 0..1; 0.5 must be included.
    """
    chosen, gain = 0.5, 0.0
    for threshold, dice_by_case in scores.items():
        differences = dice_by_case - scores[0.5]
        error = differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
        if differences.mean() > max(gain, error):
            chosen, gain = threshold, float(differences.mean())
    return chosen


def _as_float(scalar: object) -> float:
    return float(keras.ops.convert_to_numpy(scalar))
