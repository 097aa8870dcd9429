"""Unlike the training data: a measured rule that tells what kind of picture a network is asked about.

A small classifier looks at 163 numbers of a slice made small: where the head lies, how bright
it is from its rim to its middle, its coarse shape, and how the sequences go together. It was fitted on
the slices of the LGG cohort, which the shipped models learned from, and on what it is to be told from:
the same slices turned, cut, inverted, stripped or in another contrast, and pictures that show no head.
``benchmarks/familiarity.py`` fits it, measures it on cases it was not fitted on, and writes
:data:`RULE`.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from brainseg.models import Model
from brainseg.preprocessing import HEAD_SHARE, fit_to_grid
from brainseg.volume import FLAIR, SEQUENCES, Volume

RULE = Path(__file__).with_name("familiarity.npz")

GRID = 64
"""Cells a side of the small picture."""

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
"""What each kind of unlike pictures is called in a sentence."""

MOST_SLICES = 48
"""Looked at of one volume, evenly spread: more do not change the answer."""

LEAST_HEAD = 0.08
"""A slice whose bright part takes less of the picture is judged only where there is no other."""

FEW = 5

LONGEST = 5.0
"""Deviations from the cohort's mean beyond which a number tells no more."""

_BOX = 24
_FREQUENCIES = 8
_SHELLS = 8
_FLAIR = SEQUENCES.index(FLAIR)


@dataclass(frozen=True)
class Rule:
    """A fitted classifier of slices: one hidden layer, and scores of the kinds.

    Attributes:
        kinds: (k,), :data:`FAMILIAR` first.
        hidden: (features + 1, h) float32, the constant last.
        scores: (h + 1, k) float32, likewise.
        centre: (features,) float32, subtracted first.
        scale: (features,) float32, divided by then.
        least: a case that is less familiar than this on average, 0..1, is called unlike.
        least_of_few: the same of fewer than :data:`FEW` slices, which tell less.
        cases: names of the cases it was fitted on.
        of_one_image: how many of them hold the same picture in all three sequences.
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
        """Return how likely each slice, (n, features), is of each kind: (n, k) float, rows sum to 1."""
        seen = np.clip((features - self.centre) / self.scale, -LONGEST, LONGEST)
        seen = np.maximum(0, seen @ self.hidden[:-1] + self.hidden[-1])
        scores = seen @ self.scores[:-1] + self.scores[-1]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)


@lru_cache(maxsize=1)
def shipped_rule() -> Rule:
    """Return the rule that was fitted on the LGG cohort."""
    with np.load(RULE, allow_pickle=False) as stored:
        return Rule(
            kinds=tuple(stored["kinds"].tolist()),
            **{name: stored[name] for name in ("hidden", "scores", "centre", "scale")},
            least=float(stored["least"]),
            least_of_few=float(stored["least_of_few"]),
            cases=frozenset(stored["cases"].tolist()),
            of_one_image=int(stored["of_one_image"]),
        )


def applies_to(model: Model) -> bool:
    """Return whether the rule speaks of this model: it learned mostly from the cases of the rule."""
    learned = {name for record in model.folds for name in record.trained_on}
    return 2 * len(learned & shipped_rule().cases) > len(learned)


def warnings_of(volume: Volume, model: Model) -> tuple[str, ...]:
    """Return sentences on what of a volume is unlike what a model learned from; none where nothing is.

    Args:
        volume: a case, or one slice.
        model: what is to predict it; of one that learned from other data nothing is known.
    """
    if not applies_to(model):
        return (
            f"What {model.name} learned from was not measured, so whether this is like it is not "
            "known.",
        )
    kind = kind_of(volume)
    told = []
    if kind != FAMILIAR:
        told.append(
            f"Unlike the training data: {MEANS[kind]}. What the model finds here was never measured; "
            "do not rely on it."
        )
    elif holds_one_image(volume):
        rule = shipped_rule()
        told.append(
            "All three sequences hold the same picture, as in only "
            f"{rule.of_one_image} of the {len(rule.cases)} cases that the model was trained and "
            "measured on."
        )
    return tuple(told)


def kind_of(volume: Volume, rule: Rule | None = None) -> str:
    """Return what a volume looks like: :data:`FAMILIAR`, or a key of :data:`MEANS`.

    Args:
        volume: a case, or one slice.
        rule: the shipped one without.
    """
    rule = rule or shipped_rule()
    if volume.pixels.min() == volume.pixels.max():
        return NO_HEAD
    features = features_of(volume)
    mean = rule.likelihoods(features).mean(axis=0)
    if mean[0] >= (rule.least if len(features) >= FEW else rule.least_of_few):
        return FAMILIAR
    return rule.kinds[1 + int(np.argmax(mean[1:]))]


def holds_one_image(volume: Volume) -> bool:
    """Return whether all sequences have the same pixels, and any contrast at all."""
    first = volume.pixels[..., :1]
    return bool(np.array_equal(volume.pixels, np.broadcast_to(first, volume.pixels.shape)))


def features_of(volume: Volume) -> np.ndarray:
    """Return what the rule looks at in a volume, (m, features) float32, a row a slice looked at.

    At most :data:`MOST_SLICES`, and of these only those with a head where any has one.
    """
    places = np.unique(np.linspace(0, len(volume) - 1, MOST_SLICES).round().astype(int))
    found = [features_of_slice(volume.pixels[place]) for place in places]
    with_head = [features for features in found if features[0] >= LEAST_HEAD]
    return np.stack(with_head or found)


def features_of_slice(image: np.ndarray) -> np.ndarray:
    """Return what the rule looks at in a slice, (features,) float32; the first is the head's share.

    Args:
        image: (h, w, 3) uint8.
    """
    ends = np.array([_bright_end(plane) for plane in np.moveaxis(image, -1, 0)], np.float32)
    small = fit_to_grid(image[np.newaxis].astype(np.float32), GRID)[0] / ends
    small = np.minimum(small, 1.2)
    head = _outline(small[..., _FLAIR])
    if not head.any():
        head[:] = 1
    left, top, width, height = cv2.boundingRect(head)
    box = small[top : top + height, left : left + width]
    rim = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    flair, inside = small[..., _FLAIR], small[head > 0]
    outside = flair[head == 0]
    frame = [
        head.mean(),
        *rim.mean(axis=0),
        *(height / GRID, width / GRID, (top + height / 2) / GRID, (left + width / 2) / GRID),
        (flair[head > 0] > HEAD_SHARE).mean(),
        outside.mean() if outside.size else 1.0,
    ]
    parts = [frame, _together(inside), _levels(inside), _shells(small, head), _texture(small, head)]
    return np.concatenate([*parts, _shape(box)]).astype(np.float32)


def _bright_end(plane: np.ndarray) -> int:
    """Return the value, 1..255, that 0.5 % of what is not black outshines."""
    counts = np.bincount(plane.ravel(), minlength=256)[1:]
    if not counts.any():
        return 1
    return 1 + int(np.searchsorted(np.cumsum(counts), 0.995 * counts.sum()))


def _outline(flair: np.ndarray) -> np.ndarray:
    """Return the convex outline of the largest bright part, (h, w) uint8 of 0 and 1."""
    bright = (flair > HEAD_SHARE).astype(np.uint8)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = np.zeros_like(bright)
    if contours:
        cv2.fillConvexPoly(outline, cv2.convexHull(max(contours, key=cv2.contourArea)), 1)
    return outline


def _together(inside: np.ndarray) -> list[float]:
    """Return the correlations of the sequences within the head, from (pixels, 3)."""
    apart = inside - inside.mean(axis=0)
    apart /= apart.std(axis=0) + 1e-3
    return [float((apart[:, a] * apart[:, b]).mean()) for a, b in ((0, 1), (1, 2), (0, 2))]


def _levels(inside: np.ndarray) -> np.ndarray:
    return np.quantile(inside, [0.1, 0.25, 0.5, 0.75, 0.9], axis=0).T.ravel()


def _shells(small: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the mean of each sequence from the rim of the head to its middle."""
    padded = np.pad(head, 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    shell = np.minimum((depth / depth.max() * _SHELLS).astype(int), _SHELLS - 1)[head > 0]
    counts = np.bincount(shell, minlength=_SHELLS).clip(1)
    sums = [np.bincount(shell, plane, _SHELLS) for plane in small[head > 0].T]
    return (np.stack(sums) / counts).ravel()


def _texture(small: np.ndarray, head: np.ndarray) -> list[float]:
    """Return how rough each sequence is against its contrast, well within the head."""
    within = cv2.erode(np.pad(head, 2), np.ones((5, 5), np.uint8))[2:-2, 2:-2] > 0
    if not within.any():
        within = head > 0
    rough = []
    for plane in np.moveaxis(small, -1, 0):
        edges = cv2.Laplacian(np.ascontiguousarray(plane), cv2.CV_32F)
        rough.append(float(np.log((edges[within].std() + 1e-3) / (plane[within].std() + 1e-2))))
    return rough


def _shape(box: np.ndarray) -> np.ndarray:
    """Return the coarse frequencies of each sequence in the head's box."""
    shrinks = min(box.shape[:2]) >= _BOX
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    square = cv2.resize(np.ascontiguousarray(box), (_BOX, _BOX), interpolation=how)
    row, column = np.mgrid[:_FREQUENCIES, :_FREQUENCIES]
    coarse = row + column < _FREQUENCIES
    spectra = [cv2.dct(np.ascontiguousarray(plane)) for plane in np.moveaxis(square, -1, 0)]
    return np.concatenate([s[:_FREQUENCIES, :_FREQUENCIES][coarse] / _BOX for s in spectra])
