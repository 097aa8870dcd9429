"""Predictions of a cohort's cases in files: each is made once for all servers and restarts.

A file contains a probability and how it was made. Its name is a hash of everything that this depends on,
and names neither case nor patient.
"""

import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np

from brainseg import __version__
from brainseg.cohort.fingerprint import hash_of
from brainseg.cohort.index import Progress
from brainseg.inference.prediction import Prediction
from brainseg.inference.quantised import PackedUnits
from brainseg.inference.workers import Passes
from brainseg.models import CaseExposure, Model
from brainseg.models.remote import address_of
from brainseg.storage.cache import load_cached, load_or_compute, save_cached

_PROCESSOR_FACTS = ("model name", "flags", "Features")
_LIBRARIES = ("openvino", "keras", "tensorflow", "numpy", "opencv-python-headless")


class _Saved(Exception):
    """Another server has saved the prediction that is being computed."""


class SavedPredictions:
    """A folder of predictions, whose oldest ones are removed beyond a size.

    Args:
        folder: it is made with the first prediction; each file may be deleted at any time.
        most_bytes: of all files together; 0 saves nothing.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes

    def get(
        self,
        content: str,
        model: Model,
        exposure: CaseExposure,
        mode: str,
        predict: Callable[[Progress], Prediction],
        progress: Progress,
    ) -> Prediction:
        """Return the saved prediction, or predict and save it; where it cannot be saved, it is returned.

        A prediction that another server saves meanwhile is taken from there at the next progress.

        Args:
            content: hash of the volume, with all that preprocessing uses.
            model: see :func:`brainseg.inference.prediction.predict_timed`, likewise ``exposure`` and
                ``mode``.
            predict: predicts exactly this; the function that it gets is called as ``progress`` is.
            progress: called with (slices done, slices); an exception it raises ends the prediction.
        """
        if not self._most_bytes:
            return predict(progress)
        path = self._folder / f"{_key(content, model, exposure, mode)}.npz"
        load, is_missing = partial(_load, path, model, exposure), not path.exists()

        def watched(done: int, total: int) -> None:
            if is_missing and path.exists():
                raise _Saved
            progress(done, total)

        try:
            return load_or_compute(load, partial(predict, watched), partial(self._save, path))
        except _Saved:
            return load_or_compute(load, partial(predict, progress), partial(self._save, path))

    def _save(self, path: Path, prediction: Prediction) -> None:
        packed = {name: getattr(prediction, f"_{name}") for name in ("units", "std_units")}
        about = {
            "shape": packed["units"].shape,
            "folds": prediction.exposure.folds,
            "seconds": prediction.seconds,
            "engine": prediction.engine,
            "device": prediction.device,
            "ensemble_size": prediction.ensemble_size,
        }
        arrays = {name: np.frombuffer(one.data, np.uint8) for name, one in packed.items() if one}
        save_cached(path, about, **arrays)
        self._remove_old()

    def _remove_old(self) -> None:
        """Remove the files that were used longest ago, until the others are within the limit."""
        found = []
        for path in self._folder.glob("*.npz"):
            with suppress(OSError):  # another server removed it
                facts = path.stat()
                found.append((facts.st_mtime_ns, facts.st_size, path))
        size = sum(one for _, one, _ in found)
        for _, own, path in sorted(found, key=lambda one: one[0]):
            if size <= self._most_bytes:
                return
            with suppress(OSError):
                path.unlink()
            size -= own


def _load(path: Path, model: Model, exposure: CaseExposure) -> Prediction | None:
    """Return the prediction in a file, or None if it is missing or damaged."""
    found = load_cached(path, {})
    if found is None:
        return None
    about, arrays = found
    with suppress(OSError):
        path.touch()  # used last
    with suppress(KeyError, TypeError):
        shape = tuple(about["shape"])
        # Attributes of a prediction take packed units, too, unlike their types say.
        units, std = (
            cast("Any", PackedUnits(arrays[name].tobytes(), shape) if name in arrays else None)
            for name in ("units", "std_units")
        )
        return Prediction(
            units,
            std,
            replace(exposure, folds=tuple(about["folds"])),
            about["seconds"],
            about["engine"],
            about["device"],
            about["ensemble_size"],
            model.inference.min_component_fraction,
        )
    return None


def _key(content: str, model: Model, exposure: CaseExposure, mode: str) -> str:
    """Return the hash of all that a prediction depends on: 32 hexadecimal digits."""
    engine = Passes.of(model, exposure.folds).engine
    files = [(one, sorted(model.fold(one).files.items())) for one in exposure.folds]
    made = (content, model.digest, files, mode, engine, address_of(model.folder))
    return hash_of(repr((made, _machine())).encode())


@cache
def _machine() -> tuple[str, ...]:
    """Return what rounds differently elsewhere: the processor and the libraries."""
    versions = [__version__]
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            versions.append(f"{library} {version(library)}")
    facts: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
        facts = [line for line in lines if line.startswith(_PROCESSOR_FACTS)]
    return (platform.machine(), platform.processor(), *facts, *versions)
