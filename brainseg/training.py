"""train(config) -> Run: one loop that a person can read in one sitting."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainseg.checkpoints import Checkpoints, averaged
from brainseg.cohort import Cohort
from brainseg.engines import run_network
from brainseg.errors import RunError
from brainseg.feeding import make_feed, prepare_case, prepare_phantom
from brainseg.metrics import dice
from brainseg.preprocessing import Preprocessing
from brainseg.runs import Run
from brainseg.splits import Fold, make_folds

if TYPE_CHECKING:
    import keras

Report = Callable[[dict], None]
"""Called after each epoch with the run's status, the epoch's line of the history, ``seconds_left``."""

PRECISIONS = ("mixed_bfloat16", "mixed_float16", "float32")

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


@dataclass(frozen=True)
class TrainingConfig:
    """Every setting of a training; all of them are written into the run.

    Attributes:
        data: the cohort's folder.
        name: of the run: letters, digits, dot, dash and underscore.
        fold: which of the folds is held out, from 0.
        folds: how many folds by patient.
        seed: of folds, weights, sampling and augmentation.
        epochs: at the most.
        steps_per_epoch: batches an epoch.
        batch_size: slices a batch, always whole.
        tumour_share: of a batch, the share of slices with tumour, 0..1.
        learning_rate: the highest; it warms up for an epoch and falls as a cosine.
        weight_decay: of AdamW (Loshchilov and Hutter 2019).
        averaging: momentum of the moving average of the weights, which is what is kept; 0 is off.
        patience: epochs without a better validation Dice until the training stops early.
        augmentation: strength of the variations of each slice, 0 is off.
        synthetic_cases: phantoms mixed into the training cases.
        precision: of Keras: mixed_bfloat16, mixed_float16 or float32.
        size: of the network's grid, px.
        context_slices: neighbours on each side that add their FLAIR.
        base_features: of the network's first level.
        levels: of the network, the bottleneck included.
    """

    data: str
    name: str = "unet"
    fold: int = 0
    folds: int = 5
    seed: int = 0
    epochs: int = 36
    steps_per_epoch: int = 100
    batch_size: int = 16
    tumour_share: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    averaging: float = 0.99
    patience: int = 12
    augmentation: float = 1.0
    synthetic_cases: int = 0
    precision: str = "mixed_bfloat16"
    size: int = 256
    context_slices: int = 1
    base_features: int = 16
    levels: int = 5

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.type is float and isinstance(value, int):
                object.__setattr__(self, setting.name, float(value))
            elif not isinstance(value, setting.type) or isinstance(value, bool):
                raise RunError(
                    f"{setting.name} is {value!r}, but must be of type {setting.type.__name__}: "
                    f"set it as {setting.name}=VALUE."
                )
        for name, holds, rule in (
            ("name", re.fullmatch(r"[\w.-]{1,60}", self.name), "1 to 60 letters, digits or . - _"),
            ("fold", 0 <= self.fold < self.folds, f"0 to {self.folds - 1}"),
            ("epochs", self.epochs >= 1, "1 or more"),
            ("steps_per_epoch", self.steps_per_epoch >= 1, "1 or more"),
            ("batch_size", self.batch_size >= 2, "2 or more"),
            ("tumour_share", 0 <= self.tumour_share <= 1, "0 to 1"),
            ("learning_rate", 0 < self.learning_rate < 1, "above 0 and below 1"),
            ("averaging", 0 <= self.averaging < 1, "0 or more and below 1"),
            ("synthetic_cases", 0 <= self.synthetic_cases <= 500, "0 to 500"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            ("levels", 2 <= self.levels <= 6, "2 to 6"),
            ("size", self.size % 2**self.levels == 0, f"a multiple of {2**self.levels}"),
        ):
            if not holds:
                raise RunError(f"{name} is {getattr(self, name)!r}, but must be {rule}.")

    @classmethod
    def from_settings(cls, settings: dict) -> "TrainingConfig":
        """Return a configuration from names and values, refusing a name that is not a setting."""
        known = {setting.name for setting in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise RunError(
                f"unknown setting {', '.join(unknown)}: choose from {', '.join(sorted(known))}."
            )
        return cls(**settings)

    @classmethod
    def described(cls) -> list[str]:
        """Return a line a setting: its name, its default, and what it means."""
        meanings = dict(re.findall(r"^ {8}(\w+): (.+)$", cls.__doc__ or "", re.MULTILINE))
        return [
            f"{setting.name}={'' if setting.default is MISSING else setting.default}"
            f"  {meanings[setting.name]}"
            for setting in fields(cls)
        ]

    @property
    def preprocessing(self) -> Preprocessing:
        """Return what the network is fed with."""
        return Preprocessing(size=self.size, context_slices=self.context_slices)

    @property
    def architecture_arguments(self) -> dict[str, int]:
        """Return the arguments of :func:`brainseg.networks.build_unet`."""
        return {
            "channels": self.preprocessing.channels,
            "base_features": self.base_features,
            "levels": self.levels,
        }


def train(
    config: TrainingConfig,
    runs: Path,
    resume: Run | None = None,
    report: Report | None = None,
) -> Run:
    """Train one network on one fold and return its run.

    The weights kept are those of the epoch with the best mean Dice by case on the cases that select;
    the held-out cases are not even read.

    Args:
        config: the settings; with ``resume`` those that the run was started with.
        runs: the folder that gets the new run.
        resume: a run that was stopped or killed, to go on with after its last whole epoch.
        report: called after each epoch.

    Raises:
        CohortError: the data cannot be used, or holds too few patients.
        RunError: the loss became invalid, or the run cannot be resumed. The status says so, and the
            best weights so far stand.
    """
    cohort = Cohort.open(config.data)
    if resume:
        run, fold = resume, Fold(**{part: _frozen(cases) for part, cases in resume.fold().items()})
    else:
        fold = make_folds(cohort.slices, config.folds, config.seed)[config.fold]
        run = Run.create(runs, config.name, asdict(config), asdict(fold))
    try:
        with _precision(config.precision):
            _Training(config, run, cohort, fold, report).go()
    except BaseException as error:
        state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        message = str(error) or type(error).__name__
        run.set_status(state, **_kept(run.status()), message=message)
        raise
    return run


class _Training:
    """The parts of one training, and the order in which they meet."""

    def __init__(
        self, config: TrainingConfig, run: Run, cohort: Cohort, fold: Fold, report: Report | None
    ) -> None:
        import keras

        from brainseg.networks import build_unet

        keras.utils.set_random_seed(config.seed)
        self.config, self.run, self.report = config, run, report
        self.network = build_network(config)
        self.checkpoints = Checkpoints(
            run.path, self.network, lambda: build_unet(**config.architecture_arguments)
        )
        teaching = [prepare_case(cohort.case(case), config.size) for case in fold.trained_on]
        teaching += [
            prepare_phantom(config.seed, number, config.size)
            for number in range(config.synthetic_cases)
        ]
        self.feed = make_feed(teaching, config)
        self.selecting = [prepare_case(cohort.case(case), config.size) for case in fold.selected_on]

    def go(self) -> None:
        """Train until the epochs, the patience or the person say stop."""
        import keras

        progress = self.checkpoints.restore()
        first = progress["epoch"]
        self.feed.first_epoch = first
        callbacks = [
            keras.callbacks.TerminateOnNaN(raise_error=True),
            self._checkpoint_callback(progress),
        ]
        # SIGTERM runs neither finally nor on_train_end by itself.
        previous = _on_sigterm(lambda: setattr(self.network, "stop_training", True))
        self.run.set_status("training", **_kept(progress))
        try:
            self.network.fit(
                self.feed,
                initial_epoch=first,
                epochs=self.config.epochs,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        except RuntimeError as error:
            if "NaN" not in str(error):
                raise
            raise RunError(
                "the loss became invalid (NaN): lower learning_rate or set precision=float32, then "
                "resume; the best weights so far stand."
            ) from error
        finally:
            previous()
        self._finish(progress)

    def _checkpoint_callback(self, progress: dict) -> "keras.callbacks.Callback":
        import keras

        training = self

        class EpochEnd(keras.callbacks.Callback):
            """Keeps the state, scores the averaged weights, and writes the epoch down."""

            def on_epoch_begin(self, epoch, logs=None):
                self.started = time.monotonic()

            def on_epoch_end(self, epoch, logs=None):
                seconds = time.monotonic() - self.started
                if self.model.stop_training and not training._epoch_is_whole():
                    return
                training._end_epoch(progress, epoch + 1, float(logs["loss"]), seconds)

        return EpochEnd()

    def _epoch_is_whole(self) -> bool:
        done = int(np.asarray(self.network.optimizer.iterations))
        return done % self.config.steps_per_epoch == 0

    def _end_epoch(self, progress: dict, epoch: int, loss: float, seconds: float) -> None:
        raw = self.checkpoints.keep_state(epoch)
        with averaged(self.network, self.config.averaging):
            score = self._score(self._probabilities(self.network), threshold=0.5)
            if progress["best_dice"] is None or score > progress["best_dice"]:
                progress |= {"best_dice": score, "best_epoch": epoch}
                self.checkpoints.keep_best()
        early = epoch - progress["best_epoch"] >= self.config.patience
        progress |= {"epoch": epoch, "stopped_early": early}
        slices = self.config.steps_per_epoch * self.config.batch_size
        values = {
            "loss": loss,
            "validation_dice": score,
            "learning_rate": float(np.asarray(self.network.optimizer.learning_rate)),
            "slices_per_second": slices / seconds,
            "seconds": seconds,
        }
        self.run.add_epoch(epoch=epoch, **values)
        self.checkpoints.keep_progress(progress, raw)
        self.run.set_status("training", **_kept(progress))
        if early:
            self.network.stop_training = True
        if self.report:
            left = (self.config.epochs - epoch) * seconds
            self.report(self.run.status() | values | {"seconds_left": left})

    def _score(self, probabilities: list[np.ndarray], threshold: float) -> float:
        """Return the mean Dice by case over the cases that select, 0..1."""
        pairs = zip(self.selecting, probabilities, strict=True)
        return float(np.mean([dice(case.masks, found >= threshold) for case, found in pairs]))

    def _probabilities(self, network: "keras.Model") -> list[np.ndarray]:
        return [
            run_network(network, case.inputs(self.config.context_slices)) for case in self.selecting
        ]

    def _finish(self, progress: dict) -> None:
        whole = progress["epoch"] >= self.config.epochs or progress.get("stopped_early")
        if not whole:
            self.run.set_status("stopped", **_kept(progress), message="stopped: resume to go on")
            return
        probabilities = self._probabilities(self.checkpoints.best_network())
        scores = {threshold: self._score(probabilities, threshold) for threshold in THRESHOLDS}
        chosen = max(scores, key=scores.get)
        message = "stopped early" if progress.get("stopped_early") else "all epochs done"
        self.run.set_status("finished", **_kept(progress), message=message, threshold=chosen)


def build_network(config: TrainingConfig) -> "keras.Model":
    """Return the compiled network of a configuration, with random weights."""
    import keras

    from brainseg.networks import build_unet

    network = build_unet(**config.architecture_arguments)
    total = config.epochs * config.steps_per_epoch
    warm_up = min(config.steps_per_epoch, total // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 20,
        decay_steps=total - warm_up,
        alpha=0.01,
        warmup_target=config.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        clipnorm=1.0,
        use_ema=config.averaging > 0,
        ema_momentum=config.averaging or 0.99,
    )
    network.compile(optimizer, loss=cross_entropy_and_soft_dice)
    return network


def cross_entropy_and_soft_dice(truth: object, logits: object) -> object:
    """Return binary cross-entropy plus soft Dice over the batch, a scalar tensor.

    Dice is taken over the whole batch as one volume, so that slices without tumour need no rule of
    their own (Milletari et al. 2016; Isensee et al. 2021 call it batch Dice).

    Args:
        truth: (n, h, w, 1), 0 or 1.
        logits: (n, h, w, 1), before the sigmoid.
    """
    from keras import ops

    truth = ops.cast(truth, "float32")
    logits = ops.cast(logits, "float32")
    entropy = ops.mean(ops.binary_crossentropy(truth, logits, from_logits=True))
    probability = ops.sigmoid(logits)
    overlap = 2 * ops.sum(probability * truth) + 1
    return entropy + 1 - overlap / (ops.sum(probability) + ops.sum(truth) + 1)


@contextmanager
def _precision(name: str) -> Iterator[None]:
    """Build and run in a precision of Keras, and leave the process as it was."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _on_sigterm(stop: Callable[[], None]) -> Callable[[], None]:
    """Let SIGTERM end the training after its batch; return what puts the old handler back."""
    try:
        before = signal.signal(signal.SIGTERM, lambda *_: stop())
    except ValueError:  # not in the main thread, where signals cannot be caught
        return lambda: None
    return lambda: signal.signal(signal.SIGTERM, before)


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _kept(progress: dict) -> dict:
    return {key: progress.get(key) for key in ("epoch", "best_epoch", "best_dice")}
