"""Starts servers on this machine and waits until they answer."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

LIMIT_S = 60


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def answering(process: subprocess.Popen, port: int) -> str:
    """Return the address of a server as soon as it is healthy; it is ended if that takes too long."""
    address, deadline = f"http://localhost:{port}", time.perf_counter() + LIMIT_S
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return address
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    process.terminate()
    raise SystemExit(f"the server did not answer in {LIMIT_S} s, or ended: {process.args}")


def start(app: Path, environment: dict[str, str], servers: int = 1) -> tuple[subprocess.Popen, str]:
    """Return a healthy server, or one in front of several, and its address; end it with terminate."""
    port = free_port()
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
    return process, answering(process, port)
