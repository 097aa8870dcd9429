"""How new processes start: without the main script again, without files of the current folder."""

from collections.abc import Callable
from multiprocessing import spawn, util

from pebble.pool.process import WORKERS_NAME

_OF_DASK = "Dask Worker process"
"""Start of the names that Dask gives to the processes of its workers."""

_OPTIONS = "_args_from_interpreter_flags"
_options: Callable[[], list[str]] = getattr(util, _OPTIONS)
_preparation_data = spawn.get_preparation_data


def _without_current_folder() -> list[str]:
    """Return the options of a new interpreter: with -P it imports nothing from the current folder."""
    return [*_options(), "-P"]


def _without_main(name: str) -> dict:
    """Return what a new process is prepared with: a worker does not run the main script again."""
    data = _preparation_data(name)
    if name == WORKERS_NAME or name.startswith(_OF_DASK):
        data = {key: value for key, value in data.items() if not key.startswith("init_main")}
    return data


def set_up() -> None:
    """Start the processes of this program so from now on."""
    setattr(util, _OPTIONS, _without_current_folder)
    spawn.get_preparation_data = _without_main
