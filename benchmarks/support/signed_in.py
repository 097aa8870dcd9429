"""Two servers with sign-in behind nginx on this machine, as docs/deployment.md describes them."""

import logging
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .nginx import nginx, recipe
from .serving import free_port, start
from .signing_in import READERS, provider, write_secrets

SERVERS = 2
SERVED_BY = "served_by"
"""The cookie that names the server which answers; nginx sets it only here."""

_DEFAULT_CACHE_MB = 512


@dataclass(frozen=True)
class Place:
    """What visitors reach.

    Attributes:
        address: of nginx.
        servers: their processes, which share ``BRAINSEG_HOME``.
        nginx: its process.
    """

    address: str
    servers: list[subprocess.Popen]
    nginx: subprocess.Popen


@contextmanager
def behind_nginx(
    app: Path, environment: dict[str, str], folder: Path, readers: Sequence[str]
) -> Iterator[Place]:
    """Yield servers behind nginx, whose provider knows readers; all end with the block.

    Args:
        app: the dashboard's script.
        environment: of each server; its memory budget is divided among them.
        folder: for settings and the files of nginx.
        readers: the subjects of the people who may sign in, each with the role of a reader.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # each request of the provider
    people = {one: {"name": one, "groups": [READERS]} for one in readers}
    port = free_port()
    megabytes = int(environment.get("BRAINSEG_CACHE_MB") or _DEFAULT_CACHE_MB) // SERVERS
    with ExitStack() as stack:
        issuer = stack.enter_context(provider(people))
        back = f"http://localhost:{port}/oauth2callback"
        environment = environment | write_secrets(folder, issuer, redirect_uri=back)
        environment["BRAINSEG_CACHE_MB"] = str(megabytes)
        servers, ports = [], []
        for _ in range(SERVERS):
            process, address = start(app, environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            servers.append(process)
            ports.append(int(address.rpartition(":")[2]))
        named = f'location / {{ add_header Set-Cookie "{SERVED_BY}=$upstream_addr" always;'
        settings = recipe(port, ports).replace("location / {", named)
        front, process = stack.enter_context(nginx(folder / "nginx", settings))
        yield Place(front, servers, process)
