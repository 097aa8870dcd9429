"""NIfTI files by name: the sequences of a subject and its label map, as in BraTS.

The sequence is in the name of the file or of its folder: ``P01_flair.nii.gz`` or ``FLAIR/P01.nii.gz``.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.cohort.layouts.folder_names import GENERIC, folder_name
from brainseg.io.description_words import read_words
from brainseg.io.label_names import regions_of
from brainseg.io.lesion_masks import is_named_as_mask, lesion_masks
from brainseg.io.mask_names import (
    FOLDER_WORDS,
    MASK_WORDS,
    TUMOUR_WORDS,
    Key,
    is_mask_folder,
    loose_key_of,
    words_of,
)
from brainseg.io.names import suffix_of
from brainseg.io.sequences import guess_from_words
from brainseg.io.subjects import is_label_map, subject_of

_TIME_POINT = re.compile(
    r"(?i)(ses|session|time ?-?_?point|tp|time|visit|week|month|day|scan|baseline|follow-?_?up|fu|"
    r"pre-?_?op|post-?_?op)([-_ ]?\d+)*"
)
_OF_SPM = re.compile(r"(?:c[1-6]|i?y_|u_|ples_\w+?_|[rmwsau])+")
_OF_ELASTIX = re.compile(
    r"result\.\d+(\.R\d+)?|deformationField|spatialJacobian|fullSpatialJacobian"
)
_LOG_OF_TRANSFORMIX = "transformix.log"
_STUDY_OF_PATIENT = re.compile(
    r"(BraTS-[A-Za-z-]+-\d{4,})-\d{1,3}|(UPENN-GBM-\d+)_\d\d|(UCSF-PDGM-\d+)_FU\w+"
)
"""Names of public datasets in which several cases are studies of one patient."""


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return the cases of each folder; masks in a folder of their own join the case of their name."""
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    of_masks = []
    for path in _without_derived(files):
        if is_mask_folder(path.parent.name) and path.parent != root:
            of_masks.append(path)
        else:
            by_folder[path.parent].append(path)
    _join_nested(root, by_folder)
    cases = _in_folders_of_sequences(root, by_folder)
    cases += [case for folder, own in by_folder.items() for case in _in_folder(own, folder)]
    by_key: dict[Key, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        by_key[_key(root, case.files[0])].append(index)
    by_subject: dict[str, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        by_subject[subject_of(case.files[0].name, with_numbers=True)].append(index)
    for path in of_masks:
        alike = by_key[_key(root, path)] or by_subject[subject_of(path.name, with_numbers=True)]
        if len(alike) == 1 and not cases[alike[0]].masks:
            cases[alike[0]] = replace(cases[alike[0]], masks=(path,))
    return cases


def _without_derived(files: list[Path]) -> list[Path]:
    """Return files without those that a program computed from others of them.

    SPM names them after their image: “c1P01_T1” beside “P01_T1”. Elastix calls them “result.0”, in any
    folder; they are cases only where all files are such results.
    """
    known = {*files}
    images = [path for path in files if not _is_derived(path, known)]
    return [path for path in images if not _is_of_elastix(path)] or images


def _is_derived(path: Path, known: set[Path]) -> bool:
    found = _OF_SPM.match(path.name)
    cuts = range(1, found.end() + 1) if found else ()
    return any(path.with_name(path.name[cut:]) in known for cut in cuts if path.name[cut:])


def _is_of_elastix(path: Path) -> bool:
    """Return whether Elastix wrote a file, or its Transformix, which calls its image “result”."""
    if _stem(path) == "result":
        return path.with_name(_LOG_OF_TRANSFORMIX).exists()
    return _OF_ELASTIX.fullmatch(_stem(path)) is not None


def _join_nested(root: Path, by_folder: dict[Path, list[Path]]) -> None:
    """Move files that only a sequence names to the folder of their case: “P01/1_T1/NIFTI/T1.nii.gz”."""
    homes: dict[Path, list[Path]] = defaultdict(list)
    for folder, own in by_folder.items():
        home = folder
        while home != root and (_is_generic(home.name) or read_words(home.name, is_name=True)):
            home = home.parent
        if home not in (folder, root) and not any(subject_of(path.name) for path in own):
            homes[home].append(folder)
    for home, folders in homes.items():
        images = [path for folder in folders for path in by_folder[folder]]
        if home not in by_folder and _are_sequences(_without_masks(images)):
            by_folder[home] = images
            for folder in folders:
                del by_folder[folder]


def _is_generic(folder: str) -> bool:
    return folder.casefold() in GENERIC.split()


def _without_masks(files: Iterable[Path]) -> list[Path]:
    return [path for path in files if not is_label_map(path.name)]


def _in_folders_of_sequences(root: Path, by_folder: dict[Path, list[Path]]) -> list[CaseFiles]:
    """Return the cases whose sequences lie in a folder each, and take their folders out."""
    sequences = {
        folder: words
        for folder in by_folder
        if folder != root and (words := read_words(folder.name, is_name=True)) and not words.kind
    }
    by_case: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for folder in sequences:
        for path in by_folder[folder]:
            by_case[folder.parent, _stem(path)].append(path)
    if not any(len(own) > 1 for own in by_case.values()):
        return []
    for folder in sequences:
        del by_folder[folder]
    stems = Counter(stem for _, stem in by_case)
    cases = []
    for (folder, stem), own in sorted(by_case.items()):
        names = tuple(f"{path.parent.name}{suffix_of(path.name)}" for path in own)
        is_own = stems[stem] > 1 and folder != root
        cases.append(CaseFiles(folder.name if is_own else stem, folder, tuple(own), names))
    return cases


def _key(root: Path, path: Path) -> Key:
    """Return what an image and a mask in another folder share: case folders and subject."""
    folders = path.parent.relative_to(root).parts
    if folders and read_words(folders[-1], is_name=True):
        folders = folders[:-1]  # of a sequence
    subject = subject_of(path.name, with_numbers=True)
    words = [word for part in (*folders, subject) for word in words_of(part)]
    return tuple(word for word in words if word not in FOLDER_WORDS | {*GENERIC.split()})


def _in_folder(files: list[Path], folder: Path) -> list[CaseFiles]:
    """Return the cases of a folder, one per subject whose file names give the sequences."""
    if cases := _paired_by_words(files):
        return cases
    cases = []
    subjects = _with_own_mask(_by_subject(files), folder)
    for subject, own in subjects.items():
        images = _without_masks(own)
        named = [path for path in images if not is_named_as_mask(path.name)]
        if len(named) < len(images) and _are_sequences(_without_versions(named)):
            images = named  # beside sequences, a file called “tumour” is a mask
        rest = {path.name: path for path in own if path not in images}
        masks = tuple(rest[name] for name in lesion_masks(rest, subject))
        labels = regions_of(path.name for path in own)
        images = _without_versions(images)
        if _are_sequences(images):
            name, patient = _name_of(folder)
            if subject and (len(subjects) > 1 or _is_generic(folder.name)):
                name = subject
            patient = _patient_of(name) or patient
            cases.append(CaseFiles(name, folder, tuple(images), (), masks, labels, patient))
            continue
        masks = masks if len(images) == 1 else ()
        cases += [
            CaseFiles(
                _stem(path),
                path,
                (path,),
                masks=masks,
                labels=labels,
                patient_id=_patient_of(subject),
            )
            for path in images
        ]
    return cases


def _paired_by_words(files: list[Path]) -> list[CaseFiles]:
    """Return a case per image where images and masks differ only by words: “volume-1”, “segmentation-1”.

    It is empty where the names give sequences, or where a mask has no image of its own.
    """
    of_masks = MASK_WORDS | TUMOUR_WORDS
    masks = {loose_key_of(path.name): path for path in files if of_masks & {*words_of(_stem(path))}}
    paired = {*masks.values()}
    rest = [path for path in files if path not in paired]
    images = {loose_key_of(path.name): path for path in rest}
    is_unique = len(images) == len(rest) and not any(guess_from_words(path.name) for path in rest)
    if len(masks) < 2 or () in images or not masks.keys() <= images.keys() or not is_unique:
        return []
    return [
        CaseFiles(
            _stem(path),
            path,
            (path,),
            masks=(masks[key],) if key in masks else (),
            labels=regions_of(one.name for one in (path, masks.get(key)) if one),
            patient_id=_patient_of(_stem(path)),
        )
        for key, path in images.items()
    ]


def _with_own_mask(subjects: dict[str, list[Path]], folder: Path) -> dict[str, list[Path]]:
    """Return files by subject; in the folder of one case all masks are its masks, however named."""
    names = {path: path.name for own in subjects.values() for path in own}
    masks = {
        path
        for path, name in names.items()
        if is_label_map(name) or (not guess_from_words(name) and is_named_as_mask(name))
    }
    with_images = [subject for subject, own in subjects.items() if {*own} - masks]
    if len(with_images) != 1 or with_images[0] not in ("", folder.name):
        return subjects
    images = _without_versions([path for path in subjects[with_images[0]] if path not in masks])
    return {with_images[0]: sorted(names)} if _are_sequences(images) else subjects


def _name_of(folder: Path) -> tuple[str, str]:
    """Return the name of a case in a folder, and its patient if the folder is a time point."""
    name = folder_name(folder)
    if folder.name == name and _TIME_POINT.fullmatch(name):
        patient = folder_name(folder.parent)
        return f"{patient}_{name}", patient
    return name, ""


def _patient_of(name: str) -> str:
    found = _STUDY_OF_PATIENT.match(name)
    return next(filter(None, found.groups())) if found else ""


def _without_versions(images: list[Path]) -> list[Path]:
    """Return images without other versions of one of them, such as “T1_bias” beside “T1”."""
    guesses = {path: guess_from_words(path.name) for path in images}
    return [
        path
        for path in images
        if not any(
            guesses[path] and guesses[path] == guesses[other] and _extends(path, other)
            for other in images
        )
    ]


def _extends(path: Path, other: Path) -> bool:
    # A number alone may be that of another patient.
    return re.match(rf"{re.escape(_stem(other))}[_\-. ].*[a-zA-Z]", _stem(path)) is not None


def _stem(path: Path) -> str:
    return path.name[: len(path.name) - len(suffix_of(path.name))] or path.name


def _by_subject(files: list[Path]) -> dict[str, list[Path]]:
    """Return files by subject; short numbers tell subjects apart only where a sequence repeats."""
    weak, strong = (_split_by_subject(files, with_numbers) for with_numbers in (False, True))
    named = [[guess_from_words(path.name) for path in own] for own in weak.values()]
    is_twice = any(
        guesses.count(guess) > 1 for guesses in named for guess in guesses if guess is not None
    )
    subjects = strong if is_twice or _pairs(strong) > _pairs(weak) else weak
    if "" in subjects and len(subjects) == 2:
        (other,) = subjects.keys() - {""}
        subjects = {other: sorted(subjects[""] + subjects[other])}
    return subjects


def _pairs(subjects: dict[str, list[Path]]) -> int:
    """Return the number of subjects with one image and one mask, such as “P_1” and “P_1_seg”."""
    return sum(len(own) == 2 and len(_without_masks(own)) == 1 for own in subjects.values())


def _split_by_subject(files: list[Path], with_numbers: bool) -> dict[str, list[Path]]:
    subjects: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        subjects[subject_of(path.name, with_numbers)].append(path)
    # A name without any sequence word belongs to the subject that it begins with.
    for name in [*subjects]:
        prefixes = [
            other for other in subjects if other and re.match(rf"{re.escape(other)}[_\-. ]", name)
        ]
        if prefixes:
            subjects[max(prefixes, key=len)] += subjects.pop(name)
    return {subject: sorted(own) for subject, own in subjects.items()}


def _are_sequences(files: Iterable[Path]) -> bool:
    named = [guess for path in files if (guess := guess_from_words(path.name))]
    return len(named) > 1 and len(named) == len(set(named))
