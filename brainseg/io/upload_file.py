"""The uploaded files, and the sentences for files that were left out."""

from dataclasses import dataclass, field

from brainseg.errors import DecodeError
from brainseg.io.names import shown_name

_MOST_SENTENCES = 50


@dataclass(frozen=True, eq=False)
class InputFile:
    """A file from the user. Its name is a label, never a path, and its content is never shown.

    Attributes:
        name: on the user's computer.
        data: the whole file.
    """

    name: str
    data: bytes

    def __repr__(self) -> str:
        return f"InputFile({len(self.data)} bytes)"


@dataclass(frozen=True, eq=False, repr=False)
class UploadFile(InputFile):
    """One file of an upload, extracted if it was in an archive.

    Attributes:
        index: of the file in the upload; None if it was in an archive.
        page: the chosen page of a TIFF.
    """

    index: int | None = None
    page: int | None = None


@dataclass
class Refusals:
    """Collects a sentence for each file, or series, that was not used."""

    sentences: list[str] = field(default_factory=list)

    def add(self, name: str, reason: str) -> None:
        """Add a file by its name and the reason alone."""
        self.sentences.append(f"{shown_name(name)} was not used: {reason}.")

    def add_series(self, slices: int, reason: str) -> None:
        """Add a series, whose name is never shown."""
        what = "One slice" if slices == 1 else f"A series of {slices} slices"
        self.sentences.append(f"{what} was not used: {reason}.")

    def add_study(self, slices: int, reason: str) -> None:
        """Add a study, whose name is never shown."""
        what = "one slice" if slices == 1 else f"{slices} slices"
        self.sentences.append(f"A study of {what} was left out: {reason}.")

    def messages(self) -> tuple[str, ...]:
        """Return the sentences, at most :data:`_MOST_SENTENCES` and the number of the others."""
        if len(self.sentences) <= _MOST_SENTENCES:
            return tuple(self.sentences)
        left = len(self.sentences) - _MOST_SENTENCES
        return (*self.sentences[:_MOST_SENTENCES], f"{left} more files were not used.")

    def as_error(self) -> DecodeError:
        """Return the refusal of an upload without any usable file, as one sentence."""
        if not self.sentences:
            return DecodeError("No file was given: choose at least one.")
        if len(self.sentences) == 1:
            return DecodeError(self.sentences[0])
        others = len(self.sentences) - 1
        more = "1 other file" if others == 1 else f"{others} others"
        return DecodeError(
            f"{self.sentences[0].removesuffix('.')}; {more} could not be used either."
        )
