"""A worker's side of :mod:`brainseg.formats.pool`: reads uploads, writes intakes, until its input ends.

Standard output carries the answers alone: it is moved aside before a library could print there.
"""

import importlib
import os
import pickle
import struct
import sys
from typing import BinaryIO

from brainseg.errors import DecodeError

READY = "ready"
_LENGTH = struct.Struct("<Q")
_DECODERS = ("tifffile", "imagecodecs", "PIL.PngImagePlugin", "PIL.JpegImagePlugin", "cv2")
_READERS = ("nibabel", "pydicom", "pydicom.filereader")


def write_message(stream: BinaryIO, message: object) -> None:
    """Write one message, its length first."""
    content = pickle.dumps(message, protocol=5)
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def read_message(stream: BinaryIO) -> object:
    """Return the next message.

    Raises:
        EOFError: the other side has closed.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    return pickle.loads(stream.read(_LENGTH.unpack(head)[0]))


def limit_memory(most_bytes: int) -> bool:
    """Forbid this process more memory than that, and return whether the system does so."""
    try:
        import resource
    except ImportError:  # Windows
        return False
    if sys.platform != "linux":
        return False
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return True


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more; what is no :class:`DecodeError` ends the process."""
    from brainseg.formats.opening import open_inputs

    while True:
        try:
            files, pages = read_message(requests)
        except EOFError:
            return
        try:
            answer: object = open_inputs(files, pages)
        except DecodeError as refusal:
            answer = refusal.with_traceback(None)
            answer.__cause__ = answer.__context__ = None
        except MemoryError:
            answer = DecodeError(
                "The upload was not used: decoding it takes more memory than is allowed."
            )
        write_message(answers, answer)
        del files, pages, answer


def _main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    limit_memory(int(sys.argv[1]))
    for name in (*_DECODERS, *_READERS):
        importlib.import_module(name)
    write_message(answers, READY)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
