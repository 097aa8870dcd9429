"""Warnings about a prediction, shared by every page, file and command."""

from dataclasses import replace

from brainseg.inference.out_of_distribution import NO_HEAD, applies_to, kind_of, warnings_of
from brainseg.inference.record import CaseRecord
from brainseg.models import Model
from brainseg.models.exposure import CaseExposure


def with_cautions(record: CaseRecord, model: Model, exposure: CaseExposure) -> CaseRecord:
    """Return a record with the warnings about a prediction by a model, most severe first.

    Images that the model was trained or scored on are not tested for similarity to its training data.

    Args:
        record: with the warnings of its own files; see
            :func:`brainseg.inference.record.record_of_upload` and
            :func:`brainseg.inference.record.record_of_case`.
        model: the model that will predict.
        exposure: see :meth:`brainseg.models.Model.exposure`.
    """
    warnings = record.warnings
    if exposure.seen:
        warnings = (exposure.in_words(), *warnings)
    images = model.training_images
    if images is not None and images.holds_all_of(record.volume):
        return replace(record, warnings=warnings)
    unlike = warnings_of(record.volume, model)
    shows_no_head = bool(unlike) and applies_to(model) and kind_of(record.volume) == NO_HEAD
    return replace(
        record,
        warnings=(*unlike, *warnings) if shows_no_head else (*warnings, *unlike),
        unsuitable=record.unsuitable or shows_no_head,
    )
