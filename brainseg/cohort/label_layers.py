"""The labels of a case's masks as layers over its pictures, in viewers and files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from brainseg.cohort.cohort import Case, Cohort
from brainseg.cohort.studies import read_labels


@dataclass(frozen=True, eq=False)
class LabelLayers:
    """The label map of a case.

    Attributes:
        values: (n, h, w) uint8, in the order of the case's volume, 0 outside.
        labels: the values that each label has, by its name in words; labels may share values.
        chosen: the label whose mask the case has, in words; None for the union.
    """

    values: np.ndarray = field(repr=False)
    labels: Mapping[str, tuple[int, ...]]
    chosen: str | None = None

    def mask(self, label: str) -> np.ndarray:
        """Return the mask of a label as (n, h, w) bool."""
        return np.isin(self.values, self.labels[label])

    def of(self, label: str | None) -> tuple["LabelLayers", np.ndarray]:
        """Return the layers with a label chosen, None for the union, and its mask, (n, h, w) bool."""
        mask = self.values > 0 if label is None else self.mask(label)
        return replace(self, chosen=label), mask


def label_layers(cohort: Cohort, case: Case) -> LabelLayers | None:
    """Return the labels of a case; None without a usable mask, or if the cohort has one label.

    Raises:
        CohortError: a file of the case cannot be read.
    """
    source = case.slices["source"].iloc[0]
    if not cohort.labels or not case.readable["area_px"].notna().any():
        return None
    chosen = None if cohort.label is None else cohort.label_words(cohort.label)
    if isinstance(source, str):
        read = read_labels(case.root, source, case.name)
        if read is None:
            return None
        values, known = read.values, read.labels
        found = {name: known[name] if name in known else _as_value(name) for name in cohort.labels}
    else:
        # The labels of a picture are numbers or colours, and do not overlap.
        found = {name: (number,) for number, name in enumerate(cohort.labels, start=1)}
        values = np.zeros(case.masks()[0].shape, np.uint8)
        for name, (number,) in found.items():
            values[replace(case, label=name).masks()[0]] = number
    named = {cohort.label_words(name): own for name, own in found.items()}
    return LabelLayers(values, named, chosen)


def _as_value(name: str) -> tuple[int, ...]:
    return (int(name),) if name.isdecimal() else ()
