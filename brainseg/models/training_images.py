"""Hashes of the slices that a model was trained and scored on, which recognise these images.

A slice has two hashes: of its three sequences as one picture, the ``image_hash`` of
:mod:`brainseg.cohort.index`, and of FLAIR alone, for inputs without the other sequences. Both are of
decoded pixels, so a file that was compressed again is recognised; one that was resampled, turned or
windowed is not.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainseg.cohort.fingerprint import hash_of_pixels
from brainseg.errors import ModelError, refused_as
from brainseg.models.files import MOST_ARRAY_BYTES, arrays_of, read_verified
from brainseg.models.places import remedy_for
from brainseg.volume import FLAIR, Volume

if TYPE_CHECKING:
    from brainseg.cohort import Cohort

FILE = "training_images.npz"

_HASH_BYTES = 16


@dataclass(frozen=True)
class TrainingImages:
    """Which case each known slice belongs to.

    Attributes:
        cases: hash of a slice's three sequences -> names of the cases with this slice.
        flair_cases: hash of a slice's FLAIR -> likewise.
    """

    cases: dict[str, frozenset[str]] = field(repr=False)
    flair_cases: dict[str, frozenset[str]] = field(repr=False)

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all cases whose slices are known."""
        return frozenset().union(*self.cases.values())

    def cases_in(self, volume: Volume) -> frozenset[str]:
        """Return the cases that share a slice, or its FLAIR, with a volume."""
        images, flairs = _hashes_of(volume)
        return self.cases_by_hash(images) | _cases_of(self.flair_cases, flairs)

    def cases_by_hash(self, hashes: Iterable[str]) -> frozenset[str]:
        """Return the cases with a slice of one of these hashes, of three sequences each."""
        return _cases_of(self.cases, hashes)

    def holds_all_of(self, volume: Volume) -> bool:
        """Return whether every slice that is not of one value is known, in all sequences."""
        images, _ = _hashes_of(volume)
        return bool(images) and all(one in self.cases for one in images)

    def with_cases(self, other: "TrainingImages") -> "TrainingImages":
        """Return these cases and the other's; a case in both has the other's slices."""
        return TrainingImages(
            _merged(self.cases, other.cases, other.names),
            _merged(self.flair_cases, other.flair_cases, other.names),
        )

    def as_bytes(self) -> bytes:
        """Return the file for :func:`read_training_images`; the same content gives the same bytes."""
        names = sorted(self.names)
        place = {name: number for number, name in enumerate(names)}
        file = io.BytesIO()
        arrays: dict[str, np.ndarray] = {"names": np.array(names, dtype=np.str_)}
        for kind, found in (("image", self.cases), ("flair", self.flair_cases)):
            rows = sorted((place[name], key) for key, holders in found.items() for name in holders)
            arrays[f"{kind}_case"] = np.array([number for number, _ in rows], np.uint16)
            joined = bytes.fromhex("".join(key for _, key in rows))
            arrays[f"{kind}_hash"] = np.frombuffer(joined, np.uint8).reshape(-1, _HASH_BYTES)
        np.savez_compressed(file, allow_pickle=False, **arrays)
        return file.getvalue()


def training_images_of(cohort: "Cohort", names: Iterable[str]) -> TrainingImages:
    """Return the hashes of the slices of some cases; slices of one value have none.

    Args:
        cohort: with the cases.
        names: of the cases; one that is not in the cohort is left out.

    Raises:
        CohortError: a case cannot be read.
    """
    images: dict[str, frozenset[str]] = {}
    flairs: dict[str, frozenset[str]] = {}
    for name in names:
        if name not in cohort.cases:
            continue
        for found, hashes in zip(
            (images, flairs), _hashes_of(cohort.case(name).volume()), strict=True
        ):
            for one in hashes:
                found[one] = found.get(one, frozenset()) | {name}
    return TrainingImages(images, flairs)


@lru_cache(maxsize=4)
def read_training_images(path: Path, sha256: str) -> TrainingImages:
    """Return the hashes that a model was published with, cached by their SHA-256.

    Args:
        path: of the file beside the manifest.
        sha256: of the file, as the manifest names it.

    Raises:
        ModelError: the file is missing, damaged, or another one.
    """
    content = read_verified(path.parent, path.name, sha256, MOST_ARRAY_BYTES)
    damaged = f"{path.name} of {path.parent.name} is damaged: {remedy_for(path.parent)}."
    with refused_as(ModelError, damaged):
        stored = arrays_of(content)
        names = stored["names"].tolist()
        return TrainingImages(
            *(
                _by_hash(names, stored[f"{kind}_case"], stored[f"{kind}_hash"])
                for kind in ("image", "flair")
            )
        )


def _by_hash(names: list[str], places: np.ndarray, hashes: np.ndarray) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for place, row in zip(places.tolist(), hashes, strict=True):
        key = row.tobytes().hex()
        found[key] = found.get(key, frozenset()) | {names[place]}
    return found


def _hashes_of(volume: Volume) -> tuple[list[str], list[str]]:
    """Return the hashes of all slices with more than one value: as pictures, and of FLAIR."""
    images: list[str] = []
    flairs: list[str] = []
    flair = volume.sequence(FLAIR)
    for pixels, plane in zip(volume.pixels, flair, strict=True):
        for found, array in ((images, pixels), (flairs, plane)):
            if array.min() != array.max():
                found.append(hash_of_pixels(np.ascontiguousarray(array)))
    return images, flairs


def _cases_of(found: dict[str, frozenset[str]], hashes: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(found.get(one, frozenset()) for one in hashes))


def _merged(
    before: dict[str, frozenset[str]], after: dict[str, frozenset[str]], replaced: frozenset[str]
) -> dict[str, frozenset[str]]:
    merged = {key: holders - replaced for key, holders in before.items() if holders - replaced}
    for key, holders in after.items():
        merged[key] = merged.get(key, frozenset()) | holders
    return merged
