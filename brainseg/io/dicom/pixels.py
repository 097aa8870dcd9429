"""The pixels of one DICOM image: uncompressed, run-length, JPEG, JPEG-LS or JPEG 2000, whole or refused.

Compressed frames are decoded by imagecodecs, which TIFF needs too: libjpeg-turbo for JPEG of 8 and 12
bits and lossless, CharLS, OpenJPEG. The size in a frame's own header is compared with the file's header
before the frame is decoded, because a decoder reserves memory for the size that it reads.
"""

import math
import struct
from collections.abc import Callable

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.dicom.elements import NATIVE, PIXEL_DATA, SHORT
from brainseg.io.dicom.header import DicomImage
from brainseg.io.jpeg import check_jpeg, jpeg_size
from brainseg.io.limits import DAMAGED, or_damaged

RUN_LENGTH = "1.2.840.10008.1.2.5"
_JPEG, _JPEG_LS, _JPEG_2000 = (
    tuple(f"1.2.840.10008.1.2.4.{number}" for number in numbers)
    for numbers in ((50, 51, 57, 70), (80, 81), (90, 91))
)
_END_OF_IMAGE = b"\xff\xd9"


def decode_pixels(image: DicomImage) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the stored pixels of an image, (h, w) of whole numbers, with notes on what was removed.

    Raises:
        DecodeError: the compression is not supported, or the pixels are damaged; the reason alone.
    """
    syntax, element = image.elements.transfer_syntax, image.elements.found[PIXEL_DATA]
    notes = image.elements.notes
    if not element.fragments and not element.is_open:
        pixels, padded = _native(
            image, memoryview(image.elements.body)[element.value : element.end]
        )
        pixels, more = _without_unused_bits(image, pixels)
        return pixels, (*notes, *padded, *more)
    frame = _frame(image)
    if syntax in NATIVE or not syntax:
        syntax = _syntax_of(frame)
    decode = _DECODERS.get(syntax)
    if decode is None:
        raise DecodeError(f"its compression is not supported ({_name_of(syntax)})")
    pixels = or_damaged(lambda: decode(image, frame))
    if pixels.shape != image.size or pixels.dtype.kind not in "ui":
        raise DecodeError(DAMAGED)
    pixels, more = _without_unused_bits(image, pixels)
    return pixels, (*notes, *more)


def _frame(image: DicomImage) -> bytes:
    """Return the compressed bytes of one frame.

    A file of several frames has either one fragment per frame, or a table of the frames' first bytes,
    counted from the tag of the first fragment (PS3.5 A.4).
    """
    table, *fragments = image.elements.found[PIXEL_DATA].fragments or ((0, 0),)
    if len(fragments) < image.frames:
        raise DecodeError(SHORT)
    body = image.elements.body
    if image.frames == 1:
        chosen = fragments
    elif len(fragments) == image.frames:
        chosen = [fragments[image.frame]]
    else:
        starts = np.frombuffer(body[slice(*table)], "<u4").tolist()
        if len(starts) != image.frames or starts != sorted(starts):
            raise DecodeError("its compressed frames cannot be separated (no offset table)")
        first = fragments[0][0]
        end = starts[image.frame + 1] if image.frame + 1 < image.frames else math.inf
        chosen = [one for one in fragments if starts[image.frame] <= one[0] - first < end]
    return b"".join(body[start:end] for start, end in chosen)


def _syntax_of(frame: bytes) -> str:
    """Return the transfer syntax that the first bytes of a frame show; empty if they show none."""
    if frame[:4] == b"\xff\x4f\xff\x51":
        return _JPEG_2000[0]
    if frame[:2] == b"\xff\xd8":
        return _JPEG_LS[0] if b"\xff\xf7" in frame[:1024] else _JPEG[0]
    return RUN_LENGTH if frame[4:8] == b"\x40\0\0\0" else ""


def _name_of(syntax: str) -> str:
    from pydicom.uid import UID, UID_dictionary

    return UID(syntax).name if syntax in UID_dictionary else "unknown to the standard"


def _native(image: DicomImage, value: memoryview) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels of one frame, with a note on bytes behind the last frame."""
    rows, columns = image.size
    wanted = image.frames * image.stored_bytes
    if len(value) < wanted:
        raise DecodeError(f"its pixels are {len(value):,} bytes, its header says {wanted:,}")
    is_word = image.elements.found[PIXEL_DATA].kind == b"OW"
    if image.elements.is_big_endian and image.bits[0] == 8 and is_word:
        # Two pixels are one word, with the second pixel first (PS3.5, retired annex).
        words = np.frombuffer(bytes(value) + b"\0" * (len(value) % 2), "u2")
        value = words.byteswap().data.cast("B")
    dtype = np.dtype(f"{'>' if image.elements.is_big_endian else '<'}u{image.bits[0] // 8}")
    start = image.frame * image.stored_bytes
    pixels = np.frombuffer(value, dtype, rows * columns, start).reshape(rows, columns)
    # An odd number of bytes is padded with one byte.
    if len(value) - wanted <= 1:
        return pixels, ()
    return pixels, ("bytes behind the last pixel were ignored (padding)",)


def _run_length(image: DicomImage, frame: bytes) -> np.ndarray:
    from imagecodecs import packbits_decode

    rows, columns = image.size
    planes = image.bits[0] // 8
    segments, *starts = struct.unpack_from("<16I", frame)
    starts = starts[:segments]
    if segments != planes or starts != sorted(starts) or starts[0] != 64:
        raise DecodeError(DAMAGED)
    pixels = np.zeros((rows, columns), f"u{planes}")
    for start, end in zip(starts, [*starts[1:], len(frame)], strict=True):
        _check_packbits(frame[start:end], rows * columns)
        plane = packbits_decode(frame[start:end])
        # The most significant byte of every pixel comes first.
        part = np.frombuffer(plane, np.uint8, rows * columns).reshape(rows, columns)
        pixels = (pixels << 8) | part if planes > 1 else part
    return pixels


def _check_packbits(packed: bytes, wanted: int) -> None:
    """Raise unless runs unpack to the wanted bytes, with at most one byte of padding behind."""
    at = unpacked = 0
    while unpacked < wanted:
        if at >= len(packed):
            raise DecodeError(SHORT)
        count = packed[at]
        at += 1
        if count < 128:
            at += count + 1
            unpacked += count + 1
        elif count > 128:
            at += 1
            unpacked += 257 - count
    if unpacked != wanted or at > len(packed):
        raise DecodeError(DAMAGED)


def _jpeg(image: DicomImage, frame: bytes) -> np.ndarray:
    # jpeg_decode would pass files that jpeg8_decode refuses to a decoder that they can crash.
    from imagecodecs import jpeg8_decode

    frame = _whole(image, frame, jpeg_size(frame))
    check_jpeg(frame)
    return jpeg8_decode(frame)


def _jpeg_ls(image: DicomImage, frame: bytes) -> np.ndarray:
    from imagecodecs import jpegls_decode

    return jpegls_decode(_whole(image, frame, jpeg_size(frame)))


def _jpeg_2000(image: DicomImage, frame: bytes) -> np.ndarray:
    from imagecodecs import jpeg2k_decode

    if frame[:4] != b"\xff\x4f\xff\x51":
        raise DecodeError(DAMAGED)
    right, bottom, left, top = struct.unpack_from(">4I", frame, 8)
    (components,) = struct.unpack_from(">H", frame, 40)
    return jpeg2k_decode(_whole(image, frame, (bottom - top, right - left, components)))


_DECODERS: dict[str, Callable[[DicomImage, bytes], np.ndarray]] = {
    RUN_LENGTH: _run_length,
    **dict.fromkeys(_JPEG, _jpeg),
    **dict.fromkeys(_JPEG_LS, _jpeg_ls),
    **dict.fromkeys(_JPEG_2000, _jpeg_2000),
}


def _whole(image: DicomImage, frame: bytes, size: tuple[int, int, int]) -> bytes:
    """Return a frame without padding if it is complete and of the size in the file's header."""
    height, width, components = size
    if (height, width) != image.size:
        raise DecodeError(
            f"its compressed pixels are {width} x {height} px, its header says "
            f"{image.size[1]} x {image.size[0]}"
        )
    if components != 1:
        raise DecodeError(f"{components} channels; expected one grey channel")
    # A frame of odd length is padded with a byte, which some writers do not set to zero.
    frame = frame.rstrip(b"\0").removesuffix(b"\xff")
    if not frame.endswith(_END_OF_IMAGE):
        raise DecodeError(SHORT)
    return frame


def _without_unused_bits(
    image: DicomImage, pixels: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return pixels with their sign, and without the bits that the header calls unused."""
    allocated, stored = image.bits
    width = 8 * pixels.dtype.itemsize
    if width > allocated and int(pixels.max(initial=0)) >> stored:
        raise DecodeError(DAMAGED)
    if width < stored:
        raise DecodeError(DAMAGED)
    kind = np.dtype(f"{'i' if image.is_signed else 'u'}{width // 8}")
    values = pixels.astype(pixels.dtype.newbyteorder("=")).view(kind)
    if stored == width:
        return values, ()
    unused = width - stored
    clean = (values << unused) >> unused
    if np.array_equal(clean, values):
        return values, ()
    # Compressed signed pixels lack the sign extension; other unused bits may contain overlays.
    same = bool(((values ^ clean) >> stored == 0).all()) or _is_compressed_sign(image, values)
    return clean, () if same else ("unused bits (an overlay) were removed",)


def _is_compressed_sign(image: DicomImage, values: np.ndarray) -> bool:
    return image.is_signed and int(values.max()) < 1 << image.bits[1] and int(values.min()) >= 0
