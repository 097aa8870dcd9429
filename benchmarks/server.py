"""The time until the dashboard answers, compared with the same server with an empty page.

Usage: python benchmarks/server.py DATA
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.measuring import CHECKOUT, machine

REPEATS = 3
LIMIT_S = 60


def start(app: Path, environment: dict[str, str], servers: int = 1) -> tuple[subprocess.Popen, str]:
    """Return a healthy server, or one in front of several, and its address; end it with terminate."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(app), f"--server.port={port}"]
    if servers > 1:
        front = app.with_name("server") / "front.py"
        command = [sys.executable, str(front), str(app), str(port), str(servers)]
    process = subprocess.Popen(
        command,
        cwd=app.parents[1],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.perf_counter() + LIMIT_S
    while time.perf_counter() < deadline:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1):
                return process, f"http://localhost:{port}"
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    process.terminate()
    raise SystemExit(f"the server did not answer in {LIMIT_S} s")


def seconds_to_answer(app: Path, environment: dict[str, str]) -> float:
    """Return the seconds from the start of a server until it is healthy."""
    started = time.perf_counter()
    process, _ = start(app, environment)
    seconds = time.perf_counter() - started
    process.terminate()
    process.wait()
    return seconds


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        empty = Path(scratch) / "empty.py"
        empty.write_text("import streamlit as st\nst.write('hello')\n")
        environment = os.environ | {"BRAINSEG_DATA": sys.argv[1], "BRAINSEG_HOME": scratch}
        ours = min(
            seconds_to_answer(CHECKOUT / "dashboard" / "app.py", environment)
            for _ in range(REPEATS)
        )
        bare = min(seconds_to_answer(empty, environment) for _ in range(REPEATS))
    print(f"{machine()}, best of {REPEATS}")
    print(
        f"dashboard answers after {ours:.2f} s, an empty page after {bare:.2f} s: {ours / bare:.2f} x"
    )


if __name__ == "__main__":
    main()
