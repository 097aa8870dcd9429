"""What no reader should wait for or load: pipes, devices, sockets, dangling links, 20 GB of nothing."""

import os
import socket
from pathlib import Path


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)  # the path itself may be longer than a socket's may be
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 2**30)


ODD = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "socket": _socket,
    "sparse": _sparse,
    "link to itself": lambda path: path.symlink_to(path),
    "link to nothing": lambda path: path.symlink_to(path.parent / "nothing"),
}
"""A function for each kind that makes one at a path."""
REASONS = {
    "pipe": "not a regular file",
    "device": "not a regular file",
    "socket": "No such device or address",
    "sparse": "20,480 MiB exceed 256 MiB",
    "link to itself": "Too many levels of symbolic links",
    "link to nothing": "No such file or directory",
}
