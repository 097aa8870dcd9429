"""A TensorBoard log folder, read with the tensorboard package's own reader, in a process of its own.

    python -m brainseg.monitoring.event_files FOLDER RESULT.json

The reader comes in two kinds: one in Python, ready at once, and TensorFlow's, which takes 700 MB and
some seconds to import and is then far faster by the byte; a log's size chooses. Either way the pages
do without it, and whatever a damaged file does to it ends this process alone.
:mod:`brainseg.monitoring.tensorboard` starts it.
"""

import contextlib
import json
import math
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

from brainseg.storage import write_atomically

PARTS = {"train": "", "training": "", "validation": "validation_", "val": "validation_"} | {
    "valid": "validation_",
    "eval": "validation_",
    "test": "validation_",
}
"""Folders below a log that hold one part of it -> what its metrics begin with."""

MOST_TAGS, MOST_STEPS = 200, 200_000
"""What one log may hold; more is thinned, and said."""

MOST_PROCESSOR_S = 600

MOST_BYTES_IN_PYTHON = 12_000_000
"""At about 5 MB/s this takes what importing TensorFlow takes."""

RECORD_FRAME = 16
"""Bytes around each record of an event file: its length, and two checksums."""

_OF_AN_EPOCH, _OF_BATCHES = "epoch_", ("batch_", "evaluation_")
"""What tags of Keras's callback begin with."""

Scalars = dict[str, dict[int, tuple[float, float]]]
"""Tag -> step -> value and wall time (s since 1970)."""


def event_files(folder: Path) -> list[Path]:
    """Return the event files of a log, those of its parts included, oldest first.

    The time at which a file was begun is in its name.
    """
    found = [path for path in folder.glob("*tfevents*") if path.is_file()]
    for part in folder.iterdir():
        if part.is_dir() and part.name.lower() in PARTS:
            found += [path for path in part.glob("*tfevents*") if path.is_file()]
    return sorted(found, key=lambda path: (path.parent != folder, path.parent.name, path.name))


def is_event_file(beginning: bytes) -> bool:
    """Return whether a file begins as event files do, with the version that wrote it.

    Args:
        beginning: its first 64 bytes, or all where it is shorter.
    """
    return b"brain.Event:" in beginning[:64]


def is_long(folder: Path) -> bool:
    """Return whether TensorFlow reads a log sooner than Python does."""
    return sum(path.stat().st_size for path in event_files(folder)) > MOST_BYTES_IN_PYTHON


def read(folder: Path) -> dict:
    """Return what a log holds: ``unit``, ``steps``, ``wall_time``, ``tags`` and ``notes``.

    Keras's callback writes ``epoch_*`` once an epoch, from 0, beside values of each batch. In its logs
    the latter are left out, and epochs count from 1. In any other log all scalars count by their step. A
    step that comes again in a later file, as after a restart, takes the place of all from there on, as
    in TensorBoard.
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
            f"{len(tags)} curves are in this log; the first {MOST_TAGS} by name are shown."
        )
        tags = {tag: tags[tag] for tag in sorted(tags)[:MOST_TAGS]}
    return _as_table(tags, unit, notes)


def _by_epoch(parts: dict[str, Scalars]) -> dict[str, Scalars] | None:
    """Return the curves of a log of Keras's callback without those of batches; None for another log.

    A single tag such as ``epoch_seconds`` does not make it one of Keras's: the other tags must have
    Keras's names too, or stand beside Keras's values of batches and count by the same epochs.
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
        # None is a step without this value; NaN is a value that is no number.
        "tags": {tag: [of.get(step, (None,))[0] for step in steps] for tag, of in tags.items()},
        "notes": notes,
    }


def _merge(known: Scalars, newer: Scalars) -> None:
    for tag, steps in newer.items():
        first = min(steps)
        before = {step: value for step, value in known.get(tag, {}).items() if step < first}
        known[tag] = before | steps


def _scalars(path: Path, notes: list[str]) -> Scalars:
    """Return the scalars of one file up to where it is damaged, and say where that is."""
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
            f"{path.name} ends in half a record or is damaged after {read_bytes} of {size} bytes: "
            "what stands before is shown."
        )
    return found


def _records(path: Path) -> Iterator[bytes]:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat import tf

    try:
        yield from RawEventFileLoader(str(path)).Load()
    except (tf.errors.OpError, OSError):
        return  # no right to read it, or it is gone: it counts as damaged from its beginning


def _numbers(event: object, scalar_tags: set[str]) -> Iterator[tuple[str, float]]:
    """Return the scalars of an event, as TensorFlow 1 and PyTorch or as TensorFlow 2 write them.

    Args:
        event: the protocol buffer.
        scalar_tags: grows by each tag whose first value says that it is one of scalars.
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


def _do_without_tensorflow() -> None:
    # The switch that the package looks for: with a module of this name it takes its reader in Python.
    sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")


def main() -> None:
    """Read the folder named first and write what it holds into the file named second."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        # So that none is left at work for ever where whoever started it was killed.
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_PROCESSOR_S, MOST_PROCESSOR_S))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder, result = Path(sys.argv[1]), Path(sys.argv[2])
    if not is_long(folder):
        _do_without_tensorflow()
    write_atomically(result, json.dumps(read(folder)).encode())


if __name__ == "__main__":
    main()
