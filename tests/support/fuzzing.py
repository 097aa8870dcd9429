"""Mutations of good files of every format, and what they may lead to."""

from collections import Counter

import cv2
import numpy as np
from PIL import Image

from brainseg.errors import DecodeError
from brainseg.io import InputFile, open_upload
from brainseg.io.decoding import decoding_jobs
from support.cohorts import head
from support.dicom_files import COMPRESSED, DEEP, compressed
from support.files import dicom, nifti, voxels, zipped
from support.pictures import pillow, png, tiff


def originals() -> list[tuple[str, bytes]]:
    """Return a good file of each format and compression, by name."""
    volume = voxels((36, 40, 4))
    found = [
        ("strips.tif", tiff(head(1), rowsperstrip=16)),
        ("deflate.tif", tiff(head(1), compression="zlib")),
        ("lzw.tif", tiff(head(1), compression="lzw", predictor=True)),
        ("tiles.tif", tiff(head(1)[..., 0], tile=(32, 32), compression="packbits")),
        ("opencv.tif", cv2.imencode(".tif", head(1))[1].tobytes()),
        ("palette.tif", pillow(Image.fromarray(head(1)).quantize(16), "TIFF")),
        ("a.png", png(head(1))),
        ("deep.png", png(head(1).astype(np.uint16) * 257)),
        ("a.jpg", pillow(Image.fromarray(head(1)), "JPEG")),
        ("progressive.jpg", pillow(Image.fromarray(head(1)), "JPEG", progressive=True)),
        ("a.nii", nifti(volume)),
        ("float.nii", nifti(volume.astype(np.float32))),
        ("none.nii", nifti(volume, None)),
        ("a.nii.gz", nifti(volume, packed=True)),
        ("a.dcm", dicom(DEEP)),
        ("implicit.dcm", dicom(DEEP, syntax="1.2.840.10008.1.2")),
        ("deflated.dcm", dicom(DEEP, syntax="1.2.840.10008.1.2.1.99")),
        ("a.zip", zipped({"1.dcm": dicom(DEEP), "2.dcm": dicom(DEEP, 5.0)}, 0)),
    ]
    for syntax, encode in COMPRESSED.items():
        found.append((f"{syntax[-2:]}.dcm", compressed(DEEP, syntax, encode(DEEP))))
    return found


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with one to five bytes changed, most of them near its ends, and some cut."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        # Headers are where a decoder is led astray, and they stand at either end.
        near = min(800, len(data))
        at = rng.integers(near) if rng.random() < 0.6 else rng.integers(len(data))
        at = len(data) - 1 - rng.integers(near) if rng.random() < 0.2 else at
        changed[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    if rng.random() < 0.15:
        del changed[rng.integers(1, len(changed)) :]
    return bytes(changed)


def outcomes(mutations: int, seed: int) -> tuple[Counter, list[str]]:
    """Return how many mutations were read, refused, and lost their worker, and the names of the last.

    Anything else is raised.
    """
    rng, files, seen, lost = np.random.default_rng(seed), originals(), Counter(), []
    jobs = decoding_jobs(workers=1)
    try:
        for turn in range(mutations):
            name, data = files[turn % len(files)]
            try:
                upload = open_upload([InputFile(name, mutated(data, rng))], jobs=jobs)
            except DecodeError as refusal:
                told = str(refusal)
                assert told.startswith(f"{name} was not used: ") or name.endswith(".zip"), told
                assert "\n" not in told, told
                is_lost = "ended its process" in told or "it took more than" in told
                seen["lost" if is_lost else "refused"] += 1
                lost += [name] * is_lost
            else:
                assert all(one.pixels.dtype == np.uint8 for one in upload.series)
                assert min(side for one in upload.series for side in one.pixels.shape[1:]) >= 32
                seen["read"] += 1
    finally:
        jobs.shutdown()
    return seen, lost
