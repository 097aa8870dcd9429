"""Exposure: whether a model was trained on a patient, which decides if a Dice is meaningful."""

from dataclasses import dataclass

HELD_OUT, SEEN, NEW, UNKNOWN = "held out", "seen", "new", "unknown"
"""Relation of a model to a patient: at least one fold was not trained on them, all folds were, the
patient is not in the training data, or it is unknown, as for an uploaded image."""


@dataclass(frozen=True)
class CaseExposure:
    """Whether a model was trained on a case, and which of its folds therefore predict it.

    Attributes:
        relation: :data:`HELD_OUT`, :data:`SEEN`, :data:`NEW` or :data:`UNKNOWN`.
        folds: numbers of the folds whose mean probability is the prediction.
        trained_on_image: numbers of the folds whose training data contain this image, recognised by
            the hashes of its slices.
    """

    relation: str
    folds: tuple[int, ...]
    trained_on_image: tuple[int, ...] = ()

    @property
    def seen(self) -> bool:
        """Return whether the folds that predict this case were trained on its patient."""
        return self.relation == SEEN

    @property
    def fold(self) -> int | None:
        """Return the fold that predicts, or None if several do."""
        return self.folds[0] if len(self.folds) == 1 else None

    def in_words(self) -> str:
        """Return whether the networks were trained on this patient, in one or two sentences."""
        folds = _subject_words(self.folds)
        were = "was" if len(self.folds) == 1 else "were"
        relation = {
            HELD_OUT: f"Held-out prediction: {folds} {were} not trained on this patient.",
            SEEN: f"{folds[0].upper()}{folds[1:]} {were} trained on this patient; the Dice is not "
            "meaningful.",
            NEW: "This patient was not in the training data.",
            UNKNOWN: "It is unknown whether this patient was in the training data.",
        }[self.relation]
        if not self.trained_on_image:
            return relation
        trained = _range_words(self.trained_on_image)
        return f"This image was in the training data of {trained}. {relation}"


def fold_words(folds: tuple[int, ...]) -> str:
    """Return folds in words: “fold 0”, or “the mean of folds 0, 1 and 2”."""
    if len(folds) == 1:
        return f"fold {folds[0]}"
    return f"the mean of {_listed(folds)}"


def _subject_words(folds: tuple[int, ...]) -> str:
    """Return folds as the subject of a sentence: “fold 0”, or “folds 0, 1 and 2”."""
    return f"fold {folds[0]}" if len(folds) == 1 else _listed(folds)


def _range_words(folds: tuple[int, ...]) -> str:
    """Return folds in words, more than two in a row as a range: “folds 1 to 4”."""
    if len(folds) > 2 and folds == tuple(range(folds[0], folds[-1] + 1)):
        return f"folds {folds[0]} to {folds[-1]}"
    return _subject_words(folds)


def _listed(folds: tuple[int, ...]) -> str:
    *most, last = map(str, folds)
    return f"folds {', '.join(most)} and {last}"
