"""How often pictures unlike the training data are told from it, and familiar ones are not.

    python benchmarks/familiarity.py DATA            # measures the rule on cases it was not fitted on
    python benchmarks/familiarity.py DATA --write    # and writes the one that is shipped, fitted on all

Alarms are counted for whole cases and for single slices of them; what is not a head comes from noise,
drawings, and the two photographs of scikit-learn, one of which is fitted on and the other measured.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from brainseg.cohort import Cohort
from brainseg.familiarity import (
    FAMILIAR,
    LEAST_HEAD,
    LONGEST,
    MEANS,
    NO_HEAD,
    RULE,
    Rule,
    features_of_slice,
    holds_one_image,
)
from brainseg.headspace import head_masks
from brainseg.volume import Volume

KINDS = (FAMILIAR, *MEANS)
FOLDS = 5
HIDDEN, PASSES = 64, 30

MOST_FALSE, MOST_FALSE_OF_FEW = 0.012, 0.03
"""Of the cases, and of the slices alone, that were not fitted on, some such share is called unlike."""

AS_IT_IS = "as in the cohort"
MEASURED = "measured"
"""In place of a case's name: a picture that shows no head, and was not fitted on."""

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def grey(plane: np.ndarray) -> np.ndarray:
    """Return (h, w) as three equal channels."""
    return np.repeat(plane[..., np.newaxis], 3, axis=2)


def bent(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a slice as another head or scanner might have shown it, within what training varies."""
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
    """Return what T2 might look like: fluid bright, from T1 turned round within the head."""
    plane = image[..., 0].astype(float)
    end = np.percentile(plane[plane > 0], 99.5) if (plane > 0).any() else 1
    return np.where(plane > 0.1 * end, np.clip(1.1 - plane / end, 0, 1) * 255, plane).astype(
        np.uint8
    )


def ct(image: np.ndarray) -> np.ndarray:
    """Return what CT might look like: a bright shell of bone around hardly any contrast."""
    head = head_masks(Volume(image[np.newaxis]))[0].astype(np.uint8)
    cross = np.ones((3, 3), np.uint8)
    bone = cv2.erode(head, cross, iterations=3)
    inside = cv2.erode(head, cross, iterations=8)
    plane = head * 40 + inside * (35 + image[..., 0] / 10.0)
    return grey(np.where(bone > inside, 250, plane).astype(np.uint8))


def stripped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a slice without what lies within some 5 to 9 % of its width from the head's rim."""
    head = head_masks(Volume(image[np.newaxis]))[0].astype(np.uint8)
    depth = int(image.shape[1] * rng.uniform(0.05, 0.09))
    inside = cv2.erode(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * depth + 1,) * 2))
    return image * inside[..., np.newaxis]


def part(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a quarter to a half of a slice's height and width, from anywhere in its middle."""
    height, width = image.shape[:2]
    tall, wide = (int(side * rng.uniform(0.3, 0.55)) for side in (height, width))
    top = int(rng.uniform(0.1, 0.9) * (height - tall))
    left = int(rng.uniform(0.1, 0.9) * (width - wide))
    return image[top : top + tall, left : left + wide]


CHANGES: dict[str, tuple[str, Change]] = {
    AS_IT_IS: (FAMILIAR, lambda image, rng: image),
    "varied as in training": (FAMILIAR, bent),
    "T1 for all": ("contrast", lambda image, rng: grey(image[..., 0])),
    "contrast-enhanced T1 for all": ("contrast", lambda image, rng: grey(image[..., 2])),
    "T1 and FLAIR exchanged": ("contrast", lambda image, rng: image[..., [1, 0, 2]]),
    "enhanced T1 and FLAIR exchanged": ("contrast", lambda image, rng: image[..., [0, 2, 1]]),
    "like T2, for all": ("contrast", lambda image, rng: grey(t2(image))),
    "like T2, as FLAIR": (
        "contrast",
        lambda image, rng: np.dstack([image[..., 0], t2(image), image[..., 2]]),
    ),
    "like CT": ("contrast", lambda image, rng: ct(image)),
    "inverted": ("inverted", lambda image, rng: 255 - image),
    "upside down": ("turned", lambda image, rng: image[::-1]),
    "turned by 90 degrees": ("turned", lambda image, rng: np.rot90(image, rng.choice([1, 3]))),
    "turned by 180 degrees": ("turned", lambda image, rng: image[::-1, ::-1]),
    "a part of the head": ("part", part),
    "skull removed": ("stripped", stripped),
}


def no_heads(rng: np.random.Generator, fitting: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield pictures that show no head, by name; others for fitting than for measuring."""
    from sklearn.datasets import load_sample_image

    photo = load_sample_image("china.jpg" if fitting else "flower.jpg")
    for _ in range(300 if fitting else 100):
        side = int(rng.integers(100, 420))
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        crop = np.rot90(photo[top : top + side, left : left + side], rng.integers(4))
        yield "photograph", crop
        yield (
            "photograph in grey",
            grey(cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)),
        )
        yield (
            "noise",
            rng.integers(0, 256, (int(rng.integers(64, 300)),) * 2 + (3,), dtype=np.uint8),
        )
        smooth = rng.random((256, 256, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(smooth, (0, 0), float(rng.uniform(3, 30)))
        span = smooth.max() - smooth.min()
        yield "smooth noise", ((smooth - smooth.min()) / span * 255).astype(np.uint8)
        yield "one value", np.full((64, 64, 3), rng.integers(0, 256), np.uint8)
        drawing = np.zeros((256, 256, 3), np.uint8)
        for _ in range(int(rng.integers(1, 12))):
            ends = [tuple(map(int, rng.integers(0, 256, 2))) for _ in range(2)]
            shade = (int(rng.integers(60, 256)),) * 3
            if rng.random() < 0.5:
                cv2.rectangle(drawing, *ends, shade, -1)
            else:
                cv2.putText(drawing, "Report 12.3", ends[0], 0, rng.uniform(0.5, 2), shade, 2)
        yield "drawing or text", drawing


def measured(cohort: Cohort, seed: int = 0) -> dict[str, np.ndarray]:
    """Return ``features`` of slices changed in every way, with ``change``, ``kind`` and ``case``."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list] = {"change": [], "kind": [], "case": [], "features": []}
    for name in cohort.cases:
        pixels = cohort.case(name).volume().pixels
        for change, (kind, alter) in CHANGES.items():
            for place in range(0, len(pixels), 1 if kind == FAMILIAR else 3):
                image = np.ascontiguousarray(alter(pixels[place], rng))
                features = features_of_slice(image)
                if features_of_slice(pixels[place])[0] < LEAST_HEAD:
                    continue
                for column, value in zip(rows, (change, kind, name, features), strict=True):
                    rows[column].append(value)
    for case, fitting in (("", True), (MEASURED, False)):
        for change, image in no_heads(rng, fitting):
            features = features_of_slice(np.ascontiguousarray(image))
            for column, value in zip(rows, (change, NO_HEAD, case, features), strict=True):
                rows[column].append(value)
    return {column: np.array(values) for column, values in rows.items()}


def fitted(features: np.ndarray, kinds: np.ndarray, cases: Iterable[str] = ()) -> Rule:
    """Return the classifier that these slices give; its thresholds are yet to be chosen."""
    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    seen = np.clip((features - centre) / scale, -LONGEST, LONGEST)
    numbers = [KINDS.index(kind) for kind in kinds]
    settings = {"alpha": 0.3, "batch_size": 256, "learning_rate_init": 2e-3, "random_state": 0}
    classifier = MLPClassifier((HIDDEN,), max_iter=PASSES, **settings)
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


def held_out(rows: dict[str, np.ndarray], names: np.ndarray) -> np.ndarray:
    """Return how familiar each slice is, 0..1, to a rule that was not fitted on its case."""
    order = np.random.default_rng(0).permutation(names)
    fold_of = dict(zip(order, np.arange(len(names)) % FOLDS, strict=True))
    folds = np.array([fold_of.get(case, -1) for case in rows["case"]])
    elsewhere = rows["case"] == MEASURED
    familiar = np.zeros(len(folds))
    for fold in range(FOLDS):
        fit = (folds != fold) & ~elsewhere
        rule = fitted(rows["features"][fit], rows["kind"][fit])
        wanted = (folds == fold) | (elsewhere if fold == 0 else False)
        familiar[wanted] = rule.likelihoods(rows["features"][wanted])[:, 0]
    return familiar


def write(rule: Rule) -> None:
    """Write the rule that is shipped."""
    kept = {**vars(rule), "kinds": np.array(rule.kinds), "cases": np.array(sorted(rule.cases))}
    np.savez_compressed(RULE, **kept)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cohort = Cohort.open(options.data)
    rule = report(measured(cohort), np.array(cohort.cases))
    alike = sum(holds_one_image(cohort.case(name).volume()) for name in cohort.cases)
    print(f"{alike} cases hold the same picture in all three sequences")
    if options.write:
        write(replace(rule, of_one_image=alike))
        print(f"{RULE} written")


def report(rows: dict[str, np.ndarray], names: np.ndarray) -> Rule:
    """Print what the rule tells apart of these slices, and return the one that is fitted on all."""
    familiar = held_out(rows, names)

    def of_cases(change: str) -> np.ndarray:
        chosen = rows["change"] == change
        return np.array([familiar[chosen & (rows["case"] == name)].mean() for name in names])

    # Rounded down, so that no case beyond the share is called unlike.
    least = float(np.floor(1000 * np.quantile(of_cases(AS_IT_IS), MOST_FALSE)) / 1000)
    alone = familiar[rows["change"] == AS_IT_IS]
    least_of_few = float(np.floor(1000 * np.quantile(alone, MOST_FALSE_OF_FEW)) / 1000)
    table = {}
    for change in dict.fromkeys(rows["change"].tolist()):
        no_head = change not in CHANGES
        chosen = (rows["change"] == change) & (rows["case"] == MEASURED if no_head else True)
        table[change] = {
            "slices": int(chosen.sum()),
            "slices_alone_called_unlike": round(float((familiar[chosen] < least_of_few).mean()), 3),
        }
        if not no_head:
            unlike = float((of_cases(change) < least).mean())
            table[change] |= {"cases_called_unlike": round(unlike, 3)}
    thresholds = {"least": least, "least_of_few": least_of_few}
    print(json.dumps({**thresholds, "cases": len(names), "by_change": table}, indent=1))
    fits = rows["case"] != MEASURED
    rule = fitted(rows["features"][fits], rows["kind"][fits], names.tolist())
    return replace(rule, **thresholds)


if __name__ == "__main__":
    main()
