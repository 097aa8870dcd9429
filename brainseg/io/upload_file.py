"""What was given, file by file, and the sentences for what was left out."""

from dataclasses import dataclass, field

from brainseg.errors import DecodeError
from brainseg.io.names import shown_name

_MOST_TOLD = 50


@dataclass(frozen=True, eq=False)
class InputFile:
    """What a person gave. Its name is a label, never a path, and its content is never shown.

    Attributes:
        name: as the person's computer has it.
        data: the whole file.
    """

    name: str
    data: bytes

    def __repr__(self) -> str:
        return f"InputFile({len(self.data)} bytes)"


@dataclass(frozen=True, eq=False)
class UploadFile:
    """One file of an upload, out of its archive where it was in one.

    Attributes:
        name: a label.
        data: the whole file.
        index: its place among the files given; None where it was in an archive.
        page: which page of a TIFF the person chose.
    """

    name: str
    data: bytes
    index: int | None = None
    page: int | None = None

    def __repr__(self) -> str:
        return f"UploadFile({len(self.data)} bytes)"


@dataclass
class Refusals:
    """Collects a sentence for each file, or series, that was not used."""

    sentences: list[str] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        """Add a file by its name and the reason alone."""
        self.sentences.append(f"{shown_name(name)} was not used: {reason}.")

    def add_series(self, slices: int, reason: str) -> None:
        """Add a series, which has no name that could be shown."""
        what = "One slice" if slices == 1 else f"A series of {slices} slices"
        self.sentences.append(f"{what} was not used: {reason}.")

    def add_study(self, slices: int, reason: str) -> None:
        """Add a study, which has no name that could be shown."""
        what = "one slice" if slices == 1 else f"{slices} slices"
        self.sentences.append(f"A study of {what} was left out: {reason}.")

    def messages(self) -> tuple[str, ...]:
        """Return the sentences; of very many the first, and how many more there are."""
        if len(self.sentences) <= _MOST_TOLD:
            return tuple(self.sentences)
        left = len(self.sentences) - _MOST_TOLD
        return (*self.sentences[:_MOST_TOLD], f"{left} more files were not used.")

    def as_error(self) -> DecodeError:
        """Return the refusal of an upload of which nothing is usable, as one sentence."""
        if not self.sentences:
            return DecodeError("No file was given: choose at least one.")
        if len(self.sentences) == 1:
            return DecodeError(self.sentences[0])
        others = len(self.sentences) - 1
        more = "1 other file" if others == 1 else f"{others} others"
        return DecodeError(
            f"{self.sentences[0].removesuffix('.')}; {more} could not be used either."
        )
