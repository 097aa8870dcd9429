"""The parser of the command line, and what its verbs share: data, executor, progress, and defects."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path

from brainseg import RESEARCH_USE, __version__
from brainseg.errors import BrainsegError, nearest
from brainseg.storage import state_dir, write_atomically
from brainseg.storage.addresses import is_address
from brainseg.storage.mirror import mirror
from brainseg.verbs import JSON, VERBS

Run = Callable[[argparse.Namespace], int]


def parser_of(description: str, runs: Iterable[Run]) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        description: of the program.
        runs: the functions that run :data:`VERBS`, by their names; the first line of a function's
            docstring says what its verb does.
    """
    parser = argparse.ArgumentParser(prog="brainseg", description=f"{description}\n{RESEARCH_USE}")
    parser.add_argument("--version", action="version", version=f"brainseg {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for run in runs:
        example, options = VERBS[run.__name__]
        one = verbs.add_parser(
            run.__name__,
            help=run.__doc__,
            description=f"{run.__doc__} {RESEARCH_USE}",
            epilog=f"Example: brainseg {run.__name__} {example}",
        )
        one.set_defaults(verb=run)
        for flag, settings in (JSON, *options):
            # Of the modes, one at most: the first starts their group.
            if settings.get("dest") == "mode" and settings["const"] == "fast":
                modes = one.add_mutually_exclusive_group()
            (modes if "const" in settings else one).add_argument(flag, **settings)
    return parser


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a command; without a verb or with an unknown one, say what there is."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        parser.print_help(sys.stderr)
        sys.exit(2)
    if not words[0].startswith("-") and words[0] not in VERBS:
        meant = nearest(words[0], VERBS)
        parser.error(f"unknown verb “{words[0][:40]}”{meant}: choose from {', '.join(VERBS)}")
    return parser.parse_args(words)


def defect_in_words(error: Exception) -> str:
    """Return one sentence on an unexpected error, and save where it was raised for a report."""
    log = state_dir() / "last-error.txt"
    # Without the message, which may contain a patient's name.
    where = "".join(traceback.format_tb(error.__traceback__))
    with suppress(BrainsegError):
        write_atomically(log, f"brainseg {__version__}\n{where}{type(error).__name__}\n".encode())
    return f"brainseg: unexpected {type(error).__name__}: please report it with {log}."


@contextmanager
def executor_of(options: argparse.Namespace) -> Iterator[Executor | None]:
    """Yield the executor that the options name, or None, and print the address of its dashboard."""
    given = vars(options)
    if given.get("executor") is None and given.get("workers") is None:
        yield None
        return
    from brainseg.executors import dashboard_of, open_executor

    data = data_of(options)
    folders = [data.expanduser()] if data else []
    with open_executor(given.get("executor"), given.get("workers"), folders) as executor:
        if address := dashboard_of(executor):
            print(f"brainseg: Dask's dashboard: {address}", file=sys.stderr)
        yield executor


def data_of(options: argparse.Namespace) -> Path | None:
    """Return the path of the data that options or ``BRAINSEG_DATA`` name, None without any.

    The files of an address are fetched first; then the path of their mirror takes its place.
    """
    name = "input" if "input" in options else "data"
    given = vars(options).get(name)
    named = given or os.environ.get("BRAINSEG_DATA")
    if not named or not is_address(named):
        return Path(named) if named else None
    with progress_bar("B") as progress:
        found = mirror(
            str(named), progress, lambda text: print(f"brainseg: {text}", file=sys.stderr)
        )
    if given:
        setattr(options, name, found)
    else:
        os.environ["BRAINSEG_DATA"] = str(found)
    return found


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback (done, total) that draws a progress bar if standard error is a terminal."""
    from tqdm import tqdm

    scale = unit == "B"
    hidden = not sys.stderr.isatty()
    with tqdm(unit=unit, unit_scale=scale, disable=hidden, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
