"""Shapes, types and values of the files of a cohort, and a random pair of image and mask."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.cohort.slice_rows import MOST_VALUES


def file_table(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the number of files by shape, dtype and values, the most frequent first.

    Returns:
        ``file`` ("image" or "mask"), ``shape`` ("256 × 256 × 3", missing for unreadable files),
        ``dtype``, ``values`` (of masks, separated by ", "; missing for images) and ``files`` (count).
        Images come first.
    """
    images = _kinds(slices, "image", ["height", "width", "channels", "dtype"])
    of_mask = ["mask_height", "mask_width", "mask_channels", "mask_dtype", "mask_values"]
    masks = _kinds(slices, "mask", of_mask)
    image_shape = _shape_text(images["height"], images["width"], images["channels"])
    mask_shape = _shape_text(masks["mask_height"], masks["mask_width"], masks["mask_channels"])
    of_images = {"file": "image", "shape": image_shape, "dtype": images["dtype"], "values": None}
    values = masks["mask_values"].str.replace(" ", ", ")
    cut = (values.str.count(", ") == MOST_VALUES - 1).fillna(False)
    values = values.where(~cut, values + ", …")
    of_masks = {"file": "mask", "shape": mask_shape, "dtype": masks["mask_dtype"], "values": values}
    both = [
        pd.DataFrame(part).astype("str").assign(files=kinds["files"])
        for part, kinds in ((of_images, images), (of_masks, masks))
    ]
    columns = ["file", "shape", "dtype", "values"]
    table = pd.concat(both).groupby(columns, dropna=False)["files"].sum().reset_index()
    return table.sort_values(["file", "files"], ascending=[True, False], ignore_index=True)


def _kinds(slices: pd.DataFrame, what: str, columns: list[str]) -> pd.DataFrame:
    """Return one row per combination of values of some columns, and ``files``, their number."""
    rows = slices.loc[slices[f"{what}_path"].notna(), columns]
    return rows.groupby(columns, dropna=False).size().rename("files").reset_index()


@dataclass(frozen=True)
class Files:
    """The files of a cohort.

    Attributes:
        table: see :func:`file_table`.
        pairs: slices with an image and a mask.
        images: images without a mask.
        masks: masks without an image.
    """

    table: pd.DataFrame
    pairs: int
    images: int
    masks: int


def files_of(slices: pd.DataFrame) -> Files:
    """Return the numbers of files of an index by kind."""
    has_image, has_mask = slices["image_path"].notna(), slices["mask_path"].notna()
    pairs = int((has_image & has_mask).sum())
    alone = int(has_image.sum()) - pairs, int(has_mask.sum()) - pairs
    return Files(file_table(slices), pairs, *alone)


@dataclass(frozen=True)
class Pair:
    """One image and its mask as stored in their files.

    Attributes:
        case: the case's name.
        slice_number: as in the file's name.
        image_path: relative to the cohort's folder, as is ``mask_path``.
        image_shape: (height, width, channels), or (height, width) for a grey image, in px.
        image_dtype: as stored, as is ``mask_dtype``.
        mask_shape: (height, width), or with channels if it has several.
    """

    case: str
    slice_number: int
    image_path: str
    image_shape: tuple[int, ...]
    image_dtype: str
    mask_path: str
    mask_shape: tuple[int, ...]
    mask_dtype: str


def random_pair(slices: pd.DataFrame, seed: int) -> Pair | None:
    """Return a random pair of image and mask that can be decoded, or None if there is none.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.
        seed: 0 or more; the same seed and cohort give the same pair.
    """
    pairs = np.flatnonzero(slices["height"].notna() & slices["mask_height"].notna())
    if not len(pairs):
        return None
    row = slices.iloc[pairs[int(np.random.default_rng(seed).integers(len(pairs)))]]
    return Pair(
        row["case"],
        int(row["slice_number"]),
        row["image_path"],
        _shape(row["height"], row["width"], row["channels"]),
        row["dtype"],
        row["mask_path"],
        _shape(row["mask_height"], row["mask_width"], row["mask_channels"]),
        row["mask_dtype"],
    )


def _shape(height: int, width: int, channels: int) -> tuple[int, ...]:
    return (int(height), int(width)) + ((int(channels),) if channels > 1 else ())


def _shape_text(height: pd.Series, width: pd.Series, channels: pd.Series) -> pd.Series:
    flat = height.astype("str") + " × " + width.astype("str")
    text = flat.where(channels == 1, flat + " × " + channels.astype("str"))
    return text.where(height.notna())
