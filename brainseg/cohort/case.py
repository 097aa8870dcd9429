"""Case: one patient's study, read slice by slice, or as a whole where its files are volumes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.cohort.case_windows import windows_of
from brainseg.cohort.slice_rows import SPACING_COLUMNS
from brainseg.cohort.studies import read_labels, read_plane, read_volume
from brainseg.errors import CohortError, DecodeError
from brainseg.io import Decoded, decode_files, to_three_channels
from brainseg.io.masks import label_as_bool, labels_as_bool, mask_as_bool, read_mask
from brainseg.notebook import Shown
from brainseg.volume import Volume

_CHANGED = "{} has changed since the cohort was indexed: reload to index the folder again."


@dataclass(frozen=True, repr=False)
class Case(Shown):
    """One patient's study: the rows of the index that belong to it, and how to read them.

    Attributes:
        name: the case's name, as in its folder.
        root: the cohort's folder, that the paths are relative to.
        slices: this case's rows of the index, sorted by slice number; its own index from 0.
        synthetic: whether ``data.csv`` marks this patient as synthetic.
        label: the label whose mask the case has; None for the union of all labels.
    """

    name: str
    root: Path
    slices: pd.DataFrame
    synthetic: bool = False
    label: str | None = None

    def _facts(self) -> dict[str, object]:
        with_tumour = int((self.slices["area_px"] > 0).sum())
        return {
            "name": self.name,
            "patient": self.patient_id,
            "slices": len(self.slices),
            "slices with tumour": with_tumour,
            "synthetic": self.synthetic,
        }

    @property
    def patient_id(self) -> str:
        """Return the patient that this case is a study of."""
        return self.slices["patient_id"].iloc[0]

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Return the spacing of slices, rows and columns if the files state it."""
        slices, rows, columns = self.slices[[*SPACING_COLUMNS]].iloc[0].tolist()
        return None if pd.isna([slices, rows, columns]).any() else (slices, rows, columns)

    @property
    def readable(self) -> pd.DataFrame:
        """Return the rows that can be stacked: usable slices of the most common size."""
        usable = self.slices["height"].notna() & self.slices["image_use_error"].isna()
        decoded = self.slices[usable]
        sizes = decoded.groupby(["height", "width"]).size()
        if sizes.empty:
            return decoded
        height, width = sizes.idxmax()
        return decoded[(decoded["height"] == height) & (decoded["width"] == width)]

    def volume(self, with_others: bool = False) -> Volume:
        """Return the readable slices as one volume of (n, h, w, 3) uint8; notes name the other slices.

        Args:
            with_others: whether further sequences of the case, such as T2, are read, too.

        Raises:
            CohortError: no slice of the case can be read.
        """
        rows = self.readable
        if rows.empty:
            raise CohortError(
                f"{self.name} has no slice that can be read: `brainseg check` gives the reasons."
            )
        if self._source:
            volume = read_volume(self.root, self._source, self.name, with_others)
            self._refuse_change(volume.pixels.shape[:3])
            return volume
        notes: dict[str, None] = {}
        left_out = sorted(set(self.slices["slice_number"]) - set(rows["slice_number"]))
        if left_out:
            numbers = ", ".join(map(str, left_out))
            notes[f"left out, because unusable or of another size: slice {numbers}"] = None
        pixels = np.empty(
            (len(rows), int(rows["height"].iloc[0]), int(rows["width"].iloc[0]), 3), "u1"
        )
        for index, (row, image) in enumerate(self._decoded(rows, "image_path")):
            pixels[index], converted = self._image(row, image)
            notes |= dict.fromkeys(converted)
        return Volume(pixels, notes=tuple(notes))

    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the masks of the readable slices, and which slices have one.

        Returns:
            (n, h, w) bool, in the order of :meth:`volume`, and (n,) bool: False for a slice without a
            usable mask, whose plane is all False and has no meaning.
        """
        rows = self.readable
        has_mask = rows["area_px"].notna().to_numpy()
        if self._source and has_mask.any():
            return self._labels(), has_mask
        shape = (len(rows), int(rows["height"].iloc[0]), int(rows["width"].iloc[0]))
        masks = np.zeros(shape, bool)
        with_tumour = has_mask & rows["area_px"].gt(0).fillna(False).to_numpy(bool)
        decoded = self._decoded(rows[with_tumour], "mask_path")
        for index, (row, mask) in zip(np.flatnonzero(with_tumour), decoded, strict=True):
            masks[index] = self._mask(row, mask)
        return masks, has_mask

    def slice_pixels(self, slice_number: int) -> np.ndarray:
        """Return one slice as (h, w, 3) uint8, without reading the others.

        Raises:
            CohortError: the case has no such slice, or it cannot be read.
        """
        rows = self._row(slice_number)
        if self._source:
            index = int(rows["slice_index"].iloc[0])
            plane = read_plane(self.root, self._source, self.name, index)
            self._refuse_change((len(self.readable), *plane.shape[:2]))
            return plane
        ((row, image),) = self._decoded(rows, "image_path")
        return self._image(row, image)[0]

    def slice_mask(self, slice_number: int) -> np.ndarray | None:
        """Return the mask of one slice as (h, w) bool, or None without a usable mask."""
        rows = self._row(slice_number)
        if pd.isna(rows["area_px"].iloc[0]):
            return None
        if self._source:
            return self._labels()[rows["slice_index"].iloc[0]]
        ((row, mask),) = self._decoded(rows, "mask_path")
        return self._mask(row, mask)

    @property
    def is_volume(self) -> bool:
        """Return whether its files contain whole volumes, so that reading one slice reads them all."""
        return self._source is not None

    def slice_index(self, slice_number: int) -> int:
        """Return the index of a slice in the volume of a case of volume files.

        Raises:
            CohortError: the case has no such slice, or it cannot be read.
        """
        return int(self._row(slice_number)["slice_index"].iloc[0])

    @property
    def _source(self) -> str | None:
        """Return the volume files of the case, None for a case of pictures."""
        source = self.slices["source"].iloc[0]
        return None if pd.isna(source) else str(source)

    def _refuse_change(self, shape: tuple[int, ...]) -> None:
        """Raise CohortError if an array of the case's files has another shape than in the index."""
        rows = self.readable
        if shape != (len(rows), rows["height"].iloc[0], rows["width"].iloc[0]):
            raise CohortError(_CHANGED.format(self.name))

    def _labels(self) -> np.ndarray:
        """Return the mask of the label, or of their union, as (n, h, w) bool."""
        found = read_labels(self.root, str(self._source), self.name)
        if found is None:
            raise CohortError(_CHANGED.format(f"the mask of {self.name}"))
        self._refuse_change(found.values.shape)
        if self.label is None:
            return found.values > 0
        return label_as_bool(found.values, self.label, found.labels)

    def _row(self, slice_number: int) -> pd.DataFrame:
        """Return the row of a slice, as a table; raises CohortError if its image cannot be used."""
        rows = self.slices[self.slices["slice_number"] == slice_number]
        if rows.empty:
            numbers = self.slices["slice_number"]
            raise CohortError(
                f"{self.name} has no slice {slice_number}: choose one of {numbers.min()} to "
                f"{numbers.max()}."
            )
        row = rows.iloc[0]
        if pd.isna(row.height) or not pd.isna(row.image_use_error):
            reason = row.image_error if pd.isna(row.height) else row.image_use_error
            raise CohortError(
                f"{self.name} slice {slice_number} cannot be shown ({reason}): restore the "
                "file or choose another slice."
            )
        return rows.iloc[:1]

    def _image(self, row: Any, image: Decoded) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return a slice as (h, w, 3) uint8, and its notes."""
        try:
            pixels, notes = to_three_channels(image, windows_of(row._asdict(), image.channels))
        except DecodeError as reason:
            raise CohortError(f"{row.image_path} was not used: {reason}.") from reason
        if pixels.shape[:2] != (row.height, row.width):
            raise CohortError(_CHANGED.format(row.image_path))
        return pixels, notes

    def _mask(self, row: Any, stored: Decoded) -> np.ndarray:
        """Return a mask as (h, w) bool."""
        plane = read_mask(stored, row.mask_path)[0]
        if self.label is not None:
            mask: np.ndarray | None = label_as_bool(plane, self.label)
        else:
            mask = (mask_as_bool if pd.isna(row.label_px) else labels_as_bool)(plane)
        if mask is None or mask.shape != (row.height, row.width):
            raise CohortError(_CHANGED.format(row.mask_path))
        return mask

    def _decoded(self, rows: pd.DataFrame, column: str) -> Iterator[tuple[Any, Decoded]]:
        """Yield each row with the content of its file; raises CohortError for one that is not usable."""
        decoded = decode_files([self.root / path for path in rows[column]])
        for row, path, one in zip(rows.itertuples(), rows[column], decoded, strict=True):
            if isinstance(one, OSError):
                raise CohortError(
                    f"{path} was there when the cohort was indexed and cannot be opened now "
                    f"({one.strerror}): restore it, or reload to index the folder again."
                ) from one
            if isinstance(one, DecodeError):
                raise CohortError(f"{path} was not used: {one}.") from one
            yield row, one
