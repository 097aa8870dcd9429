"""The worker process of :mod:`pool`: it reads requests and writes uploads until its input ends.

Standard output carries only the answers: it is redirected before a library can print to it.
"""

import importlib
import os
import sys
from typing import BinaryIO

from brainseg.errors import DecodeError
from brainseg.io.sandbox.messages import READY, read_message, write_message

_DECODERS = ("tifffile", "imagecodecs", "PIL.PngImagePlugin", "PIL.JpegImagePlugin", "cv2")
_READERS = ("nibabel", "pydicom", "pydicom.filereader")


def limit_memory(most_bytes: int) -> bool:
    """Limit the memory of this process, and return whether the system supports that."""
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
    """Answer requests until there are no more; any error but a :class:`DecodeError` ends the process."""
    from brainseg.io.opening import open_inputs

    while True:
        try:
            files, pages = read_message(requests)
        except EOFError:
            return
        try:
            answer: object = open_inputs(files, dict(pages))
        except DecodeError as refusal:
            answer = refusal
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
