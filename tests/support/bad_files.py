"""Bad pictures, NIfTI files and archives, each with the reason that belongs to it."""

import gzip
import io
import stat
import struct
import zipfile
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from brainseg.io.names import INPUT_SUFFIXES
from support.cohorts import head
from support.files import nifti, voxels, with_bytes, zipped
from support.pictures import pillow, png, png_of_zeros, tiff, tiff_header

DAMAGED = "file is incomplete or damaged"
SHORT = "file is shorter than its header says"
NO_SUFFIX = f"its name ends in none of {', '.join(INPUT_SUFFIXES)}"
GREY = head(1)[..., 0]

Bad = tuple[str, bytes | Callable[[], bytes], str]


def small(width: int, height: int) -> str:
    return f"{width} x {height} px is too small to segment (at least 32 px a side)"


def picture(kind: str, **how: object) -> bytes:
    return pillow(Image.fromarray(head(1)), kind, **how)


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def flipped(data: bytes, share: float) -> bytes:
    at = int(len(data) * share)
    return with_bytes(data, at, bytes([data[at] ^ 0x10]))


def nan_tiff() -> bytes:
    pixels = np.zeros((64, 64), np.float32)
    pixels[3, 3:5], pixels[4, 4] = np.nan, np.inf
    return tiff(pixels)


def jpeg_of(width: int, height: int) -> bytes:
    data = picture("JPEG")
    return with_bytes(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def pictures() -> list[Bad]:
    whole = {
        "tif": tiff(head(1), rowsperstrip=16),
        "tiff": tiff(head(1), compression="zlib"),
        "png": png(head(1)),
        "jpg": picture("JPEG"),
    }
    return [*damaged_pictures(whole), *misnamed_pictures(whole), *bad_sizes(whole), *bad_tiffs()]


def damaged_pictures(whole: dict[str, bytes]) -> list[Bad]:
    """Return pictures that are empty, noise, cut short or changed in one byte."""
    bad: list[Bad] = []
    for end, data in whole.items():
        kind = {"tif": "TIFF", "tiff": "TIFF", "png": "PNG", "jpg": "JPEG"}[end]
        bad += [
            (f"empty.{end}", b"", "file is empty"),
            (f"noise.{end}", b"\x07" * 999, f"not a readable {kind}"),
            *((f"cut{share}.{end}", cut(data, share), DAMAGED) for share in (0.3, 0.6, 0.97)),
            (f"one_byte_short.{end}", data[:-1], DAMAGED),
        ]
    bad += [(f"flip{s}.tiff", flipped(whole["tiff"], s), DAMAGED) for s in (0.3, 0.5, 0.7)]
    bad += [(f"crc{s}.png", flipped(whole["png"], s), DAMAGED) for s in (0.3, 0.5, 0.99)]
    return [
        *bad,
        ("opencv.tif", cv2.imencode(".tif", head(1))[1].tobytes()[:-1], DAMAGED),
        ("magic_alone.tif", b"II*\0", DAMAGED),
        ("magic_alone.png", b"\x89PNG\r\n\x1a\n", DAMAGED),
        ("magic_alone.jpg", b"\xff\xd8\xff", DAMAGED),
    ]


def misnamed_pictures(whole: dict[str, bytes]) -> list[Bad]:
    return [
        ("jpeg.tif", whole["jpg"], "content is JPEG, name says TIFF"),
        ("png.jpg", whole["png"], "content is PNG, name says JPEG"),
        ("tiff.png", whole["tif"], "content is TIFF, name says PNG"),
        ("tiff.nii", whole["tif"], "content is TIFF, name says NIfTI"),
        ("png.dcm", whole["png"], "content is PNG, name says DICOM"),
        ("x.exe", whole["tif"], NO_SUFFIX),
        ("none", whole["png"], NO_SUFFIX),
    ]


def bad_sizes(whole: dict[str, bytes]) -> list[Bad]:
    bomb = with_bytes(whole["png"], 16, struct.pack(">2I", 20_000, 20_000))
    return [
        ("bomb.png", bomb, "400 MP exceeds 16 MP"),
        ("bomb.tif", tiff_header(100_000, 100_000), "10000 MP exceeds 16 MP"),
        ("bomb.jpg", jpeg_of(65_000, 65_000), "4225 MP exceeds 16 MP"),
        ("no_width.tif", tiff_header(0, 64), small(0, 64)),
        ("no_width.png", png_of_zeros(0, 64), small(0, 64)),
        ("no_width.jpg", jpeg_of(0, 64), small(0, 64)),
        ("dot.tif", tiff(np.zeros((1, 1), np.uint8)), small(1, 1)),
        ("line.png", png(np.zeros((5000, 1), np.uint8)), small(1, 5000)),
        ("narrow.png", png(np.zeros((64, 31), np.uint8)), small(31, 64)),
    ]


def bad_tiffs() -> list[Bad]:
    """Return whole TIFF files whose pixels are none of one picture in grey or colour."""

    def channels(number: int, **how: object) -> bytes:
        return tiff(np.zeros((64, 64, number), np.uint8), **how)

    complex_numbers = "pixels of type complex64; expected whole numbers or floats"
    colours = "expected grey, RGB or a palette"
    cmyk = channels(4, photometric="separated")
    lab = pillow(Image.fromarray(head(1)).convert("LAB"), "TIFF")
    jpeg2000 = tiff(GREY, compression="jpeg2000")
    return [
        ("nan.tif", nan_tiff, "3 invalid pixels (not a number, or infinite)"),
        ("complex.tif", tiff(GREY.astype(np.complex64)), complex_numbers),
        ("five.tif", channels(5, planarconfig="contig"), "5 channels; expected 1 or 3"),
        ("seventeen.tif", channels(17, planarconfig="contig"), "17 channels; expected 1 or 3"),
        ("cmyk.tif", cmyk, f"its colour model is SEPARATED; {colours}"),
        ("lab.tif", lab, f"its colour model is CIELAB; {colours}"),
        (
            "pages.tif",
            tiff(np.stack([GREY] * 3), photometric="minisblack"),
            "it has 3 pages; choose one, or all of them as the slices of a stack",
        ),
        (
            "jpeg2000.tif",
            jpeg2000,
            "its compression is not supported; expected LZW, deflate or JPEG",
        ),
    ]


BAD_DIMENSIONS = {
    "zero": (
        (40, 0, 6),
        "its header says 40 x 0 x 6 voxels; each dimension needs at least 1",
    ),
    "negative": (
        (40, 48, -6),
        "its header says 40 x 48 x -6 voxels; each dimension needs at least 1",
    ),
    "huge": ((32000, 32000, 400), "1024 MP exceeds 16 MP"),
    "tall": ((64, 64, 600), "600 slices exceed 512"),
    "heavy": (
        (2000, 2000, 500),
        "a volume of 500 slices of 2000 x 2000 px has more than 134,217,728 voxels (512 x 512 x "
        "512): crop it, or reduce its resolution",
    ),
    "thin": ((4, 5, 48), small(4, 5)),
    "series": ((40, 48, 6, 200), "200 volumes exceed 16; it looks like a time series"),
    "five": (
        (40, 48, 6, 2, 3),
        "40 x 48 x 6 x 2 x 3 voxels; expected 3 dimensions, or 4 with the sequences last",
    ),
    "longer": ((40, 48, 9), DAMAGED),
}
"""Name of a file -> the size that its header states, and its reason."""

BAD_FIELDS: dict[str, tuple[dict[str, object], str]] = {
    "no_dims": ({"dim": [0] * 8}, "its header counts 0 dimensions; expected 3 or 4"),
    "many_dims": ({"dim": [9] + [2] * 7}, "its header counts 9 dimensions; expected 3 or 4"),
    "rgb": (
        {"datatype": 128, "bitpix": 24},
        "voxels of RGB; expected whole numbers or floats",
    ),
    "complex": (
        {"datatype": 32, "bitpix": 64},
        "voxels of complex numbers; expected whole numbers or floats",
    ),
    "bits": ({"bitpix": 8}, DAMAGED),
    "type": ({"datatype": 77}, DAMAGED),
    "offset": ({"vox_offset": 1e9}, DAMAGED),
    "offset_nan": ({"vox_offset": np.nan}, DAMAGED),
    "offset_before": ({"vox_offset": 100}, DAMAGED),
    "pair": (
        {"magic": b"ni1"},
        "its voxels are in an .img file of its name, which is missing or not readable: put it "
        "beside its header",
    ),
    "no_magic": ({"magic": b"xyz"}, "not a readable NIfTI"),
    "scaling": ({"scl_slope": np.inf}, "its scaling is inf and 0; expected numbers"),
}
"""Name of a file -> the fields of an else good header, and its reason."""


def volumes() -> list[Bad]:
    good = nifti(voxels())
    packed = nifti(voxels(), packed=True)
    bad = bad_volumes()
    for name, data, reason in tuple(bad):
        if name in ("zero.nii", "huge.nii", "heavy.nii", "longer.nii", "no_magic.nii", "nan.nii"):
            bad.append((f"{name}.gz", gzip.compress(data, 1), reason))
    bad += [(f"cut{share}.nii", cut(good, share), DAMAGED) for share in (0.05, 0.5, 0.999)]
    bad += [(f"cut{share}.nii.gz", cut(packed, share), DAMAGED) for share in (0.5, 0.999)]
    return [
        *bad,
        ("empty.nii", b"", "file is empty"),
        ("empty.nii.gz", b"", "file is empty"),
        ("noise.nii", b"\x07" * 999, "not a readable NIfTI"),
        ("noise.nii.gz", b"\x07" * 999, "not a readable NIfTI"),
        ("flip.nii.gz", flipped(packed, 0.5), DAMAGED),
        ("checksum.nii.gz", flipped(packed, 0.9999), DAMAGED),
        ("more.nii.gz", gzip.compress(good + b"x"), "it contains more than its header says"),
        ("zeros.nii.gz", gzip.compress(bytes(10**7), 1), "not a readable NIfTI"),
        ("picture.nii.gz", gzip.compress(png(head(1))), "not a readable NIfTI"),
        ("nifti.dcm", good, "content is NIfTI, name says DICOM"),
        ("nifti.tif", good, "content is NIfTI, name says TIFF"),
    ]


def bad_volumes() -> list[tuple[str, bytes, str]]:
    """Return whole files that are not compressed, each with one fault."""
    bad = []
    for name, (sizes, reason) in BAD_DIMENSIONS.items():
        dim = [len(sizes), *sizes, *[1] * (7 - len(sizes))]
        bad.append((f"{name}.nii", nifti(voxels(), dim=dim), reason))
    for name, (fields, reason) in BAD_FIELDS.items():
        bad.append((f"{name}.nii", nifti(voxels(), **fields), reason))
    holes = voxels(dtype="float32")
    holes[0, 0, :2] = np.nan, np.inf
    return [*bad, ("nan.nii", nifti(holes), "2 invalid pixels (not a number, or infinite)")]


def link(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return written.getvalue()


def zip_bomb() -> bytes:
    """Return a zip whose directory promises half a gibibyte."""
    data = zipped({"0.tif": bytes(10**6)})
    return data.replace(struct.pack("<I", 10**6), struct.pack("<I", 2**29))


def lying_zip() -> bytes:
    """Return a zip whose directory promises less than an entry inflates to."""
    data = zipped({"a.tif": bytes(10**6)})
    return data.replace(struct.pack("<I", 10**6), struct.pack("<I", 100))


def archives() -> list[Bad]:
    good = zipped({"a.tif": tiff(head(1)), "b.tif": tiff(head(2))})
    many = zipped({f"{n}": b"" for n in range(4097)})
    return [
        ("empty.zip", b"", "file is empty"),
        ("noise.zip", b"\x07" * 999, "not a readable zip"),
        ("nothing.zip", zipped({}), "the archive is empty"),
        ("folders.zip", zipped({"a/": b"", "__MACOSX/a.tif": b"x"}), "the archive is empty"),
        ("bomb.zip", zip_bomb, "512 MiB inflated exceed 256 MiB"),
        ("cut.zip", cut(good, 0.5), DAMAGED),
        # zipfile ends a name at its first null: nothing is left of this one.
        ("nameless.zip", good.replace(b"a.tif", b"\0.tif"), DAMAGED),
        ("zip.tif", good, "content is zip, name says TIFF"),
        ("many.zip", many, "4,097 files in an archive exceed 4,096"),
    ]


def inside() -> list[Bad]:
    html = "<img src=x onerror=alert(1)>.tif"
    pages = tiff(np.stack([GREY] * 2), photometric="minisblack")
    nested = zipped({"a.zip": zipped({"x": b""})})
    no_method = "its compression in the archive is not supported; expected deflate"
    return [
        ("link.tif", link("link.tif"), "it is a link, not a file"),
        ("a.zip", nested, "an archive inside an archive is not opened"),
        ("a.tif", lying_zip(), DAMAGED),
        (html, zipped({html: b""}), "file is empty"),
        ("../../etc/passwd", zipped({"../../etc/passwd": b"root"}), NO_SUFFIX),
        ("/etc/x.tif", zipped({"/etc/x.tif": b""}), "file is empty"),
        ("p.tif", zipped({"p.tif": pages}), "it has 2 pages; give it by itself to choose one"),
        ("a.tif", zipped({"a.tif": tiff(GREY)}, zipfile.ZIP_LZMA), no_method),
    ]
