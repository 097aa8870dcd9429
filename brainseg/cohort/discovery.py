"""Find the files of a cohort: which folder holds cases, which image goes with which mask.

The layout is LGG's, ``<case>/<case>_<number>.tif`` with ``<case>_<number>_mask.tif``, or any other of
such pairs. The rules, in order:

1. A TIFF or PNG whose stem ends in ``_mask`` is the mask of the image with the rest of the stem.
2. The number at the end of a stem is the slice's number, or the one that varies from slice to slice
   (:mod:`brainseg.cohort.slice_numbers`); without one, its place by name counts.
3. A folder whose stems share one beginning is one case and gives it its name; a folder with several
   beginnings holds a case for each.
4. A name like ``TCGA_CS_4941_19960909`` gives the patient (its first three parts) and the institution
   (the second); any other case is its own patient, of no known institution.
5. A case that stands in two folders with equal files is indexed once, as in the Kaggle archive; with
   other files it is another case, named after its folders, of the same patient where rule 4 knows one.
"""

import filecmp
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import pandas as pd

from brainseg.cohort.slice_numbers import number_slices
from brainseg.errors import CohortError

SUFFIXES = (".tif", ".tiff", ".png")
MASK_ENDING = "_mask"
MAX_DEPTH = 5
_LGG_NAME = re.compile(r"^(?P<patient>[A-Za-z]+_(?P<institution>[A-Za-z0-9]+)_[A-Za-z0-9]+)_\d{8}$")

FILE_COLUMNS = [
    "case",
    "patient_id",
    "institution",
    "slice_number",
    "image_path",
    "mask_path",
    "image_bytes",
    "image_mtime_ns",
    "mask_bytes",
    "mask_mtime_ns",
]


@dataclass(frozen=True)
class FileList:
    """What lies in a cohort's folder, before any pixel is read.

    Attributes:
        files: a row a slice with :data:`FILE_COLUMNS`, paths relative to the root, sorted by
            institution, case and slice; a missing image or mask is a missing path.
        tables: the path of ``data.csv`` and of ``codebook.csv``, each where it is there.
        notes: what was passed over, a sentence each.
    """

    files: pd.DataFrame
    tables: dict[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass
class _Folder:
    path: str
    images: dict[str, os.DirEntry] = field(default_factory=dict)
    masks: dict[str, os.DirEntry] = field(default_factory=dict)

    @property
    def stems(self) -> list[str]:
        return sorted(self.images.keys() | self.masks.keys())


@dataclass
class _Place:
    """Where a case lies: a folder, those of its stems that are the case's, and their slices' numbers."""

    folder: _Folder
    stems: list[str]
    numbers: list[int | None]


@dataclass
class _Tree:
    """What a walk over the folders met."""

    folders: list[_Folder] = field(default_factory=list)
    tables: dict[str, Path] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)


def patient_of(case: str) -> tuple[str, str | None]:
    """Return the patient and the institution that a case's name tells, by rule 4 above."""
    named = _LGG_NAME.match(case)
    return (named["patient"], named["institution"]) if named else (case, None)


def list_files(root: Path) -> FileList:
    """Return the pairs of image and mask below a folder; nothing is decoded.

    Args:
        root: the folder of cases, or one up to :data:`MAX_DEPTH` levels above them.

    Raises:
        CohortError: the folder is missing, not a folder, closed to us, or holds no image.
    """
    _check_root(root)
    root = root.resolve()
    tree = _walk(root)
    cases, notes = _name_cases(root, tree.folders)
    notes += _notes_on(tree)
    if not cases:
        raise CohortError(_nothing_found(root, tree.closed))
    rows = [row for case, named, place in cases for row in _rows(root, case, named, place)]
    files = pd.DataFrame(rows, columns=FILE_COLUMNS)
    for column in ("image_bytes", "image_mtime_ns", "mask_bytes", "mask_mtime_ns"):
        files[column] = files[column].astype("Int64")
    for column in ("case", "patient_id", "institution", "image_path", "mask_path"):
        files[column] = files[column].astype("str")
    order = ["institution", "case", "slice_number", "image_path"]
    files = files.sort_values(order, kind="stable", ignore_index=True)
    return FileList(files, tree.tables, tuple(notes))


def _check_root(root: Path) -> None:
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
            f"{root} may not be read by this user: give it the right to read and list the folder."
        ) from error
    except OSError as error:
        raise CohortError(f"{root} cannot be opened ({error.strerror}): {remedy}.") from error


def _nothing_found(root: Path, closed: list[str]) -> str:
    if closed:
        return (
            f"{root} holds no image that may be read ({len(closed)} closed folder(s)): "
            "give this user the right to read them."
        )
    return (
        f"{root} holds no TIFF or PNG image, also not {MAX_DEPTH} levels down: expected "
        "<case>/<case>_<number>.tif with <case>_<number>_mask.tif beside each."
    )


def _notes_on(tree: _Tree) -> list[str]:
    notes = []
    if tree.closed:
        notes.append(
            f"{len(tree.closed)} folder(s) could not be opened, the first is {tree.closed[0]}: "
            "give this user the right to read them."
        )
    if tree.misnamed:
        notes.append(
            f"{len(tree.misnamed)} file(s) were left out because their names are not UTF-8, the "
            f"first is {tree.misnamed[0]}: rename them."
        )
    return notes


def _walk(root: Path) -> _Tree:
    """Return the folders that hold images, the tables met on the way, and what could not be used."""
    tree = _Tree()
    waiting, seen = [(str(root), 0)], set()
    while waiting:
        path, depth = waiting.pop(0)
        try:
            status = os.stat(path)
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError:
            tree.closed.append(_as_text(os.path.relpath(path, root)))
            continue
        if (status.st_dev, status.st_ino) in seen:  # a link back to where we were
            continue
        seen.add((status.st_dev, status.st_ino))
        folder = _Folder(path)
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if depth < MAX_DEPTH:
                    waiting.append((entry.path, depth + 1))
            elif entry.name.lower() in ("data.csv", "codebook.csv"):
                tree.tables.setdefault(entry.name.lower(), Path(entry.path))
            elif _as_text(entry.path) == entry.path:
                _sort_in(folder, entry)
            else:
                tree.misnamed.append(_as_text(os.path.relpath(entry.path, root)))
        if folder.stems:
            tree.folders.append(folder)
    return tree


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: it becomes a row that cannot be opened
        return False


def _as_text(path: str) -> str:
    """Return a path with what is no UTF-8 in it marked, as a table and a page can hold it."""
    return (
        path
        if path.isascii()
        else path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )


def _sort_in(folder: _Folder, entry: os.DirEntry) -> None:
    stem, suffix = os.path.splitext(entry.name)
    if suffix.lower() not in SUFFIXES:
        return
    is_mask = stem.lower().endswith(MASK_ENDING)
    key = stem[: -len(MASK_ENDING)] if is_mask else stem
    kind = folder.masks if is_mask else folder.images
    # x_1.tif beside x_1.png: two slices of one number, which the checks then report.
    kind[key if key not in kind else f"{key}{suffix}"] = entry


def _numbered(stems: list[str]) -> dict[str, tuple[str, int | None]]:
    """Return the beginning and the number of each stem of a folder, by rule 2."""
    bare = {stem: _without_suffix(stem) for stem in stems}
    numbered = number_slices(set(bare.values()))
    return {stem: numbered[name] for stem, name in bare.items()}


def _without_suffix(stem: str) -> str:
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem


def _name_cases(
    root: Path, folders: list[_Folder]
) -> tuple[list[tuple[str, str, _Place]], list[str]]:
    """Return (case, the name its files give it, place) by rules 3 and 5, and notes on copies."""
    by_case: dict[str, list[_Place]] = defaultdict(list)
    for folder in folders:
        for case, place in _cases_in(folder):
            by_case[case].append(place)
    named, copies, taken = [], [], set(by_case)
    for case, places in by_case.items():
        # The fullest stands first, and of equally full ones the one nearest to the root.
        places.sort(
            key=lambda p: (-len(p.stems), p.folder.path.count(os.sep), p.folder.path, p.stems)
        )
        kept: list[_Place] = []
        for place in places:
            original = next((other for other in kept if _is_copy(other, place)), None)
            if original:
                copies.append((original.folder.path, place.folder.path))
                continue
            name = _free_name(root, place.folder, case, taken) if kept else case
            named.append((name, case, place))
            kept.append(place)
    if not copies:
        return named, []
    first, again = (os.path.relpath(path, root) for path in copies[0])
    return named, [
        f"{len(copies)} case(s) stand twice (the first as {first} and {again}; sizes of all files "
        "and content of three slices each were compared): each is indexed once."
    ]


def _cases_in(folder: _Folder) -> Iterator[tuple[str, _Place]]:
    own_name = PurePath(folder.path).name
    beginnings: dict[str, list[str]] = defaultdict(list)
    numbered = _numbered(folder.stems)
    for stem, (beginning, _) in numbered.items():
        beginnings[beginning].append(stem)
    for beginning, stems in beginnings.items():
        alone = len(beginnings) == 1
        numbers = [numbered[stem][1] for stem in stems]
        yield (own_name if alone else beginning or own_name), _Place(folder, stems, numbers)


def _free_name(root: Path, folder: _Folder, case: str, taken: set[str]) -> str:
    """Return a name for a case whose own is taken, from its folders below the root."""
    parts = Path(folder.path).relative_to(root).parts or (root.name,)
    name = "-".join(parts if parts[-1] == case else (*parts, case))
    free, count = name, 2
    while free in taken:
        free, count = f"{name}-{count}", count + 1
    taken.add(free)
    return free


def _is_copy(one: _Place, other: _Place) -> bool:
    """Return whether all files of the other place stand in the first with equal content."""
    if not set(other.stems) <= set(one.stems):
        return False
    pairs = []
    for stem in other.stems:
        for here, there in (
            (one.folder.images.get(stem), other.folder.images.get(stem)),
            (one.folder.masks.get(stem), other.folder.masks.get(stem)),
        ):
            if there is not None:
                if here is None or _size_and_time(here)[0] != _size_and_time(there)[0]:
                    return False
                pairs.append((here.path, there.path))
    # All of them would be the whole archive, at every start.
    looked_at = pairs[:2] + pairs[len(pairs) // 2 : len(pairs) // 2 + 2] + pairs[-2:]
    try:
        return all(filecmp.cmp(*pair, shallow=False) for pair in looked_at)
    except OSError:  # what cannot be read is kept, and its rows say so
        return False


def _rows(root: Path, case: str, named: str, place: _Place) -> Iterator[tuple]:
    patient_id, institution = patient_of(named)
    if institution is None:
        patient_id = case
    cut = len(os.path.join(root, ""))
    pairs = zip(place.stems, place.numbers, strict=True)
    for position, (stem, number) in enumerate(pairs, start=1):
        image, mask = place.folder.images.get(stem), place.folder.masks.get(stem)
        yield (
            case,
            patient_id,
            institution,
            position if number is None else number,
            *(entry.path[cut:] if entry else None for entry in (image, mask)),
            *_size_and_time(image),
            *_size_and_time(mask),
        )


def _size_and_time(entry: os.DirEntry | None) -> tuple[int | None, int | None]:
    if entry is None:
        return None, None
    try:
        status = entry.stat()
    except OSError:  # a broken link, or a file that went away: its row says so when it is read
        return None, None
    return status.st_size, status.st_mtime_ns
