"""A PostgreSQL server of the tests' own, on a socket in a temporary folder; it listens on no port."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

USER = "postgres"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, None if it is not installed."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), shutil.which("initdb")]
    return next((Path(one).resolve().parent for one in found if one), None)


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the address of a database on a new server, which ends with the block."""
    folder = Path(
        tempfile.mkdtemp(prefix="pg")
    )  # short: the path of a socket has at most 107 bytes
    # The server refuses to run as root.
    user = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
    if user:
        shutil.chown(folder, USER, USER)
    data, log = folder / "data", folder / "log"

    def run(program: str, *words: str) -> None:
        command = [str(programs() / program), "-D", str(data), *words]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)

    try:
        run("initdb", "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses='' -k {folder} -c max_connections=20"
        run("pg_ctl", "-l", str(log), "-o", options, "-w", "start")
        try:
            yield f"postgresql://{USER}@/postgres?host={quote(str(folder), safe='')}"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
