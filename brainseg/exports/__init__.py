"""Files for download, each with the research-use sentence."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from brainseg import RESEARCH_USE
from brainseg.errors import CohortError
from brainseg.storage import real_path, write_atomically

LONGEST_STEM = 100

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20].|\t", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def file_stem(case: str) -> str:
    """Return a case's name as a file stem that is valid on any system and never a path."""
    return re.sub(r"[^\w.-]+", "_", case).strip("._")[:LONGEST_STEM] or "case"


def one_line(text: str) -> str:
    """Return text without line breaks."""
    return " ".join(text.split())


def png_bytes(
    picture: np.ndarray, warnings: Sequence[str] = (), description: str | None = None
) -> bytes:
    """Return a picture as a PNG file with its warnings and the research-use sentence as text chunks.

    Args:
        picture: (h, w, 3) or (h, w) uint8; bool is written as 0 and 255.
        warnings: a sentence each.
        description: a further text chunk.
    """
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    text = PngImagePlugin.PngInfo()
    if warnings:
        text.add_itxt("Warning", " ".join(map(one_line, warnings)))
    if description:
        text.add_itxt("Description", description)
    text.add_text("Comment", RESEARCH_USE)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", pnginfo=text)
    return file.getvalue()


def csv_bytes(table: pd.DataFrame, warnings: Sequence[str] = ()) -> bytes:
    """Return a table as UTF-8 CSV after comments with its warnings and the research-use sentence.

    Text that a spreadsheet would read as a formula, because it begins with =, +, -, @ or a tab, gets an
    apostrophe in front. Numbers do not change, and line breaks within a text become newlines.

    Args:
        table: of any columns.
        warnings: a sentence each.
    """
    comments = [*(f"Warning: {one_line(warning)}" for warning in warnings), RESEARCH_USE]
    head = "".join(f"# {comment}\n" for comment in comments)
    safe = table.apply(
        lambda column: (
            column
            if pd.api.types.is_numeric_dtype(column) or column.empty
            else column.map(_no_formula)
        )
    )
    return f"{head}{safe.rename(columns=_no_formula).to_csv(index=False)}".encode()


def refuse_inside(out: Path, dataset: Path) -> None:
    """Raise CohortError if a folder for results is a dataset's own, or lies inside it."""
    if real_path(out).is_relative_to(real_path(dataset)):
        raise CohortError(
            f"{out} lies inside of {dataset}, and a dataset's folder is never written: name another."
        )


def write_new(path: Path, content: bytes, dataset: Path, overwrite: bool = False) -> None:
    """Write a file, never into the dataset.

    Raises:
        CohortError: the file exists and may not be replaced, or lies inside the dataset.
        BrainsegError: the folder cannot be written.
    """
    refuse_inside(path.parent, dataset)
    refuse_to_replace([path], overwrite)
    write_atomically(path, content)


def refuse_to_replace(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise CohortError if one of the files exists, unless it may be replaced."""
    existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise CohortError(
            f"{existing[0]} is there already, and nothing was written: name another place, or pass "
            "--overwrite."
        )


def _no_formula(value: object) -> object:
    if not isinstance(value, str):
        return value
    # A carriage return is written without quotes, and some readers would begin a new row.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
