"""Open an executor by its name."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from brainseg.errors import BrainsegError
from brainseg.executors.worker import LocalJobs

KINDS = "threads, processes, dask or dask://HOST:PORT"


@contextmanager
def open_executor(
    name: str | None = None, workers: int | None = None, folders: Sequence[Path] = ()
) -> Iterator[Executor | None]:
    """Yield the executor of a name, or None without a name and workers.

    Args:
        name: one of :data:`KINDS`; ``dask`` starts a cluster on this machine, as ``workers`` alone does.
        workers: number of them; one per processor by default. A cluster elsewhere has its own.
        folders: that the workers of a cluster must have under the same paths.

    Raises:
        BrainsegError: the name is unknown, or the number of workers is not valid.
        ClusterError: the cluster cannot be used.
        MissingPackageError: Dask is not installed.
    """
    if workers is not None and workers < 1:
        raise BrainsegError(f"the number of workers is {workers}: give at least 1.")
    if name is None and workers is None:
        yield None
        return
    name, count = name or "dask", workers or os.cpu_count() or 1
    if name == "threads":
        with ThreadPoolExecutor(count) as threads:
            yield threads
    elif name == "processes":
        jobs = LocalJobs(count)
        try:
            yield jobs
        finally:
            jobs.shutdown(cancel_futures=True)
    elif name == "dask" or re.fullmatch(r"dask://\S+:\d+", name):
        # Imported only here: Dask takes a second.
        from brainseg.executors.cluster import open_cluster

        address = name.removeprefix("dask").removeprefix("://")
        if address and workers:
            raise BrainsegError(
                f"the cluster at {address} has workers of its own: leave out --workers."
            )
        with open_cluster(address, count, folders) as cluster:
            yield cluster
    else:
        raise BrainsegError(f"there is no executor “{name[:60]}”: choose {KINDS}.")


def dashboard_of(executor: Executor | None) -> str:
    """Return the address of the executor's own dashboard, or an empty string."""
    return getattr(executor, "dashboard", "")
