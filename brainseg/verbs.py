"""The verbs of the command line and their options, each said once."""

import argparse
from pathlib import Path
from typing import Any

from brainseg.storage.addresses import is_address

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


def numbers(text: str) -> list[int]:
    """Return the numbers in a list with commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"numbers are separated by commas, as 0,1,2: not {text!r}")
    return [int(part) for part in parts]


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
    "'enhancing tumour'",
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
    "compare": (
        "variants.toml kaggle_3m --folds 0,1,2",
        (
            option(
                "variants", "TOML file of settings and of changes to compare", "variants.toml",
                type=path,
            ),
            DATA,
            option(
                "--folds", "numbers of the folds to train and score", "0,1,2", type=numbers,
                default="0,1,2",
            ),
            option("--runs", "folder for the runs", "runs", "in BRAINSEG_HOME", type=path),
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
