"""The start of the dashboard's server, as one process or as several behind one port."""

import os
import runpy
import signal
import socket
import sys
from pathlib import Path

from brainseg.errors import BrainsegError


def serve_dashboard(app: Path, port: int, servers: int = 1) -> None:
    """Serve the dashboard in this process, until it is ended.

    Args:
        app: the script ``dashboard/app.py``.
        port: to listen on.
        servers: number of processes; several listen on localhost only.

    Raises:
        BrainsegError: several servers would listen on another address.
    """
    if servers > 1:
        _serve_several(app, port, servers)
        return
    for one in (signal.SIGTERM, signal.SIGINT):
        # The server has ended by then, and raises the signal again.
        signal.signal(one, lambda *_: sys.exit(0))
    if os.environ.get("STREAMLIT_SERVER_ADDRESS") in ("0.0.0.0", "::"):
        # Else Streamlit asks a server on the internet for the address to print.
        os.environ.setdefault("STREAMLIT_BROWSER_SERVER_ADDRESS", "localhost")
    # Streamlit reads the settings beside the script, dashboard/.streamlit/config.toml, from any folder.
    # Run in this process, so that ending it leaves no server behind.
    sys.argv = ["streamlit", "run", str(app), f"--server.port={port}"]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _serve_several(app: Path, port: int, servers: int) -> None:
    """Serve by several processes; see ``dashboard/server/front.py``."""
    address = os.environ.get("STREAMLIT_SERVER_ADDRESS", "localhost")
    if address not in ("localhost", "127.0.0.1", "::1"):
        raise BrainsegError(
            f"several servers listen on localhost only, not on {address}: unset "
            "STREAMLIT_SERVER_ADDRESS, and let a proxy listen there."
        )
    front = str(app.parent / "server" / "front.py")
    sys.argv = [front, str(app), str(port), str(servers)]
    if os.name == "posix":
        os.execv(sys.executable, [sys.executable, *sys.argv])  # without what was imported here
    runpy.run_path(front, run_name="__main__")


def check_port(port: int, address: str | None = None) -> None:
    """Raise if a port cannot be used.

    Args:
        port: a TCP port.
        address: of this machine; without one that of the dashboard.

    Raises:
        BrainsegError: another program listens on the port, or it needs rights that the user lacks.
    """
    address = address or os.environ.get("STREAMLIT_SERVER_ADDRESS", "localhost")
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        try:
            probe.bind((address, port))
        except OSError as error:
            raise BrainsegError(
                f"port {port} of {address} cannot be used ({error.strerror}): end the program that "
                "listens there, or choose another port with --port."
            ) from error
