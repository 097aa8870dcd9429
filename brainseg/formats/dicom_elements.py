"""The elements of a DICOM file, walked over before pydicom sees any of them.

Every length is held against the file's end, so a file that is cut or shorter than its header says is
refused instead of read as far as it goes, and nesting is bounded before anything recurses into it. What
goes on to pydicom is the few elements that are asked for: no private ones, no others.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass

from brainseg.errors import DecodeError
from brainseg.formats.inflating import inflate_raw
from brainseg.formats.limits import DAMAGED

SHORT = "file is shorter than its header says"
TOO_DEEP = "its sequences are nested deeper than 16 levels"

PIXEL_DATA = 0x7FE00010
IMPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
_PREAMBLE = 128
_TRANSFER_SYNTAX = 0x00020010
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_DEEPEST = 16
_MOST_ELEMENTS = 2_000_000


@dataclass(frozen=True)
class Element:
    """Where one element of the top level stands.

    Attributes:
        start: of its tag.
        value: of its value.
        end: behind its value, and behind the delimiter that an undefined length asks for.
        fragments: (start, end) of each item of encapsulated pixels, the offset table first.
    """

    start: int
    value: int
    end: int
    fragments: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Elements:
    """A DICOM file's dataset, not yet interpreted.

    Attributes:
        transfer_syntax: the UID that says how it is encoded.
        body: the dataset, inflated where it was deflated.
        found: the elements of the top level by tag.
    """

    transfer_syntax: str
    body: bytes
    found: dict[int, Element]

    def __repr__(self) -> str:
        return f"Elements({len(self.found)} of {len(self.body)} bytes)"

    @property
    def is_big_endian(self) -> bool:
        """Return whether numbers are stored with the most significant byte first."""
        return self.transfer_syntax == BIG_ENDIAN

    def only(self, tags: Collection[int]) -> bytes:
        """Return a few elements as a dataset of their own, behind a byte that says how it is encoded."""
        kept = sorted(self.found.keys() & set(tags))
        parts = (self.body[self.found[tag].start : self.found[tag].end] for tag in kept)
        order = {IMPLICIT: b"I", BIG_ENDIAN: b"B"}.get(self.transfer_syntax, b"E")
        return order + b"".join(parts)


def read_elements(data: bytes) -> Elements:
    """Return the elements of a DICOM file with the preamble that the standard asks for.

    Raises:
        DecodeError: not DICOM, damaged, cut, nested or inflating beyond the limits; the reason alone.
    """
    if data[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
        raise DecodeError("not a readable DICOM")
    try:
        syntax, start = _read_meta(data)
        body = inflate_raw(data[start:]) if syntax == DEFLATED else data[start:]
        walker = _Walker(body, syntax == IMPLICIT, syntax == BIG_ENDIAN)
        return Elements(syntax, body, walker.top_level())
    except (struct.error, UnicodeDecodeError):
        raise DecodeError(SHORT) from None


def _read_meta(data: bytes) -> tuple[str, int]:
    """Return the transfer syntax and where the dataset begins."""
    walker, at, syntax = _Walker(data, False, False), _PREAMBLE + 4, ""
    while at + 8 <= len(data) and data[at : at + 2] == b"\x02\x00":
        tag, _, length, value = walker.header(at, False)
        if length == _UNDEFINED or value + length > len(data):
            raise DecodeError(SHORT)
        if tag == _TRANSFER_SYNTAX:
            syntax = data[value : value + length].decode("ascii").strip("\0 ")
        at = value + length
    if not syntax:
        raise DecodeError("it does not say how its pixels are stored (no transfer syntax)")
    return syntax, at


class _Walker:
    """Steps over the elements of a dataset without interpreting any."""

    def __init__(self, body: bytes, implicit: bool, big: bool) -> None:
        self._body, self._implicit = body, implicit
        order = ">" if big else "<"
        self._tag = struct.Struct(f"{order}HH")
        self._short, self._long = struct.Struct(f"{order}H"), struct.Struct(f"{order}I")
        self._steps = 0

    def header(self, at: int, implicit: bool) -> tuple[int, bytes, int, int]:
        """Return tag, value representation, length and where the value begins."""
        self._steps += 1
        if self._steps > _MOST_ELEMENTS:
            raise DecodeError(f"it holds more than {_MOST_ELEMENTS:,} elements")
        group, number = self._tag.unpack_from(self._body, at)
        tag = group << 16 | number
        if implicit or tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
            return tag, b"", self._long.unpack_from(self._body, at + 4)[0], at + 8
        kind = self._body[at + 4 : at + 6]
        if not (kind.isalpha() and kind.isupper()):
            raise DecodeError(DAMAGED)
        if kind in _LONG:
            return tag, kind, self._long.unpack_from(self._body, at + 8)[0], at + 12
        return tag, kind, self._short.unpack_from(self._body, at + 6)[0], at + 8

    def top_level(self) -> dict[int, Element]:
        """Return all elements, in rising order as the standard has them, up to the file's end."""
        found, at, last = {}, 0, -1
        while at < len(self._body):
            # Some writers fill up the last block.
            if self._body[at : at + 8] == bytes(8) and not self._body[at:].strip(b"\0"):
                break
            tag, kind, length, value = self.header(at, self._implicit)
            if tag <= last:
                raise DecodeError(DAMAGED)
            fragments = ()
            if length != _UNDEFINED:
                end = value + length
            elif tag == PIXEL_DATA or kind in (b"OB", b"OW"):
                fragments, end = self._fragments(value)
            else:
                end = self._sequence_end(value, self._implicit or kind == b"UN")
            if end > len(self._body):
                raise DecodeError(SHORT)
            found[tag] = Element(at, value, end, fragments)
            at, last = end, tag
        return found

    def _fragments(self, at: int) -> tuple[tuple[tuple[int, int], ...], int]:
        fragments = []
        while True:
            tag, _, length, value = self.header(at, True)
            if tag == _SEQUENCE_END:
                return tuple(fragments), value
            if tag != _ITEM or length == _UNDEFINED:
                raise DecodeError(DAMAGED)
            at = value + length
            if at > len(self._body):
                raise DecodeError(SHORT)
            fragments.append((value, at))

    def _sequence_end(self, at: int, implicit: bool) -> int:
        """Return where a sequence of undefined length ends; open levels are counted, not recursed."""
        levels = ["sequence"]
        while levels:
            if len(levels) > 2 * _DEEPEST:
                raise DecodeError(TOO_DEEP)
            tag, kind, length, value = self.header(at, implicit)
            closes = {_SEQUENCE_END: "sequence", _ITEM_END: "item"}.get(tag)
            if closes:
                if levels.pop() != closes:
                    raise DecodeError(DAMAGED)
                at = value
            elif levels[-1] == "sequence" and tag != _ITEM:
                raise DecodeError(DAMAGED)
            elif length != _UNDEFINED:
                at = value + length
            elif tag == _ITEM:
                levels.append("item")
                at = value
            elif kind in (b"OB", b"OW"):
                _, at = self._fragments(value)
            else:
                levels.append("sequence")
                at = value
        return at
