"""What begins and ends with the server: the timer of uploads, and an end that comes in time."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Thread, Timer, current_thread, main_thread
from types import FrameType

from brainseg import memory
from dashboard.server import front
from dashboard.server.uploads import close_left

PATIENCE_S = 10.0
"""From SIGTERM or Ctrl+C until open requests are given up; uvicorn alone waits for them for ever."""


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Delete the uploads of closed pages while the server runs, and end it in time."""
    if current_thread() is main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            if callable(usual := signal.getsignal(number)):
                signal.signal(number, partial(_stop, usual))
    if front.number_and_count()[1] > 1:
        Thread(target=_end_with_front, daemon=True).start()
    task = asyncio.create_task(close_left())
    memory.set_aside()
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _end_with_front() -> None:
    os.read(sys.stdin.fileno(), 1)  # a pipe that closes as the process in front ends
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(usual: Callable, number: int, frame: FrameType | None) -> None:
    # Files are written whole and renamed, so that an end at any moment damages none.
    late = Timer(PATIENCE_S, os._exit, (0,))
    late.daemon = True
    late.start()
    usual(number, frame)
