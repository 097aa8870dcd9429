"""Every setting of a training: its default, its meaning, and the rule that it must keep."""

import re
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise

from brainseg.errors import RunError
from brainseg.models import Inference
from brainseg.preprocessing import Preprocessing

AUTO = "auto"

PRECISIONS = (AUTO, "mixed_bfloat16", "mixed_float16", "float32")
"""``auto`` is what this machine is fast with; see :func:`brainseg.training.devices.precision_of`."""

DEVICES = ("one", "all")

ENCODERS_OF = {"unet": ("",), "lite_unet": ("", "efficientnet-lite0")}
"""The networks of :data:`ARCHITECTURES`, and the encoders that each can begin with."""

CHANGEABLE = (
    "data",
    "epochs",
    "patience",
    "learning_rate",
    "mirrored",
    "smallest_share",
    "weight_decay",
    "precision",
    "devices",
    "workers",
)
"""What a run may go on with otherwise than it began; the rest would make its history another's."""


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
        rate_restarts: epochs after which the rate, fallen, rises to that of a longer training.
        weight_decay: of AdamW (Loshchilov and Hutter 2019).
        averaging: momentum of the moving average of the weights, which is what is kept; 0 is off.
        patience: epochs without a better validation Dice until the training stops early.
        augmentation: strength of the variations of each slice, 0 is off.
        synthetic_cases: phantoms mixed into the training cases.
        precision: auto (what this machine is fast with), mixed_bfloat16, mixed_float16 or float32.
        devices: one, or all the accelerators of this machine, each with a part of every batch.
        workers: threads that prepare batches; 0 is one a core, eight at the most.
        size: of the network's grid, px.
        window: side of the part that is cut at random from a slice in training, px; 0 is the whole.
        context_slices: neighbours on each side that add their FLAIR.
        network: unet, or lite_unet, whose encoder can begin with what it learned on ImageNet.
        base_features: of unet's first level.
        levels: of unet, the bottleneck included.
        encoder: efficientnet-lite0 begins lite_unet with what it learned on ImageNet; empty is random.
        mirrored: 1 has the published model look at each slice's mirror image, too, 0 not.
        smallest_share: it leaves out components below this share of the largest, 0 (none) to 1.
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
    rate_restarts: tuple = ()
    weight_decay: float = 1e-4
    averaging: float = 0.99
    patience: int = 12
    augmentation: float = 1.0
    synthetic_cases: int = 0
    precision: str = AUTO
    devices: str = "one"
    workers: int = 0
    size: int = 256
    window: int = 0
    context_slices: int = 1
    network: str = "unet"
    base_features: int = 16
    levels: int = 5
    encoder: str = ""
    mirrored: int = 0
    smallest_share: float = 0.0

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.type is float and isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, setting.name, float(value))
            elif setting.type is tuple and isinstance(value, list):
                object.__setattr__(self, setting.name, tuple(value))
            elif not isinstance(value, setting.type) or isinstance(value, bool):
                kind, example = setting.type.__name__, "VALUE"
                if setting.type is tuple:
                    kind, example = "list", "[1, 2]"
                raise RunError(
                    f"{setting.name} is {value!r}, but must be of type {kind}: set it as "
                    f"{setting.name}={example}."
                )
        # A network or depth that is none is refused below; until then, any will do.
        coarsest = 2 ** (5 if self.network == "lite_unet" else max(0, min(self.levels, 6)))
        encoders = ENCODERS_OF.get(self.network, ("",))
        for name, holds, rule in (
            ("name", re.fullmatch(r"[\w.-]{1,60}", self.name), "1 to 60 letters, digits or . - _"),
            ("folds", self.folds >= 2, "2 or more"),
            ("fold", 0 <= self.fold < self.folds, f"0 to {self.folds - 1}"),
            ("seed", self.seed >= 0, "0 or more"),
            ("epochs", self.epochs >= 1, "1 or more"),
            ("steps_per_epoch", self.steps_per_epoch >= 1, "1 or more"),
            ("batch_size", self.batch_size >= 2, "2 or more"),
            ("tumour_share", 0 <= self.tumour_share <= 1, "0 to 1"),
            ("learning_rate", 0 < self.learning_rate < 1, "above 0 and below 1"),
            (
                "rate_restarts",
                all(type(epoch) is int for epoch in self.rate_restarts)
                and all(a < b for a, b in pairwise((0, *self.rate_restarts, self.epochs))),
                f"epochs that rise, from 1 to {self.epochs - 1}, as in [{max(1, self.epochs // 2)}]",
            ),
            ("weight_decay", 0 <= self.weight_decay < 1, "0 or more and below 1"),
            ("averaging", 0 <= self.averaging < 1, "0 or more and below 1"),
            ("patience", self.patience >= 1, "1 or more"),
            ("augmentation", 0 <= self.augmentation <= 3, "0 to 3"),
            ("synthetic_cases", 0 <= self.synthetic_cases <= 500, "0 to 500"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            ("devices", self.devices in DEVICES, f"one of {', '.join(DEVICES)}"),
            ("workers", 0 <= self.workers <= 64, "0 to 64"),
            ("context_slices", 0 <= self.context_slices <= 8, "0 to 8"),
            ("levels", 2 <= self.levels <= 6, "2 to 6"),
            ("network", self.network in ENCODERS_OF, f"one of {', '.join(ENCODERS_OF)}"),
            ("encoder", self.encoder in encoders, f"one of {encoders} for {self.network}"),
            ("mirrored", self.mirrored in (0, 1), "0 or 1"),
            ("smallest_share", 0 <= self.smallest_share <= 1, "0 to 1"),
            ("base_features", 1 <= self.base_features <= 128, "1 to 128"),
            (
                "window",
                0 <= self.window <= self.size and self.window % coarsest == 0,
                f"0, or a multiple of {coarsest} up to the size",
            ),
            (
                "size",
                self.size > 0 and self.size % coarsest == 0,
                f"a multiple of {coarsest}",
            ),
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
        if "data" not in settings:
            raise RunError("the setting data is missing: name the folder of the cases.")
        return cls(**settings)

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """Return what each setting means, a line each, in their order."""
        return dict(re.findall(r"^ {8}(\w+): (.+)$", cls.__doc__ or "", re.MULTILINE))

    @classmethod
    def described(cls) -> list[str]:
        """Return a line a setting: its name, its default as ``--set`` takes it, and what it means."""
        meanings = cls.meanings()
        lines = []
        for setting in fields(cls):
            default = "" if setting.default is MISSING else setting.default
            if setting.type is tuple:
                default = list(setting.default)
            lines.append(f"{setting.name}={default}  {meanings[setting.name]}")
        return lines

    @property
    def preprocessing(self) -> Preprocessing:
        """Return what the network is fed with."""
        return Preprocessing(size=self.size, context_slices=self.context_slices)

    @property
    def inference(self) -> Inference:
        """Return how the published networks are asked."""
        return Inference(bool(self.mirrored), self.smallest_share)

    @property
    def architecture_arguments(self) -> dict[str, int]:
        """Return the arguments of the network's function in :mod:`brainseg.models.networks`."""
        if self.network == "lite_unet":
            return {"channels": self.preprocessing.channels}
        return {
            "channels": self.preprocessing.channels,
            "base_features": self.base_features,
            "levels": self.levels,
        }


def changed(config: TrainingConfig, changes: dict) -> TrainingConfig:
    """Return the settings that a run goes on with.

    Raises:
        RunError: a change is not one of :data:`CHANGEABLE`, or breaks its rule.
    """
    settings = {setting.name: getattr(config, setting.name) for setting in fields(config)}
    changes = {
        key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()
    }
    fixed = sorted(
        key for key in changes if key not in CHANGEABLE and changes[key] != settings.get(key)
    )
    if fixed:
        raise RunError(
            f"a run cannot go on with another {', '.join(fixed)}: change only "
            f"{', '.join(CHANGEABLE)}, or start a new run."
        )
    return TrainingConfig.from_settings(settings | changes)
