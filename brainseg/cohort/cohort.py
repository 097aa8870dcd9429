"""Cohort: a folder of cases that is indexed once."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.cohort.answers import read_answers
from brainseg.cohort.case import Case
from brainseg.cohort.case_names import FLAIR_ABNORMALITY, OUTLINED, is_of_lgg
from brainseg.cohort.discovery import list_files
from brainseg.cohort.index import Progress
from brainseg.cohort.labels import (
    CODEBOOKS,
    index_of_label,
    label_words,
    labels_of,
    read_label_names,
)
from brainseg.cohort.notes import notes_on
from brainseg.cohort.patients import joined_to, read_codebook, read_patients
from brainseg.cohort.saved_index import index_of
from brainseg.errors import CohortError, nearest
from brainseg.notebook import Shown
from brainseg.storage import cohort_dir, real_path
from brainseg.storage.addresses import address_of, is_address, place_in_words
from brainseg.storage.mirror import mirror


@dataclass(frozen=True, repr=False)
class Cohort(Shown):
    """All cases of a folder, indexed.

    Attributes:
        root: the folder that was opened; it is never written to.
        slices: the index, one row per slice, sorted by institution, case and slice; see
            :data:`brainseg.cohort.slice_rows.READ_DTYPES` for the columns.
        identity: a fingerprint of the content: the same folder elsewhere is the same cohort.
        patients: ``data.csv`` with a column ``patient_id`` in front, or None.
        codebook: columns ``column``, ``code``, ``label`` of ``codebook.csv``, or None.
        notes: one sentence for each fact about how the folder was read.
        label_names: the names of values in masks, from a code book of labels or from the user.
        mask_folders: the folders that may contain the masks, if names do not say it.
        label: the label whose masks the cohort has; None for the union of all labels.
        whole: the cohort with the union of all labels, if this one has a label.
    """

    root: Path
    slices: pd.DataFrame
    identity: str
    patients: pd.DataFrame | None = None
    codebook: pd.DataFrame | None = None
    notes: tuple[str, ...] = field(default=())
    label_names: Mapping[str, str] = field(default_factory=dict)
    mask_folders: tuple[str, ...] = ()
    label: str | None = None
    whole: "Cohort | None" = None

    @classmethod
    def open(
        cls,
        root: Path | str,
        progress: Progress | None = None,
        with_volumes: bool = True,
        executor: Executor | None = None,
    ) -> "Cohort":
        """Return the cohort in a folder; all files are read the first time, later only changed files.

        Args:
            root: the folder of cases, or one a few levels above them. An address such as
                ``s3://bucket/cohort`` is mirrored first; see :mod:`brainseg.storage.mirror`.
            progress: called with (slices read, slices to read), or with cases for volumes.
            with_volumes: whether NIfTI and DICOM files are searched, too.
            executor: reads the files; see :mod:`brainseg.executors`. By default threads.

        Raises:
            CohortError: the folder is missing, not readable, or contains no image.
            StorageError: the files of an address cannot be fetched.
        """
        on_mirror: list[str] = []
        if is_address(root):
            root = mirror(str(root), say=on_mirror.append)
        root = Path(os.path.expanduser(root))  # noqa: PTH111  a user without a home is no error
        answers = read_answers(root)
        found, root = list_files(root, with_volumes, answers.masks), real_path(root)
        slices, identity, of_index = index_of(root, found, progress, answers, executor)
        table = found.tables.get("data.csv") or found.tables.get("participants.tsv")
        patients, more = read_patients(table)
        if patients is not None and table:
            patients, of_join = joined_to(patients, slices, table.name)
            more += of_join
        codebook, still_more = read_codebook(found.tables.get("codebook.csv"))
        of_labels = next(filter(None, map(found.tables.get, CODEBOOKS)), None)
        names, on_names = read_label_names(of_labels)
        names |= answers.labels
        notes = (
            *on_mirror,
            *found.notes,
            *of_index,
            *more,
            *still_more,
            *on_names,
            *notes_on(slices),
        )
        return cls(root, slices, identity, patients, codebook, notes, names, found.mask_folders)

    def __getitem__(self, name: str | int) -> Case:
        """Return one case by name, see :meth:`case`, or by its place in :attr:`cases`."""
        if isinstance(name, str):
            return self.case(name)
        if not -len(self) <= name < len(self):
            raise IndexError(f"this cohort has the cases 0 to {len(self) - 1}, not {name}")
        return self.case(self.cases[name])

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self._places)

    def __iter__(self) -> Iterator[Case]:
        """Yield the cases, in the order of :attr:`cases`."""
        return map(self.case, self.cases)

    def _facts(self) -> dict[str, object]:
        return {
            "folder": self.place,
            "cases": len(self),
            "patients": self.slices["patient_id"].nunique(),
            "slices": len(self.slices),
            "slices with tumour": int((self.slices["area_px"] > 0).sum()),
            "synthetic": self.is_synthetic,
            **({"label": self.label_words(self.label)} if self.label else {}),
        }

    @property
    def cases(self) -> list[str]:
        """Return the names of the cases, sorted by institution and name."""
        return list(self._places)

    @cached_property
    def _places(self) -> dict[str, slice]:
        """Where the rows of each case are: to look for them takes longer than to read a slice."""
        names = self.slices["case"]
        starts = np.flatnonzero(names.ne(names.shift()))
        return dict(
            zip(names.iloc[starts], map(slice, starts, [*starts[1:], len(names)]), strict=True)
        )

    @property
    def place(self) -> str:
        """Return the folder in words: the address that it was mirrored from, or its path."""
        return place_in_words(self.root)

    @property
    def address(self) -> str | None:
        """Return the address that the folder was mirrored from, if it was."""
        return address_of(self.root)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Return the labels of the masks, if there are several; see :mod:`brainseg.cohort.labels`."""
        return labels_of(self.slices) if self.whole is None else self.whole.labels

    def of_label(self, label: str | None) -> "Cohort":
        """Return the cohort whose masks are those of one label; None gives the union of all labels.

        Args:
            label: one of :attr:`labels`, or its name in :meth:`label_words`.

        Raises:
            CohortError: the cohort has no such label.
        """
        whole = self.whole or self
        if label is None:
            return whole
        names = {whole.label_words(one): one for one in whole.labels}
        name = names.get(label, label)
        if name not in whole.labels:
            known = f"choose among {', '.join(names)}" if names else "its masks have one label"
            raise CohortError(f"this cohort has no label “{label[:60]}”: {known}.")
        return replace(whole, slices=index_of_label(whole.slices, name), label=name, whole=whole)

    @property
    def masks_in_words(self) -> str:
        """Return the cohort's masks in words, such as the label “core”."""
        if self.label is not None:
            return f"the label “{self.label_words(self.label)}”"
        if not self.labels:
            unnamed = "" if self.outlines_flair else ", which the files do not name"
            return f"the {self.target}{unnamed}"
        return f"the union of the labels {', '.join(map(self.label_words, self.labels))}"

    @cached_property
    def outlines_flair(self) -> bool:
        """Return whether the masks are known to outline the FLAIR abnormality, as those of LGG do."""
        return not self.labels and (self.is_synthetic or all(map(is_of_lgg, self.cases)))

    @property
    def target(self) -> str:
        """Return what a model learns from the masks, such as “core”."""
        if not self.labels:
            return FLAIR_ABNORMALITY if self.outlines_flair else OUTLINED
        if self.label is not None:
            return self.label_words(self.label)
        return f"union of {', '.join(map(self.label_words, self.labels))}"

    def label_words(self, label: str) -> str:
        """Return a label as readers call it, such as “label 1” where nothing names it."""
        return label_words(label, self.label_names)

    @cached_property
    def is_synthetic(self) -> bool:
        """Return whether ``data.csv`` marks every patient with slices as synthetic."""
        return bool(self.slices["patient_id"].isin(self._synthetic_patients).all())

    @cached_property
    def _synthetic_patients(self) -> set[str]:
        if self.patients is None or "synthetic" not in self.patients:
            return set()
        return set(self.patients.loc[self.patients["synthetic"] == 1, "patient_id"])

    @property
    def key(self) -> tuple[str, str | None]:
        """Return what identifies the images and masks, for caches."""
        return self.identity, self.label

    @cached_property
    def patients_key(self) -> str | None:
        """Return what identifies the table of patients, which is no part of the identity, for caches."""
        if self.patients is None:
            return None
        return hashlib.blake2b(
            self.patients.to_csv().encode("utf-8", "backslashreplace"), digest_size=16
        ).hexdigest()

    @property
    def state_dir(self) -> Path:
        """Return the folder of the user's state for this cohort, outside the dataset."""
        return cohort_dir(self.identity)

    @property
    def results_dir(self) -> Path:
        """Return the folder for what is computed from the masks: its own for each label."""
        if self.label is None:
            return self.state_dir
        name = hashlib.blake2b(self.label.encode(), digest_size=8).hexdigest()
        return self.state_dir / "labels" / name

    def rows(self, name: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the rows of the index that belong to a case, by default with all columns.

        Raises:
            CohortError: there is no case of that name.
        """
        if name not in self._places:
            meant = nearest(name, self.cases)
            raise CohortError(
                f"unknown case “{name[:60]}”{meant}: choose one of the {len(self)} in this cohort."
            )
        table = self.slices if columns is None else self.slices[list(columns)]
        return table.iloc[self._places[name]]

    def case(self, name: str) -> Case:
        """Return one case.

        Raises:
            CohortError: there is no case of that name.
        """
        rows = self.rows(name)
        synthetic = rows["patient_id"].iloc[0] in self._synthetic_patients
        return Case(name, self.root, rows.reset_index(drop=True), synthetic, self.label)
