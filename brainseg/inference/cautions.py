"""Warnings about a prediction, shared by every page, file and command."""

from dataclasses import replace

from brainseg.inference.out_of_distribution import NO_HEAD, applies_to, kind_of, warnings_of
from brainseg.inference.record import CaseRecord
from brainseg.models import Model
from brainseg.models.exposure import CaseExposure


def with_cautions(record: CaseRecord, model: Model, exposure: CaseExposure) -> CaseRecord:
    """Return a record with the warnings about a prediction; see :func:`cautions`."""
    warnings, unsuitable = cautions(record, model, exposure)
    return replace(record, warnings=warnings, unsuitable=unsuitable)


def cautions(
    record: CaseRecord, model: Model, exposure: CaseExposure
) -> tuple[tuple[str, ...], bool]:
    """Return the warnings about a prediction by a model, most severe first, and whether to hide it.

    Images that the model was trained or scored on are not tested for similarity to its training data.

    Args:
        record: with the warnings of its own files; see
            :func:`brainseg.inference.record.record_of_upload` and
            :func:`brainseg.inference.record.record_of_case`.
        model: the model that will predict.
        exposure: see :meth:`brainseg.models.Model.exposure`.

    Returns:
        ``warnings`` and ``unsuitable`` of :class:`brainseg.inference.record.CaseRecord`.
    """
    warnings = record.warnings
    if exposure.seen:
        warnings = (exposure.in_words(), *warnings)
    images = model.training_images
    if images is not None and images.holds_all_of(record.volume):
        return warnings, record.unsuitable
    unlike = warnings_of(record.volume, model)
    shows_no_head = bool(unlike) and applies_to(model) and kind_of(record.volume) == NO_HEAD
    warnings = (*unlike, *warnings) if shows_no_head else (*warnings, *unlike)
    return warnings, record.unsuitable or shows_no_head
