"""Turn uploaded files into one upload: unpack archives, sort files by kind, read one kind."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.archives import GZIP_MAGIC, ZIP_MAGIC, too_large, unzip
from brainseg.io.detached import join_detached
from brainseg.io.dicom.elements import PEEKED_BYTES, looks_like_dicom
from brainseg.io.dicom.upload import gather_dicom
from brainseg.io.foreign_files import remedy_for
from brainseg.io.label_maps import LabelMap, with_names
from brainseg.io.label_names import TABLES, read_table
from brainseg.io.limits import MAX_INFLATED_BYTES
from brainseg.io.names import (
    DISC_DIRECTORY,
    INPUT_SUFFIXES,
    KIND_OF_SUFFIX,
    VOLUME_SUFFIXES,
    VOLUMES,
    suffix_of,
)
from brainseg.io.nifti import looks_like_nifti
from brainseg.io.nifti_upload import gather_nifti
from brainseg.io.other_volumes import kind_of_volume
from brainseg.io.picture_upload import gather_pictures
from brainseg.io.pictures import sniff_picture
from brainseg.io.upload import Upload
from brainseg.io.upload_file import InputFile, Refusals, UploadFile

_GATHER = {"DICOM": gather_dicom, "NIfTI": gather_nifti, "images": gather_pictures}
_PICTURES = ("TIFF", "PNG", "JPEG")


def open_inputs(files: Sequence[InputFile], pages: Mapping[int, int] | None = None) -> Upload:
    """Return the readable pictures, NIfTI volumes or DICOM series of an upload.

    If an upload has files of several kinds, the kind with most files is used and all other files are
    refused by name. It calls libraries in C: use :func:`brainseg.io.open_upload` for files of others.

    Args:
        files: one or more files, or zip archives of them.
        pages: the page, from 0, of each multipage TIFF by its index in ``files``, or
            :data:`ALL_PAGES`, which makes its pages the slices of a stack.

    Raises:
        PagesError: a TIFF has several pages, and ``pages`` does not choose one.
        DecodeError: nothing is usable; one sentence.
    """
    refusals = Refusals()
    given = join_detached(_unpacked(files, pages or {}, refusals))
    tables = [item for item in given if PurePath(item.name.replace("\\", "/")).name in TABLES]
    given = [item for item in given if item not in tables]
    by_kind: dict[str, list[UploadFile]] = {kind: [] for kind in _GATHER}
    directories = [item for item in given if _is_disc_directory(item)]
    on_disc = len(given) > len(directories) > 0
    for item in given:
        try:
            kind = _kind_of(item)
        except DecodeError as reason:
            if not on_disc:
                refusals.add(item.name, str(reason))
        else:
            # Of a disc only the images are inputs, not its directory or other files.
            if not on_disc or (kind == "DICOM" and item not in directories):
                by_kind[kind].append(item)
    kind = max(by_kind, key=lambda kind: len(by_kind[kind]))
    for other, items in by_kind.items():
        for item in items if other != kind else ():
            refusals.add(item.name, f"the other files are {kind}; give one kind at a time")
    if not by_kind[kind]:
        raise refusals.as_error()
    upload = _GATHER[kind](by_kind[kind], refusals)
    names = {name: of for table in tables for name, of in read_table(table.data).items()}
    return upload if upload.labels is None else _named(upload, upload.labels, names)


def _named(upload: Upload, labels: LabelMap, names: dict[str, tuple[int, ...]]) -> Upload:
    """Return an upload with the labels of its masks, none if they have one, and without ignored ones."""
    ignored = names.pop("ignore", ())
    if ignored:
        labels = replace(labels, values=np.where(np.isin(labels.values, ignored), 0, labels.values))
        upload = replace(upload, masks=labels.values > 0)
    return replace(upload, labels=with_names(labels, names))


def _unpacked(
    files: Sequence[InputFile], pages: Mapping[int, int], refusals: Refusals
) -> list[UploadFile]:
    given, inflated = [], 0
    for index, file in enumerate(files):
        if suffix_of(file.name) != ".zip" and file.data[:4] not in ZIP_MAGIC:
            given.append(UploadFile(file.name, file.data, index, pages.get(index)))
            continue
        try:
            _checked(file, "zip" if file.data[:4] in ZIP_MAGIC else None)
            for entry in unzip(file):
                if not isinstance(entry, InputFile):
                    refusals.add(*entry)
                    continue
                inflated += len(entry.data)
                if inflated > MAX_INFLATED_BYTES:
                    raise too_large(inflated)
                given.append(UploadFile(entry.name, entry.data))
        except DecodeError as reason:
            refusals.add(file.name, str(reason))
    return given


def _is_disc_directory(item: UploadFile) -> bool:
    """Return whether a file is the DICOMDIR of a disc."""
    name = item.name.replace("\\", "/").rsplit("/", 1)[-1]
    return name.upper() == DISC_DIRECTORY and looks_like_dicom(item.data[:PEEKED_BYTES])


def _kind_of(item: UploadFile) -> str:
    """Return the kind of a file by its content; the file name must agree with the content."""
    data = item.data
    if data[:4] in ZIP_MAGIC:
        raise DecodeError("an archive inside an archive is not opened")
    # DICOM is tested first: its first 128 bytes are arbitrary and may look like a TIFF.
    kind = "DICOM" if looks_like_dicom(data[:PEEKED_BYTES]) else sniff_picture(data)
    suffix = suffix_of(item.name)
    if kind is None and data[:2] == GZIP_MAGIC and suffix in (".gz", *VOLUME_SUFFIXES):
        kind = KIND_OF_SUFFIX.get(suffix, "NIfTI")
    elif kind is None:
        kind = "NIfTI" if looks_like_nifti(data) else kind_of_volume(data)
    kind = _checked(item, kind)
    return "images" if kind in _PICTURES else "NIfTI" if kind in VOLUMES else kind


def _checked(file: InputFile, kind: str | None) -> str:
    """Return the kind of a file, or raise if its name says another; DICOM files need no suffix."""
    suffix = suffix_of(file.name)
    named = KIND_OF_SUFFIX.get(suffix, "NIfTI" if suffix == ".gz" else None)
    if not file.data:
        raise DecodeError("file is empty")
    if kind == "DICOM" and named in (None, "DICOM"):
        return kind
    if named is None:
        endings = ", ".join(INPUT_SUFFIXES)
        raise DecodeError(f"its name ends in none of {endings}{remedy_for(file.name)}")
    if kind is None:
        raise DecodeError(
            f"not a readable {named}{remedy_for(file.name) if named in VOLUMES else ''}"
        )
    if kind != named:
        raise DecodeError(f"content is {kind}, name says {named}")
    return kind
