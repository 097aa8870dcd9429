"""The verbs and options of the command line, each said once."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brainseg import RESEARCH_USE, __version__
from brainseg.errors import BrainsegError
from brainseg.storage import state_dir, write_atomically
from brainseg.storage.addresses import is_address
from brainseg.storage.mirror import mirror

Run = Callable[[argparse.Namespace], int]
Option = tuple[str, dict[str, Any]]

MOST_SERVERS = 16


def option(flag: str, what: str, example: str = "", usual: str = "", **settings: Any) -> Option:
    """Return an option or, without dashes, a position, whose help ends with its default and an example.

    Args:
        flag: such as ``--port`` or ``data``.
        what: what it does.
        example: a value, "" for a switch.
        usual: the default in words, where ``settings`` has none.
        **settings: see ``argparse.ArgumentParser.add_argument``.
    """
    if not example:
        settings, usual = {"action": "store_true", **settings}, usual or "off"
    usual = str(settings.get("default") or usual or settings.get("default", "none"))
    position = not flag.startswith("-")
    required = settings.get("required") or (position and "nargs" not in settings)
    shown = example if position else f"{flag} {example}".strip()
    usual = "required" if required else f"default: {usual}"
    return flag, settings | {"help": f"{what} ({usual}; example: {shown})"}


def port(text: str) -> int:
    """Return a port's number."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def servers(text: str) -> int:
    """Return a number of server processes."""
    if not text.isdecimal() or not 0 < int(text) <= MOST_SERVERS:
        raise argparse.ArgumentTypeError(f"servers are 1 to {MOST_SERVERS}, not {text!r}")
    return int(text)


def place(text: str) -> Path | str:
    """Return a path, or the address of a folder on another machine."""
    return text if is_address(text) else Path(text)


def path(text: str) -> Path:
    """Return a path of this machine."""
    if is_address(text):
        protocol = text.partition("://")[0]
        raise argparse.ArgumentTypeError(
            f"it is on this machine: name a folder or file here, not an address of {protocol}://"
        )
    return Path(text)


JSON = option("--json", "one JSON object on standard output")
DATA = option(
    "data",
    "folder of cases, or its address such as s3://bucket/cohort",
    "kaggle_3m",
    "the folder named by BRAINSEG_DATA",
    type=place,
    nargs="?",
)
MODEL = option(
    "--model",
    "name, folder or address (http://HOST:PORT/v2/models/NAME) of a model, or a training run",
    "lgg-unet",
    "BRAINSEG_MODEL, or the model of this package",
)
LABEL = option(
    "--label",
    "the label whose masks are used, if the masks have several",
    "enhancing tumour",
    "all labels together",
)
EXECUTOR = option(
    "--executor",
    "what reads and computes: threads, processes, dask, or a Dask scheduler",
    "dask://10.0.0.5:8786",
    "this process",
)
WORKERS = option(
    "--workers",
    "number of worker processes of a Dask cluster on this machine, or of another --executor",
    "4",
    "one per processor",
    type=int,
)
OUT = option("--out", "folder for the files", "exported", type=path, required=True, metavar="DIR")
OVERWRITE = option("--overwrite", "replace files of the same names")
MODE: dict[str, Any] = {"dest": "mode", "action": "store_const", "default": "standard"}
DEST = option("dest", "folder to write to", "sample", type=path)

VERBS: dict[str, tuple[str, tuple[Option, ...]]] = {
    "index": ("kaggle_3m", (DATA, EXECUTOR, WORKERS)),
    "check": (
        "kaggle_3m --fail-on warning",
        (
            DATA,
            LABEL,
            option(
                "--only", "run only this check; repeatable", "empty_file", "all checks",
                action="append", metavar="KIND",
            ),
            option(
                "--fail-on", "severity of an open finding that exits with 1", "warning",
                choices=["error", "warning", "info"], default="error",
            ),
            option("--all", "list each finding, also of repeated kinds and notes"),
            option("--list", "list the checks and exit"),
            EXECUTOR,
            WORKERS,
        ),
    ),
    "sample": (
        "sample --cases 6",
        (
            DEST,
            option("--cases", "number of synthetic patients", "6", type=int, default=12),
            option("--seed", "seed of their heads and tumours", "3", type=int, default=0),
        ),
    ),
    "download": ("kaggle_3m --yes", (DEST, option("--yes", "agree to the terms"))),
    "train": (
        "kaggle_3m --set epochs=5 --publish mine",
        (
            DATA,
            option("--config", "JSON or TOML file of settings", "settings.toml", type=path),
            option(
                "--set", "a setting; repeatable", "epochs=5", "those of --settings",
                action="append", metavar="KEY=VALUE", default=[],
            ),
            option("--settings", "list the settings for --set and exit"),
            option(
                "--resume", "name or folder of a run to resume", "20260101-120000-mine", "a new run",
                type=path, metavar="RUN",
            ),
            option("--all-folds", "train all folds in turn; rerun to resume"),
            option("--runs", "folder for the run", "runs", "in BRAINSEG_HOME", type=path),
            option(
                "--publish", "publish to this model: a name in BRAINSEG_HOME, or a folder", "mine",
                "not published",
                type=path, metavar="MODEL",
            ),
            EXECUTOR,
            WORKERS,
        ),
    ),
    "publish": (
        "mine 20260101-120000-mine",
        (
            option(
                "folder", "the model: a name in BRAINSEG_HOME, or a folder", "mine",
                type=path, metavar="MODEL",
            ),
            option(
                "run", "name or folder of a run; repeatable", "20260101-120000-mine",
                "only export the folds for OpenVINO", type=path, metavar="RUN", nargs="*",
            ),
        ),
    ),
    "evaluate": (
        "kaggle_3m --model lgg-unet --json",
        (
            DATA,
            MODEL,
            LABEL,
            option("--allow-seen", "also score seen cases, marked"),
            option(
                "--fail-under", "exit with 1 if the mean Dice is lower", "0.8", "never",
                type=float, metavar="DICE",
            ),
            option("--keep-with-model", "also write the scores into the model's folder"),
            option(
                "--split-by-slice",
                "also measure the inflated score of a split by slice; takes minutes",
            ),
            EXECUTOR,
            WORKERS,
        ),
    ),
    "predict": (
        "study.zip --out predictions --full",
        (
            option(
                "input", "a file, a folder of files or of cases, or its address", "study.zip",
                type=place,
            ),
            OUT,
            MODEL,
            option("--fast", "a single pass of one fold", const="fast", **MODE),
            option("--full", "all folds, also on mirror images", const="full", **MODE),
            option("--threshold", "0 to 1", "0.4", "the model's own", type=float),
            option("--engine", "inference engine", "openvino", "BRAINSEG_ENGINE, or auto"),
            option(
                "--formats", "comma-separated: masks, nifti, dicom-seg, overlay, csv, pdf",
                "masks,pdf", default="masks,nifti,dicom-seg,csv",
            ),
            option(
                "--sequences",
                "assign series to flair, pre-contrast or post-contrast if the files do not say: "
                "a series number, a (unique part of a) file or folder name, or none",
                "flair=2", "as the files say", default="", metavar="flair=SERIES,...",
            ),
            option(
                "--keep-identity", "keep the patient's name and id in DICOM segmentations"
            ),
            EXECUTOR,
            WORKERS,
        ),
    ),
    "reviews": (
        "kaggle_3m --out reviews.csv",
        (
            DATA,
            option("--out", "CSV file", "reviews.csv", "standard output", type=path, metavar="FILE"),
            OVERWRITE,
        ),
    ),
    "history": (
        "--out history.csv",
        (
            option("--out", "CSV file", "history.csv", "standard output", type=path, metavar="FILE"),
            OVERWRITE,
        ),
    ),
    "export": (
        "kaggle_3m TCGA_CS_4941_19960909 --out exported --model lgg-unet",
        (
            DATA,
            option("case", "a case's name", "TCGA_CS_4941_19960909", metavar="CASE"),
            OUT,
            option("--model", "name or folder of a model or run", "lgg-unet", "no prediction"),
            LABEL,
            OVERWRITE,
        ),
    ),
    "features": (
        "kaggle_3m",
        (
            DATA,
            option(
                "--model", "name or folder of a model or run", "lgg-unet",
                "features of the images alone",
            ),
            EXECUTOR,
            WORKERS,
        ),
    ),
    "serve": (
        "--model lgg-unet --port 8600",
        (
            MODEL,
            option("--host", "address to listen on", "0.0.0.0", default="127.0.0.1"),
            option("--port", "port to listen on", "8600", type=port, default=8600),
        ),
    ),
    "dashboard": (
        "kaggle_3m --port 8600",
        (
            option(
                "data", "folder of cases, or its address such as s3://bucket/cohort", "kaggle_3m",
                "the folder named by BRAINSEG_DATA, or the synthetic sample cohort",
                type=place, nargs="?",
            ),
            option("--port", "port to listen on", "8600", type=port, default=8501),
            option(
                "--insecure-no-login",
                "listen beyond this machine without sign-in: everyone may see and delete everything",
            ),
            option(
                "--servers", "processes behind the port, for many visitors", "2",
                type=servers, default=1,
            ),
            option(
                "--log-format", "json writes one line per request, page run and job to standard output",
                "json", "BRAINSEG_LOG, or text", choices=["text", "json"],
            ),
        ),
    ),
}  # fmt: skip
"""Arguments of an example, shown by ``--help``, and the options of each verb."""


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
