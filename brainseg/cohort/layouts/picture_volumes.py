"""Volumes of pictures: TIFF files of several pages, and slices in a folder per sequence."""

import os
from collections import defaultdict
from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.cohort.slice_numbers import number_slices
from brainseg.io.description_words import read_words
from brainseg.io.mask_names import is_mask_folder, mask_words
from brainseg.io.plain_tiff import has_more_pages
from brainseg.io.subjects import subject_of

Pictures = dict[str, list[os.DirEntry[str]]]
_TIFF = (".tif", ".tiff")


def take_stacks(pictures: Pictures) -> list[Path]:
    """Take the TIFF files of several pages out of the pictures of each folder, and return them.

    Where most files have one page, all are slices, and the checks report the others. A folder whose
    first and last TIFF file have one page is not searched further: reading each header would slow large
    cohorts down.
    """
    stacks = []
    for folder, entries in [*pictures.items()]:
        tiffs = [one for one in entries if one.name.lower().endswith(_TIFF)]
        if not any(has_more_pages(Path(one.path)) for one in (*tiffs[:1], *tiffs[-1:])):
            continue
        taken = [one for one in tiffs if has_more_pages(Path(one.path))]
        if 2 * len(taken) < len(tiffs):
            continue
        stacks += [Path(one.path) for one in taken]
        pictures[folder] = [one for one in entries if one not in taken]
    return stacks


def take_sequences(root: Path, pictures: Pictures) -> list[CaseFiles]:
    """Take the slices in folders per sequence, as in ``P01/flair/7.png``, out of the pictures.

    Returns:
        A case per parent folder, or per beginning of the names; masks are in a folder such as ``seg``.
    """
    siblings: dict[tuple[str, str], list[str]] = defaultdict(list)
    for folder in pictures:
        path = Path(folder)
        if path != root and _is_sequence(path.name):
            subject = subject_of(path.name, with_numbers=True)
            siblings[str(path.parent), subject].append(folder)
    cases = []
    for (parent, subject), folders in siblings.items():
        sequences = {Path(folder).name: _by_stem(pictures[folder]) for folder in folders}
        stems = set.intersection(*map(set, sequences.values())) if len(folders) > 1 else set()
        if not stems or any(map(mask_words, stems)):
            continue
        beside = [
            one
            for one in pictures
            if str(Path(one).parent) == parent and is_mask_folder(Path(one).name)
        ]
        masks = _by_stem(pictures[beside[0]]) if beside else {}
        name = subject or ("" if parent == str(root) else Path(parent).name)
        cases += _cases(name or root.name, Path(parent), sequences, stems, masks)
        for folder in (*folders, *beside):
            pictures.pop(folder, None)
    return cases


def _by_stem(entries: list[os.DirEntry[str]]) -> dict[str, Path]:
    return {Path(one.name).stem: Path(one.path) for one in entries}


def _cases(
    name: str,
    parent: Path,
    sequences: dict[str, dict[str, Path]],
    stems: set[str],
    masks: dict[str, Path],
) -> list[CaseFiles]:
    numbered = number_slices(stems)
    by_case: dict[str, list[str]] = defaultdict(list)
    for stem in sorted(stems, key=lambda one: (numbered[one][1] or 0, one)):
        by_case[numbered[stem][0]].append(stem)
    cases = []
    for case, slices in by_case.items():
        images = [(folder, own[stem]) for folder, own in sequences.items() for stem in slices]
        cases.append(
            CaseFiles(
                name if len(by_case) == 1 else case or name,
                parent,
                tuple(path for _, path in images),
                tuple(f"{folder}/{path.name}" for folder, path in images),
                tuple(masks[stem] for stem in slices if stem in masks),
            )
        )
    return cases


def _is_sequence(folder: str) -> bool:
    words = read_words(folder, is_name=True)
    return bool(words) and not words.kind
