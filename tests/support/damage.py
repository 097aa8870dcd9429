"""Damaged pixels in otherwise whole files, and how many of them are noticed."""

import io
from collections import Counter

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from brainseg.errors import DecodeError
from brainseg.io import InputFile, open_inputs
from support.cohorts import head
from support.dicom_files import compressed
from support.pictures import pillow, png, tiff

SMOOTH = np.dstack([cv2.GaussianBlur(head(seed, 128, 128)[..., 0], (0, 0), 2) for seed in range(3)])
GREY = np.ascontiguousarray(SMOOTH[..., 0])
DEEP = GREY.astype(np.uint16) * 16
SYNTAX = "1.2.840.10008.1.2.4."

LEAST_NOTICED = {
    "JPEG": 0.3,
    "JPEG progressive": 0.8,
    "PNG": 0.95,
    "TIFF jpeg": 0.4,
    "TIFF lzw": 0.8,
    "TIFF zlib": 1,
    "TIFF lzma": 0.98,
    "DICOM JPEG": 0.2,
    "DICOM lossless JPEG": 0.25,
    "DICOM JPEG-LS": 0.98,
}
"""The least share of damaged files that is noticed; other encodings show damage only by chance."""


def stream_of(data: bytes) -> list[int]:
    """Return every position inside the strips of a TIFF."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        ends = zip(page.dataoffsets, page.databytecounts, strict=True)
        return [at for offset, count in ends for at in range(offset, offset + count)]


def whole_files() -> dict[str, tuple[str, bytes, list[int]]]:
    """Return for each encoding a file's name, its content, and the positions of its pixels."""
    files = {}
    for how in ({}, {"progressive": True}):
        data = pillow(Image.fromarray(SMOOTH), "JPEG", quality=90, **how)
        scan = range(data.index(b"\xff\xda") + 14, len(data) - 2)
        files[" ".join(["JPEG", *how])] = ("x.jpg", data, [*scan])
    data = png(SMOOTH)
    files["PNG"] = ("x.png", data, [*range(41, len(data) - 16)])
    for kind in ("jpeg", "lzw", "zlib", "lzma", "packbits", "zstd"):
        data = tiff(SMOOTH, compression=kind, rowsperstrip=32)
        files[f"TIFF {kind}"] = ("x.tif", data, stream_of(data))
    for kind, syntax, pixels, frame in (
        ("JPEG", "50", GREY, imagecodecs.jpeg8_encode(GREY, level=90)),
        ("lossless JPEG", "70", DEEP, imagecodecs.jpeg_encode(DEEP, lossless=True)),
        ("JPEG-LS", "80", DEEP, imagecodecs.jpegls_encode(DEEP)),
        ("JPEG 2000", "90", DEEP, imagecodecs.jpeg2k_encode(DEEP, codecformat="j2k")),
    ):
        data = compressed(pixels, SYNTAX + syntax, frame)
        scan = range(data.index(frame) + len(frame) // 5, data.index(frame) + len(frame) - 2)
        files[f"DICOM {kind}"] = ("x.dcm", data, [*scan])
    return files


def noticed(name: str, data: bytes, positions: list[int], count: int, seed: int = 0) -> Counter:
    """Count damaged files, each with 1 to 5 changed bytes of its pixels: refused, wrong or same."""
    rng, seen = np.random.default_rng(seed), Counter(refused=0, wrong=0, same=0)
    whole = open_inputs([InputFile(name, data)]).series[0].pixels
    for _ in range(count):
        damaged = bytearray(data)
        for at in rng.choice(positions, rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        try:
            pixels = open_inputs([InputFile(name, bytes(damaged))]).series[0].pixels
        except DecodeError:
            seen["refused"] += 1
        else:
            seen["same" if np.array_equal(pixels, whole) else "wrong"] += 1
    return seen
