"""Bad DICOM files, each with the reason that belongs to it."""

import struct
import zlib

import imagecodecs

from support.bad_files import DAMAGED, GREY, SHORT, Bad, cut, small
from support.cohorts import head
from support.dicom_files import COMPRESSED, DEEP, compressed
from support.files import dicom, element, with_bytes

MR = "1.2.840.10008.5.1.4.1.1."
DEFLATED, RUN_LENGTH = (f"1.2.840.10008.1.2.{end}" for end in ("1.99", "5"))
JPEG, JPEG_LOSSLESS, JPEG_LS, J2K, MPEG = (
    f"1.2.840.10008.1.2.4.{n}" for n in (50, 70, 80, 90, 102)
)

OTHER_OBJECTS = {
    "rtstruct": ("481.3", "it contains radiotherapy contours (RT Structure Set), no image"),
    "seg": ("66.4", "it contains a segmentation, no image"),
    "label_map": ("66.7", "it contains a segmentation, no image"),
    "dose": ("481.2", "it contains a radiotherapy dose, no image"),
    "plan": ("481.5", "it contains a radiotherapy plan, no image"),
    "report": ("88.33", "it contains a report, no image"),
    "enhanced_ct": ("2.1", "it is an enhanced CT image; expected MR"),
    "enhanced_pet": ("130", "it is an enhanced PET image; expected MR"),
    "enhanced_without_groups": (
        "4.1",
        "it lacks the sequence that describes its frames (functional groups)",
    ),
}
"""Name of a file -> the end of its SOP class, and its reason."""

WITHOUT_PIXELS = ("rtstruct", "plan", "report")

BAD_HEADERS: dict[str, tuple[dict[str, object], str]] = {
    "rgb": ({"SamplesPerPixel": 3}, "3 channels; expected one grey channel"),
    "palette": (
        {"PhotometricInterpretation": "PALETTE COLOR"},
        "its colours are a palette or another model; expected grey",
    ),
    "frames": (
        {"NumberOfFrames": 30},
        "it contains 30 frames, but only enhanced MR is read frame by frame: export the series as "
        "single slices",
    ),
    "mosaic": (
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]},
        "it is a Siemens mosaic (all slices of a volume tiled into one picture): convert the series "
        "to NIfTI, for example with dcm2niix, and give that",
    ),
    "huge": ({"Rows": 60000, "Columns": 60000}, "3600 MP exceeds 16 MP"),
    "tiny": ({"Rows": 8}, small(64, 8)),
    "no_rows": ({"Rows": 0}, small(64, 0)),
    "rows_missing": ({"Rows": None}, "its header lacks Rows, so its pixels cannot be read"),
    "bits_missing": (
        {"BitsAllocated": None},
        "its header lacks BitsAllocated, so its pixels cannot be read",
    ),
    "short_pixels": ({"Rows": 65}, "its pixels are 4,096 bytes, its header says 4,160"),
    "bits": ({"BitsAllocated": 12}, "8 of 12 bits a pixel; expected up to 8, 16 or 32"),
    "stored": ({"BitsStored": 9}, "9 of 8 bits a pixel; expected up to 8, 16 or 32"),
    "high": ({"HighBit": 3}, "its pixels are not stored from the lowest bit on"),
    "slope": (
        {"RescaleSlope": 0, "RescaleIntercept": 0},
        "its rescale slope or intercept is no usable number",
    ),
    "skew": (
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        "its rows and columns are not at right angles in its orientation",
    ),
}
"""Name of a file -> the fields of an else good header, and its reason."""


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
    start = dicom(None, syntax=DEFLATED)
    meta = start[: start.index(DEFLATED.encode()) + len(DEFLATED)]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(deflate.compress(bytes(2**20)) for _ in range(100)) + deflate.flush()
    return meta + body


def dicom_files() -> list[Bad]:
    return [*incomplete(), *other_objects(), *bad_headers(), *bad_structures(), *bad_compression()]


def incomplete() -> list[Bad]:
    """Return files that are cut short, or no DICOM at all."""
    good = dicom(GREY)
    return [
        ("empty.dcm", b"", "file is empty"),
        ("noise.dcm", b"\x07" * 999, "not a readable DICOM"),
        ("meta_alone.dcm", good[: good.index(b"\x08\x00\x16\x00")], "it contains no pixels"),
        ("preamble.dcm", good[:140], SHORT),
        *((f"cut{share}.dcm", cut(good, share), SHORT) for share in (0.2, 0.5, 0.99)),
        ("no_pixels.dcm", dicom(None), "it contains no pixels"),
        ("dicom.tif", good, "content is DICOM, name says TIFF"),
        ("dicom.nii", good, "content is DICOM, name says NIfTI"),
    ]


def other_objects() -> list[Bad]:
    """Return objects of DICOM that are no images of MR."""
    directory = dicom(None, SOPClassUID="1.2.840.10008.1.3.10")
    bad: list[Bad] = [("DICOMDIR", directory, "it contains a list of files (DICOMDIR), no image")]
    for name, (end, reason) in OTHER_OBJECTS.items():
        pixels = None if name in WITHOUT_PIXELS else GREY
        frames = {"NumberOfFrames": 5} if name.startswith("enhanced") else {}
        bad.append((f"{name}.dcm", dicom(pixels, SOPClassUID=MR + end, **frames), reason))
    return bad


def bad_headers() -> list[Bad]:
    """Return images whose header does not fit their pixels, or is not one of a grey slice."""
    return [
        (f"{name}.dcm", dicom(GREY, **fields), reason)
        for name, (fields, reason) in BAD_HEADERS.items()
    ]


def bad_structures() -> list[Bad]:
    """Return files whose elements are nested, ordered, stored or deflated in a way that is not read."""
    in_disorder = dicom(GREY).replace(b"\x28\x00\x11\x00US", b"\x18\x00\x11\x00US")
    floats = dicom(None, FloatPixelData=bytes(4096 * 4))
    too_large = "it inflates to more than 77 MiB, the most of one slice"
    return [
        ("nested.dcm", nested(200), "its sequences are nested deeper than 16 levels"),
        ("nested_open.dcm", nested(6)[:-40], SHORT),
        ("deflate_bomb.dcm", deflate_bomb, too_large),
        ("deflated_cut.dcm", dicom(DEEP, syntax=DEFLATED)[:-200], DAMAGED),
        ("order.dcm", in_disorder, DAMAGED),
        ("float.dcm", floats, "its pixels are floating-point; expected whole numbers"),
    ]


def bad_compression() -> list[Bad]:
    """Return images with compressed pixels that are damaged, not as the header says, or not read."""
    frames = {syntax: COMPRESSED[syntax](DEEP) for syntax in (JPEG_LOSSLESS, J2K, JPEG_LS)}
    run = compressed(DEEP, RUN_LENGTH, COMPRESSED[RUN_LENGTH](DEEP))
    video = compressed(GREY, MPEG, b"1234")
    unknown = video.replace(b".4.102", b".4.999")
    not_read = "its compression is not supported"
    colour = compressed(GREY, JPEG, imagecodecs.jpeg8_encode(head(1)))
    giant = with_bytes(frames[J2K], 8, struct.pack(">2I", 10**6, 10**6))
    bad: list[Bad] = [
        ("video.dcm", video, f"{not_read} (MPEG-4 AVC/H.264 High Profile / Level 4.1)"),
        ("unknown.dcm", unknown, f"{not_read} (unknown to the standard)"),
        ("colour_jpeg.dcm", colour, "3 channels; expected one grey channel"),
        ("run_cut.dcm", cut(run, 0.9), SHORT),
        ("run_noise.dcm", compressed(DEEP, RUN_LENGTH, bytes(200)), DAMAGED),
        ("no_frame.dcm", compressed(DEEP, JPEG_LS, b""), DAMAGED),
        ("j2k_bomb.dcm", compressed(DEEP, J2K, giant), other_size("1000000 x 1000000", "40 x 48")),
    ]
    for name, syntax in (("jpeg_size", JPEG_LOSSLESS), ("j2k_size", J2K)):
        shorter = compressed(DEEP[:40], syntax, frames[syntax])
        bad.append((f"{name}.dcm", shorter, other_size("40 x 48", "40 x 40")))
    bits = {"BitsStored": 12, "HighBit": 11}
    for syntax, frame in frames.items():
        cut_short = compressed(DEEP, syntax, frame[:-40], **bits)
        noise = compressed(DEEP, syntax, b"\x07" * 99, **bits)
        bad.append((f"frame_cut_{syntax[-2:]}.dcm", cut_short, SHORT))
        bad.append((f"frame_noise_{syntax[-2:]}.dcm", noise, DAMAGED))
    return bad


def other_size(compressed_px: str, header_px: str) -> str:
    return f"its compressed pixels are {compressed_px} px, its header says {header_px}"
