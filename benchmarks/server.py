"""The time until the dashboard answers, compared with the same server with an empty page.

Usage: python benchmarks/server.py DATA
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from support.measuring import CHECKOUT, machine
from support.serving import start

REPEATS = 3


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
