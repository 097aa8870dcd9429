"""The Virtual Skeleton Database, with BraTS 2013 to 2015 and ISLES 2015: a folder per sequence.

``brats_2013_pat0001_1/VSD.Brain.XX.O.MR_Flair.54512/VSD.Brain.XX.O.MR_Flair.54512.mha``; OT is the mask.
"""

import re
from pathlib import Path

from brainseg.cohort.layouts.case_files import CaseFiles
from brainseg.io.label_names import regions_of
from brainseg.io.names import suffix_of

_NAME = re.compile(r"^VSD\.Brain\w*\.XX\.O\.(?:MR_)?(?P<what>\w+)\.\d+$")
_MASK = "OT"


def find(root: Path, files: list[Path], tables: list[Path]) -> list[CaseFiles]:
    """Return a case for each folder with such folders."""
    by_case: dict[Path, list[tuple[str, Path]]] = {}
    for path in files:
        found = _NAME.match(path.parent.name)
        if found:
            by_case.setdefault(path.parent.parent, []).append((found["what"], path))
    return [
        CaseFiles(
            folder.name,
            folder,
            tuple(path for what, path in own if what != _MASK),
            tuple(f"{what}{suffix_of(path.name)}" for what, path in own if what != _MASK),
            tuple(path for what, path in own if what == _MASK),
            regions_of(["brats2015"] if folder.name.lower().startswith("brats") else []),
        )
        for folder, own in by_case.items()
        if any(what != _MASK for what, _ in own)
    ]
