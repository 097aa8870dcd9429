"""A server of S3 on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KEY, SECRET = "AKIAOFTHETESTSALONE0", "a/secret+of0the1tests2alone3which4no5file6has"
BUCKET = "hospital"


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its path in it."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@dataclass(frozen=True)
class Server:
    """A server of S3, with a bucket; :attr:`files` is the storage as fsspec opens it."""

    endpoint: str
    files: Any

    def put(self, folder: Path, name: str) -> str:
        """Copy a folder into the bucket, and return its address."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = f"{BUCKET}/{name}/{path.relative_to(folder).as_posix()}"
            self.files.pipe_file(target, path.read_bytes())
        return f"s3://{BUCKET}/{name}"


@contextmanager
def s3_server() -> Iterator[Server]:
    """Yield a server of S3, which the environment names with the credentials of the tests."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        import fsspec

        fsspec.filesystem("s3").clear_instance_cache()
        files = fsspec.filesystem("s3")
        files.mkdir(BUCKET)
        yield Server(f"http://{host}:{port}", files)
        files.clear_instance_cache()
    server.stop()
