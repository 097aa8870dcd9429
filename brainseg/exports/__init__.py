"""Files that leave the application, each with the line that says what they are not."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from brainseg import RESEARCH_USE
from brainseg.errors import CohortError
from brainseg.storage import write_atomically

LONGEST_STEM = 100

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20].|\t", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def file_stem(case: str) -> str:
    """Return a case's name as the beginning of a file's name, on any system and never a path."""
    return re.sub(r"[^\w.-]+", "_", case).strip("._")[:LONGEST_STEM] or "case"


def one_line(text: str) -> str:
    """Return text without line breaks, for a comment that ends with its line."""
    return " ".join(text.split())


def png_bytes(picture: np.ndarray, warnings: Sequence[str] = ()) -> bytes:
    """Return a picture as a PNG file whose text chunks hold its warnings and the research-use sentence.

    Args:
        picture: (h, w, 3) or (h, w) uint8; bool is written as 0 and 255.
        warnings: a sentence each.
    """
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    text = PngImagePlugin.PngInfo()
    if warnings:
        text.add_itxt("Warning", " ".join(map(one_line, warnings)))
    text.add_text("Comment", RESEARCH_USE)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", pnginfo=text)
    return file.getvalue()


def csv_bytes(table: pd.DataFrame, warnings: Sequence[str] = ()) -> bytes:
    """Return a table as UTF-8 CSV below comments: its warnings, then the research-use sentence.

    Text that a spreadsheet would take for a formula, for it begins with =, +, -, @ or a tab, gets an
    apostrophe in front: names and comments are other people's words. Numbers stay as they are, and
    lines in a text end with a newline alone.

    Args:
        table: of any columns.
        warnings: a sentence each.
    """
    comments = [*(f"Warning: {one_line(warning)}" for warning in warnings), RESEARCH_USE]
    head = "".join(f"# {comment}\n" for comment in comments)
    safe = table.apply(_text_without_formulas).rename(columns=_no_formula)
    return f"{head}{safe.to_csv(index=False)}".encode()


def refuse_inside(out: Path, dataset: Path) -> None:
    """Raise CohortError where a folder for results is a dataset's own, or lies inside of it."""
    if out.resolve() == dataset.resolve() or dataset.resolve() in out.resolve().parents:
        raise CohortError(
            f"{out} lies inside of {dataset}, and a dataset's folder is never written: name another."
        )


def write_new(path: Path, content: bytes, dataset: Path, overwrite: bool = False) -> None:
    """Write a whole file for a person, never into the dataset.

    Raises:
        CohortError: the file is there and may not be replaced, or lies inside of the dataset.
        BrainsegError: the folder cannot be written.
    """
    refuse_inside(path.parent, dataset)
    refuse_to_replace([path], overwrite)
    write_atomically(path, content)


def refuse_to_replace(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise CohortError where one of the files is there already, unless it may be replaced."""
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise CohortError(
            f"{existing[0]} is there already, and nothing was written: name another place, or pass "
            "--overwrite."
        )


def _text_without_formulas(column: pd.Series) -> pd.Series:
    holds_text = not pd.api.types.is_numeric_dtype(column) and len(column)
    return column.map(_no_formula) if holds_text else column


def _no_formula(value: object) -> object:
    if not isinstance(value, str):
        return value
    # A carriage return is written without quotes, and would begin a new row for some readers.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
