"""What a network learns by: its loss, its optimizer, and averages that do not remember the beginning."""

import keras
from keras import ops

from brainseg.models.networks import ARCHITECTURES, compiles_by_xla
from brainseg.training.config import TrainingConfig
from brainseg.training.devices import runs_eagerly

LONG_AFTER = 10_000
"""Steps after which a ramp has come to its end, whatever that is."""


def build_network(config: TrainingConfig) -> keras.Model:
    """Return the compiled network of a configuration, with random weights."""
    build = ARCHITECTURES[config.network]
    network = build(**config.architecture_arguments, normalisation=RampedBatchNormalization)
    compile_network(network, config)
    return network


def compile_network(network: keras.Model, config: TrainingConfig) -> None:
    """Give a network its loss, and an optimizer whose rate warms up and falls as the settings say."""
    optimizer = AveragingAdamW(
        FallingRate(config),
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
    """Return a rate that warms up for an epoch and has fallen to a hundredth after some epochs."""
    total = epochs * config.steps_per_epoch
    warm_up = min(config.steps_per_epoch, total // 2)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 20,
        decay_steps=max(1, total - warm_up),
        alpha=0.01,
        warmup_target=config.learning_rate,
        warmup_steps=warm_up,
    )


class FallingRate(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that falls to each of the epochs that it restarts after, and then to the last.

    Every fall counts from the first step, so that a training in one go has the rates of one that had
    ended and goes on with more epochs: warm restarts (Loshchilov and Hutter 2017), though not to the
    highest rate.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._ends = [epoch * config.steps_per_epoch for epoch in config.rate_restarts]
        self._falls = [_cosine(config, epoch) for epoch in (*config.rate_restarts, config.epochs)]

    def __call__(self, step: object) -> object:
        """Return the rate of a step, counted from 0."""
        rate = self._falls[-1](step)
        for end, fall in zip(reversed(self._ends), reversed(self._falls[:-1]), strict=True):
            rate = ops.where(step < end, fall(step), rate)
        return rate


def cross_entropy_and_soft_dice(truth: object, logits: object) -> object:
    """Return binary cross-entropy plus soft Dice over the batch, a scalar tensor.

    Dice is taken over the whole batch as one volume, so that slices without tumour need no rule of
    their own (Milletari et al. 2016; Isensee et al. 2021 call it batch Dice).

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


def ramped(most: float, steps: object) -> object:
    """Return the momentum of a moving average after some steps: min(most, (1 + t) / (10 + t)).

    A constant 0.99 still holds a third of the random beginning after a hundred steps; this lets go of
    it at once and comes to the same in the end (Tarvainen and Valpola 2017).

    Args:
        most: the momentum that it comes to, 0..1.
        steps: how many averages were taken before, a scalar tensor.
    """
    steps = ops.cast(steps, "float32")
    return ops.minimum(most, (1 + steps) / (10 + steps))


class AveragingAdamW(keras.optimizers.AdamW):
    """AdamW that keeps a moving average of the weights, its momentum :func:`ramped`.

    ``fit`` puts the average in place of the weights when it ends; this one leaves them, so that a
    training that was stopped goes on from what it had, and hands the average out instead.
    """

    @property
    def ema_momentum(self) -> object:
        """Return the momentum of the next step; the base class reads it there."""
        return ramped(self._most, self.iterations)

    @ema_momentum.setter
    def ema_momentum(self, most: float) -> None:
        """Set what it comes to."""
        self._most = most

    def finalize_variable_values(self, var_list: list) -> None:
        """Leave the weights as they are."""

    def averages(self) -> list:
        """Return the average of each trainable variable in their order, or the variables themselves."""
        return self._model_variables_moving_average if self.use_ema else self._trainable_variables


def copy_averages(network: keras.Model, bare: keras.Model) -> None:
    """Give a network without optimizer the averaged weights of one that is being trained.

    Args:
        network: as :func:`build_network` made it.
        bare: the same architecture with ordinary layers; it is what is scored and kept.
    """
    optimizer = getattr(network.optimizer, "inner_optimizer", network.optimizer)
    average_of = {
        variable.path: average
        for variable, average in zip(network.trainable_variables, optimizer.averages(), strict=True)
    }
    for layer in (layer for layer in bare.layers if layer.variables):
        # The training's own layers may have more, behind those of the ordinary ones.
        pairs = zip(layer.variables, network.get_layer(layer.name).variables, strict=False)
        for target, source in pairs:
            target.assign(ops.convert_to_numpy(average_of.get(source.path, source)))


class RampedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation (Ioffe and Szegedy 2015) whose statistics have a :func:`ramped` momentum.

    It counts its steps in a weight of its own, so it is for training alone: what is kept for use has
    the ordinary layer, which takes the other four weights as they are.
    """

    def build(self, input_shape: tuple) -> None:
        """Add the count of steps."""
        super().build(input_shape)
        self.steps = self.add_weight(
            name="steps", shape=(), initializer="zeros", trainable=False, dtype="float32"
        )

    @property
    def momentum(self) -> object:
        """Return the momentum of the next step; the base class reads it there."""
        return ramped(self._most, self.steps)

    @momentum.setter
    def momentum(self, most: float) -> None:
        """Set what it comes to."""
        self._most = most

    def call(self, inputs: object, training: bool | None = None, mask: object = None) -> object:
        """Normalise as the base class does, and count a step of training."""
        outputs = super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            self.steps.assign(self.steps + 1)
        return outputs

    def load_own_variables(self, store: dict) -> None:
        """Load the weights; those of a run without the count have long left their beginning."""
        if str(len(self.variables) - 1) in store:
            super().load_own_variables(store)
            return
        for place, variable in enumerate(self.variables[:-1]):
            variable.assign(store[str(place)])
        self.steps.assign(LONG_AFTER)
