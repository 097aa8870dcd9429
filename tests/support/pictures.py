"""Pictures written and read in memory."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from brainseg.errors import DecodeError
from brainseg.io import decode, to_three_channels
from brainseg.volume import Volume


def tiff(pixels: np.ndarray, **how: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **how)
    return file.getvalue()


def pillow(image: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def palette_png(pixels: np.ndarray, colours: int, bits: int) -> bytes:
    """Return a PNG of (h, w) uint8 indices into a palette of some colours, right or wrong."""
    height, width = pixels.shape
    planes = (pixels[..., np.newaxis] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(planes.reshape(height, width * bits), axis=1)
    content = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)
    palette = bytes(number % 256 for number in range(3 * colours))
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(content)))
    chunks = (*chunks, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def png_of_zeros(width: int, height: int) -> bytes:
    """Return a grey PNG of any size, cheaply: rows of zeros, deflated."""
    deflate = zlib.compressobj(9)
    row, rows = b"\0" * (width + 1), []
    for _ in range(height):
        rows.append(deflate.compress(row))
    rows.append(deflate.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"".join(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def tiff_header(width: int, height: int) -> bytes:
    """Return a small TIFF whose header claims any size."""
    data = bytearray(tiff(np.zeros((64, 64), np.uint8)))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages[0].tags
        for name, value in (("ImageWidth", width), ("ImageLength", height), ("RowsPerStrip", 1)):
            tag = tags[name]
            form = "<H" if tag.dtype == 3 else "<I"
            if form == "<H" and value > 65535:
                struct.pack_into("<H", data, tag.offset + 2, 4)
                form = "<I"
            struct.pack_into(form, data, tag.offset + 8, value)
    return bytes(data)


def read_upload(data: bytes, name: str, page: int = 0) -> Volume:
    """Return one page as the index of a cohort takes it: a volume of one slice."""
    pixels, notes = to_three_channels(decode(data, name, page))
    return Volume(pixels[np.newaxis], notes=notes)


def reason_of(data: bytes, name: str = "x.tif", page: int = 0) -> str:
    with pytest.raises(DecodeError) as refusal:
        read_upload(data, name, page)
    return str(refusal.value)
