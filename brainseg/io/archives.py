"""Inflate archives and compressed files up to the limit, so that a zip bomb does no harm."""

import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Protocol

from brainseg.errors import DecodeError
from brainseg.io.limits import DAMAGED, MAX_INFLATED_BYTES, MAX_MEGAPIXELS, or_damaged
from brainseg.io.upload_file import InputFile

GZIP_MAGIC = b"\x1f\x8b"
_MEMBER = GZIP_MAGIC + b"\x08"
"""The first bytes of a member that is deflated; they may occur within one, too."""

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MOST_ENTRIES = 4096
"""Files in an archive: enough for :data:`brainseg.io.limits.MAX_SLICES` slices in eight sequences."""

_MIB = 2**20
_LARGEST_SLICE_BYTES = MAX_MEGAPIXELS * 4 * 10**6 + 16 * _MIB
"""A slice with 32 bits per pixel, plus room for a header."""

_STEP = 4 * _MIB
_STEP_IN = _MIB // 4
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def too_large(inflated: int) -> DecodeError:
    """Return the refusal of content that inflates to more bytes than the limit."""
    size, limit = -(-inflated // _MIB), MAX_INFLATED_BYTES // _MIB
    return DecodeError(f"{size:,} MiB inflated exceed {limit} MiB")


def inflate_start(data: bytes, wanted: int) -> bytes:
    """Return the first bytes of a gzip file's content, or fewer if it ends before.

    Raises:
        DecodeError: it is damaged before their end.
    """
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(data)).read(wanted)
    except (OSError, EOFError, zlib.error) as error:
        raise DecodeError(DAMAGED) from error


def inflate_exactly(data: bytes, expected: int) -> tuple[bytes, int]:
    """Return a gzip file's content of a known length, with its checksum verified.

    Args:
        data: one or more gzip members, possibly followed by other bytes.
        expected: size of the content in bytes.

    Returns:
        The content, and the number of bytes behind it that are not a gzip member.

    Raises:
        DecodeError: damaged, or of another length.
    """
    if (content := _single_member(data, expected)) is not None:
        return content, 0
    parts, taken, at = [], 0, 0
    while taken < expected or data[at : at + 2] == GZIP_MAGIC:
        try:
            member, end = _member(data, at, expected - taken)
        except (zlib.error, EOFError) as error:
            if taken == expected:
                break
            raise DecodeError(DAMAGED) from error
        parts.append(member)
        taken, at = taken + len(member), end
        if taken > expected:
            raise DecodeError("it contains more than its header says")
    return b"".join(parts), len(data) - at


def _single_member(data: bytes, expected: int) -> bytes | None:
    """Return the content of a file that is one gzip member of a known length, by libdeflate; else None.

    It takes 40% of the time of zlib, but does not say where a member ends.
    """
    if data[-4:] != struct.pack("<I", expected % 2**32) or data.find(_MEMBER, 1) >= 0:
        return None
    import imagecodecs

    try:
        content = imagecodecs.gzip_decode(data, out=expected)
    except (RuntimeError, ValueError):
        return None
    return content if isinstance(content, bytes) and len(content) == expected else None


def _member(data: bytes, at: int, most: int) -> tuple[bytes, int]:
    """Return the content of the gzip member at an offset, and the offset of its end.

    If the content is longer than ``most``, ``most + 1`` bytes are returned and the end is meaningless.
    """
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    parts, taken = [], 0
    while not inflater.eof:
        piece = data[at : at + _STEP_IN]
        if not piece:
            raise EOFError
        part = inflater.decompress(piece, most - taken + 1)
        parts.append(part)
        taken, at = taken + len(part), at + len(piece) - len(inflater.unused_data)
        if taken > most:
            break
    return b"".join(parts), at


def inflate_before(data: bytes, least: int, most: int) -> bytes:
    """Return the content of a gzip file that may go on behind a known part, with its checksum verified.

    Raises:
        DecodeError: damaged, shorter than ``least`` or longer than ``most`` bytes.
    """
    try:
        content, _ = _member(data, 0, most)
    except (zlib.error, EOFError) as error:
        raise DecodeError(DAMAGED) from error
    if not least <= len(content) <= most:
        raise DecodeError(DAMAGED)
    return content


class _Inflater(Protocol):
    """An object of zlib or bz2 that inflates one stream."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: memoryview, most: int, /) -> bytes: ...


def inflate_stream(inflater: _Inflater, data: memoryview, expected: int) -> bytes:
    """Return the content of one stream, of a known length, with its checksum verified.

    Raises:
        DecodeError: damaged, or of another length.
    """
    try:
        content = inflater.decompress(data, expected + 1)
    except (OSError, ValueError, zlib.error) as error:
        raise DecodeError(DAMAGED) from error
    if len(content) > expected:
        raise DecodeError("it contains more than its header says")
    if len(content) < expected or not inflater.eof:
        raise DecodeError(DAMAGED)
    return content


def inflate_raw(data: bytes) -> bytes:
    """Return the content of a raw deflate stream, as in a deflated DICOM file of one slice.

    Raises:
        DecodeError: damaged, or beyond the limit.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(data, _LARGEST_SLICE_BYTES + 1)
    except zlib.error as error:
        raise DecodeError(DAMAGED) from error
    if len(content) > _LARGEST_SLICE_BYTES:
        raise DecodeError(
            f"it inflates to more than {_LARGEST_SLICE_BYTES // _MIB} MiB, the most of one slice"
        )
    if not inflater.eof:
        raise DecodeError(DAMAGED)
    return content


def unzip(archive: InputFile) -> Iterator[InputFile | tuple[str, str]]:
    """Yield each file of a zip, or its name and the reason why it cannot be read.

    Folders and the files that macOS adds (``__MACOSX``, ``.DS_Store``) are skipped. A name in an archive
    is only text, even if it looks like a path: nothing is written to disk.

    Raises:
        DecodeError: not a zip, damaged, or too large by its directory, before anything is inflated.
    """
    opened = or_damaged(lambda: zipfile.ZipFile(io.BytesIO(archive.data)))
    if not all(entry.filename for entry in opened.infolist()):
        raise DecodeError(DAMAGED)
    entries = [entry for entry in opened.infolist() if not _is_skipped(entry)]
    if len(entries) > MOST_ENTRIES:
        raise DecodeError(f"{len(entries):,} files in an archive exceed {MOST_ENTRIES:,}")
    promised = sum(entry.file_size for entry in entries)
    if promised > MAX_INFLATED_BYTES:
        raise too_large(promised)
    if not entries:
        raise DecodeError("the archive is empty")
    for entry in entries:
        try:
            yield InputFile(entry.filename, _entry(opened, entry))
        except DecodeError as reason:
            yield entry.filename, str(reason)


def _entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise DecodeError("it is a link, not a file")
    if entry.flag_bits & _ENCRYPTED:
        raise DecodeError("it is encrypted")
    if entry.compress_type not in _METHODS:
        raise DecodeError("its compression in the archive is not supported; expected deflate")
    try:
        with opened.open(entry) as file:
            # zipfile stops at the size in the directory and verifies the checksum.
            content = b"".join(iter(lambda: file.read(_STEP), b""))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
        raise DecodeError(DAMAGED) from error
    except (NotImplementedError, RuntimeError) as error:
        raise DecodeError("its compression in the archive is not supported") from error
    if len(content) != entry.file_size:
        raise DecodeError(DAMAGED)
    return content


def _is_skipped(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    return parts[0] == "__MACOSX" or parts[-1] in ("", ".DS_Store", "Thumbs.db", "desktop.ini")
