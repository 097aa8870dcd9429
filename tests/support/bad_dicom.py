"""Bad DICOM files, each with the reason that belongs to it."""

import struct
import zlib

import imagecodecs

from support.bad_files import DAMAGED, GREY, SHORT, Bad, cut, small
from support.cohorts import head
from support.dicom_files import COMPRESSED, DEEP, compressed
from support.files import dicom, element, with_bytes

MR = "1.2.840.10008.5.1.4.1.1."
JPEG_LOSSLESS, J2K, JPEG_LS = (f"1.2.840.10008.1.2.4.{n}" for n in (70, 90, 80))


def nested(levels: int) -> bytes:
    """Return a DICOM with sequences of undefined length, one inside another."""
    inside = b""
    for _ in range(levels):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside
        item += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        inside = element(0x00400275, b"SQ", item, 0xFFFFFFFF)
    whole = dicom(GREY)
    return whole[: whole.index(b"\xe0\x7f\x10\x00")] + inside


def deflate_bomb() -> bytes:
    start = dicom(None, syntax="1.2.840.10008.1.2.1.99")
    meta = start[: start.index(b"1.2.840.10008.1.2.1.99") + 22]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(deflate.compress(bytes(2**20)) for _ in range(100)) + deflate.flush()
    return meta + body


def dicom_files() -> list[Bad]:
    good = dicom(GREY)
    run = compressed(DEEP, "1.2.840.10008.1.2.5", COMPRESSED["1.2.840.10008.1.2.5"](DEEP))
    frames = {s: COMPRESSED[s](DEEP) for s in (JPEG_LOSSLESS, J2K, JPEG_LS)}
    bits = {"BitsStored": 12, "HighBit": 11}
    bad: list[Bad] = [
        ("empty.dcm", b"", "file is empty"),
        ("noise.dcm", b"\x07" * 999, "not a readable DICOM"),
        ("meta_alone.dcm", good[: good.index(b"\x08\x00\x16\x00")], "it contains no pixels"),
        ("preamble.dcm", good[:140], SHORT),
        ("no_pixels.dcm", dicom(None), "it contains no pixels"),
        (
            "rtstruct.dcm",
            dicom(None, SOPClassUID=f"{MR}481.3"),
            "it contains radiotherapy contours (RT Structure Set), no image",
        ),
        ("seg.dcm", dicom(GREY, SOPClassUID=f"{MR}66.4"), "it contains a segmentation, no image"),
        (
            "dose.dcm",
            dicom(GREY, SOPClassUID=f"{MR}481.2"),
            "it contains a radiotherapy dose, no image",
        ),
        (
            "plan.dcm",
            dicom(None, SOPClassUID=f"{MR}481.5"),
            "it contains a radiotherapy plan, no image",
        ),
        (
            "DICOMDIR",
            dicom(None, SOPClassUID="1.2.840.10008.1.3.10"),
            "it contains a list of files (DICOMDIR), no image",
        ),
        (
            "frames.dcm",
            dicom(GREY, NumberOfFrames=30),
            "it contains 30 frames, but only enhanced MR is read frame by frame: export the series as "
            "single slices",
        ),
        ("rgb.dcm", dicom(GREY, SamplesPerPixel=3), "3 channels; expected one grey channel"),
        (
            "palette.dcm",
            dicom(GREY, PhotometricInterpretation="PALETTE COLOR"),
            "its colours are a palette or another model; expected grey",
        ),
        ("huge.dcm", dicom(GREY, Rows=60000, Columns=60000), "3600 MP exceeds 16 MP"),
        ("tiny.dcm", dicom(GREY, Rows=8), small(64, 8)),
        ("no_rows.dcm", dicom(GREY, Rows=0), small(64, 0)),
        (
            "rows_missing.dcm",
            dicom(GREY, Rows=None),
            "its header lacks Rows, so its pixels cannot be read",
        ),
        (
            "bits_missing.dcm",
            dicom(GREY, BitsAllocated=None),
            "its header lacks BitsAllocated, so its pixels cannot be read",
        ),
        (
            "short_pixels.dcm",
            dicom(GREY, Rows=65),
            "its pixels are 4,096 bytes, its header says 4,160",
        ),
        (
            "bits.dcm",
            dicom(GREY, BitsAllocated=12),
            "8 of 12 bits a pixel; expected up to 8, 16 or 32",
        ),
        (
            "stored.dcm",
            dicom(GREY, BitsStored=9),
            "9 of 8 bits a pixel; expected up to 8, 16 or 32",
        ),
        ("high.dcm", dicom(GREY, HighBit=3), "its pixels are not stored from the lowest bit on"),
        (
            "slope.dcm",
            dicom(GREY, RescaleSlope=0, RescaleIntercept=0),
            "its rescale slope or intercept is no usable number",
        ),
        (
            "mosaic.dcm",
            dicom(GREY, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]),
            "it is a Siemens mosaic (all slices of a volume tiled into one picture): convert the series "
            "to NIfTI, for example with dcm2niix, and give that",
        ),
        (
            "enhanced_ct.dcm",
            dicom(GREY, SOPClassUID=f"{MR}2.1", NumberOfFrames=5),
            "it is an enhanced CT image; expected MR",
        ),
        (
            "enhanced_pet.dcm",
            dicom(GREY, SOPClassUID=f"{MR}130", NumberOfFrames=5),
            "it is an enhanced PET image; expected MR",
        ),
        (
            "enhanced_without_groups.dcm",
            dicom(GREY, SOPClassUID=f"{MR}4.1", NumberOfFrames=5),
            "it lacks the sequence that describes its frames (functional groups)",
        ),
        (
            "label_map.dcm",
            dicom(GREY, SOPClassUID=f"{MR}66.7"),
            "it contains a segmentation, no image",
        ),
        ("report.dcm", dicom(None, SOPClassUID=f"{MR}88.33"), "it contains a report, no image"),
        (
            "skew.dcm",
            dicom(GREY, ImageOrientationPatient=[1, 0, 0, 1, 0, 0]),
            "its rows and columns are not at right angles in its orientation",
        ),
        (
            "video.dcm",
            compressed(GREY, "1.2.840.10008.1.2.4.102", b"1234"),
            "its compression is not supported (MPEG-4 AVC/H.264 High Profile / Level 4.1)",
        ),
        (
            "unknown.dcm",
            compressed(GREY, "1.2.840.10008.1.2.4.102", b"1234").replace(b".4.102", b".4.999"),
            "its compression is not supported (unknown to the standard)",
        ),
        ("nested.dcm", nested(200), "its sequences are nested deeper than 16 levels"),
        ("nested_open.dcm", nested(6)[:-40], SHORT),
        (
            "deflate_bomb.dcm",
            deflate_bomb,
            "it inflates to more than 77 MiB, the most of one slice",
        ),
        ("deflated_cut.dcm", dicom(DEEP, syntax="1.2.840.10008.1.2.1.99")[:-200], DAMAGED),
        ("dicom.tif", good, "content is DICOM, name says TIFF"),
        ("dicom.nii", good, "content is DICOM, name says NIfTI"),
        ("run_cut.dcm", cut(run, 0.9), SHORT),
        (
            "jpeg_size.dcm",
            compressed(DEEP[:40], JPEG_LOSSLESS, frames[JPEG_LOSSLESS]),
            "its compressed pixels are 40 x 48 px, its header says 40 x 40",
        ),
        (
            "j2k_size.dcm",
            compressed(DEEP[:40], J2K, frames[J2K]),
            "its compressed pixels are 40 x 48 px, its header says 40 x 40",
        ),
        (
            "j2k_bomb.dcm",
            compressed(DEEP, J2K, with_bytes(frames[J2K], 8, struct.pack(">2I", 10**6, 10**6))),
            "its compressed pixels are 1000000 x 1000000 px, its header says 40 x 48",
        ),
        (
            "colour_jpeg.dcm",
            compressed(GREY, "1.2.840.10008.1.2.4.50", imagecodecs.jpeg8_encode(head(1))),
            "3 channels; expected one grey channel",
        ),
        ("no_frame.dcm", compressed(DEEP, JPEG_LS, b""), DAMAGED),
        ("run_noise.dcm", compressed(DEEP, "1.2.840.10008.1.2.5", bytes(200)), DAMAGED),
        ("order.dcm", good.replace(b"\x28\x00\x11\x00US", b"\x18\x00\x11\x00US"), DAMAGED),
        (
            "float.dcm",
            dicom(None, FloatPixelData=bytes(4096 * 4)),
            "its pixels are floating-point; expected whole numbers",
        ),
    ]
    bad += [(f"cut{share}.dcm", cut(good, share), SHORT) for share in (0.2, 0.5, 0.99)]
    bad += [
        (f"frame_cut_{syntax[-2:]}.dcm", compressed(DEEP, syntax, frame[:-40], **bits), SHORT)
        for syntax, frame in frames.items()
    ]
    bad += [
        (f"frame_noise_{syntax[-2:]}.dcm", compressed(DEEP, syntax, b"\x07" * 99, **bits), DAMAGED)
        for syntax in frames
    ]
    return bad
