"""Dask distributed as an executor, whose workers are checked first."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from brainseg import __version__
from brainseg.errors import ClusterError, MissingPackageError
from brainseg.executors.parts import TRIES
from brainseg.executors.worker import OF_WORKERS, carried, run_part
from brainseg.storage import real_path

try:
    import dask
    from distributed import Client, LocalCluster, get_worker
    from distributed.cfexecutor import ClientExecutor
except ImportError:
    raise MissingPackageError(
        "A cluster needs Dask, which is not installed: add it with `pip install "
        "'brainseg[cluster]'`, or in a checkout `pip install -r requirements-cluster.txt`."
    ) from None

_WAIT_S = 30
_START_S = 120
"""How long a worker on this machine may take to start: a busy machine needs more than Dask's 30 s."""
_PACKAGES = ("numpy", "opencv-python-headless", "openvino", "pandas", "scipy")
"""Whose versions decide about results, beside our own and Python's."""

Facts = tuple[tuple[str, str], ...]


class ClusterExecutor(ClientExecutor):
    """The executor of a Dask client; each part checks its worker, which may have joined late.

    Attributes:
        dashboard: the address of Dask's own dashboard.
    """

    def __init__(self, client: Client, facts: Facts) -> None:
        super().__init__(client, pure=False)
        self._facts = facts
        self.dashboard = client.dashboard_link

    def submit(self, fn: Callable, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Schedule a part."""
        return super().submit(_checked_part, self._facts, carried(), fn, *args, **kwargs)


@contextmanager
def open_cluster(address: str, workers: int, folders: Sequence[Path]) -> Iterator[ClusterExecutor]:
    """Yield the executor of a Dask cluster.

    Args:
        address: HOST:PORT of its scheduler; empty starts a cluster on this machine.
        workers: of a cluster on this machine, one process each.
        folders: that each worker must have.

    Raises:
        ClusterError: no scheduler answers, it has no workers, or a worker lacks a folder or has another
            version of a package.
    """
    facts = (*_versions(), *((str(real_path(folder)), _glance(folder)) for folder in folders))
    if address:
        with _client(address) as client:
            yield _checked(client, facts)
        return
    with _local_cluster(workers) as local, Client(local) as client:
        yield _checked(client, facts)


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    settings = {
        "distributed.scheduler.allowed-failures": TRIES - 1,
        "distributed.comm.timeouts.connect": f"{_START_S}s",
    }
    with dask.config.set(settings), ExitStack() as stack:
        try:
            local = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=50,
                    env=OF_WORKERS,
                )
            )
        except RuntimeError as error:
            raise ClusterError(
                f"the workers of a cluster on this machine did not start ({error.__cause__ or error}): "
                "try again with fewer --workers."
            ) from error
        yield local


def _client(address: str) -> Client:
    try:
        return Client(f"tcp://{address}", timeout=_WAIT_S)
    except OSError as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`, and workers with "
            f"`dask worker {address}`."
        ) from error


def _checked(client: Client, facts: Facts) -> ClusterExecutor:
    """Return the executor of a client whose workers are all fit for the work."""
    try:
        client.wait_for_workers(1, timeout=_WAIT_S)
    except TimeoutError as error:
        raise ClusterError(
            f"the Dask scheduler at {client.scheduler.address} has no workers: start some with `dask "
            f"worker {client.scheduler.address}`."
        ) from error
    for address, fault in client.run(check_worker, facts, on_error="return").items():
        if fault:  # a worker without this package cannot even start the check
            known = isinstance(fault, ClusterError)
            raise _refused(address, str(fault) if known else f"it cannot run brainseg ({fault})")
    return ClusterExecutor(client, facts)


def _refused(address: str, fault: str) -> ClusterError:
    return ClusterError(f"the worker {address} is refused, because {fault}: mend it, or end it.")


def _checked_part(facts: Facts, *call: Any, **kwargs: Any) -> Any:
    try:
        check_worker(facts)
    except ClusterError as fault:
        raise _refused(get_worker().address, str(fault)) from None
    return run_part(*call, **kwargs)


@lru_cache(maxsize=64)
def check_worker(facts: Facts) -> None:
    """Raise ClusterError with the reason why this process cannot take part.

    Args:
        facts: the name of each package or folder, with its version or :func:`_glance`.
    """
    here = dict(_versions())
    for name, wanted in facts:
        if name in here and here[name] != wanted:
            raise ClusterError(f"it has {name} {here[name]} instead of {wanted}")
        if name not in here and (found := _glance(Path(name))) != wanted:
            raise ClusterError(f"{name} {'differs' if found else 'is missing'} there")


def _glance(path: Path) -> str:
    """Return a hash of a file's size, or of the names in a folder; empty if it is missing."""
    try:
        seen = sorted(os.listdir(path)) if path.is_dir() else path.stat().st_size  # noqa: PTH208
        return blake2b(repr(seen).encode(errors="replace"), digest_size=16).hexdigest()
    except OSError:
        return ""


def _versions() -> Facts:
    found = [("brainseg", __version__), ("Python", ".".join(platform.python_version_tuple()[:2]))]
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)
