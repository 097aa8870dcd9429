"""Messages between the server and its decoding workers: plain values, never a pickle.

A worker decodes untrusted files, so its answers are untrusted too. A message is a text of known names
and values, followed by the bytes and arrays that the text refers to; it cannot make the server run code.
"""

import io
import json
import struct
from dataclasses import fields
from typing import Any, BinaryIO, cast

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.limits import MAX_INFLATED_BYTES
from brainseg.io.orientation import Orientation
from brainseg.io.sequence_guess import SequenceGuess
from brainseg.io.upload import DicomSource, Grid, NiftiSource, PagesError, Series, Upload
from brainseg.io.upload_file import InputFile

READY = "ready"

_KNOWN: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        InputFile,
        Upload,
        Series,
        SequenceGuess,
        Grid,
        Orientation,
        NiftiSource,
        DicomSource,
    )
}
_LENGTHS = struct.Struct("<QQ")
LONGEST_ANSWER_BYTES = 4 * MAX_INFLATED_BYTES
"""Three stacks and their headers take less."""


def write_message(stream: BinaryIO, message: object) -> None:
    """Write one message.

    Args:
        stream: to the other side.
        message: None, a bool, number, text, bytes or array of numbers, a :class:`DecodeError`, one of
            the dataclasses of an upload, or a tuple, list or dict with text for keys of these.
    """
    parts: list[bytes | memoryview] = []
    text = json.dumps(_plain(message, parts)).encode()
    stream.write(_LENGTHS.pack(len(text), sum(len(part) for part in parts)))
    for part in (text, *parts):
        stream.write(part)
    stream.flush()


def read_message(stream: BinaryIO, most_bytes: int | None = None) -> Any:
    """Return the next message; lists come as tuples.

    Args:
        stream: from the other side.
        most_bytes: a message with a larger stated length is not read.

    Raises:
        EOFError: the other side has closed.
        ValueError: it is not a message; nothing after it can be read either.
    """
    of_text, of_rest = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if most_bytes is not None and of_text + of_rest > most_bytes:
        raise ValueError("the message is longer than allowed")
    text, rest = _exactly(stream, of_text), _exactly(stream, of_rest)
    try:
        return _restored(json.loads(bytes(text)), rest)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the message is not part of an upload") from error


def _exactly(stream: BinaryIO, length: int) -> bytearray:
    """Return the next bytes, which a pipe may deliver in pieces, in memory that arrays can share."""
    content = bytearray(length)
    rest = memoryview(content)
    while rest:
        count = cast(io.BufferedIOBase, stream).readinto(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return content


def _plain(value: object, parts: list[bytes | memoryview]) -> object:
    """Return a value as JSON values; bytes and arrays are added to the parts."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item, parts) for item in value]
    if isinstance(value, dict):
        return {"dict": {key: _plain(item, parts) for key, item in value.items()}}
    if isinstance(value, bytes):
        return {"bytes": _append(value, parts)}
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).data.cast("B") if value.size else b""
        return {
            "array": _append(content, parts),
            "dtype": value.dtype.str,
            "shape": list(value.shape),
        }
    if isinstance(value, PagesError):
        return {"pages": _plain([value.name, value.file_index, value.pages], parts)}
    if isinstance(value, DecodeError):
        return {"refusal": str(value)}
    name = type(value).__name__
    if _KNOWN.get(name) is not type(value):
        raise TypeError(f"a message cannot contain a {name}")
    known = {
        field.name: _plain(getattr(value, field.name), parts) for field in fields(_KNOWN[name])
    }
    return {"kind": name, "fields": known}


def _append(content: bytes | memoryview, parts: list[bytes | memoryview]) -> list[int]:
    """Add a part and return its first byte and its length."""
    first = sum(len(part) for part in parts)
    parts.append(content)
    return [first, len(content)]


def _restored(plain: object, rest: bytearray) -> Any:
    """Return the value that :func:`_plain` made JSON of."""
    if isinstance(plain, list):
        return tuple(_restored(item, rest) for item in plain)
    if not isinstance(plain, dict):
        return plain
    if "dict" in plain:
        return {key: _restored(item, rest) for key, item in plain["dict"].items()}
    if "bytes" in plain:
        return bytes(_part(plain["bytes"], rest))
    if "array" in plain:
        dtype = np.dtype(plain["dtype"])
        if dtype.kind not in "buif":
            raise ValueError(f"an array of {dtype}, expected numbers")
        return np.frombuffer(_part(plain["array"], rest), dtype).reshape(plain["shape"])
    if "pages" in plain:
        return PagesError(*plain["pages"])
    if "refusal" in plain:
        return DecodeError(plain["refusal"])
    known = {name: _restored(value, rest) for name, value in plain["fields"].items()}
    return _KNOWN[plain["kind"]](**known)


def _part(span: list[int], rest: bytearray) -> memoryview:
    first, length = span
    if not 0 <= first <= first + length <= len(rest):
        raise ValueError("the message refers to bytes that it does not contain")
    return memoryview(rest)[first : first + length]
