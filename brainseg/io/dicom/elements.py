"""Find the elements of a DICOM file, and check their structure before pydicom reads any.

Every length is compared with the end of the file and nesting is limited, so cut files are refused and
nothing recurses too deep. pydicom then gets only the few elements that are needed, with the value
representation of the standard whatever the file states, and never private elements.

Files without preamble or meta header are accepted, as other readers do, and so are datasets in another
encoding than the header declares: the first elements show the encoding.
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from brainseg.errors import DecodeError
from brainseg.io.archives import inflate_raw
from brainseg.io.limits import DAMAGED

SHORT = "file is shorter than its header says"
NO_META = "no preamble or meta header; read as other programs do"
OTHER_ENCODING = "encoded otherwise than the file declares; read as it is encoded"
TOO_DEEP = "its sequences are nested deeper than 16 levels"

PIXEL_DATA = 0x7FE00010
IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
NATIVE = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
_PREAMBLE, _MARK = 128, b"DICM"
_TRANSFER_SYNTAX = 0x00020010
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_FIRST_GROUPS = range(2, 0x20)
"""Groups that a dataset begins with: nearly always 8."""

_DEEPEST = 16
_MOST_ELEMENTS = 2_000_000
PEEKED_BYTES = 1024
"""Enough of a file to recognise DICOM."""


@dataclass(frozen=True)
class Element:
    """The position of one element.

    Attributes:
        value: offset of its value.
        end: offset behind its value and, if its length is undefined, behind the delimiter.
        kind: its value representation, empty in implicit encoding.
        is_open: whether its length is undefined.
        fragments: (start, end) of each item of encapsulated pixels, the offset table first.
    """

    value: int
    end: int
    kind: bytes
    is_open: bool = False
    fragments: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Elements:
    """The dataset of a DICOM file, not yet interpreted.

    Attributes:
        transfer_syntax: the UID of the pixels' encoding, empty if not declared.
        body: the dataset, inflated.
        found: the elements of the top level by tag.
        is_implicit: whether the elements state no value representation.
        is_big_endian: whether numbers are stored with the most significant byte first.
        notes: one sentence for each deviation from the standard.
    """

    transfer_syntax: str
    body: bytes
    found: dict[int, Element]
    is_implicit: bool = False
    is_big_endian: bool = False
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Elements({len(self.found)} of {len(self.body)} bytes)"

    def only(self, tags: Collection[int], more: Mapping[int, Element] | None = None) -> bytes:
        """Return some elements as a dataset of their own, behind one byte for the byte order.

        Args:
            tags: of the top level; sequences are left out.
            more: elements from sequences, which replace those of the top level.
        """
        kept = {tag: self.found[tag] for tag in self.found.keys() & set(tags)} | dict(more or {})
        parts = (self._encoded(tag, kept[tag]) for tag in sorted(kept))
        return (b"B" if self.is_big_endian else b"E") + b"".join(parts)

    def items(self, element: Element) -> list[dict[int, Element]]:
        """Return the elements of each item of a sequence.

        Raises:
            DecodeError: not a sequence, or damaged.
        """
        implicit = self.is_implicit or element.kind == b"UN"
        walker = _Walker(self.body, implicit, self.is_big_endian)
        try:
            return walker.items(element)
        except struct.error:
            raise DecodeError(SHORT) from None

    def _encoded(self, tag: int, element: Element) -> bytes:
        """Return an element in explicit encoding, with the value representation of the standard."""
        from pydicom.datadict import dictionary_VR

        kind = dictionary_VR(tag).encode()
        if kind == b"SQ" or element.is_open:
            return b""
        if len(kind) > 2:  # such as "US or SS"
            kind = element.kind or kind[:2]
        value = self.body[element.value : element.end]
        order = ">" if self.is_big_endian else "<"
        if kind in _LONG:
            form, least = f"{order}HH2s2xI", 0xFFFFFFFE
        else:
            form, least = f"{order}HH2sH", 0xFFFF
        if len(value) > least:
            raise DecodeError(DAMAGED)
        return struct.pack(form, tag >> 16, tag & 0xFFFF, kind, len(value)) + value


def looks_like_dicom(start: bytes) -> bool:
    """Return whether the first :data:`PEEKED_BYTES` or more of a file are those of DICOM.

    Without the preamble of the standard, the file must begin with two elements of the first groups.
    """
    return (
        start[_PREAMBLE : _PREAMBLE + 4] == _MARK
        or _encoding(start, _meta_start(start)) is not None
    )


def read_elements(data: bytes, is_start: bool = False) -> Elements:
    """Return the elements of a DICOM file.

    Args:
        data: the file, or its beginning.
        is_start: whether ``data`` is the beginning; the elements that end within it are returned.

    Raises:
        DecodeError: not DICOM, damaged, cut, nested or inflating beyond the limits; the reason alone.
    """
    if not looks_like_dicom(data):
        raise DecodeError("not a readable DICOM")
    try:
        syntax, start = _read_meta(data, _meta_start(data))
        body, encoding = data[start:], _encoding(data, start)
        if syntax == DEFLATED and encoding is None:
            body = inflate_raw(body)
            encoding = _encoding(body, 0)
        declared = (syntax == IMPLICIT, syntax == BIG_ENDIAN)
        implicit, big = encoding or declared
        walker = _Walker(body, implicit, big)
        has_preamble = data[_PREAMBLE : _PREAMBLE + 4] == _MARK
        notes = [] if has_preamble and syntax else [NO_META]
        if syntax and (implicit, big) != declared:
            notes.append(OTHER_ENCODING)
        return Elements(syntax, body, walker.top_level(is_start), implicit, big, tuple(notes))
    except (struct.error, UnicodeDecodeError):
        raise DecodeError(SHORT) from None


def _meta_start(data: bytes) -> int:
    """Return the offset of the meta header, or of the dataset if there is none."""
    if data[_PREAMBLE : _PREAMBLE + 4] == _MARK:
        return _PREAMBLE + 4
    return 4 if data[:4] == _MARK else 0


def _read_meta(data: bytes, at: int) -> tuple[str, int]:
    """Return the transfer syntax, empty if not declared, and the offset of the dataset."""
    encoding = _encoding(data, at)
    is_implicit = encoding == (True, False)
    walker, syntax = _Walker(data, is_implicit, False), ""
    while at + 8 <= len(data) and data[at : at + 2] == b"\x02\x00":
        tag, _, length, value = walker.header(at, is_implicit)
        if length == _UNDEFINED or value + length > len(data):
            raise DecodeError(SHORT)
        if tag == _TRANSFER_SYNTAX:
            syntax = data[value : value + length].decode("ascii").strip("\0 ")
        at = value + length
    return syntax, at


def _encoding(data: bytes, at: int) -> tuple[bool, bool] | None:
    """Return (is implicit, is big endian) by the first two elements, or None."""
    for implicit, big in ((False, False), (False, True), (True, False)):
        walker = _Walker(data, implicit, big)
        try:
            first, kind, length, value = walker.header(at, implicit)
            second, other, *_ = walker.header(value + length, implicit)
        except (struct.error, DecodeError):
            continue
        is_known = implicit or {kind, other} <= _SHORT | set(_LONG)
        if is_known and first >> 16 in _FIRST_GROUPS and second > first:
            return implicit, big
    return None


class _Walker:
    """Finds the elements of a dataset without interpreting them."""

    def __init__(self, body: bytes, implicit: bool, big: bool) -> None:
        self._body, self._implicit = body, implicit
        order = ">" if big else "<"
        self._tag = struct.Struct(f"{order}HH")
        self._short, self._long = struct.Struct(f"{order}H"), struct.Struct(f"{order}I")
        self._steps = 0

    def header(self, at: int, implicit: bool) -> tuple[int, bytes, int, int]:
        """Return tag, value representation, length and offset of the value."""
        self._steps += 1
        if self._steps > _MOST_ELEMENTS:
            raise DecodeError(f"it contains more than {_MOST_ELEMENTS:,} elements")
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

    def top_level(self, is_start: bool = False) -> dict[int, Element]:
        """Return all elements, which must be in the rising order of the standard.

        Args:
            is_start: whether to end silently at the first element that is not whole.
        """
        found, at, last = {}, 0, -1
        while at < len(self._body):
            # Some writers pad the last block.
            if self._body[at : at + 8] == bytes(8) and not self._body[at:].strip(b"\0"):
                break
            try:
                tag, element = self._element(at)
            except (DecodeError, struct.error):
                if is_start:
                    break
                raise
            if tag <= last:
                raise DecodeError(DAMAGED)
            found[tag] = element
            at, last = element.end, tag
        return found

    def items(self, sequence: Element) -> list[dict[int, Element]]:
        """Return the elements of each item of a sequence."""
        items, at = [], sequence.value
        while at < sequence.end:
            tag, _, length, at = self.header(at, True)
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM:
                raise DecodeError(DAMAGED)
            end = sequence.end if length == _UNDEFINED else at + length
            if end > sequence.end:
                raise DecodeError(SHORT)
            item: dict[int, Element] = {}
            while at < end:
                tag, element = self._element(at)
                at = element.end
                if tag == _ITEM_END:
                    break
                item[tag] = element
            items.append(item)
        return items

    def _element(self, at: int) -> tuple[int, Element]:
        tag, kind, length, value = self.header(at, self._implicit)
        fragments: tuple[tuple[int, int], ...] = ()
        if length != _UNDEFINED:
            end = value + length
        elif tag == PIXEL_DATA or kind in (b"OB", b"OW"):
            fragments, end = self._fragments(value)
        else:
            end = self._sequence_end(value, self._implicit or kind == b"UN")
        if end > len(self._body):
            raise DecodeError(SHORT)
        return tag, Element(value, end, kind, length == _UNDEFINED, fragments)

    def _fragments(self, at: int) -> tuple[tuple[tuple[int, int], ...], int]:
        fragments: list[tuple[int, int]] = []
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
        """Return the end of a sequence of undefined length, counting levels instead of recursing."""
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
