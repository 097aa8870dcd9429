"""Files that leave the application, each with the line that says what they are not."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from brainseg import RESEARCH_USE
from brainseg.home import write_atomically


def png_bytes(picture: np.ndarray) -> bytes:
    """Return a picture as a PNG file whose text chunk says that it is for research only.

    Args:
        picture: (h, w, 3) or (h, w) uint8; bool is written as 0 and 255.
    """
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", RESEARCH_USE)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", pnginfo=text)
    return file.getvalue()


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as UTF-8 CSV; its first line is a comment with the research-use sentence."""
    return f"# {RESEARCH_USE}\n{table.to_csv(index=False)}".encode()


def write_masks(folder: Path, names: list[str], prediction: np.ndarray) -> list[Path]:
    """Write a prediction as one PNG a slice with values 0 and 255, and return the files.

    Args:
        folder: made where it is missing.
        names: of the files without suffix, one a slice.
        prediction: (n, h, w) bool, on the grid of the input.
    """
    paths = [folder / f"{name}_prediction.png" for name in names]
    for path, plane in zip(paths, prediction, strict=True):
        write_atomically(path, png_bytes(plane))
    return paths
