"""Read and write manifests: each entry has a type and limits. Nothing here imports Keras."""

import hashlib
import json
import os
import re
import reprlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from brainseg.cohort.case_names import FLAIR_ABNORMALITY
from brainseg.cohort.splits import Fold
from brainseg.errors import CohortError, ModelError, nearest, refused_as
from brainseg.io.files import read_file
from brainseg.models.model import ENGINE_PARTS, FoldRecord, Inference, Model
from brainseg.models.places import (
    DEFAULT_MODEL,
    MANIFEST,
    MODELS,
    find_model,
    list_models,
    remedy_for,
)
from brainseg.models.remote import copy_of, is_address
from brainseg.preprocessing import Preprocessing
from brainseg.storage import real_path
from brainseg.volume import SEQUENCES

IMAGES = "training_images"
"""Entry with the file of the hashes of the training images."""

MOST_MANIFEST_BYTES = 4 * 2**20

Rule = Callable[[Any], Any]
"""Returns the value of an entry, or raises ValueError with what it is and what was expected."""


def open_model(name: str | None = None, folder: Path = MODELS) -> Model:
    """Return a model from its manifest, without opening its weights.

    Args:
        name: see :func:`brainseg.models.places.find_model`, or the address of a model on another
            machine, see :mod:`brainseg.models.remote`; by default ``BRAINSEG_MODEL``, or
            :data:`DEFAULT_MODEL`.
        folder: contains the models.

    Raises:
        ModelError: the model does not exist, its manifest is damaged or inconsistent, or the hashes of
            its training images cannot be read.
    """
    name = name or os.environ.get("BRAINSEG_MODEL") or DEFAULT_MODEL
    path = copy_of(name) if is_address(name) else find_model(name, folder)
    try:
        content = read_file(path / MANIFEST, MOST_MANIFEST_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        known = list_models(None if folder == MODELS else folder)
        if path.exists():
            raise ModelError(
                f"“{path.name[:60]}” is not a model, which is a folder with {MANIFEST}: publish a "
                "training with `brainseg train DATA --publish NAME`, or give a network of another "
                "program by its address, http://HOST:PORT/v2/models/NAME."
            ) from error
        if not known:
            raise ModelError(
                f"unknown model “{name[:60]}”: no model is installed; restore models/ from the "
                "repository, or train one with `python -m brainseg train DATA --publish NAME`."
            ) from error
        raise ModelError(
            f"unknown model “{name[:60]}”{nearest(name, known)}: choose from {', '.join(known)}."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise ModelError(
            f"the manifest of the model “{name[:60]}” cannot be read ({reason}): choose another "
            f"model, or {remedy_for(path)}."
        ) from error
    model = model_of(content, real_path(path))
    _ = model.training_images  # Damaged files are refused here, not in the middle of a page.
    return model


def model_of(manifest: bytes, folder: Path) -> Model:
    """Return the model that a manifest describes.

    Args:
        manifest: the content of its file.
        folder: contains the files it names.

    Raises:
        ModelError: the manifest is damaged or inconsistent.
    """
    unusable = f"the manifest of {folder.name} cannot be used ({{reason}}): {remedy_for(folder)}."
    with refused_as(ModelError, unusable):
        facts = json.loads(manifest, parse_constant=_refuse_constant)
        found = _MANIFEST(facts)
        # Older manifests have one threshold for all folds.
        shared = {"threshold": found["threshold"]} if "threshold" in found else {}
        model = Model(
            folder=folder,
            architecture=found["architecture"],
            arguments=found["arguments"],
            preprocessing=Preprocessing(**found["input"]),
            folds=tuple(FoldRecord(**(shared | record)) for record in found["folds"]),
            inference=Inference.from_manifest(**found.get("inference", {})),
            digest=_digest_of(facts),
            images=found.get(IMAGES),
            target=found.get("target", FLAIR_ABNORMALITY),
        )
        _check(model)
    return model


_UNCOUNTED = ("engine", "run")
"""Entries of a fold that do not change predictions."""


def _digest_of(facts: dict) -> str:
    folds = [{k: v for k, v in fold.items() if k not in _UNCOUNTED} for fold in facts["folds"]]
    lasting = {name: value for name, value in facts.items() if name != IMAGES}
    return hashlib.sha256(_as_bytes(lasting | {"folds": folds})).hexdigest()


def _as_bytes(facts: dict) -> bytes:
    return (json.dumps(facts, indent=1) + "\n").encode()


def _check(model: Model) -> None:
    """Refuse a manifest that breaks a rule on which the scores depend."""
    if not model.folds:
        raise ModelError(f"{model.name} has no fold: train and publish one.")
    numbers = Counter(record.number for record in model.folds)
    if max(numbers.values()) > 1:
        raise ModelError(f"{model.name} has two folds {numbers.most_common(1)[0][0]}: remove one.")
    for record in model.folds:
        try:
            Fold(record.number, record.trained_on, record.selected_on, record.held_out)
        except CohortError as error:
            raise ModelError(f"{model.name} cannot be used: {error}") from error
    held = Counter(case for record in model.folds for case in record.held_out)
    twice = [case for case, count in held.items() if count > 1]
    if twice:
        raise ModelError(
            f"{twice[0]} is held out by two folds of {model.name}: a case is scored by one fold, so "
            "correct the manifest."
        )


def _refuse(value: object, expected: str) -> NoReturn:
    raise ValueError(f"is {reprlib.repr(value)}; expected {expected}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _number(least: float, most: float, kinds: tuple[type, ...] = (int, float)) -> Rule:
    def read(value: Any) -> float:
        if type(value) not in kinds or not least <= value <= most:
            _refuse(value, f"a {'' if float in kinds else 'whole '}number, {least} to {most}")
        return value

    return read


def _whole(least: int, most: int) -> Rule:
    return _number(least, most, (int,))


def _threshold(value: Any) -> float:
    if _number(0, 1)(value) in (0, 1):
        _refuse(value, "a number between 0 and 1")
    return float(value)


def _text(pattern: str, expected: str) -> Rule:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            _refuse(value, expected)
        return value

    return read


def _truth(value: Any) -> bool:
    return value if isinstance(value, bool) else _refuse(value, "true or false")


def _several(rule: Rule, most: int) -> Rule:
    def read(value: Any) -> tuple:
        if not isinstance(value, list) or len(value) > most:
            _refuse(value, f"a list of at most {most:,}")
        return tuple(_named(str(place), rule, item) for place, item in enumerate(value))

    return read


def _entries(rules: dict[str, Rule], optional: tuple[str, ...] = (), strict: bool = True) -> Rule:
    """Return the rule of an object; where it is not strict, other entries are left out."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            _refuse(value, "an object")
        for name in value if strict else ():
            if name not in rules:
                raise ValueError(f"{name[:60]} is unknown; expected {', '.join(rules)}")
        for name in rules:
            if name not in value and name not in optional:
                raise ValueError(f"{name} is missing")
        return {
            name: _named(name, rule, value[name]) for name, rule in rules.items() if name in value
        }

    return read


def _named(name: str, rule: Rule, value: Any) -> Any:
    try:
        return rule(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error


_FILE = _text(r"(?!\.+$)[\w.-]{1,100}", "the name of a file in the model's folder")
_HASH = _text("[0-9a-f]{64}", "a SHA-256")
_CASES = _several(_text("[^\0-\37]{1,200}", "the name of a case"), 100_000)
_NAMED_FILE = _entries({"file": _FILE, "sha256": _HASH})
_WHOLE = {"channels": _whole(1, 64), "base_features": _whole(1, 256), "levels": _whole(1, 8)}
_ARGUMENTS = _WHOLE | {
    "decoder_features": _several(_whole(1, 1024), 5),
    "normalised_encoder": _truth,
}
_INPUT = {
    "size": _whole(16, 2048),
    "context_slices": _whole(0, 8),
    "normalisation": _text(r"[\w-]{1,40}", "the name of a normalisation"),
    "sequences": _several(_text("[^\0-\37]{1,40}", "the name of a sequence"), 32),
}
_INFERENCE = {"mirrored": _truth, "smallest_share": _number(0, 1)}
_FOLD = {
    "number": _whole(0, 9999),
    "weights": _text(r"[\w.-]{1,90}\.weights\.h5", "a name that ends in .weights.h5"),
    "sha256": _HASH,
    **dict.fromkeys(("trained_on", "selected_on", "held_out"), _CASES),
    "golden": _NAMED_FILE,
    "threshold": _threshold,
    "engine": _entries(
        dict.fromkeys(ENGINE_PARTS, _FILE) | {f"{part}_sha256": _HASH for part in ENGINE_PARTS}
    ),
    "run": _text("[^\0-\37]{1,200}", "the name of a run"),
}
_MANIFEST = _entries(
    {
        "architecture": _text(r"[\w-]{1,60}", "the name of an architecture"),
        "arguments": _entries(_ARGUMENTS, tuple(_ARGUMENTS)),
        "input": _entries(_INPUT, tuple(_INPUT)),
        "inference": _entries(_INFERENCE, tuple(_INFERENCE)),
        "folds": _several(_entries(_FOLD, ("threshold", "engine", "run")), 100),
        "threshold": _threshold,
        IMAGES: _NAMED_FILE,
        "target": _text("[^\0-\37]{1,200}", "what the masks outline"),
    },
    ("inference", "threshold", IMAGES, "target"),
    strict=False,
)
"""The rules of a manifest, with limits that no model reaches."""


def manifest_of(
    architecture: str,
    arguments: dict[str, int],
    preprocessing: Preprocessing,
    inference: Inference,
    folds: list[FoldRecord],
    images: dict[str, str] | None = None,
    target: str = FLAIR_ABNORMALITY,
) -> bytes:
    """Return a manifest as the bytes of its file; see :class:`Model` for its content."""
    facts = {
        "architecture": architecture,
        "arguments": arguments,
        "input": _input_of(preprocessing),
        "inference": inference.as_manifest(),
        "folds": [
            {name: value for name, value in asdict(record).items() if value is not None}
            for record in sorted(folds, key=lambda record: record.number)
        ],
    }
    # Older manifests have no target, and their digests stay.
    more = {IMAGES: images, "target": target if target != FLAIR_ABNORMALITY else None}
    return _as_bytes(facts | {name: value for name, value in more.items() if value})


def _input_of(preprocessing: Preprocessing) -> dict[str, Any]:
    """Return a preprocessing's entry; without the usual sequences, as in older manifests."""
    facts = asdict(preprocessing)
    if preprocessing.sequences == SEQUENCES:
        del facts["sequences"]
    return facts


def with_engines(manifest: bytes, engines: dict[int, dict[str, str]]) -> bytes:
    """Return a manifest with exported engines added to some folds.

    Args:
        manifest: the content of its file.
        engines: :attr:`FoldRecord.engine` by the fold's number.
    """
    facts = json.loads(manifest)
    for fold in facts["folds"]:
        if fold["number"] in engines:
            fold["engine"] = engines[fold["number"]]
    return _as_bytes(facts)
