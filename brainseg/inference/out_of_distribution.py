"""Out-of-distribution detector: a small MLP over about 165 features of a downsampled slice.

It was fitted on the slices of the LGG cohort, on which the shipped models were trained, against the same
slices turned, cut, inverted, stripped or in another contrast, and pictures that show no head. See
:mod:`brainseg.inference.out_of_distribution_features` for the features.

There are two rules: one for volumes of several sequences, and one for volumes with a single picture in
all three, as when only FLAIR is uploaded. The first takes such a volume for another contrast.
``benchmarks/out_of_distribution.py`` fits both, measures them on held-out cases and writes the file.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from brainseg.inference.out_of_distribution_features import features_of_plane, features_of_slice
from brainseg.models import Model
from brainseg.volume import Volume

RULE = Path(__file__).with_name("out_of_distribution.npz")

FAMILIAR = "familiar"

NO_HEAD = "no head"

MEANS = {
    NO_HEAD: "this does not look like a slice through a head",
    "contrast": "the picture taken as FLAIR looks like another contrast: check which sequence is which",
    "inverted": "dark and bright seem to be exchanged",
    "turned": "the head seems to lie on its side or upside down; the training data have the face up",
    "part": "this seems to show a part of a head only",
    "stripped": "the skull seems to have been removed, and the training data have it",
}
"""Each kind of dissimilar picture that the rules were fitted on, in words."""

UNNAMED, DIFFERS = "unnamed", "these images differ from it, and it is unknown in what"

LEAST_NAMED = 0.7
"""A kind is named from this mean likelihood on. Of changed cases of the LGG cohort, about 1 in 25 has a
lower one; so have upright synthetic heads that are unlike it, which were called turned."""

MOST_SLICES = 48
"""Number of slices used per volume, evenly spread: more do not change the result."""

LEAST_HEAD = 0.08
"""A slice with a smaller bright fraction is used only if there is no other."""

FEW = 5

SEQUENCES_DIFFER, ONE_IMAGE = "", "one_image_"
"""Prefix of a rule's arrays in the file: the first is for volumes of several sequences."""

LONGEST = 5.0
"""Standard deviations from the cohort's mean at which features are clipped."""


@dataclass(frozen=True)
class Rule:
    """A fitted classifier of slices: one hidden layer, and scores of the kinds.

    Attributes:
        kinds: (k,), :data:`FAMILIAR` first.
        hidden: (features + 1, h) float32, the constant last.
        scores: (h + 1, k) float32, likewise.
        centre: (features,) float32, subtracted first.
        scale: (features,) float32, divided by then.
        least: a case with a lower mean likelihood of being familiar, 0..1, is dissimilar.
        least_of_few: the same for fewer than :data:`FEW` slices.
        cases: names of the cases for fitting.
        of_one_image: number of these with the same picture in all three sequences.
    """

    kinds: tuple[str, ...]
    hidden: np.ndarray
    scores: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    least: float
    least_of_few: float
    cases: frozenset[str]
    of_one_image: int = 0

    def likelihoods(self, features: np.ndarray) -> np.ndarray:
        """Return the likelihood of each kind, (n, k) float, for each slice, (n, features)."""
        seen = np.clip((features - self.centre) / self.scale, -LONGEST, LONGEST)
        seen = np.maximum(0, seen @ self.hidden[:-1] + self.hidden[-1])
        scores = seen @ self.scores[:-1] + self.scores[-1]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)


@lru_cache(maxsize=2)
def shipped_rule(which: str = SEQUENCES_DIFFER) -> Rule:
    """Return a rule that was fitted on the LGG cohort.

    Args:
        which: :data:`SEQUENCES_DIFFER` or :data:`ONE_IMAGE`.
    """
    with np.load(RULE, allow_pickle=False) as stored:
        return Rule(
            kinds=tuple(stored["kinds"].tolist()),
            **{name: stored[which + name] for name in ("hidden", "scores", "centre", "scale")},
            least=float(stored[f"{which}least"]),
            least_of_few=float(stored[f"{which}least_of_few"]),
            cases=frozenset(stored["cases"].tolist()),
            of_one_image=int(stored["of_one_image"]),
        )


def applies_to(model: Model) -> bool:
    """Return whether the rule applies to a model: most of its training cases are cases of the rule."""
    learned = {name for record in model.folds for name in record.trained_on}
    return 2 * len(learned & shipped_rule().cases) > len(learned)


def warnings_of(volume: Volume, model: Model) -> tuple[str, ...]:
    """Return sentences on how a volume differs from a model's training data; none if it does not.

    Args:
        volume: a case, or one slice.
        model: the model that will predict.
    """
    if not applies_to(model):
        return (
            f"It is unknown whether these images resemble the training data of {model.name}, which were "
            "not measured.",
        )
    kind = kind_of(volume)
    sentences = []
    if kind != FAMILIAR:
        sentences.append(
            f"Unlike the training data: {MEANS.get(kind, DIFFERS)}. Performance on such images is "
            "unknown; do not rely on this result."
        )
    elif holds_one_image(volume):
        rule = shipped_rule()
        sentences.append(
            "All three sequences are the same picture, as in only "
            f"{rule.of_one_image} of the {len(rule.cases)} cases that the model was trained and "
            "measured on."
        )
    return tuple(sentences)


def kind_of(volume: Volume) -> str:
    """Return the kind of a volume: :data:`FAMILIAR`, a key of :data:`MEANS`, or :data:`UNNAMED`.

    Args:
        volume: a case, or one slice.
    """
    if volume.pixels.min() == volume.pixels.max():
        return NO_HEAD
    rule = shipped_rule(ONE_IMAGE if holds_one_image(volume) else SEQUENCES_DIFFER)
    features = features_of(volume)
    mean = rule.likelihoods(features).mean(axis=0)
    if mean[0] >= (rule.least if len(features) >= FEW else rule.least_of_few):
        return FAMILIAR
    kind = rule.kinds[1 + int(np.argmax(mean[1:]))]
    return kind if kind == NO_HEAD or mean[1:].max() >= LEAST_NAMED else UNNAMED


def holds_one_image(volume: Volume) -> bool:
    """Return whether all sequences have the same pixels."""
    return len(volume.flair_copies) == len(volume.sequences) - 1


def features_of(volume: Volume) -> np.ndarray:
    """Return the features of a volume, (m, features) float32, a row per slice.

    There are at most :data:`MOST_SLICES` rows, for slices with a head if any has one. A volume of one
    image has the features of a plane, any other those of three sequences.
    """
    places = np.unique(np.linspace(0, len(volume) - 1, MOST_SLICES).round().astype(int))
    slices = [volume.pixels[place] for place in places]
    if holds_one_image(volume):
        found = [features_of_plane(np.ascontiguousarray(image[..., 0])) for image in slices]
    else:
        found = [features_of_slice(image) for image in slices]
    with_head = [features for features in found if features[0] >= LEAST_HEAD]
    return np.stack(with_head or found)
