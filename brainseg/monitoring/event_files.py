"""Read a TensorBoard log folder with the tensorboard package's own reader, in a worker process.

There are two readers: one in pure Python, ready at once, and TensorFlow's, which needs 700 MB and some
seconds to import but then reads much faster. The log's size decides. In a worker neither slows the pages
down, and a damaged file can crash the worker only. :mod:`brainseg.monitoring.tensorboard` starts it.
"""

import json
import math
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brainseg.storage import write_atomically

PARTS = dict.fromkeys(("train", "training"), "") | dict.fromkeys(
    ("validation", "val", "valid", "eval", "test"), "validation_"
)
"""Subfolder of a log -> prefix of its metrics."""

MOST_TAGS, MOST_STEPS = 200, 200_000
"""Limits of one log; more is downsampled, with a note."""

MOST_BYTES_IN_PYTHON = 12_000_000
"""At about 5 MB/s this takes as long as importing TensorFlow."""

RECORD_FRAME = 16
"""Bytes around each record of an event file: its length and two checksums."""

_OF_AN_EPOCH, _OF_BATCHES = "epoch_", ("batch_", "evaluation_")
"""Prefixes of the tags that Keras's callback writes."""

Scalars = dict[str, dict[int, tuple[float, float]]]
"""Tag -> step -> value and wall time (s since 1970)."""


def event_files(folder: Path) -> list[Path]:
    """Return the event files of a log, including its subfolders, oldest first.

    A file's name contains its start time.
    """
    parts = [part for part in folder.iterdir() if part.is_dir() and part.name.lower() in PARTS]
    found = (path for part in (folder, *parts) for path in part.glob("*tfevents*"))
    return sorted(
        (path for path in found if path.is_file()),
        key=lambda path: (path.parent != folder, path.parent.name, path.name),
    )


def is_event_file(beginning: bytes) -> bool:
    """Return True if a file starts like an event file, with its version record."""
    return b"brain.Event:" in beginning[:64]


def is_long(folder: Path) -> bool:
    """Return True if TensorFlow reads a log faster than pure Python, import included."""
    return sum(path.stat().st_size for path in event_files(folder)) > MOST_BYTES_IN_PYTHON


def read(folder: Path) -> dict:
    """Return the content of a log: ``unit``, ``steps``, ``wall_time``, ``tags`` and ``notes``.

    Keras's callback writes ``epoch_*`` once per epoch, from 0, and also values of each batch. The latter
    are ignored, and epochs count from 1. In other logs all scalars are indexed by step. A step repeated
    in a later file, as after a restart, replaces everything from there on, as in TensorBoard.
    """
    notes: list[str] = []
    parts: dict[str, Scalars] = {}
    for path in event_files(folder):
        prefix = "" if path.parent == folder else PARTS[path.parent.name.lower()]
        _merge(parts.setdefault(prefix, {}), _scalars(path, notes))
    by_epoch = _by_epoch(parts)
    unit = "step" if by_epoch is None else "epoch"
    tags = {
        prefix + tag: steps
        for prefix, part in (by_epoch or parts).items()
        for tag, steps in part.items()
    }
    if len(tags) > MOST_TAGS:
        notes.append(
            f"{len(tags)} curves are in this log; only the first {MOST_TAGS} by name are shown."
        )
        tags = {tag: tags[tag] for tag in sorted(tags)[:MOST_TAGS]}
    return _as_table(tags, unit, notes)


def _by_epoch(parts: dict[str, Scalars]) -> dict[str, Scalars] | None:
    """Return the epoch curves of a log of Keras's callback; None for any other log.

    A single tag such as ``epoch_seconds`` is not enough: the other tags must have Keras's names too, or
    the log must contain Keras's batch values and the other tags must count the same epochs.
    """
    tags = {tag for part in parts.values() for tag in part}
    of_epochs = {tag for tag in tags if tag.startswith(_OF_AN_EPOCH)}
    of_batches = {tag for tag in tags if tag.startswith(_OF_BATCHES)}
    others = tags - of_epochs - of_batches
    epochs = {step for part in parts.values() for tag in of_epochs for step in part.get(tag, ())}
    by_step = any(
        part[tag].keys() - epochs for part in parts.values() for tag in others & part.keys()
    )
    if not of_epochs or by_step or (others and not of_batches):
        return None
    return {
        prefix: {
            tag.removeprefix(_OF_AN_EPOCH): steps
            for tag, steps in part.items()
            if tag not in of_batches
        }
        for prefix, part in parts.items()
    }


def _as_table(tags: Scalars, unit: str, notes: list[str]) -> dict:
    steps = sorted({step for of_tag in tags.values() for step in of_tag})
    if len(steps) > MOST_STEPS:
        every = math.ceil(len(steps) / MOST_STEPS)
        notes.append(f"{len(steps)} steps are in this log; every {every}th is shown.")
        steps = steps[::every]
    walls = [max(of[step][1] for of in tags.values() if step in of) for step in steps]
    return {
        "unit": unit,
        "steps": [step + 1 for step in steps] if unit == "epoch" else steps,
        "wall_time": walls,
        # None: no value at this step. NaN: the logged value was not a number.
        "tags": {tag: [of.get(step, (None,))[0] for step in steps] for tag, of in tags.items()},
        "notes": notes,
    }


def _merge(known: Scalars, newer: Scalars) -> None:
    for tag, steps in newer.items():
        first = min(steps)
        before = {step: value for step, value in known.get(tag, {}).items() if step < first}
        known[tag] = before | steps


def _scalars(path: Path, notes: list[str]) -> Scalars:
    """Return the scalars of one file up to any damage, and add a note about the damage."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto import event_pb2

    found: Scalars = {}
    scalar_tags: set[str] = set()
    size, read_bytes, broken = path.stat().st_size, 0, False
    for record in _records(path):
        try:
            event = event_pb2.Event.FromString(record)
        except DecodeError:
            broken = True
            break
        read_bytes += len(record) + RECORD_FRAME
        for tag, number in _numbers(event, scalar_tags):
            found.setdefault(tag, {})[event.step] = (number, event.wall_time)
    if broken or read_bytes < size:
        notes.append(
            f"{path.name} is incomplete or damaged after {read_bytes} of {size} bytes: the values "
            "before are shown."
        )
    return found


def _records(path: Path) -> Iterator[bytes]:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat import tf

    try:
        yield from RawEventFileLoader(str(path)).Load()
    except (tf.errors.OpError, OSError):
        return  # unreadable or deleted: counts as damaged from the start


def _numbers(event: Any, scalar_tags: set[str]) -> Iterator[tuple[str, float]]:
    """Yield the scalars of an event, in the format of TensorFlow 1 and PyTorch or of TensorFlow 2.

    Tags that it declares to be scalars are added to ``scalar_tags``.
    """
    from tensorboard.util import tensor_util

    for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name == "scalars":
            scalar_tags.add(value.tag)
        if value.HasField("simple_value"):
            yield value.tag, float(value.simple_value)
        elif value.HasField("tensor") and value.tag in scalar_tags:
            array = tensor_util.make_ndarray(value.tensor)
            if array.size == 1:
                yield value.tag, float(array.reshape(()))


def read_to(result: Path, folder: Path, with_tensorflow: bool) -> None:
    """Write the content of a log to a JSON file, with one of the two readers.

    A process that has used one of them cannot use the other.
    """
    if not with_tensorflow:
        # The package's own switch: if a module of this name exists, it uses its pure-Python reader.
        sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")
    write_atomically(result, json.dumps(read(folder)).encode())
