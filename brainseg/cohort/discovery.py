"""Find the files of a cohort: the folders with cases, and the mask of each image.

The layout is that of the LGG dataset, ``<case>/<case>_<number>.tif`` with ``<case>_<number>_mask.tif``,
or any other with such pairs. The rules, in order:

1. A TIFF or PNG whose stem ends in ``_mask`` is the mask of the image with the rest of the stem; other
   names and folders of masks are found as :mod:`brainseg.cohort.picture_pairs` says.
2. The number at the end of a stem is the slice number, or else the number that varies from slice to
   slice (:mod:`brainseg.cohort.slice_numbers`). Without a number, slices are numbered in order of name.
3. A folder whose stems share one prefix is one case and gives it its name. A folder with several
   prefixes contains one case per prefix.
4. A name like ``TCGA_CS_4941_19960909`` gives the patient (its first three parts) and the institution
   (the second). Any other case is its own patient, and its institution is unknown.
5. A case found in two folders with equal files is indexed once, as in the Kaggle archive. With different
   files it is another case, named after its folders, of the same patient where rule 4 gives one.
"""

import filecmp
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from brainseg.cohort.case_names import patient_of
from brainseg.cohort.layouts import CaseFiles, find_cases
from brainseg.cohort.layouts.dataset_json import DESCRIPTION, FOLDERS, readers
from brainseg.cohort.layouts.dicom import is_dicom, is_disc_directory
from brainseg.cohort.layouts.picture_volumes import take_sequences, take_stacks
from brainseg.cohort.picture_pairs import PictureFolder, is_picture, pair_pictures
from brainseg.cohort.slice_numbers import number_slices
from brainseg.cohort.twin_folders import pair_twins
from brainseg.errors import CohortError
from brainseg.io.detached import is_volume
from brainseg.io.folders import walk_folders
from brainseg.io.foreign_files import foreign_formats, nothing_found, outlines
from brainseg.io.limits import MAX_INFLATED_BYTES
from brainseg.storage import real_path

_SUFFIX = re.compile(r"\.(tiff?|png|jpe?g)$")

TABLES = ("data.csv", "codebook.csv", "participants.tsv", "labels.json", "dseg.tsv")
FILE_COLUMNS = [
    *("case", "patient_id", "institution", "slice_number", "image_path", "mask_path"),
    *("image_bytes", "image_mtime_ns", "mask_bytes", "mask_mtime_ns"),
]


@dataclass(frozen=True)
class FileList:
    """The files of a cohort's folder, before any pixel is read.

    Attributes:
        files: one row per slice with :data:`FILE_COLUMNS`, paths relative to the root, sorted by
            institution, case and slice; a missing image or mask is a missing path.
        tables: the paths of ``data.csv``, ``codebook.csv`` and ``participants.tsv``, where they exist.
        volumes: the cases of NIfTI and DICOM files, with distinct names.
        mask_folders: those that may contain the masks, if names do not say it; the first by default.
        notes: one sentence for each kind of file that was skipped.
    """

    files: pd.DataFrame
    tables: dict[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    volumes: list[CaseFiles] = field(default_factory=list)
    mask_folders: tuple[str, ...] = ()


@dataclass
class _Location:
    """The folder that contains a case, the stems that belong to the case, and their slice numbers."""

    folder: PictureFolder
    stems: list[str]
    numbers: list[int | None]


@dataclass
class _Tree:
    """The folders, tables and unusable files found below a root."""

    folders: list[PictureFolder] = field(default_factory=list)
    tables: dict[str, Path] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    niftis: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    descriptions: list[Path] = field(default_factory=list)
    of_pictures: list[CaseFiles] = field(default_factory=list)
    pictures: dict[str, list[os.DirEntry[str]]] = field(default_factory=dict)
    masks: dict[Path, Path] = field(default_factory=dict)
    jpegs: int = 0


def list_files(root: Path, with_volumes: bool = True, masks_in: str = "") -> FileList:
    """Return the pairs of image and mask, or else the volumes, below a folder; nothing is decoded.

    Args:
        root: the folder of cases, or one up to :data:`MAX_DEPTH` levels above them.
        with_volumes: whether NIfTI and DICOM files are searched, too.
        masks_in: the folder of masks that the user chose among several, or “none”.

    Raises:
        CohortError: the folder is missing, not a folder, not readable, or contains no image.
    """
    check_root(root)
    root = real_path(root)
    tree = _walk(root)
    pictures = [entry.path for entries in tree.pictures.values() for entry in entries]
    options = () if _has_masks(tree) else _twins(root, tree, pictures, masks_in)
    has_masks = _has_masks(tree)
    volumes = [] if has_masks else _volumes(root, tree, with_volumes)
    if volumes and not any(case.masks for case in volumes):
        options = _twins(root, tree, [*map(str, tree.niftis)], masks_in)
        volumes = _volumes(root, tree, with_volumes)
    # Pictures without masks beside volumes are previews of them.
    cases, notes = ([], []) if volumes else _name_cases(root, tree.folders)
    notes += _notes_on(tree)
    if cases and has_masks and tree.niftis:
        notes.append(
            f"{len(tree.niftis)} volume file(s) beside the pictures were left out: open their folder to "
            "see them."
        )
    left_out = sum(len(folder.images) for folder in tree.folders) if volumes else 0
    if left_out:
        notes.append(
            f"{left_out} picture(s) without a mask beside the volumes were left out: open their folder "
            "to see them."
        )
    if not cases and not volumes:
        jpegs = sum(map(len, tree.pictures.values()))
        raise CohortError(nothing_found(root, len(tree.closed), tree.others, jpegs))
    if not has_masks and not any(case.masks for case in volumes):
        notes += _instead_of_masks(tree)
    rows = [row for case, named, location in cases for row in _rows(root, case, named, location)]
    files = pd.DataFrame(rows, columns=FILE_COLUMNS)
    whole = [name for name in FILE_COLUMNS if name.endswith(("_bytes", "_ns"))]
    texts = ["case", "patient_id", "institution", "image_path", "mask_path"]
    files = files.astype({**dict.fromkeys(whole, "Int64"), **dict.fromkeys(texts, "str")})
    order = ["institution", "case", "slice_number", "image_path"]
    files = files.sort_values(order, kind="stable", ignore_index=True)
    return FileList(files, tree.tables, tuple(notes), volumes, options)


def _has_masks(tree: _Tree) -> bool:
    return any(folder.masks for folder in tree.folders)


def _twins(root: Path, tree: _Tree, paths: list[str], masks_in: str) -> tuple[str, ...]:
    """Pair images and masks of equal names by the content of their folders.

    Returns:
        The folders that may contain the masks; the first, or ``masks_in``, does.
    """
    twins = pair_twins(root, paths, masks_in)
    tree.masks = twins.masks
    tree.niftis = [path for path in tree.niftis if path not in twins.masks_or_other]
    if twins.masks:
        others = twins.masks_or_other - {*twins.masks.values()}
        pictures = {
            path: [entry for entry in entries if Path(entry.path) not in others]
            for path, entries in tree.pictures.items()
        }
        found = pair_pictures(str(root), pictures, twins.folders, twins.chosen)
        tree.folders, tree.jpegs = found
    return twins.options


def _volumes(root: Path, tree: _Tree, with_volumes: bool) -> list[CaseFiles]:
    """Return the cases of NIfTI and DICOM files, and those of pictures with a file per channel."""
    if not with_volumes:
        pictures = [path for path in tree.niftis if is_picture(path.name)]
        return find_cases(root, pictures, [], tree.descriptions, known=tree.of_pictures)
    dicom = [path for path in tree.others if is_dicom(path) and not is_disc_directory(path)]
    return find_cases(
        root, tree.niftis, dicom, tree.descriptions, tree.masks, known=tree.of_pictures
    )


def check_root(root: Path) -> None:
    """Raise if a folder of cases is missing, not a folder or not readable.

    Raises:
        CohortError: the reason and the remedy.
    """
    remedy = "name a folder of cases, or write synthetic ones with `brainseg sample DEST`"
    try:
        if not root.exists():
            raise CohortError(f"{root} does not exist: {remedy}.")
        if not root.is_dir():
            what = "an archive: unpack it first" if root.suffix == ".zip" else f"a file: {remedy}"
            raise CohortError(f"{root} is not a folder but {what}.")
        with os.scandir(root):
            pass
    except PermissionError as error:
        raise CohortError(
            f"{root} may not be read by this user: grant the right to read and list the folder."
        ) from error
    except OSError as error:
        raise CohortError(f"{root} cannot be opened ({error.strerror}): {remedy}.") from error


def _instead_of_masks(tree: _Tree) -> list[str]:
    """Return sentences on files that may contain the masks in a format that is not read."""
    stems = {Path(entry.name).stem for entries in tree.pictures.values() for entry in entries}
    formats = foreign_formats(tree.others)
    return [note for note in (outlines(tree.others, stems), formats and f"{formats}.") if note]


def _notes_on(tree: _Tree) -> list[str]:
    notes = []
    if tree.closed:
        notes.append(
            f"{len(tree.closed)} folder(s) could not be opened, the first is {tree.closed[0]}: "
            "grant this user the right to read them."
        )
    if tree.misnamed:
        notes.append(
            f"{len(tree.misnamed)} file(s) were left out because their names are not UTF-8, the "
            f"first is {tree.misnamed[0]}: rename them."
        )
    if named := readers(tree.descriptions):
        notes.append(
            f"dataset.json names the reader {named[0]}, which was not used: files are read by content."
        )
    versions = [name for folder in tree.folders for name in folder.versions]
    if versions:
        notes.append(
            f"{len(versions)} picture(s) were left out because their names are those of copies or "
            f"results of other images: the first is {_as_text(versions[0])}."
        )
    if tree.jpegs:
        notes.append(
            f"{tree.jpegs} file(s) are JPEG, which loses detail: use the originals where you have them."
        )
    return notes


def _walk(root: Path) -> _Tree:
    """Return the folders with images, the tables, and the names of what could not be used."""
    tree = _Tree()
    closed: list[str] = []
    pictures = tree.pictures
    for path, entries in walk_folders(root, closed):
        for entry in entries:
            table = next((name for name in TABLES if _is_table(entry.name.lower(), name)), None)
            if table:
                tree.tables.setdefault(table, Path(entry.path))
            elif _as_text(entry.path) != entry.path:
                tree.misnamed.append(_as_text(os.path.relpath(entry.path, root)))
            elif is_picture(entry.name):
                pictures.setdefault(path, []).append(entry)
            elif is_volume(Path(entry.path)):
                tree.niftis.append(Path(entry.path))
            elif entry.name.lower() == DESCRIPTION:
                tree.descriptions.append(Path(entry.path))
            else:
                tree.others.append(Path(entry.path))
    for folder in (path.parent for path in tree.descriptions):
        for name in FOLDERS:  # pictures of nnU-Net: a file per channel
            own = pictures.pop(str(folder / name), [])
            tree.niftis += [Path(entry.path) for entry in own]
    tree.niftis += take_stacks(pictures)
    tree.of_pictures = take_sequences(root, pictures)
    tree.folders, tree.jpegs = pair_pictures(str(root), pictures)
    tree.closed = [_as_text(os.path.relpath(path, root)) for path in closed]
    return tree


def _is_table(name: str, table: str) -> bool:
    """Return whether a file is a table; BIDS puts entities in front of its look-up table of labels."""
    return name == table or (table == "dseg.tsv" and name.endswith(f"_{table}"))


def _as_text(path: str) -> str:
    """Return a path as valid text: bytes that are not UTF-8 are replaced."""
    return (
        path
        if path.isascii()
        else path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )


def _name_cases(
    root: Path, folders: list[PictureFolder]
) -> tuple[list[tuple[str, str, _Location]], list[str]]:
    """Return (case, the name its files give it, location) by rules 3 and 5, and notes on copies."""
    by_case: dict[str, list[_Location]] = defaultdict(list)
    for folder in folders:
        for case, location in _cases_in(folder):
            by_case[case].append(location)
    named: list[tuple[str, str, _Location]] = []
    copies: list[tuple[str, str]] = []
    taken = set(by_case)
    for case, locations in by_case.items():
        # The location with most slices comes first; among equals, the one nearest to the root.
        locations.sort(
            key=lambda at: (-len(at.stems), at.folder.path.count(os.sep), at.folder.path, at.stems)
        )
        distinct: list[_Location] = []
        for location in locations:
            original = next((other for other in distinct if _is_copy(other, location)), None)
            if original:
                copies.append((original.folder.path, location.folder.path))
                continue
            name = _free_name(root, location.folder, case, taken) if distinct else case
            named.append((name, case, location))
            distinct.append(location)
    if not copies:
        return named, []
    first, again = (os.path.relpath(path, root) for path in copies[0])
    return named, [
        f"{len(copies)} case(s) were found twice (the first as {first} and {again}; sizes of all files "
        "and content of three slices each were compared): each is indexed once."
    ]


def _cases_in(folder: PictureFolder) -> Iterator[tuple[str, _Location]]:
    own_name = folder.name
    bare = {stem: _SUFFIX.sub("", stem) for stem in folder.stems}
    by_name = number_slices(set(bare.values()))
    numbered = {stem: by_name[name] for stem, name in bare.items()}
    stems_by_prefix: dict[str, list[str]] = defaultdict(list)
    for stem, (prefix, _) in numbered.items():
        stems_by_prefix[prefix].append(stem)
    for prefix, stems in stems_by_prefix.items():
        is_only_case = len(stems_by_prefix) == 1 and folder.names_case
        numbers = [numbered[stem][1] for stem in stems]
        yield (own_name if is_only_case else prefix or own_name), _Location(folder, stems, numbers)


def _free_name(root: Path, folder: PictureFolder, case: str, taken: set[str]) -> str:
    """Return a free name for a case whose own name is taken, from its folders below the root."""
    parts = Path(folder.path).relative_to(root).parts or (root.name,)
    name = "-".join(parts if parts[-1] == case else (*parts, case))
    free, count = name, 2
    while free in taken:
        free, count = f"{name}-{count}", count + 1
    taken.add(free)
    return free


def _is_copy(one: _Location, other: _Location) -> bool:
    """Return whether the first location contains all files of the other with equal content."""
    if not set(other.stems) <= set(one.stems):
        return False
    pairs = []
    for stem in other.stems:
        for first, second in (
            (one.folder.images.get(stem), other.folder.images.get(stem)),
            (one.folder.masks.get(stem), other.folder.masks.get(stem)),
        ):
            if second is not None:
                size = _size_and_time(second)[0]
                if first is None or size != _size_and_time(first)[0]:
                    return False
                if size is None or size > MAX_INFLATED_BYTES:
                    return False  # its rows report the error
                pairs.append((first.path, second.path))
    # Comparing every pair would read the whole archive at each start.
    compared = pairs[:2] + pairs[len(pairs) // 2 : len(pairs) // 2 + 2] + pairs[-2:]
    try:
        return all(filecmp.cmp(*pair, shallow=False) for pair in compared)
    except OSError:  # an unreadable case stays, and its rows report the error
        return False


def _rows(root: Path, case: str, named: str, location: _Location) -> Iterator[tuple]:
    patient_id, institution = patient_of(named)
    if institution is None and not location.folder.is_part:
        patient_id = case
    cut = len(os.path.join(root, ""))
    pairs = zip(location.stems, location.numbers, strict=True)
    for position, (stem, number) in enumerate(pairs, start=1):
        image, mask = location.folder.images.get(stem), location.folder.masks.get(stem)
        yield (
            case,
            patient_id,
            institution,
            position if number is None else number,
            *(entry.path[cut:] if entry else None for entry in (image, mask)),
            *_size_and_time(image),
            *_size_and_time(mask),
        )


def _size_and_time(entry: os.DirEntry[str] | None) -> tuple[int | None, int | None]:
    if entry is None:
        return None, None
    try:
        status = entry.stat()
    except OSError:  # a broken link or a removed file: the error is reported when it is read
        return None, None
    return status.st_size, status.st_mtime_ns
