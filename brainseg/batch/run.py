"""Predict whole folders without a browser: results are saved, unusable inputs are skipped."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from brainseg import __version__
from brainseg.batch.inputs import Input, Opened, find_inputs
from brainseg.cohort.index import Progress
from brainseg.errors import BrainsegError, CohortError, ModelError
from brainseg.executors import map_parts
from brainseg.exports import refuse_inside
from brainseg.exports.prediction import CSV, DICOM_SEG, KINDS, MASKS, NIFTI, prediction_files
from brainseg.exports.tables import components_removed
from brainseg.inference.cautions import with_cautions
from brainseg.inference.prediction import MODES, STANDARD, predict_timed, warm_up
from brainseg.inference.record import with_prediction
from brainseg.inference.uncertainty import agreement_of, said_of
from brainseg.jobs import JobLost
from brainseg.models import Model
from brainseg.statistics.measures import measure_case
from brainseg.storage import write_atomically
from brainseg.storage.addresses import place_in_words
from brainseg.storage.locking import Taken, held

USUAL_KINDS = (MASKS, NIFTI, DICOM_SEG, CSV)
"""The formats written by default: those that programs read; reports take longest."""

RESULT = "result.json"
LOCK = ".predicting"

FILES_VERSION = 3
"""Changes when the same prediction gives other files; those of an older version are rewritten."""

STAMPED = "Every file is stamped with these warnings."


@dataclass(frozen=True)
class Wanted:
    """How inputs are predicted, and which files are written.

    Attributes:
        mode: a key of :data:`brainseg.inference.prediction.MODES`.
        threshold: 0..1; without one, the model's own for the folds that predict.
        kinds: of :data:`brainseg.exports.prediction.KINDS`.
        keep_identity: see :data:`brainseg.exports.dicom_seg.KEEP_IDENTITY`.
        sequences: the series that the user chose, by sequence; see
            :func:`brainseg.io.sequence_choice.choose`.

    Raises:
        ModelError: one of the values is not valid.
    """

    mode: str = STANDARD
    threshold: float | None = None
    kinds: tuple[str, ...] = USUAL_KINDS
    keep_identity: bool = False
    sequences: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ModelError(f"unknown mode “{self.mode}”: choose one of {', '.join(MODES)}.")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ModelError(f"the threshold is {self.threshold}; expected between 0 and 1.")
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise ModelError(
                f"there is no format “{unknown[0][:20]}”: choose among {', '.join(KINDS)}."
            )


def predict_all(
    source: Path,
    out: Path,
    model: Model,
    progress: Progress | None = None,
    wanted: Wanted | None = None,
    executor: Executor | None = None,
) -> Iterator[dict]:
    """Yield one result per input of a path; see :func:`predict_inputs`.

    Args:
        source: a file or a folder; see :mod:`brainseg.batch.inputs`.
        out: never inside the source.
        model: and the others: as for :func:`predict_inputs`.

    Raises:
        CohortError: the source is missing or contains no input, ``out`` lies inside it, or another
            process is writing to ``out``.
        ModelError: the model cannot be opened.
    """
    refuse_inside(out, source)
    yield from predict_inputs(find_inputs(source), out, model, progress, wanted, executor)


def predict_inputs(
    inputs: Sequence[Input],
    out: Path,
    model: Model,
    progress: Progress | None = None,
    wanted: Wanted | None = None,
    executor: Executor | None = None,
) -> Iterator[dict]:
    """Yield one result per input: the findings, the files written, or the error.

    Files are written to ``<out>/<case>/``, ``result.json`` last. If an input has a ``result.json`` for
    the same content, model and options and all its files exist, that result is yielded without running
    the network, so a stopped run continues where it was. An input that cannot be used has an error and
    no file; if only a part cannot be used, the rest is predicted, with an error that says so.

    Args:
        inputs: see :func:`brainseg.batch.inputs.find_inputs`.
        out: created if it is missing.
        model: see :func:`brainseg.models.open_model`.
        progress: called with (inputs done, inputs).
        wanted: see :class:`Wanted`.
        executor: see :mod:`brainseg.executors`; by default one input after the other. Its workers
            write the files.

    Raises:
        CohortError: another process is writing to ``out``.
        ModelError: the model cannot be opened.
    """
    wanted = wanted or Wanted()
    try:
        with held(out / LOCK, "brainseg predict"):
            if progress:
                progress(0, len(inputs))
            if executor:  # other processes need only their part of the cohort, and no cached hashes
                inputs, model = [one.alone() for one in inputs], replace(model)
            calls = ((one, out, model, wanted) for one in inputs)
            for done, result in enumerate(map_parts(executor, _result_of, calls, _lost), start=1):
                yield result
                if progress:
                    progress(done, len(inputs))
    except Taken as error:
        raise CohortError(
            f"another `brainseg predict` is writing to {out}: wait for it, or name another folder."
        ) from error


def _lost(reason: JobLost, one: Input, _out: Path, model: Model, wanted: Wanted) -> dict:
    return _empty_result(one, model, wanted) | {"error": f"its prediction {reason.reason}."}


def in_words(result: dict) -> str:
    """Return a result of :func:`predict_all` as one line of text.

    The warnings come first where the images show no head or are not MR.
    """
    if result["slices"] is None:
        return f"{result['case']}: {result['error']}"
    millilitres = result["measures"]["volume_ml"]
    size = f"{result['area_px']:,} px" + ("" if millilitres is None else f", {millilitres:.1f} ml")
    size += f" in {result['slices']} slice{'s' if result['slices'] > 1 else ''}"
    used = "; ".join(f"{sequence}: {series}" for sequence, series in result["sequences"].items())
    used = used and f"{used}."
    if result["unsuitable"]:
        parts = (*result["warnings"], STAMPED, used, result["error"])
        return f"{result['case']}: {' '.join(filter(None, parts))} Predicted anyway: {size}."
    parts = (used, *result["warnings"], result["error"])
    remarks = " ".join(dict.fromkeys(filter(None, parts)))
    return f"{result['case']}: {size}. {remarks}" if remarks else f"{result['case']}: {size}"


def _result_of(one: Input, out: Path, model: Model, wanted: Wanted) -> dict:
    result = _empty_result(one, model, wanted)
    folder = out / one.folder
    try:
        key = _key_of(one, model, wanted)
        done = _done_before(folder / RESULT, key)
        if done:
            return done
        opened = one.open(wanted.sequences, model.preprocessing.needs_others)
    except BrainsegError as error:
        return result | {"error": str(error)}
    # Not caught: a model that cannot be opened fails for every input, so it ends the run.
    warm_up(model, opened.exposure(model).folds)
    try:
        files, found = _predicted(opened, model, wanted)
        _write(folder, files)
        outputs = [str(folder / name) for name in files]
        result |= found | {"outputs": outputs, "error": opened.left_out}
        write_atomically(folder / RESULT, json.dumps(key | {"result": result}).encode())
    except BrainsegError as error:
        result["error"] = str(error)
    return result


def _key_of(one: Input, model: Model, wanted: Wanted) -> dict:
    """Return everything that determines the files of an input."""
    return {
        "content": one.content(),
        "model": model.digest,
        "training_images": model.images,
        "engine": os.environ.get("BRAINSEG_ENGINE"),
        "wanted": vars(wanted) | {"kinds": sorted(wanted.kinds)},
        "version": __version__,
        "files": FILES_VERSION,
    }


def _predicted(opened: Opened, model: Model, wanted: Wanted) -> tuple[dict[str, bytes], dict]:
    """Return the files of an input by name, and the facts for its result."""
    exposure = opened.exposure(model)
    of = opened.record
    if of.labels is not None and model.target in of.labels.labels:
        of = of.of_label(model.target)  # what the model learned
    record = with_cautions(of, model, exposure)
    prediction = predict_timed(record.volume, model, exposure, wanted.mode)
    record = with_prediction(record, model, prediction, wanted.threshold)
    predicted = record.predicted
    assert predicted is not None  # with_prediction has just set it
    files = prediction_files(record, opened.source, wanted.kinds, wanted.keep_identity)
    measures = measure_case(
        predicted.mask, record.slice_numbers, spacing_mm=record.volume.spacing_mm
    )
    agreement = agreement_of(prediction, predicted.threshold)
    found = {
        "slices": len(record.volume),
        "area_px": measures["volume_vx"],
        "fold": prediction.exposure.fold,
        "folds": list(prediction.exposure.folds),
        "relation": prediction.exposure.relation,
        "threshold": predicted.threshold,
        "members": prediction.ensemble_size,
        "min_component_fraction": predicted.min_component_fraction,
        "components_removed": components_removed(predicted, record.slice_numbers),
        "engine": prediction.engine,
        "device": prediction.device,
        "seconds": round(prediction.seconds, 3),
        "measures": measures,
        "dice": predicted.dice,
        "agreement": agreement and agreement.share,
        "uncertainty": [*said_of(prediction, predicted.threshold, record.slice_numbers)],
        "sequences": dict(opened.sequences),
        "warnings": [*record.warnings],
        "unsuitable": record.unsuitable,
        "notes": [*record.volume.notes],
    }
    return files, found


def _write(folder: Path, files: dict[str, bytes]) -> None:
    # Remove partial files of a killed run; the folder is locked, so no other process writes here.
    for begun in folder.glob(".*.part"):
        with suppress(OSError):
            begun.unlink()
    for name, content in files.items():
        write_atomically(folder / name, content)


def _empty_result(one: Input, model: Model, wanted: Wanted) -> dict:
    missing = ["slices", "area_px", "fold", "folds", "relation", "threshold", "members"]
    missing += ["min_component_fraction", "components_removed", "engine", "device", "seconds"]
    missing += ["measures", "dice", "agreement", "unsuitable"]
    return {
        "input": place_in_words(one.path),
        "case": one.name,
        "model": model.name,
        "effort": wanted.mode,
        **dict.fromkeys(missing),
        "uncertainty": [],
        "sequences": {},
        "warnings": [],
        "notes": [],
        "outputs": [],
        "error": None,
    }


def _done_before(record: Path, key: dict) -> dict | None:
    """Return an earlier result of the same content and options if all its files still exist."""
    try:
        stored = json.loads(record.read_text())
        result = stored.pop("result")
        complete = stored == key and all(Path(path).exists() for path in result["outputs"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return result if complete else None
