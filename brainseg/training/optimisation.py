"""Loss, optimizer and moving averages of a training."""

from typing import Any

import keras
from keras import ops

from brainseg.models.networks import ARCHITECTURES, compiles_by_xla
from brainseg.training.config import TrainingConfig
from brainseg.training.devices import runs_eagerly

RAMP_STEPS = 10_000
"""Steps after which :func:`ramped` has reached its maximum."""


def build_network(config: TrainingConfig) -> keras.Model:
    """Return the compiled network of a configuration, with random weights."""
    build = ARCHITECTURES[config.network]
    network = build(**config.architecture_arguments, normalisation=RampedBatchNormalization)
    compile_network(network, config)
    return network


def compile_network(network: keras.Model, config: TrainingConfig) -> None:
    """Compile a network with the loss, and the optimizer and learning-rate schedule of the settings."""
    optimizer = AveragingAdamW(
        RestartedCosine(config),
        weight_decay=config.weight_decay,
        clipnorm=1.0,
        use_ema=config.averaging > 0,
        ema_momentum=config.averaging or 0.99,
    )
    eager = runs_eagerly()
    network.compile(
        optimizer,
        loss=cross_entropy_and_soft_dice,
        jit_compile=False if eager else compiles_by_xla(),
        run_eagerly=eager,
    )


def _cosine(config: TrainingConfig, epochs: int) -> keras.optimizers.schedules.CosineDecay:
    """Return a rate with one warm-up epoch and a cosine decay to a hundredth over ``epochs``."""
    total = epochs * config.steps_per_epoch
    warm_up = min(config.steps_per_epoch, total // 2)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 20,
        decay_steps=max(1, total - warm_up),
        alpha=0.01,
        warmup_target=config.learning_rate,
        warmup_steps=warm_up,
    )


class RestartedCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Cosine decay with warm restarts (Loshchilov and Hutter 2017), though not back to the peak rate.

    Every decay is computed from the first step, so that an uninterrupted training has the same rates as
    one that ended and was resumed with more epochs.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._ends = [epoch * config.steps_per_epoch for epoch in config.rate_restarts]
        self._decays = [_cosine(config, epoch) for epoch in (*config.rate_restarts, config.epochs)]

    def __call__(self, step: object) -> object:
        """Return the learning rate of a step, counted from 0."""
        rate = self._decays[-1](step)
        for end, decay in zip(reversed(self._ends), reversed(self._decays[:-1]), strict=True):
            rate = ops.where(step < end, decay(step), rate)
        return rate


def cross_entropy_and_soft_dice(truth: object, logits: object) -> object:
    """Return binary cross-entropy plus soft Dice over the batch, a scalar tensor.

    Dice is computed over the whole batch as one volume, so that slices without tumour need no special
    case (Milletari et al. 2016; Isensee et al. 2021 call it batch Dice).

    Args:
        truth: (n, h, w, 1), 0 or 1.
        logits: (n, h, w, 1), before the sigmoid.
    """
    truth = ops.cast(truth, "float32")
    logits = ops.cast(logits, "float32")
    entropy = ops.mean(ops.binary_crossentropy(truth, logits, from_logits=True))
    probability = ops.sigmoid(logits)
    overlap = 2 * ops.sum(probability * truth) + 1
    return entropy + 1 - overlap / (ops.sum(probability) + ops.sum(truth) + 1)


def ramped(maximum: float, steps: Any) -> Any:
    """Return the momentum of a moving average after some steps: min(maximum, (1 + t) / (10 + t)).

    A constant 0.99 gives the random initial weights a third of the weight after a hundred steps; a ramp
    forgets them at once and ends at the same momentum (Tarvainen and Valpola 2017).
    """
    steps = ops.cast(steps, "float32")
    return ops.minimum(maximum, (1 + steps) / (10 + steps))


class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW with a moving average of the weights whose momentum is :func:`ramped`.

    Keras overwrites the weights with their average when ``fit`` ends. This class leaves them alone, so
    that a stopped training can be resumed, and returns the average from :meth:`averages`.
    """

    @property
    def ema_momentum(self) -> object:
        """Return the momentum of the next step, as the base class expects."""
        return ramped(self._maximum, self.iterations)

    @ema_momentum.setter
    def ema_momentum(self, maximum: float) -> None:
        """Set the final momentum."""
        self._maximum = maximum

    def finalize_variable_values(self, var_list: list) -> None:
        """Do not overwrite the weights with their average."""

    def averages(self) -> list:
        """Return the averages of the trainable variables, or the variables if averaging is off."""
        return self._model_variables_moving_average if self.use_ema else self._trainable_variables


def copy_averages(network: keras.Model, averaged: keras.Model) -> None:
    """Copy the averaged weights of a network in training into one with ordinary layers."""
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    average_of = {
        variable.path: average
        for variable, average in zip(network.trainable_variables, optimizer.averages(), strict=True)
    }
    for layer in (layer for layer in averaged.layers if layer.variables):
        # Layers for training may have additional variables after those of the ordinary layer.
        pairs = zip(layer.variables, network.get_layer(layer.name).variables, strict=False)
        for target, source in pairs:
            target.assign(ops.convert_to_numpy(average_of.get(source.path, source)))


class RampedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation (Ioffe and Szegedy 2015) whose statistics have a :func:`ramped` momentum.

    An additional weight counts the steps, so it is used in training only: the saved network has the
    ordinary layer, which takes the other four weights unchanged.
    """

    def build(self, input_shape: tuple) -> None:
        """Add the step counter."""
        super().build(input_shape)
        self.steps = self.add_weight(
            name="steps", shape=(), initializer="zeros", trainable=False, dtype="float32"
        )

    @property
    def momentum(self) -> object:
        """Return the momentum of the next step, as the base class expects."""
        return ramped(self._maximum, self.steps)

    @momentum.setter
    def momentum(self, maximum: float) -> None:
        """Set the final momentum."""
        self._maximum = maximum

    def call(self, inputs: object, training: bool | None = None, mask: object = None) -> object:
        """Normalise as the base class does, and count a step of training."""
        outputs = super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            self.steps.assign(self.steps + 1)
        return outputs

    def load_own_variables(self, store: dict) -> None:
        """Load the weights; without a stored step counter the ramp counts as finished."""
        if str(len(self.variables) - 1) in store:
            super().load_own_variables(store)
            return
        for index, variable in enumerate(self.variables[:-1]):
            variable.assign(store[str(index)])
        self.steps.assign(RAMP_STEPS)
