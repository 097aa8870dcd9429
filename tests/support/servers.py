"""Start a dashboard as a process of its own, wait until it answers, and end it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from support.cohorts import CHECKOUT, SERVER_STARTS_WITHIN_S, is_healthy

SERVES = (sys.executable, "-m", "streamlit", "run", str(CHECKOUT / "dashboard" / "app.py"))


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(
    folder: Path,
    data: Path | None = None,
    command: Sequence[object] = SERVES,
    option: str = "--server.port",
    environment: dict[str, str] | None = None,
    cwd: Path = CHECKOUT,
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Yield the address and the process of a dashboard that answers; it ends with the block.

    Args:
        folder: for its log and, unless the environment names another, its ``BRAINSEG_HOME``.
        data: the cohort that it shows, or None.
        command: what serves, without the port.
        option: the option of the port.
        environment: added to this process's, in which no data is named.
        cwd: the folder that it is started from.
    """
    shown = {key: value for key, value in os.environ.items() if key != "BRAINSEG_DATA"}
    shown |= {"BRAINSEG_HOME": str(folder / "home"), **(environment or {})}
    if data is not None:
        shown["BRAINSEG_DATA"] = str(data)
    port, log = free_port(), folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command), option, str(port)],
            cwd=cwd,
            env=shown,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address, deadline = f"http://localhost:{port}", time.monotonic() + SERVER_STARTS_WITHIN_S
    try:
        while not is_healthy(address):
            late = process.poll() is not None or time.monotonic() > deadline
            assert not late, f"it did not start:\n{log.read_text(errors='replace')[-4000:]}"
            time.sleep(0.2)
        yield address, process
    finally:
        started = []
        with suppress(psutil.Error):
            started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in started:  # strace leaves the server behind that it started
            with suppress(psutil.Error):
                child.terminate()
