"""The user's answers to what the files of a folder do not tell, kept beside its index.

They are in ``BRAINSEG_HOME``, never in the dataset.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from brainseg.people import OWNER, require
from brainseg.storage import real_path, state_dir, write_atomically

ACTION = "answer questions about the folder"
NONE = "none"
"""The answer that no folder contains masks, or that no series is a sequence."""

_LONGEST = 300


@dataclass(frozen=True)
class Answers:
    """The user's answers about a folder.

    Attributes:
        masks: the name of the folder of masks, :data:`NONE`, or empty without an answer.
        sequences: the series of a sequence in each case that does not say it, by a part of its name.
        labels: the name of each value in masks.
    """

    masks: str = ""
    sequences: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def pointer_of(root: Path) -> Path:
    """Return the file that keeps which index belongs to a folder."""
    name = hashlib.blake2b(str(root).encode(), digest_size=16).hexdigest()
    return state_dir() / "roots" / name


def read_answers(root: Path) -> Answers:
    """Return the answers about a folder, empty ones where nothing usable is saved."""
    try:
        found = json.loads(pointer_of(real_path(root)).with_suffix(".json").read_text("utf-8"))
        texts = {name: _texts(found.get(name, {})) for name in ("sequences", "labels")}
        return Answers(str(found.get("masks", ""))[:_LONGEST], **texts)
    except (OSError, ValueError, AttributeError):
        return Answers()


def save_answers(root: Path, answers: Answers) -> None:
    """Keep the answers about a folder in ``BRAINSEG_HOME``.

    Raises:
        NotAllowedError: the person who acts is no owner.
        BrainsegError: they cannot be written.
    """
    require(OWNER, ACTION)
    content = json.dumps(asdict(answers), ensure_ascii=False, indent=1).encode()
    write_atomically(pointer_of(real_path(root)).with_suffix(".json"), content)


def _texts(found: Mapping) -> dict[str, str]:
    return {str(key)[:_LONGEST]: str(value)[:_LONGEST] for key, value in found.items() if value}
