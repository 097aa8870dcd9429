"""Archives and compressed files, inflated only as far as the limit: a bomb costs its limit at most."""

import gzip
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from brainseg.errors import DecodeError
from brainseg.io.limits import DAMAGED, MAX_INFLATED_BYTES, MAX_MEGAPIXELS, or_damaged
from brainseg.io.upload_file import InputFile

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MOST_ENTRIES = 4096
"""Of an archive; a series of :data:`brainseg.io.MAX_SLICES` slices in eight sequences."""

_MIB = 2**20
_LARGEST_SLICE_BYTES = MAX_MEGAPIXELS * 4 * 10**6 + 16 * _MIB
"""Of 32 bits a pixel, with room for a header."""

_STEP = 4 * _MIB
_STEP_IN = _MIB // 4
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def too_large(inflated: int) -> DecodeError:
    """Return the refusal of what inflates to so many bytes, beyond the limit."""
    told = f"{-(-inflated // _MIB):,} MiB inflated exceed {MAX_INFLATED_BYTES // _MIB} MiB"
    return DecodeError(told)


def inflate_start(data: bytes, wanted: int) -> bytes:
    """Return the first bytes of a gzip file's content, fewer where it ends before.

    Raises:
        DecodeError: it is damaged before them.
    """
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(data)).read(wanted)
    except (OSError, EOFError, zlib.error) as error:
        raise DecodeError(DAMAGED) from error


def inflate_exactly(data: bytes, expected: int) -> tuple[bytes, int]:
    """Return a gzip file's content of a known length, its checksum compared, and what lies behind it.

    Args:
        data: one or more gzip members, and perhaps bytes that belong to none.
        expected: bytes of the content.

    Returns:
        The content, and how many bytes of the file behind it are no gzip member.

    Raises:
        DecodeError: damaged, or of another length.
    """
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
            raise DecodeError("it holds more than its header says")
    return b"".join(parts), len(data) - at


def _member(data: bytes, at: int, most: int) -> tuple[bytes, int]:
    """Return the content of the gzip member that begins at a byte, and where it ends.

    Of a content that is longer than ``most``, one byte more is returned, and an end that means nothing.
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


def inflate_raw(data: bytes) -> bytes:
    """Return a raw deflate stream's content, as in a deflated DICOM file, which is one slice.

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
    """Yield each file of a zip, or its name and the reason why it is none.

    Folders and what macOS adds (``__MACOSX``, ``.DS_Store``) are passed over. A name in an archive is
    text, whatever path it spells: nothing is written anywhere.

    Raises:
        DecodeError: no zip, damaged, or beyond the limits as its directory says, before any inflating.
    """
    opened = or_damaged(lambda: zipfile.ZipFile(io.BytesIO(archive.data)))
    if not all(entry.filename for entry in opened.infolist()):
        raise DecodeError(DAMAGED)
    entries = [entry for entry in opened.infolist() if not _is_passed_over(entry)]
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
        raise DecodeError("it is a link, no file")
    if entry.flag_bits & _ENCRYPTED:
        raise DecodeError("it is encrypted")
    if entry.compress_type not in _METHODS:
        raise DecodeError("its compression in the archive is not supported; expected deflate")
    try:
        with opened.open(entry) as file:
            # zipfile stops at the size that the directory promises, and compares the checksum.
            content = b"".join(iter(lambda: file.read(_STEP), b""))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
        raise DecodeError(DAMAGED) from error
    except (NotImplementedError, RuntimeError) as error:
        raise DecodeError("its compression in the archive is not supported") from error
    if len(content) != entry.file_size:
        raise DecodeError(DAMAGED)
    return content


def _is_passed_over(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    is_folder = not parts[-1]
    return is_folder or parts[0] == "__MACOSX" or parts[-1] in (".DS_Store", "Thumbs.db")
