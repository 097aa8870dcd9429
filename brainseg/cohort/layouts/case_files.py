"""CaseFiles: the volume files of one case, before any of them is decoded."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from brainseg.io.detached import files_of

NO_ANSWERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class CaseFiles:
    """NIfTI or DICOM files that make one case.

    Attributes:
        name: of the case.
        folder: that contains the files, or the file itself.
        files: the images, in order.
        names: by which the images are read, such as “FLAIR.nii.gz”; empty if they keep their own.
        masks: NIfTI label maps; a DICOM segmentation is one of ``files``.
        labels: the values in the masks that each name means; empty if nothing names them.
        patient_id: the patient, if the files give one apart from the case.
        note: one sentence about the grouping, or None.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    names: tuple[str, ...] = ()
    masks: tuple[Path, ...] = ()
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    patient_id: str = ""
    note: str | None = None

    def named(self) -> list[tuple[Path, str]]:
        """Return each image with the name by which it is read."""
        if self.names:
            return list(zip(self.files, self.names, strict=True))
        inside = [path != self.folder and path.is_relative_to(self.folder) for path in self.files]
        return [
            (path, path.relative_to(self.folder).as_posix() if below else path.name)
            for path, below in zip(self.files, inside, strict=True)
        ]

    def source(self, root: Path, sequences: Mapping[str, str] = NO_ANSWERS) -> str:
        """Return all that reading the case needs as JSON, with the state of its files.

        Args:
            root: the folder that the paths are relative to.
            sequences: the user's answers about series that the files do not name.
        """
        state = hashlib.blake2b(digest_size=16)
        for path in (one for file in (*self.files, *self.masks) for one in files_of(file)):
            try:
                status = path.stat()
            except OSError:  # the error is reported when it is read
                continue
            state.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        below = {path: path.relative_to(root).as_posix() for path in (*self.files, *self.masks)}
        return json.dumps(
            {
                "images": [[below[path], name] for path, name in self.named()],
                "masks": [below[path] for path in self.masks],
                "labels": {name: list(values) for name, values in self.labels.items()},
                "state": state.hexdigest(),
                **({"sequences": dict(sorted(sequences.items()))} if sequences else {}),
            }
        )
