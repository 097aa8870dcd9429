"""Memory of this process: freed blocks go back to the system, and garbage is collected now and then."""

import ctypes
import gc
import os
import sys
import time
from contextlib import suppress
from functools import cache

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # malloc.h of glibc
_LARGE_BYTES = 2**20

_collected_s = 0.0


@cache
def return_freed_blocks() -> None:
    """Let glibc return each block of 1 MiB or more to the system as soon as it is freed.

    By default it keeps freed blocks of up to 32 MiB in heaps, several per processor, where small blocks
    that are still used hold them: measured on ten cases and five predictions, 1,072 MiB instead of 566.
    With another C library, nothing changes. Arrow's own allocator keeps 30 to 50 MiB of small tables, so
    it uses malloc, too.
    """
    os.environ.setdefault(
        "ARROW_DEFAULT_MEMORY_POOL", "system"
    )  # pyarrow reads it when it is imported
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            options = ctypes.CDLL(None).mallopt
            options(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            options(_M_ARENA_MAX, 2)


def set_aside() -> None:
    """Leave what there is now, such as imported modules, out of all later searches for garbage.

    For a server that has started and has no visitor yet: none of its 160,000 objects becomes garbage.
    """
    gc.collect()
    gc.freeze()


def collect_garbage(every_s: float) -> None:
    """Collect objects that only refer to each other, unless that was done less than ``every_s`` ago.

    What many small blocks leave free in glibc's heaps goes back to the system, too: a busy server had
    25 MiB of it after 100 pages, returned in 4 ms.
    """
    global _collected_s
    if time.monotonic() - _collected_s >= every_s:
        _collected_s = time.monotonic()
        gc.collect()
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
