"""Runs JavaScript of the viewer in node, without a browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support.cohorts import REQUIRE_ALL


def node(*arguments: str | Path) -> subprocess.CompletedProcess:
    """Return what node did with these arguments; skip, or fail in CI, where node is missing."""
    program = shutil.which("node")
    if program is None:
        assert not REQUIRE_ALL, "node is needed to test the viewer's modules"
        pytest.skip("node is not installed")
    command = [program, "--no-warnings", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
