"""Files as strangers have them: NIfTI, DICOM and zip, written in memory."""

import gzip
import io
import struct
import zipfile

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from brainseg.io import InputFile

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
SECRET = "Doe^Jane"
"""A patient's name that must turn up nowhere."""

PLAIN = np.diag([-2.0, -2.0, 5.0, 1.0])
"""Axial, as most scanners write it: first axis towards the left, second towards the back."""


def voxels(shape: tuple[int, ...] = (40, 48, 6), dtype: str = "int16") -> np.ndarray:
    """Return an array whose every voxel differs from its neighbours."""
    return np.random.default_rng(0).integers(0, 1000, shape).astype(dtype)


def nifti(
    array: np.ndarray, affine: np.ndarray | None = PLAIN, packed: bool = False, **fields: object
) -> bytes:
    """Return a NIfTI-1 file; header fields are written as they are given, right or wrong.

    Args:
        array: (x, y, z[, sequences]).
        affine: sform and qform; None leaves both codes 0.
        packed: as gzip.
        fields: of the header.
    """
    image = nib.Nifti1Image(array, affine, dtype=array.dtype)
    if affine is not None:
        image.set_sform(affine, 1)
        image.header.set_xyzt_units("mm")
    whole = bytearray(image.to_bytes())
    header = np.frombuffer(whole, nib.nifti1.header_dtype, 1).copy()
    for name, value in fields.items():
        header[name][0] = value
    whole[: header.nbytes] = header.tobytes()
    return gzip.compress(bytes(whole), 1) if packed else bytes(whole)


USUAL_TAGS = {
    "SOPClassUID": MR_IMAGE,
    "Modality": "MR",
    "StudyInstanceUID": "1.2.3.1",
    "SeriesInstanceUID": "1.2.3.2",
    "FrameOfReferenceUID": "1.2.3.3",
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.9, 0.9],
    "SliceThickness": 5,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelRepresentation": 0,
}


def dicom(
    pixels: np.ndarray | None,
    place: float = 0.0,
    syntax: str = ExplicitVRLittleEndian,
    **tags: object,
) -> bytes:
    """Return a DICOM MR image.

    Args:
        pixels: (h, w) uint8, uint16 or int16; None writes no pixels.
        place: along the body in mm.
        syntax: the transfer syntax; ``PixelData`` in ``tags`` is then already encoded.
        tags: that replace the usual ones; None leaves one out.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = tags.get("SOPClassUID", MR_IMAGE)
    meta.MediaStorageSOPInstanceUID = f"1.2.3.{round(place * 100) + 10**6}"
    meta.TransferSyntaxUID = syntax
    file = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    usual = {
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "InstanceNumber": round(place) + 100,
        "ImagePositionPatient": [-50, -60, place],
        **USUAL_TAGS,
    }
    if pixels is not None:
        usual |= _tags_of(pixels)
    for name, value in (usual | tags).items():
        if value is not None:
            setattr(file, name, value)
    if "PixelData" in file:
        file["PixelData"].VR = "OW" if file.get("BitsAllocated") == 16 else "OB"
        file["PixelData"].is_undefined_length = syntax.startswith("1.2.840.10008.1.2.4") or (
            syntax == "1.2.840.10008.1.2.5"
        )
    written = io.BytesIO()
    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    pydicom.dcmwrite(written, file, enforce_file_format=True)
    pydicom.config.settings.writing_validation_mode = before
    return written.getvalue()


def _tags_of(pixels: np.ndarray) -> dict[str, object]:
    bits = 8 * pixels.dtype.itemsize
    return {
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes(),
    }


def dicom_series(stack: np.ndarray, spacing: float = 5.0, **tags: object) -> list[InputFile]:
    """Return a file for each plane of (n, h, w), its first the lowest in the body."""
    return [
        InputFile(f"IM{place:04d}", dicom(plane, place * spacing, **tags))
        for place, plane in enumerate(stack)
    ]


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of files by name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return written.getvalue()


def with_bytes(data: bytes, at: int, content: bytes) -> bytes:
    """Return a file with some bytes replaced."""
    return data[:at] + content + data[at + len(content) :]


def element(tag: int, kind: bytes, value: bytes, length: int | None = None) -> bytes:
    """Return one explicit little-endian DICOM element with a long length, right or wrong."""
    size = len(value) if length is None else length
    return struct.pack("<HH2s2xI", tag >> 16, tag & 0xFFFF, kind, size) + value


def few_bits(pixels: np.ndarray, bits: int, photometric: int, palette: bytes = b"") -> bytes:
    """Return an uncompressed TIFF of 1, 2 or 4 bits a pixel, as TIFF 6.0 lays it out.

    Args:
        pixels: (h, w) of values below 2**bits.
        bits: a pixel.
        photometric: 0 minimum-is-white, 1 minimum-is-black, 3 palette.
        palette: 3 * 2**bits little-endian words, red first.
    """
    height, width = pixels.shape
    flat = (pixels[..., np.newaxis] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(flat.reshape(height, width * bits).astype(np.uint8), axis=1).tobytes()
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 3, 1, height),
        (279, 4, 1, len(rows)),
    ]
    if palette:
        entries.append((320, 3, len(palette) // 2, 8 + len(rows)))
    start = 8 + len(rows) + len(palette)
    directory = len(entries).to_bytes(2, "little")
    for tag, kind, count, value in entries:
        fields = ((tag, 2), (kind, 2), (count, 4), (value, 4))
        directory += b"".join(number.to_bytes(size, "little") for number, size in fields)
    return b"II*\0" + start.to_bytes(4, "little") + rows + palette + directory + bytes(4)
