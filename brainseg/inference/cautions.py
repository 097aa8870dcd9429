"""What a person must know before trusting a prediction: one path for every page, file and command."""

from dataclasses import replace

from brainseg.inference.out_of_distribution import NO_HEAD, applies_to, kind_of, warnings_of
from brainseg.inference.record import CaseRecord
from brainseg.models import Model
from brainseg.models.exposure import CaseExposure


def with_cautions(record: CaseRecord, model: Model, exposure: CaseExposure) -> CaseRecord:
    """Return a record with the warnings of a prediction by a model, the worst first.

    Images that the model was trained or scored on are not compared with its training data: they are
    like it by definition.

    Args:
        record: with the warnings of its own files; see
            :func:`brainseg.inference.record.record_of_upload` and
            :func:`brainseg.inference.record.record_of_case`.
        model: what is to predict.
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
