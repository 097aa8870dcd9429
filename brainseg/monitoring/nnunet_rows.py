"""Parse the lines of a training log of nnU-Net, version 1 or 2, one at a time."""

import math
import re

from brainseg.monitoring.csv_rows import EpochRow

_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?:\s*")
_EPOCH = re.compile(r"^epoch:?\s+(\d{1,12})$", re.IGNORECASE)
_VALUE = re.compile(
    r"^(train[_ ]loss|val_loss|validation[_ ]loss|current learning rate|lr|pseudo dice|"
    r"average global foreground dice)\s*:?\s*(\S.*)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf)(?![\w.])", re.IGNORECASE
)
_BEGINNING = re.compile(
    rb"following paper when using nnU-?Net|^[-\d]{10} [:\d]{8}\.\d+: [Ee]poch:?\s+\d+\s*$",
    re.MULTILINE,
)


def is_nnunet_log(beginning: bytes) -> bool:
    """Return whether a text file starts like a training log of nnU-Net."""
    return bool(_BEGINNING.search(beginning)) and b"\0" not in beginning


class NnunetRows:
    """Parser for the lines of one log, in order; other lines than those of an epoch are passed over.

    Attributes:
        damaged: always 0, because a log may have any lines.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._epoch: int | None = None
        self._values: dict[str, float | None] = {}

    def parse(self, line: str) -> EpochRow | None:
        """Return all known values of the epoch that a line belongs to, or None for any other line."""
        text = _TIME.sub("", line).strip()
        if found := _EPOCH.match(text):
            self._epoch, self._values = int(found[1]), {}
            return None
        found = _VALUE.match(text)
        if not found or self._epoch is None:
            return None
        name = found[1].lower()
        numbers = [float(one) for one in _NUMBER.findall(found[2])]
        if "dice" in name:
            self._values |= _dice(numbers)
        elif numbers:
            key = "learning_rate" if name.endswith(("rate", "lr")) else "validation_loss"
            self._values["loss" if name.startswith("train") else key] = numbers[0]
        return EpochRow(self._epoch + 1, dict(self._values), begins=False)


def _dice(by_class: list[float]) -> dict[str, float | None]:
    """Return the mean Dice and that of each class; a class that does not occur has none."""
    known = [value for value in by_class if math.isfinite(value)]
    values = {"validation_dice": sum(known) / len(known) if known else None}
    if len(by_class) > 1:
        finite = [value if math.isfinite(value) else None for value in by_class]
        values |= {f"validation_dice_class_{n}": value for n, value in enumerate(finite, start=1)}
    return values
