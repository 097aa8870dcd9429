"""Prediction over folders, without a browser: what is done is kept, what is bad is passed over."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, CohortError
from brainseg.exports import refuse_inside, write_masks
from brainseg.formats import IMAGE_SUFFIXES, read_upload
from brainseg.home import write_atomically
from brainseg.index import Progress
from brainseg.models import Model, Standing
from brainseg.prediction import predict_timed
from brainseg.volume import Volume


def predict_all(
    source: Path, out: Path, model: Model, progress: Progress | None = None
) -> Iterator[dict]:
    """Yield one result an input: the case or image, what was found, the files written, or the error.

    Masks are PNG files of 0 and 255, ``<out>/<case>/<case>_<number>_prediction.png``. A case with a
    slice that cannot be used has its other slices predicted, and an error that says so. A result that
    was written by the same model is given again without running the network.

    Args:
        source: a folder of cases, or one image file.
        out: made where it is missing; never inside the source.
        progress: called with (inputs done, inputs).

    Raises:
        CohortError: the source is missing or holds no image, or ``out`` lies inside it.
        ModelError: the model cannot be opened.
    """
    refuse_inside(out, source)
    if source.is_file() and source.suffix.lower() in IMAGE_SUFFIXES:
        yield _predict_image(source, out, model)
        return
    cohort = Cohort.open(source)
    for done, name in enumerate(cohort.cases, start=1):
        yield _predict_case(cohort, name, out, model)
        if progress:
            progress(done, len(cohort.cases))


def _predict_case(cohort: Cohort, name: str, out: Path, model: Model) -> dict:
    case = cohort.case(name)
    content = hashlib.sha256(repr(case.slices["image_hash"].tolist()).encode()).hexdigest()
    key = {"content": content, "model": model.digest}
    record = out / name / "result.json"
    done = _done_before(record, key)
    if done:
        return done
    result = _empty_result(cohort.root / name, name, model)
    try:
        numbers = case.readable["slice_number"].tolist()
        names = [f"{name}_{number}" for number in numbers]
        result |= _predict(case.volume(), names, out / name, model, model.standing(case))
        left_out = len(case.slices) - len(numbers)
        if left_out:
            result["error"] = (
                f"{left_out} of {len(case.slices)} slices of {name} could not be used and have no "
                "prediction: `brainseg check` names each."
            )
        write_atomically(record, json.dumps(key | {"result": result}).encode())
    except CohortError as error:
        result["error"] = str(error)
    return result


def _predict_image(path: Path, out: Path, model: Model) -> dict:
    result = _empty_result(path, path.stem, model)
    try:
        volume = read_upload(path.read_bytes(), path.name)
        result |= _predict(volume, [path.stem], out, model, model.standing(None))
    except OSError as error:
        result["error"] = f"{path.name} cannot be opened ({error.strerror})."
    except BrainsegError as error:
        result["error"] = str(error)
    return result


def _predict(
    volume: Volume, names: list[str], folder: Path, model: Model, standing: Standing
) -> dict:
    predicted = predict_timed(volume, model, standing)
    prediction = predicted.mask(model.threshold)
    return {
        "slices": len(volume),
        "area_px": int(np.count_nonzero(prediction)),
        "fold": standing.fold,
        "seconds": round(predicted.seconds, 3),
        "outputs": [str(path) for path in write_masks(folder, names, prediction)],
    }


def _empty_result(source: Path, case: str, model: Model) -> dict:
    return {
        "input": str(source),
        "case": case,
        "slices": None,
        "area_px": None,
        "model": model.name,
        "fold": None,
        "seconds": None,
        "outputs": [],
        "error": None,
    }


def _done_before(record: Path, key: dict) -> dict | None:
    """Return an earlier result of the same pixels and model whose files are all still there."""
    try:
        stored = json.loads(record.read_text())
        result = stored.pop("result")
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    complete = stored == key and all(Path(path).exists() for path in result["outputs"])
    return result if complete else None
