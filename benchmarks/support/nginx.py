"""nginx in front of several servers on this machine, with the recipe of docs/deployment.md."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .measuring import CHECKOUT
from .serving import answering

PROGRAM = shutil.which("nginx")
_FIRST_PORT = 8501
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def recipe(port: int, servers: Sequence[int]) -> str:
    """Return the http block of docs/deployment.md, for a port of localhost and servers on others."""
    document = (CHECKOUT / "docs" / "deployment.md").read_text("utf-8")
    settings = document.split("```nginx\n")[1].split("```")[0]
    lines = [f"127.0.0.1:{number}" for number in servers]
    for number, line in enumerate(lines, _FIRST_PORT):
        settings = settings.replace(f"127.0.0.1:{number}", line)
    settings = settings.replace("listen 8500;", f"listen 127.0.0.1:{port};")
    if any(text not in settings for text in [*lines, f":{port};"]):
        raise ValueError(f"the recipe of docs/deployment.md is not of {len(servers)} servers")
    return settings


@contextmanager
def nginx(folder: Path, settings: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """Yield the address and the process of nginx with the settings of its http block.

    Args:
        folder: made for its files.
        settings: see :func:`recipe`.
    """
    if PROGRAM is None:
        raise SystemExit("nginx is not installed: install the package nginx of your system.")
    folder.mkdir()
    places = "".join(f"{kind}_temp_path {folder};" for kind in _TEMPORARY)
    head = f"pid {folder}/pid; error_log {folder}/log; events {{}}"
    (folder / "nginx.conf").write_text(f"{head} http {{ {places} access_log off; {settings} }}")
    command = [PROGRAM, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"]
    port = int(re.findall(r"listen 127\.0\.0\.1:(\d+);", settings)[0])
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield answering(process, port), process
        finally:
            process.terminate()
