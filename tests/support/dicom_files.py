"""DICOM files in each compression, written in memory."""

import struct

import imagecodecs
import numpy as np

from support.files import dicom

STACK = np.random.default_rng(0).integers(0, 256, (5, 48, 40)).astype(np.uint8)


DEEP = np.random.default_rng(0).integers(0, 4096, (48, 40)).astype(np.uint16)


def encapsulated(frame: bytes) -> bytes:
    frame += b"\0" * (len(frame) % 2)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame
    return struct.pack("<HHI", 0xFFFE, 0xE000, 0) + item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def run_length(pixels: np.ndarray) -> bytes:
    """Return a frame in DICOM's run-length encoding, the most significant bytes first."""
    size = pixels.dtype.itemsize
    planes = pixels.astype(f">u{size}").view(np.uint8).reshape(*pixels.shape, size)
    parts = []
    for place in range(size):
        part = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in planes[..., place])
        parts.append(part + b"\0" * (len(part) % 2))
    starts = [64 + sum(map(len, parts[:place])) for place in range(size)]
    return struct.pack("<16I", size, *starts, *[0] * (15 - size)) + b"".join(parts)


def compressed(pixels: np.ndarray, syntax: str, frame: bytes, **tags: object) -> bytes:
    return dicom(pixels, syntax=syntax, PixelData=encapsulated(frame), **tags)


COMPRESSED = {
    "1.2.840.10008.1.2.5": run_length,
    "1.2.840.10008.1.2.4.57": lambda p: imagecodecs.jpeg_encode(p, lossless=True),
    "1.2.840.10008.1.2.4.70": lambda p: imagecodecs.jpeg_encode(p, lossless=True),
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.90": lambda p: imagecodecs.jpeg2k_encode(
        p, codecformat="j2k", reversible=True
    ),
}
