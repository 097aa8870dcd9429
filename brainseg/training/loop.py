"""Fitting: the loop itself, which a person can read in one sitting, for any backend of Keras."""

import itertools
import time
from collections.abc import Callable

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
from brainseg.training.devices import Devices, precision, precision_of, repeatable, runs_eagerly
from brainseg.training.optimisation import (
    build_network,
    copy_averages,
    cross_entropy_and_soft_dice,
)
from brainseg.training.processes import Meter
from brainseg.training.runs import Run, seconds_left
from brainseg.training.stopping import StopRequest

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)

ENCODER_BATCHES = 40
"""Enough to measure normalisation on, for its averages forget ImageNet at a tenth a batch."""

BECAME_INVALID = (
    "the loss became invalid (NaN): resume with a lower learning_rate or with precision=float32; what "
    "was kept before stands."
)


class Fitting:
    """One training in this process: what it is made of, and the order in which its parts meet.

    Args:
        run: gets everything that is to be kept.
        config: the run's settings.
        stop: looked at after each batch and each case.
        report: called after each epoch.
    """

    def __init__(
        self,
        run: Run,
        config: TrainingConfig,
        stop: StopRequest,
        report: Callable[[dict], None] | None,
    ) -> None:
        self.run, self.config, self.stop, self.report = run, config, stop, report
        self.meter = Meter()

    def go(self, cohort: Cohort, fold: Fold) -> None:
        """Train until the epochs, the patience or a person say stop.

        Raises:
            Stopped: a person asked; what was done is kept.
        """
        repeatable()
        keras.utils.set_random_seed(self.config.seed)
        devices = Devices(self.config)
        # Measured once a run: what goes on must go on as it began.
        chosen = self.run.about().get("precision") or precision_of(self.config)
        self.run.add_about(**devices.facts(), precision=chosen)
        self._prepare(cohort, fold)
        with precision(chosen):
            with devices.scope():
                self.network = build_network(self.config)
                self.checkpoints = Checkpoints(self.run.path, self.network)
                self.progress = self.checkpoints.restore()
                self.progress.stopped_early = self._has_waited_enough()
            if self.config.encoder and self.progress.epoch == self.progress.step == 0:
                self._load_encoder()
            build = ARCHITECTURES[self.config.network]
            self.scored = build(**self.config.architecture_arguments)
            self.scored.run_eagerly = runs_eagerly()
            self._train()
            self.stop.obey()
            self._finish()

    def _prepare(self, cohort: Cohort, fold: Fold) -> None:
        """Read the cases, for which a person may not want to wait, either."""
        prepared = {}
        for name in (*fold.trained_on, *fold.selected_on):
            self.stop.obey()
            prepared[name] = prepare_case(cohort.case(name), self.config.size)
        self.teaching = [prepared[name] for name in fold.trained_on]
        for number in range(self.config.synthetic_cases):
            self.stop.obey()
            self.teaching.append(prepare_phantom(self.config.seed, number, self.config.size))
        self.selecting = [prepared[name] for name in fold.selected_on]
        self.places = previews.choose(self.selecting, self.config.seed)
        previews.keep_slices(self.run, previews.slices_at(self.places, self.selecting, cohort))

    def _load_encoder(self) -> None:
        """Begin with weights learned elsewhere, normalised to slices that teach here."""
        config = self.config
        # Batches behind the last epoch, which no step sees.
        behind = config.epochs * config.steps_per_epoch
        numbers = range(behind, behind + ENCODER_BATCHES)
        load_encoder(
            self.network,
            open_encoder(config.encoder),
            (draw_batch(self.teaching, config, number)[0] for number in numbers),
            **config.architecture_arguments,
        )

    def _train(self) -> None:
        """Fit epoch after epoch; one that was stopped inside is ended first."""
        config, progress = self.config, self.progress
        if progress.step == config.steps_per_epoch:
            self._end_epoch(time.monotonic())
        while progress.epoch < config.epochs and not (progress.stopped_early or self.stop.asked):
            rest = config.steps_per_epoch - progress.step
            last = progress.epoch + 1 if progress.step else config.epochs
            self._say("training")
            self._fit(rest, last)

    def _fit(self, steps: int, last: int) -> None:
        """Train up to the end of an epoch, some steps each, and let Keras call what happens between."""
        done = self.progress.epoch * self.config.steps_per_epoch + self.progress.step
        feed = make_feed(self.teaching, self.config, first=done)
        callbacks = [
            keras.callbacks.TerminateOnNaN(raise_error=True),
            Pulse(lambda: self.stop.asked, self._show_life, self._end_of_batches),
            *event_files(self.run.path / "tensorboard"),
        ]
        try:
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

    def _show_life(self, batches: int, seconds: float) -> None:
        """Say how far the epoch is."""
        self._say(
            "training",
            step=self.progress.step + batches,
            slices_per_second=batches * self.config.batch_size / seconds,
        )

    def _end_of_batches(self, batches: int, seconds: float, loss: float) -> dict:
        """Keep the state after the batches of an epoch, or of the part that was done of it."""
        ended = time.monotonic()
        progress = self.progress
        weighed = progress.loss * progress.step + loss * batches
        progress.step += batches
        progress.loss = weighed / max(1, progress.step)
        progress.seconds += seconds
        # The loss is of the weights before the last step, so it may not tell yet.
        if not all(np.isfinite(array).all() for array in self.network.get_weights()):
            raise RunError(BECAME_INVALID)
        whole = progress.step == self.config.steps_per_epoch
        part = "" if whole else f"+{progress.step:04d}"
        self.checkpoints.keep(progress, f"state-{progress.epoch + whole:04d}{part}")
        self._say("training")
        return self._end_epoch(ended) if whole else {}

    def _end_epoch(self, ended: float) -> dict:
        """Score the averaged weights, write the epoch down, and return it as TensorBoard names it.

        Args:
            ended: when its last batch was, on the monotonic clock.
        """
        config, progress = self.config, self.progress
        copy_averages(self.network, self.scored)
        probabilities = self._probabilities()
        scores = self._scores(probabilities, threshold=0.5)
        score = float(np.mean(list(scores.values())))
        epoch = progress.epoch + 1
        if progress.best_dice is None or score > progress.best_dice:
            self.checkpoints.keep_best(self.scored)
            progress.best_dice, progress.best_epoch = score, epoch
        values = {
            "loss": progress.loss,
            "validation_dice": score,
            "validation_loss": self._loss(probabilities),
            "learning_rate": _as_float(self.network.optimizer.learning_rate),
            "slices_per_second": config.steps_per_epoch * config.batch_size / progress.seconds,
            "seconds": progress.seconds,
            "epoch_seconds": progress.seconds + time.monotonic() - ended,
            **self.meter.read(),
        }
        self.run.add_case_scores(epoch, scores)
        previews.keep_probability(
            self.run, epoch, np.stack([probabilities[case][place] for case, place in self.places])
        )
        self.run.add_epoch(epoch=epoch, **values)
        progress.epoch, progress.step, progress.loss, progress.seconds = epoch, 0, 0.0, 0.0
        progress.stopped_early = self._has_waited_enough()
        self.checkpoints.keep_progress(progress)
        self._say("training")
        if progress.stopped_early:
            self.network.stop_training = True
        if self.report:
            status = self.run.status()
            left = seconds_left(self.run.history(), status, self.run.config())
            self.report(status | values | {"seconds_left": left})
        return _as_tensorboard_names(values)

    def _has_waited_enough(self) -> bool:
        """Return whether patience ends the training; a run that goes on may have been given more."""
        progress = self.progress
        return progress.epoch - (progress.best_epoch or 0) >= self.config.patience

    def _probabilities(self) -> list[np.ndarray]:
        """Return what the scored network makes of the cases that select, each (n, s, s) float32.

        Batches run across cases, so that all but the last are of one size: each size compiles anew.
        """
        context = self.config.context_slices
        slices = (slice_ for case in self.selecting for slice_ in case.inputs(context))
        found = []
        while batch := list(itertools.islice(slices, BATCH_SLICES)):
            self.stop.obey()
            found.append(run_network(self.scored, np.stack(batch)))
        ends = np.cumsum([len(case.masks) for case in self.selecting])
        return np.split(np.concatenate(found), ends[:-1])

    def _scores(self, probabilities: list[np.ndarray], threshold: float) -> dict[str, float]:
        """Return Dice by case, 0..1, each case as one volume."""
        pairs = zip(self.selecting, probabilities, strict=True)
        return {case.name: dice(case.masks, found >= threshold) for case, found in pairs}

    def _loss(self, probabilities: list[np.ndarray]) -> float:
        """Return the training's loss on the cases that select, each as one batch; their mean."""
        losses = []
        for case, found in zip(self.selecting, probabilities, strict=True):
            sure = np.clip(found, 1e-7, 1 - 1e-7)
            loss = cross_entropy_and_soft_dice(case.masks, np.log(sure) - np.log1p(-sure))
            losses.append(_as_float(loss))
        return float(np.mean(losses))

    def _finish(self) -> None:
        """Choose the threshold of the best weights on the cases that select."""
        self.scored.load_weights(self.checkpoints.best)
        probabilities = self._probabilities()
        scores = {
            threshold: np.array(list(self._scores(probabilities, threshold).values()))
            for threshold in THRESHOLDS
        }
        early = self.progress.stopped_early
        message = "stopped early" if early else "all epochs done"
        self._say("finished", message=message, threshold=choose_threshold(scores))
        self.run.add_event("early stop" if early else "finished", self.progress.epoch)

    def _say(self, state: str, **facts: object) -> None:
        """Replace the status."""
        progress = self.progress
        known = {"epoch": progress.epoch, "step": progress.step}
        known |= {"best_epoch": progress.best_epoch, "best_dice": progress.best_dice}
        self.run.set_status(state, **(known | {"memory_mb": self.meter.memory_mb()} | facts))


def choose_threshold(scores: dict[float, np.ndarray]) -> float:
    """Return the threshold of a fold: 0.5, unless another is better by more than its standard error.

    A dozen cases tell thresholds hardly apart, and the best of many is mostly the luckiest.

    Args:
        scores: by threshold, 0.5 among them, the Dice of each case that selects, (cases,) 0..1.
    """
    chosen, gain = 0.5, 0.0
    for threshold, of_case in scores.items():
        differences = of_case - scores[0.5]
        error = differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
        if differences.mean() > max(gain, error):
            chosen, gain = threshold, float(differences.mean())
    return chosen


def _as_float(scalar: object) -> float:
    return float(keras.ops.convert_to_numpy(scalar))


def _as_tensorboard_names(values: dict) -> dict:
    """Return an epoch with ``val_`` in front of what validation gave, as Keras's callbacks know it."""
    names = {"validation_dice": "val_dice", "validation_loss": "val_loss"}
    shown = ("validation_dice", "validation_loss", "slices_per_second", "memory_mb", "cpu_percent")
    return {names.get(key, key): values[key] for key in shown}
