"""Rates at which inputs unlike the training data are detected, and false alarms on ordinary ones.

    python benchmarks/out_of_distribution.py DATA            # measures the rules
    python benchmarks/out_of_distribution.py DATA --write    # and writes those that are shipped

Alarms are counted for whole cases and for single slices. Pictures without a head are noise, drawings
and the two photographs of scikit-learn: one is used to fit the rules, the other to measure them. There
are two rules: for several sequences, and for a single image in all three, such as FLAIR uploaded
alone.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from brainseg.cohort import Cohort
from brainseg.cohort.head import head_masks
from brainseg.inference.out_of_distribution import (
    FAMILIAR,
    LEAST_HEAD,
    LONGEST,
    MEANS,
    NO_HEAD,
    ONE_IMAGE,
    RULE,
    SEQUENCES_DIFFER,
    Rule,
    holds_one_image,
)
from brainseg.inference.out_of_distribution_features import features_of_plane, features_of_slice
from brainseg.volume import Volume

KINDS = (FAMILIAR, *MEANS)
FOLDS = 5
PASSES = 30
SETTINGS = {
    SEQUENCES_DIFFER: {"hidden_layer_sizes": (64,), "alpha": 0.3},
    ONE_IMAGE: {"hidden_layer_sizes": (128,), "alpha": 1.0},
}

FALSE_SLICES = 0.03
"""Accepted share of false alarms on single ordinary slices; of the cases, one is accepted."""

AS_IT_IS = "as in the cohort"
FLAIR_ALONE = "FLAIR alone"
FILLED = ("FLAIR for pre-contrast", "FLAIR for post-contrast")
ORDINARY = {SEQUENCES_DIFFER: AS_IT_IS, ONE_IMAGE: FLAIR_ALONE}
"""The ordinary input of each rule: its thresholds are chosen on it."""

MEASURED = "measured"
"""Case name of pictures without a head that were not used for fitting."""

Alter = Callable[[np.ndarray, np.random.Generator], np.ndarray | None]
"""Changes a slice; returns None if the slice cannot be changed this way."""


def grey(plane: np.ndarray) -> np.ndarray:
    """Return (h, w) as three equal channels."""
    return np.repeat(plane[..., np.newaxis], 3, axis=2)


def bent(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a slice with a random variation within the range of the training's augmentation."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(
        (width / 2, height / 2), rng.uniform(-10, 10), rng.uniform(0.85, 1.15)
    )
    image = cv2.warpAffine(image, turn, (width, height))
    image = (255 * (image / 255.0) ** rng.uniform(0.75, 1.35)).astype(np.uint8)
    for channel in (0, 2):
        if rng.random() < 0.15:
            image[..., channel] = image[..., 1]
    return image[:, ::-1] if rng.random() < 0.5 else image


def t2(image: np.ndarray) -> np.ndarray:
    """Return an imitation of T2, with bright fluid: T1 inverted within the head."""
    plane = image[..., 0].astype(float)
    end = np.percentile(plane[plane > 0], 99.5) if (plane > 0).any() else 1
    return np.where(plane > 0.1 * end, np.clip(1.1 - plane / end, 0, 1) * 255, plane).astype(
        np.uint8
    )


def ct(image: np.ndarray) -> np.ndarray:
    """Return an imitation of CT: a bright shell of bone around low contrast."""
    head = head_masks(Volume(image[np.newaxis]))[0].astype(np.uint8)
    cross = np.ones((3, 3), np.uint8)
    bone = cv2.erode(head, cross, iterations=3)
    inside = cv2.erode(head, cross, iterations=8)
    plane = head * 40 + inside * (35 + image[..., 0] / 10.0)
    return grey(np.where(bone > inside, 250, plane).astype(np.uint8))


def stripped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a slice without the outer 5 to 9% of its width from the head's edge."""
    head = head_masks(Volume(image[np.newaxis]))[0].astype(np.uint8)
    depth = int(image.shape[1] * rng.uniform(0.05, 0.09))
    inside = cv2.erode(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * depth + 1,) * 2))
    return image * inside[..., np.newaxis]


def part(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random crop of 30 to 55% of a slice's height and width."""
    height, width = image.shape[:2]
    tall, wide = (int(side * rng.uniform(0.3, 0.55)) for side in (height, width))
    top = int(rng.uniform(0.1, 0.9) * (height - tall))
    left = int(rng.uniform(0.1, 0.9) * (width - wide))
    return image[top : top + tall, left : left + wide]


class Change(NamedTuple):
    """A way to change a slice.

    Attributes:
        kind: of the result: :data:`FAMILIAR`, or a key of :data:`MEANS`.
        alter: changes (h, w, 3) uint8.
        every: n, for every n-th slice.
    """

    kind: str
    alter: Alter
    every: int = 3


def alone(alter: Alter, channel: int = 1) -> Alter:
    """Return a change of one sequence that fills all three channels, as if uploaded alone.

    The change returns None if the sequence is missing, that is, equals FLAIR.
    """

    def altered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
        if channel != 1 and np.array_equal(image[..., channel], image[..., 1]):
            return None
        return grey(alter(grey(image[..., channel]), rng)[..., 0])

    return altered


TURNS: dict[str, Alter] = {
    "upside down": lambda image, rng: image[::-1],
    "turned by 90 degrees": lambda image, rng: np.rot90(image, rng.choice([1, 3])),
    "turned by 180 degrees": lambda image, rng: image[::-1, ::-1],
}

CHANGES: dict[str, Change] = {
    AS_IT_IS: Change(FAMILIAR, lambda image, rng: image, 1),
    "varied as in training": Change(FAMILIAR, bent, 1),
    "T1 and FLAIR exchanged": Change("contrast", lambda image, rng: image[..., [1, 0, 2]]),
    "enhanced T1 and FLAIR exchanged": Change("contrast", lambda image, rng: image[..., [0, 2, 1]]),
    "like T2, as FLAIR": Change(
        "contrast", lambda image, rng: np.dstack([image[..., 0], t2(image), image[..., 2]])
    ),
    "inverted": Change("inverted", lambda image, rng: 255 - image),
    **{name: Change("turned", turn) for name, turn in TURNS.items()},
    "a part of the head": Change("part", part),
    "skull removed": Change("stripped", stripped),
    FILLED[0]: Change(FAMILIAR, lambda image, rng: image[..., [1, 1, 2]]),
    FILLED[1]: Change(FAMILIAR, lambda image, rng: image[..., [0, 1, 1]]),
    FLAIR_ALONE: Change(FAMILIAR, alone(lambda image, rng: image), 1),
    "FLAIR alone, varied": Change(FAMILIAR, alone(bent), 1),
    "T1 alone": Change("contrast", alone(lambda image, rng: image, 0), 1),
    "T1 alone, varied": Change("contrast", alone(bent, 0), 1),
    "enhanced T1 alone": Change("contrast", alone(lambda image, rng: image, 2), 1),
    "enhanced T1 alone, varied": Change("contrast", alone(bent, 2), 1),
    "like T2, alone": Change("contrast", lambda image, rng: grey(t2(image)), 2),
    "like CT": Change("contrast", lambda image, rng: ct(image), 2),
    "FLAIR alone, inverted": Change("inverted", alone(lambda image, rng: 255 - image), 2),
    **{f"FLAIR alone, {name}": Change("turned", alone(turn), 2) for name, turn in TURNS.items()},
    "FLAIR alone, a part": Change("part", alone(part), 2),
    "FLAIR alone, skull removed": Change("stripped", alone(stripped), 2),
}


def recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture with channels randomly exchanged, brightened or darkened, and inverted."""
    planes = []
    for channel in rng.permutation(3):
        plane = 255 * (image[..., channel] / 255.0) ** rng.uniform(0.4, 2.5)
        planes.append(255 - plane if rng.random() < 0.3 else plane)
    return np.dstack(planes).astype(np.uint8)


def waves(rng: np.random.Generator) -> np.ndarray:
    """Return a colour picture of waves with noise."""
    height, width = (int(side) for side in rng.integers(64, 300, 2))
    row, column = np.mgrid[:height, :width]
    planes = []
    for _ in range(3):
        plane = rng.uniform(40, 200) + rng.uniform(-0.5, 0.5) * row
        for _ in range(int(rng.integers(1, 4))):
            angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(20, 250)
            along = column * np.cos(angle) + row * np.sin(angle)
            plane = plane + rng.uniform(20, 90) * np.sin(2 * np.pi * along / length)
        planes.append(plane + rng.normal(0, rng.uniform(0, 15), plane.shape))
    return np.dstack(planes).clip(0, 255).astype(np.uint8)


def drawing(rng: np.random.Generator) -> np.ndarray:
    """Return grey boxes and words on black."""
    drawn = np.zeros((256, 256, 3), np.uint8)
    for _ in range(int(rng.integers(1, 12))):
        ends = [tuple(map(int, rng.integers(0, 256, 2))) for _ in range(2)]
        shade = (int(rng.integers(60, 256)),) * 3
        if rng.random() < 0.5:
            cv2.rectangle(drawn, *ends, shade, -1)
        else:
            cv2.putText(drawn, "Report 12.3", ends[0], 0, rng.uniform(0.5, 2), shade, 2)
    return drawn


def no_heads(rng: np.random.Generator, fitting: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield pictures without a head, by name; different ones for fitting and measuring."""
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("china.jpg" if fitting else "flower.jpg")
    for _ in range(300 if fitting else 100):
        side = int(rng.integers(100, 420))
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        crop = np.rot90(photo[top : top + side, left : left + side], rng.integers(4))
        yield "photograph", crop
        yield "photograph, other colours", recoloured(crop, rng)
        yield "waves", waves(rng)
        yield "drawing in colour", recoloured(drawing(rng), rng)
        in_grey = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
        yield "photograph in grey", grey(in_grey)
        size = int(rng.integers(64, 300))
        yield "noise", rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        smooth = rng.random((256, 256, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(smooth, (0, 0), float(rng.uniform(3, 30)))
        span = smooth.max() - smooth.min()
        yield "smooth noise", ((smooth - smooth.min()) / span * 255).astype(np.uint8)
        yield "one value", np.full((64, 64, 3), rng.integers(0, 256), np.uint8)
        yield "drawing or text", drawing(rng)


def measured(cohort: Cohort, seed: int = 0) -> dict[str, np.ndarray]:
    """Return ``features`` of changed slices, with ``rule``, ``change``, ``kind`` and ``case``.

    A change without effect, such as enhanced T1 in place of FLAIR in a case where both are equal, is
    left out.
    """
    rng = np.random.default_rng(seed)
    rows: dict[str, list] = {"rule": [], "change": [], "kind": [], "case": [], "features": []}

    def add(change: str, kind: str, case: str, image: np.ndarray) -> None:
        one = (image == image[..., :1]).all()
        found = {ONE_IMAGE: features_of_plane(image[..., 0].copy())} if one else {}
        # Pictures without a head train the other rule as well, whatever their colours.
        if not one or (kind == NO_HEAD and case != MEASURED):
            found[SEQUENCES_DIFFER] = features_of_slice(image)
        for rule, features in found.items():
            for column, value in zip(rows, (rule, change, kind, case, features), strict=True):
                rows[column].append(value)

    for name in cohort.cases:
        pixels = cohort.case(name).volume().pixels
        with_head = [features_of_slice(image)[0] >= LEAST_HEAD for image in pixels]
        for change, (kind, alter, every) in CHANGES.items():
            for place in np.arange(0, len(pixels), every)[with_head[::every]]:
                image = alter(pixels[place].copy(), rng)
                if image is None:
                    continue
                image = np.ascontiguousarray(image)
                familiar = (pixels[place], grey(pixels[place][..., 1]))
                if kind == FAMILIAR or not any(np.array_equal(image, one) for one in familiar):
                    add(change, kind, name, image)
    for case, fitting in (("", True), (MEASURED, False)):
        for change, image in no_heads(rng, fitting):
            add(change, NO_HEAD, case, np.ascontiguousarray(image))
            if image[..., :1].repeat(3, axis=-1).tobytes() != image.tobytes():
                add(f"{change}, one channel", NO_HEAD, case, grey(image[..., 1]))
    columns = {name: np.array(values) for name, values in rows.items() if name != "features"}
    # Rows have two lengths, one per rule.
    columns["features"] = np.empty(len(rows["features"]), object)
    columns["features"][:] = rows["features"]
    return columns


def fitted(features: np.ndarray, kinds: np.ndarray, which: str, cases: Iterable[str] = ()) -> Rule:
    """Return a rule fitted on these slices, with preliminary thresholds."""
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    seen = np.clip((features - centre) / scale, -LONGEST, LONGEST)
    numbers = [KINDS.index(kind) for kind in kinds]
    settings = {"batch_size": 256, "learning_rate_init": 2e-3, "random_state": 0}
    classifier = MLPClassifier(max_iter=PASSES, **SETTINGS[which], **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after PASSES, as chosen
        classifier.fit(seen, numbers)
    hidden, scores = (
        np.vstack(layer).astype(np.float32)
        for layer in zip(classifier.coefs_, classifier.intercepts_, strict=True)
    )
    return Rule(
        KINDS, hidden, scores, np.float32(centre), np.float32(scale), 0.5, 0.5, frozenset(cases)
    )


def held_out(rows: dict[str, np.ndarray], names: np.ndarray, which: str) -> np.ndarray:
    """Return the familiarity of each slice, 0..1, to a rule that was not fitted on its case."""
    order = np.random.default_rng(0).permutation(names)
    fold_of = dict(zip(order, np.arange(len(names)) % FOLDS, strict=True))
    folds = np.array([fold_of.get(case, -1) for case in rows["case"]])
    elsewhere = rows["case"] == MEASURED
    familiar = np.zeros(len(folds))
    for fold in range(FOLDS):
        fit = (folds != fold) & ~elsewhere
        rule = fitted(np.stack(rows["features"][fit]), rows["kind"][fit], which)
        wanted = (folds == fold) | (elsewhere if fold == 0 else False)
        familiar[wanted] = rule.likelihoods(np.stack(rows["features"][wanted]))[:, 0]
    return familiar


def write(rules: dict[str, Rule], of_one_image: int) -> None:
    """Write the rules of the package."""
    kept: dict[str, object] = {"kinds": np.array(KINDS), "of_one_image": of_one_image}
    for which, rule in rules.items():
        kept["cases"] = np.array(sorted(rule.cases))
        for name in ("hidden", "scores", "centre", "scale", "least", "least_of_few"):
            kept[which + name] = getattr(rule, name)
    np.savez_compressed(RULE, **kept)


def main() -> None:
    """Measure, print, and write the rules if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cohort = Cohort.open(options.data)
    rows = measured(cohort)
    rules = {}
    for which in SETTINGS:
        chosen = rows["rule"] == which
        own = {name: values[chosen] for name, values in rows.items()}
        rules[which] = report(own, np.array(cohort.cases), which)
    alike = sum(holds_one_image(cohort.case(name).volume()) for name in cohort.cases)
    print(f"{alike} cases have the same picture in all three sequences")
    if options.write:
        write(rules, alike)
        print(f"{RULE} written")


def report(rows: dict[str, np.ndarray], names: np.ndarray, which: str) -> Rule:
    """Print the detection rates of a rule, and return the rule fitted on all slices."""
    familiar = held_out(rows, names, which)

    def of_cases(change: str) -> np.ndarray:
        chosen = rows["change"] == change
        of_each = (familiar[chosen & (rows["case"] == name)] for name in names)
        return np.array([slices.mean() for slices in of_each if slices.size])

    # Halfway between the two least familiar of the ordinary cases, because one may be odd.
    ordinary = np.sort(of_cases(ORDINARY[which]))
    least = float(np.floor(1000 * ordinary[:2].mean()) / 1000)
    alone = familiar[rows["change"] == ORDINARY[which]]
    least_of_few = float(np.floor(1000 * np.quantile(alone, FALSE_SLICES)) / 1000)
    table = {}
    for change in dict.fromkeys(rows["change"].tolist()):
        no_head = change not in CHANGES
        chosen = (rows["change"] == change) & (rows["case"] == MEASURED if no_head else True)
        if not chosen.any():
            continue  # fitted on alone
        if not no_head and len(of_cases(change)) < len(names) / 2:
            continue  # the other rule judges most of these
        table[change] = {
            "slices": int(chosen.sum()),
            "slices_alone_called_unlike": round(float((familiar[chosen] < least_of_few).mean()), 3),
        }
        if not no_head:
            cases = of_cases(change)
            unlike = round(float((cases < least).mean()), 3)
            table[change] |= {"cases": len(cases), "cases_called_unlike": unlike}
    thresholds = {"least": least, "least_of_few": least_of_few}
    facts = {"rule": which or "sequences differ", **thresholds, "by_change": table}
    print(json.dumps(facts, indent=1))
    fits = rows["case"] != MEASURED
    rule = fitted(np.stack(rows["features"][fits]), rows["kind"][fits], which, names.tolist())
    return replace(rule, **thresholds)


if __name__ == "__main__":
    main()
