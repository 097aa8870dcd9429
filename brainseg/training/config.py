"""The settings of a training: each field carries its default, help text and rule."""

import re
from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any, cast

from brainseg.errors import RunError, nearest
from brainseg.models import Inference
from brainseg.preprocessing import Preprocessing
from brainseg.volume import SEQUENCES

AUTO = "auto"

PRECISIONS = (AUTO, "mixed_bfloat16", "mixed_float16", "float32")
"""``auto`` picks the fastest of this machine; see :func:`brainseg.training.devices.precision_of`."""

DEVICES = ("one", "all")

ENCODERS_OF = {"unet": ("",), "lite_unet": ("", "efficientnet-lite0")}
"""The networks of :data:`ARCHITECTURES`, and the pretrained encoders that each accepts."""

MOST_SEQUENCES, LONGEST_SEQUENCE = 16, 40
"""Of the sequences that a network sees, and characters of their names."""

LONGEST_TARGET = 200
"""Characters of what a model learns, in its manifest."""

NAME_RULE = "1 to 60 letters, digits or . - _"

Check = Callable[[Any, "TrainingConfig"], bool]
Rule = str | Callable[["TrainingConfig"], str]


def is_name(name: str) -> bool:
    """Return whether a run or a model can have this name."""
    return re.fullmatch(r"[\w.-]{1,60}", name) is not None


def _setting(
    default: Any,
    help: str,
    *,
    check: Check | None = None,
    rule: Rule = "",
    choices: tuple = (),
    changeable: bool = False,
    unit: str = "",
    needs: tuple[str, ...] = (),
    is_list_of_names: bool = False,
) -> Any:
    """Return the field of one setting.

    Args:
        default: as in :func:`dataclasses.field`.
        help: one sentence, shown by ``brainseg train --settings`` and in the form of the page.
        check: called with a value of the right type and the configuration; False refuses the value.
        rule: completes "must be …" where the check fails.
        choices: all allowed values; without a check, all of them are always allowed.
        changeable: a resumed run may change it; any other change would falsify the run's history.
        unit: of the value, such as px.
        needs: the settings that its check or rule reads.
        is_list_of_names: a text is a list of names that commas separate.
    """
    if choices and check is None:
        check, rule = (lambda value, _: value in choices), f"one of {', '.join(map(str, choices))}"
    metadata = {"check": check, "rule": rule, "choices": choices, "changeable": changeable}
    metadata |= {"help": help, "unit": unit, "needs": needs, "is_list_of_names": is_list_of_names}
    return field(default=default, metadata=metadata)


def _at_least(least: int) -> dict[str, Any]:
    return {"check": lambda value, _: value >= least, "rule": f"{least} or more"}


def _between(least: float, most: float) -> dict[str, Any]:
    return {"check": lambda value, _: least <= value <= most, "rule": f"{least} to {most}"}


def _below_one() -> dict[str, Any]:
    return {"check": lambda value, _: 0 <= value < 1, "rule": "0 or more and below 1"}


class SettingsError(RunError):
    """Some settings are invalid.

    Attributes:
        problems: one sentence per setting.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems))


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a training, as saved in its run; see ``brainseg train --settings``."""

    data: str = _setting(MISSING, "Folder of the cases.", changeable=True)
    name: str = _setting(
        "unet",
        "Name of the run: letters, digits, dots, hyphens and underscores.",
        check=lambda name, _: is_name(name),
        rule=NAME_RULE,
    )
    fold: int = _setting(
        0,
        "Number of the held-out fold, from 0.",
        check=lambda fold, config: 0 <= fold < config.folds,
        rule=lambda config: f"0 to {config.folds - 1}",
        needs=("folds",),
    )
    folds: int = _setting(5, "Number of folds; a patient is in one fold only.", **_at_least(2))
    label: str = _setting(
        "",
        "Label whose masks are learned; empty for the union of all labels.",
        check=lambda label, _: len(label) <= LONGEST_TARGET,
        rule=f"at most {LONGEST_TARGET} characters",
    )
    sequences: tuple = _setting(
        (),
        "Sequences to learn from, as in FLAIR,T2; empty for pre-contrast, FLAIR and post-contrast.",
        check=lambda names, _: (
            len(names) == len(set(names)) <= MOST_SEQUENCES
            and all(isinstance(name, str) and 0 < len(name) <= LONGEST_SEQUENCE for name in names)
        ),
        rule=f"up to {MOST_SEQUENCES} different names of at most {LONGEST_SEQUENCE} characters",
        is_list_of_names=True,
    )
    seed: int = _setting(
        0, "Random seed of folds, weights, sampling and augmentation.", **_at_least(0)
    )
    epochs: int = _setting(36, "Maximum number of epochs.", changeable=True, **_at_least(1))
    steps_per_epoch: int = _setting(100, "Batches per epoch.", unit="batches", **_at_least(1))
    batch_size: int = _setting(16, "Slices per batch.", unit="slices", **_at_least(2))
    tumour_share: float = _setting(
        0.5, "Fraction of each batch that shows tumour, 0 to 1.", **_between(0, 1)
    )
    learning_rate: float = _setting(
        1e-3,
        "Peak learning rate (one warm-up epoch, then cosine decay).",
        check=lambda rate, _: 0 < rate < 1,
        rule="above 0 and below 1",
        changeable=True,
    )
    rate_restarts: tuple = _setting(
        (),
        "Epochs after which the learning rate rises again (warm restarts).",
        check=lambda epochs, config: (
            all(type(epoch) is int for epoch in epochs)
            and all(a < b for a, b in pairwise((0, *epochs, config.epochs)))
        ),
        rule=lambda config: (
            f"increasing epochs from 1 to {config.epochs - 1}, as in [{max(1, config.epochs // 2)}]"
        ),
        needs=("epochs",),
    )
    weight_decay: float = _setting(
        1e-4, "Weight decay of AdamW (Loshchilov and Hutter 2019).", changeable=True, **_below_one()
    )
    averaging: float = _setting(
        0.99,
        "Momentum of the moving average of the weights, which is saved; 0 turns it off.",
        **_below_one(),
    )
    patience: int = _setting(
        12,
        "Epochs without a better validation Dice before training stops.",
        changeable=True,
        **_at_least(1),
    )
    augmentation: float = _setting(
        1.0, "Strength of augmentation; 0 turns it off.", **_between(0, 3)
    )
    synthetic_cases: int = _setting(
        0,
        "Number of synthetic cases added to the training cases.",
        unit="cases",
        needs=("sequences",),
        check=lambda count, config: 0 <= count <= (0 if config.preprocessing.needs_others else 500),
        rule=lambda config: (
            f"0, as synthetic cases have only {', '.join(SEQUENCES)}"
            if config.preprocessing.needs_others
            else "0 to 500"
        ),
    )
    precision: str = _setting(
        AUTO,
        "Floating-point precision; auto picks the fastest of this machine.",
        choices=PRECISIONS,
        changeable=True,
    )
    devices: str = _setting(
        "one",
        "One device, or all of this machine, or of all processes on JAX, which share each batch.",
        choices=DEVICES,
        changeable=True,
    )
    workers: int = _setting(
        0,
        "Threads that prepare batches; 0 is one per core, at most eight.",
        changeable=True,
        **_between(0, 64),
    )
    size: int = _setting(
        256,
        "Side of the network's grid, px.",
        unit="px",
        needs=("network", "levels"),
        check=lambda size, config: size > 0 and size % config._coarsest_px == 0,
        rule=lambda config: f"a multiple of {config._coarsest_px}",
    )
    window: int = _setting(
        0,
        "Side of the random crop of each training slice, px; 0 uses the whole slice.",
        unit="px",
        needs=("size", "network", "levels"),
        check=lambda side, config: 0 <= side <= config.size and side % config._coarsest_px == 0,
        rule=lambda config: f"0, or a multiple of {config._coarsest_px} up to the size",
    )
    context_slices: int = _setting(
        1, "Neighbouring slices on each side that add their FLAIR.", unit="slices", **_between(0, 8)
    )
    network: str = _setting("unet", "Architecture of the network.", choices=(*ENCODERS_OF,))
    base_features: int = _setting(16, "Features of the first level of unet.", **_between(1, 128))
    levels: int = _setting(5, "Levels of unet, including the bottleneck.", **_between(2, 6))
    encoder: str = _setting(
        "",
        "Pretrained encoder of lite_unet: efficientnet-lite0 (ImageNet), or empty for none.",
        choices=tuple(dict.fromkeys(one for some in ENCODERS_OF.values() for one in some)),
        needs=("network",),
        check=lambda encoder, config: encoder in ENCODERS_OF[config.network],
        rule=lambda config: (
            f"{' or '.join(one or 'empty' for one in ENCODERS_OF[config.network])} for "
            f"{config.network}"
        ),
    )
    mirrored: int = _setting(
        0,
        "1 makes the published model average each slice with its mirror image; 0 does not.",
        choices=(0, 1),
        changeable=True,
    )
    smallest_share: float = _setting(
        0.0,
        "The published model removes components below this fraction of the largest, 0 to 1.",
        changeable=True,
        **_between(0, 1),
    )

    def __post_init__(self) -> None:
        problems: dict[str, str] = {}
        for setting in fields(self):
            try:
                object.__setattr__(self, setting.name, _typed(setting, getattr(self, setting.name)))
            except RunError as error:
                problems[setting.name] = str(error)
        # Rules that depend on other settings come last, and only if those are valid.
        for setting in sorted(fields(self), key=lambda setting: len(setting.metadata["needs"])):
            name, check = setting.name, setting.metadata["check"]
            known = problems.keys().isdisjoint((name, *setting.metadata["needs"]))
            if check and known and not check(value := getattr(self, name), self):
                problems[name] = f"{name} is {value!r}, but must be {self._rule_of(setting)}."
        if problems:
            order = [setting.name for setting in fields(self)]
            raise SettingsError([problems[name] for name in sorted(problems, key=order.index)])

    def _rule_of(self, setting: Field) -> str:
        rule = setting.metadata["rule"]
        return rule(self) if callable(rule) else rule

    @classmethod
    def ranges(cls, settings: dict) -> dict[str, str]:
        """Return what each setting must be, as text, also where settings are invalid.

        Args:
            settings: values of the right types; some ranges depend on them.
        """
        values = {setting.name: setting.default for setting in fields(cls)} | settings
        unchecked = object.__new__(cls)
        for name, value in values.items():
            object.__setattr__(unchecked, name, value)
        return {setting.name: unchecked._rule_of(setting) for setting in fields(cls)}

    @classmethod
    def from_settings(cls, settings: dict) -> "TrainingConfig":
        """Return a configuration from names and values.

        Raises:
            RunError: a name is not a setting, a value breaks its rule, or the data is not named.
        """
        known = {setting.name for setting in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise RunError(
                f"unknown setting {', '.join(unknown)}{nearest(unknown[0], known)}: "
                f"choose from {', '.join(sorted(known))}."
            )
        if "data" not in settings:
            raise RunError("the setting data is missing: name the folder of the cases.")
        return cls(**settings)

    @classmethod
    def help_lines(cls) -> list[str]:
        """Return one line per setting: name, default as ``--set`` takes it, help and choices."""
        lines = []
        for setting in fields(cls):
            default = "" if setting.default is MISSING else setting.default
            default = list(default) if isinstance(default, tuple) else default
            choices = [str(choice) for choice in setting.metadata["choices"] if choice != ""]
            allowed = f" Choices: {', '.join(choices)}." if choices else ""
            lines.append(f"{setting.name}={default}  {setting.metadata['help']}{allowed}")
        return lines

    @property
    def preprocessing(self) -> Preprocessing:
        """Return the preprocessing of the network's input."""
        return Preprocessing(
            size=self.size,
            context_slices=self.context_slices,
            sequences=self.sequences or SEQUENCES,
        )

    @property
    def inference(self) -> Inference:
        """Return how the published model predicts."""
        return Inference(bool(self.mirrored), self.smallest_share)

    @property
    def architecture_arguments(self) -> dict[str, int]:
        """Return the arguments of the network's function in :mod:`brainseg.models.networks`."""
        sizes = {"base_features": self.base_features, "levels": self.levels}
        return {"channels": self.preprocessing.channels} | (sizes if self.network == "unet" else {})

    @property
    def _coarsest_px(self) -> int:
        """Return the pixels of the grid under one value of the coarsest level."""
        return 2 ** (5 if self.network == "lite_unet" else max(0, min(self.levels, 6)))


CHANGEABLE = tuple(
    setting.name for setting in fields(TrainingConfig) if setting.metadata["changeable"]
)
"""The settings that a resumed run may change."""


def changed(config: TrainingConfig, changes: dict) -> TrainingConfig:
    """Return a configuration with some settings changed, for a run that is resumed.

    Raises:
        RunError: a change is not one of :data:`CHANGEABLE`, or breaks its rule.
    """
    settings = asdict(config)
    changes = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    fixed = sorted(k for k in changes if k not in CHANGEABLE and changes[k] != settings.get(k))
    if fixed:
        raise RunError(
            f"a resumed run cannot change {', '.join(fixed)}: change only {', '.join(CHANGEABLE)}, "
            "or start a new run."
        )
    return TrainingConfig.from_settings(settings | changes)


def _typed(setting: Field, value: Any) -> Any:
    """Return a value in the type of its setting: an int as a float, a list as a tuple."""
    kind = cast(type, setting.type)
    if setting.metadata["is_list_of_names"] and isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    name, example = ("list", "[1, 2]") if kind is tuple else (kind.__name__, "VALUE")
    raise RunError(
        f"{setting.name} is {value!r}, but must be of type {name}: set it as "
        f"{setting.name}={example}."
    )
