"""The subject of a review (a manual mask or a prediction), and reviews as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from brainseg.errors import ReviewError
from brainseg.models.exposure import fold_words

MASK, PREDICTION = "mask", "prediction"

COLUMNS = (
    "case",
    "reader",
    "subject",
    "model",
    "threshold",
    "folds",
    "state",
    "comment",
    "changed_at",
    "mask_changed",
    "model_digest",
)
"""The columns of a table of reviews. ``subject`` is :data:`MASK` or :data:`PREDICTION`; ``model``,
``threshold`` (0..1), ``folds`` and ``model_digest`` are missing for a mask. ``changed_at`` is UTC.
``mask_changed`` says whether a mask of the case has changed since the review; it is missing for a
prediction."""

MASK_WORDS = "manual mask"

_DECIMALS = 4


@dataclass(frozen=True)
class ReviewedPrediction:
    """The prediction that was reviewed.

    Attributes:
        model: the model's name.
        digest: of the model's manifest; see :attr:`brainseg.models.Model.digest`.
        folds: numbers of the folds whose mean probability was shown.
        threshold: the least probability shown as tumour, between 0 and 1; rounded to four decimals.
    """

    model: str
    digest: str
    folds: tuple[int, ...]
    threshold: float

    def __post_init__(self) -> None:
        if not (self.model and self.digest and self.folds):
            raise ReviewError(
                "the model, its digest or its folds are missing: a review of a prediction names all "
                "three."
            )
        threshold = round(float(self.threshold), _DECIMALS)
        if not 0 < threshold < 1:
            raise ReviewError(
                f"the threshold is {self.threshold:g}, but must lie between 0 and 1: choose another."
            )
        object.__setattr__(self, "threshold", threshold)

    @property
    def words(self) -> str:
        """Return “prediction of lgg-unet at threshold 0.5”."""
        return prediction_words(self.model, self.threshold)

    @property
    def folds_text(self) -> str:
        """Return the folds as stored: “0, 1, 2”."""
        return ", ".join(map(str, self.folds))


class Row(NamedTuple):
    """One review in the database.

    The model's fields, as in :class:`ReviewedPrediction`, are None for a mask; ``masks`` is the
    fingerprint of the case's masks at the time of the review, None for a prediction.
    """

    case: str
    images: str
    reader: str
    state: str
    comment: str
    changed_at: str
    masks: str | None
    model: str | None
    model_digest: str | None
    folds: str | None
    threshold: float | None


def prediction_words(model: str, threshold: float) -> str:
    """Return the subject in words: “prediction of lgg-unet at threshold 0.5”."""
    return f"prediction of {model} at threshold {threshold:g}"


def subject_words(review: Any) -> str:
    """Return the subject of a review, for a row of :func:`as_table` from ``itertuples`` or ``iloc``."""
    if review.subject == MASK:
        return MASK_WORDS
    return prediction_words(review.model, review.threshold)


def subject_words_with_folds(review: Any) -> str:
    """Return :func:`subject_words`, for a prediction with its folds."""
    if review.subject == MASK:
        return MASK_WORDS
    folds = fold_words(tuple(map(int, review.folds.split(", "))))
    return f"{subject_words(review)} ({folds})"


def as_table(
    rows: list[Row], known: Mapping[tuple[str, str], str], cases: list[str]
) -> pd.DataFrame:
    """Return reviews with :data:`COLUMNS`, by case, reader and subject; the mask comes first.

    Args:
        rows: of the database.
        known: the fingerprint of the masks by case and fingerprint of the images; ``mask_changed`` is
            missing for other images.
        cases: the cohort's cases, in its order.
    """
    index = {name: i for i, name in enumerate(cases)}

    def order(row: Row) -> tuple:
        of_model = row.model or "", row.model_digest or "", row.folds or "", row.threshold or 0
        return index[row.case], row.reader, row.images, *of_model

    table = pd.DataFrame(
        [_shown(row, known.get((row.case, row.images))) for row in sorted(rows, key=order)],
        columns=list(COLUMNS),
    )
    table["changed_at"] = pd.to_datetime(table["changed_at"], utc=True).astype("datetime64[s, UTC]")
    text = ("case", "reader", "subject", "model", "folds", "state", "comment", "model_digest")
    return table.astype(
        dict.fromkeys(text, "str") | {"threshold": "Float64", "mask_changed": "boolean"}
    )


def _shown(row: Row, masks: str | None) -> dict[str, object]:
    of_mask = row.model is None
    shown = {name: getattr(row, name) for name in COLUMNS if name in Row._fields}
    return shown | {
        "subject": MASK if of_mask else PREDICTION,
        "mask_changed": row.masks != masks if of_mask and masks is not None else None,
    }
