"""NRRD, MetaImage and MGH: voxels and geometry as in NIfTI, and a sentence for what is not read."""

import gzip
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
from support.files import PLAIN, voxels, zipped
from support.volume_formats import LPS, SEGMENTS, SUFFIXES, write_volume

from brainseg.errors import DecodeError
from brainseg.io import InputFile, open_inputs
from brainseg.io.detached import files_of, join_detached, read_joined
from brainseg.io.nifti import NiftiFile, read_nifti
from brainseg.io.orientation import NO_ORIENTATION

SHAPE = (40, 48, 6)


def oblique(axes: str = "RAS") -> np.ndarray:
    """Return an affine with three spacings, a rotation and axes in the directions of three letters."""
    turn = nib.eulerangles.euler2mat(0.2, 0.1, -0.1)
    affine = nib.affines.from_matvec(turn @ np.diag([0.9, 1.1, 5.0]), (-20.5, 10.0, 33.25))
    own, wanted = nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(axes)
    change = nib.orientations.ornt_transform(own, wanted)
    return affine @ nib.orientations.inv_ornt_aff(change, SHAPE)


def read(path: Path) -> NiftiFile:
    return read_nifti(read_joined(path))


def as_nifti(array: np.ndarray, affine: np.ndarray) -> NiftiFile:
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    return read_nifti(image.to_bytes())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS", "PIR", "SAL"])
def test_a_volume_has_the_voxels_and_geometry_of_its_nifti(
    tmp_path: Path, suffix: str, axes: str
) -> None:
    array, affine = voxels((40, 48, 36), "int16"), oblique(axes)
    write_volume(tmp_path / f"x{suffix}", array, affine)
    found, expected = read(tmp_path / f"x{suffix}"), as_nifti(array, affine)
    assert (found.volumes == expected.volumes).all()
    assert np.allclose(found.affine, expected.affine, atol=1e-4)
    assert found.spacing_mm == pytest.approx(expected.spacing_mm, rel=1e-4)
    assert (found.notes, found.warnings, found.space) == (expected.notes, (), "patient")
    assert found.source.shape == array.shape


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "int32"])
def test_voxels_of_each_type_keep_their_values(tmp_path: Path, suffix: str, dtype: str) -> None:
    array = voxels(dtype=dtype)
    write_volume(tmp_path / f"x{suffix}", array, PLAIN)
    assert (read(tmp_path / f"x{suffix}").volumes == as_nifti(array, PLAIN).volumes).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_last_of_four_axes_counts_volumes(tmp_path: Path, suffix: str) -> None:
    array = voxels((*SHAPE, 3))
    write_volume(tmp_path / f"x{suffix}", array, PLAIN)
    assert (read(tmp_path / f"x{suffix}").volumes == as_nifti(array, PLAIN).volumes).all()


def with_list_first(path: Path, array: np.ndarray, **fields: object) -> None:
    """Write (volumes, x, y, z), as 3D Slicer does."""
    directions = np.vstack([[[np.nan] * 3], (LPS @ PLAIN)[:3, :3].T])
    header = {
        "space": "LPS",
        "kinds": ["list", "domain", "domain", "domain"],
        "space directions": directions,
        "space origin": (0, 0, 0),
        **fields,
    }
    nrrd.write(str(path), array, header)


def test_volumes_of_slicer_lie_along_the_first_axis(tmp_path: Path) -> None:
    array = voxels((*SHAPE, 3))
    with_list_first(tmp_path / "x.nrrd", np.moveaxis(array, -1, 0))
    assert (read(tmp_path / "x.nrrd").volumes == as_nifti(array, PLAIN).volumes).all()


@pytest.mark.parametrize("space", ["right-anterior-superior", "RAS", "left-anterior-superior"])
def test_the_space_of_an_nrrd_file_decides_left_and_front(tmp_path: Path, space: str) -> None:
    signs = (-1.0 if space[0] == "l" else 1.0, 1.0, 1.0, 1.0)
    own = np.diag(signs) @ oblique()
    fields = {"space": space, "space directions": own[:3, :3].T, "space origin": own[:3, 3]}
    write_volume(tmp_path / "x.nrrd", voxels(), oblique(), fields)
    expected = as_nifti(voxels(), oblique())
    assert (read(tmp_path / "x.nrrd").volumes == expected.volumes).all()
    assert np.allclose(read(tmp_path / "x.nrrd").affine, expected.affine, atol=1e-4)


def nrrd_text(lines: str, data: bytes | None = None, magic: str = "NRRD0005") -> bytes:
    """Return an NRRD file of 40 x 48 x 6 unsigned bytes with more lines in its header."""
    stored = voxels(dtype="uint8").tobytes(order="F") if data is None else data
    given = "" if "sizes:" in lines else "dimension: 3\nsizes: 40 48 6\n"
    given += "" if "type:" in lines else "type: uint8\n"
    given += "" if "encoding:" in lines else "encoding: raw\n"
    return f"{magic}\n# a comment\n{given}{lines}\n\n".encode() + stored


@pytest.mark.parametrize(
    ("lines", "spacing"),
    [
        ("space: scanner-xyz\nspace directions: (2,0,0) (0,3,0) (0,0,4)", None),
        ("space: 3D-left-handed\nspace directions: (2,0,0) (0,3,0) (0,0,4)", None),
        (
            'space dimension: 3\nspace units: "mm" "mm" "mm"\n'
            "space directions: (2,0,0) (0,3,0) (0,0,4)",
            (4, 3, 2),
        ),
        ("spacings: 2 3 4", None),
        ('spacings: 2 3 4\nunits: "mm" "mm" "mm"', (4, 3, 2)),
        ('spacings: 2000 3000 4000\nunits: "um" "um" "um"', (4, 3, 2)),
        ("content: nothing else", None),
    ],
)
def test_an_unknown_orientation_or_spacing_stays_unknown(
    lines: str, spacing: tuple[float, ...] | None
) -> None:
    found = read_nifti(nrrd_text(lines))
    assert found.affine is None and found.spacing_mm == spacing
    assert found.warnings == (NO_ORIENTATION,)
    assert NO_ORIENTATION.endswith("left and right are unknown.")


def test_units_of_an_affine_become_millimetres() -> None:
    lines = 'space: RAS\nspace units: "cm" "cm" "cm"\nspace directions: (.2,0,0) (0,.3,0) (0,0,.4)'
    assert read_nifti(nrrd_text(lines)).spacing_mm == pytest.approx((4, 3, 2))


def test_bytes_of_either_order_lines_of_windows_and_skips_are_read() -> None:
    array = voxels()
    stored = array.astype(">i2").tobytes(order="F")
    lines = "type: short\nendian: big"
    expected = as_nifti(array, None).volumes
    assert (read_nifti(nrrd_text(lines, stored)).volumes == expected).all()
    header, _, _ = nrrd_text(lines, b"").partition(b"\n\n")
    windows = header.replace(b"\n", b"\r\n") + b"\r\n\r\n" + stored
    assert (read_nifti(windows).volumes == expected).all()
    skipped = nrrd_text(f"{lines}\nline skip: 1\nbyteskip: 3", b"a line\nabc" + stored)
    assert (read_nifti(skipped).volumes == expected).all()
    at_the_end = nrrd_text(f"{lines}\nbyte skip: -1", b"anything" + stored)
    assert (read_nifti(at_the_end).volumes == expected).all()


def test_a_pair_of_either_byte_order_may_have_bytes_before_its_voxels() -> None:
    for order in "<>":
        header = nib.nifti1.Nifti1PairHeader(endianness=order)
        header.set_data_dtype(np.dtype(f"{order}i2"))
        header.set_data_shape(SHAPE)
        header["vox_offset"] = 16
        stored = bytes(16) + voxels().astype(f"{order}i2").tobytes(order="F")
        files = [InputFile("A.HDR", header.binaryblock), InputFile("A.IMG", stored)]
        (found,) = join_detached(files)
        assert (read_nifti(found.data).volumes == as_nifti(voxels(), None).volumes).all()


def metaimage(lines: str, data: bytes | None = None, kind: str = "MET_UCHAR") -> bytes:
    stored = voxels(dtype="uint8").tobytes(order="F") if data is None else data
    return (
        f"ObjectType = Image\nNDims = 3\n{lines}\nDimSize = 40 48 6\nElementType = {kind}\n"
        "ElementDataFile = LOCAL\n"
    ).encode() + stored


def test_metaimage_without_a_matrix_has_an_orientation_only_where_all_agree() -> None:
    spacing = "ElementSpacing = 2 3 4"
    by_letters = read_nifti(metaimage(f"{spacing}\nAnatomicalOrientation = RAI"))
    matrix = "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0"
    by_matrix = read_nifti(metaimage(f"{spacing}\n{matrix}"))
    assert np.array_equal(by_letters.affine, by_matrix.affine)
    assert (by_letters.volumes == by_matrix.volumes).all()
    for letters in ("", "\nAnatomicalOrientation = ???", "\nAnatomicalOrientation = LPS"):
        unknown = read_nifti(metaimage(spacing + letters))
        assert unknown.affine is None and unknown.spacing_mm == (4, 3, 2)
    assert read_nifti(metaimage("")).spacing_mm is None


def test_mgh_without_its_flag_has_no_orientation(tmp_path: Path) -> None:
    write_volume(tmp_path / "x.mgh", voxels(), PLAIN)
    data = bytearray((tmp_path / "x.mgh").read_bytes())
    data[28:30] = b"\0\0"
    found = read_nifti(bytes(data))
    assert found.affine is None and found.spacing_mm is None


LPS_LINES = "space: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)"
GZIPPED = gzip.compress(voxels(dtype="uint8").tobytes())
BOMB = gzip.compress(bytes(2**25), 9)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.nrrd", nrrd_text("encoding: ascii"), "its voxels are written as text: save it with"),
        ("x.nrrd", nrrd_text("encoding: hex"), "its voxels are written as text"),
        ("x.nrrd", nrrd_text("encoding: zrl"), "its encoding is zrl; expected raw, gzip or"),
        ("x.nrrd", nrrd_text("type: short"), "in which order bytes are stored (endian)"),
        (
            "x.nrrd",
            nrrd_text("type: block\nblock size: 4"),
            "of the type block; expected one number",
        ),
        (
            "x.nrrd",
            nrrd_text("dimension: 4\nsizes: 3 40 48 6\nkinds: vector domain domain domain"),
            "each voxel has 3 values (vector); expected one",
        ),
        (
            "x.nrrd",
            nrrd_text("dimension: 3\nsizes: 3 40 48\nkinds: RGB-color domain domain"),
            "each voxel has 3 values (rgb-color); expected one",
        ),
        (
            "x.nrrd",
            nrrd_text("dimension: 4\nsizes: 40 48 6 99\nkinds: domain domain domain time"),
            "99 volumes exceed 16; it looks like a time series",
        ),
        ("x.nrrd", nrrd_text("dimension: 1\nsizes: 99"), "99 voxels; expected three dimensions"),
        ("x.nrrd", nrrd_text("dimension: 3\nsizes: 40 48"), "incomplete or damaged"),
        ("x.nrrd", nrrd_text("dimension: 3\nsizes: 40 48 9"), "incomplete or damaged"),
        ("x.nrrd", nrrd_text("dimension: 3\nsizes: 40 48 -6"), "each dimension needs 1 to 32,767"),
        ("x.nrrd", nrrd_text("dimension: 3\nsizes: 9000 9000 4"), "81 MP exceeds 16 MP"),
        ("x.nrrd", nrrd_text("encoding: gzip", BOMB), "contains more than its header says"),
        ("x.nrrd", nrrd_text("encoding: gzip", GZIPPED[:-99]), "incomplete or damaged"),
        ("x.nrrd", nrrd_text("encoding: bzip2", BOMB), "incomplete or damaged"),
        ("x.nrrd", nrrd_text("byte skip: 99"), "incomplete or damaged"),
        ("x.nrrd", nrrd_text("line skip: 999999999", b"a\nb"), "incomplete or damaged"),
        (
            "x.nhdr",
            nrrd_text("data file: x.raw", b""),
            "in x.raw, which is missing or not readable",
        ),
        ("x.nhdr", nrrd_text("data file: ../y.raw", b""), "its voxels are in another folder"),
        ("x.nhdr", nrrd_text("data file: /etc/passwd", b""), "its voxels are in another folder"),
        ("x.nhdr", nrrd_text("data file: x%03d.raw 1 6 1", b""), "are in a list of files"),
        ("x.nhdr", nrrd_text("data file: LIST\na\nb", b""), "are in a list of files"),
        ("x.nrrd", b"NRRD0004\n" + bytes(99), "incomplete or damaged"),
        ("x.nrrd", b"\x89PNG", "not a readable NRRD"),
        ("x.mha", metaimage("CompressedData = True"), "incomplete or damaged"),
        ("x.mha", metaimage("BinaryData = False"), "its voxels are written as text"),
        ("x.mha", metaimage("ElementNumberOfChannels = 3"), "each voxel has 3 values"),
        ("x.mha", metaimage("", kind="MET_STRING"), "of the type MET_STRING; expected one number"),
        ("x.mha", metaimage("", b"short"), "incomplete or damaged"),
        ("x.mha", metaimage("HeaderSize = 9"), "incomplete or damaged"),
        ("x.mha", metaimage("").replace(b"NDims = 3", b"NDims = 2"), "incomplete or damaged"),
        ("x.mha", metaimage("").replace(b"48 6", b"9999 9999"), "100 MP exceeds 16 MP"),
        ("x.mhd", metaimage("", b"").replace(b"LOCAL", b"x.raw"), "in x.raw, which is missing"),
        ("x.mhd", metaimage("", b"").replace(b"LOCAL", b"..\\x.raw"), "are in another folder"),
        ("x.mhd", metaimage("", b"").replace(b"LOCAL", b"LIST"), "are in a list of files"),
        ("x.mhd", metaimage("").replace(b"ElementDataFile", b"Nothing"), "names no voxels"),
        (
            "x.hdr",
            nib.Nifti1Pair(voxels(), PLAIN).header.binaryblock,
            "in an .img file of its name",
        ),
        ("x.hdr", nib.AnalyzeHeader().binaryblock, "not a readable NIfTI (Analyze: save as NIfTI,"),
        ("x.mgz", b"\x1f\x8b", "incomplete or damaged"),
        ("x.mgh", bytes(400), "not a readable MGH"),
        ("x.nii", nrrd_text(LPS_LINES), "content is NRRD, name says NIfTI"),
    ],
)
def test_what_is_not_read_is_refused_in_a_sentence(name: str, data: bytes, words: str) -> None:
    with pytest.raises(DecodeError) as refused:
        open_inputs([InputFile(name, data)])
    assert words in str(refused.value) and str(refused.value).startswith(f"{name} was not used: ")


def test_a_truncated_or_lying_mgz_is_refused(tmp_path: Path) -> None:
    write_volume(tmp_path / "x.mgh", voxels(), PLAIN)
    data = (tmp_path / "x.mgh").read_bytes()
    for wrong in (data[:-99], gzip.compress(data[:-99]), gzip.compress(data)[:-9]):
        with pytest.raises(DecodeError, match="incomplete or damaged"):
            read_nifti(wrong)
    with_tags = data + b"tags of FreeSurfer"
    assert (read_nifti(with_tags).volumes == read_nifti(gzip.compress(with_tags)).volumes).all()
    with pytest.raises(DecodeError, match="damaged"):
        read_nifti(gzip.compress(data + bytes(2**25)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_upload_reads_each_format_with_its_mask_beside_it(tmp_path: Path, suffix: str) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 10:30, 2:4] = 1
    write_volume(tmp_path / f"P01_flair{suffix}", voxels(), PLAIN)
    write_volume(tmp_path / f"P01_flair_seg{suffix}", mask, PLAIN)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for given in (
        [InputFile(name, data) for name, data in files.items()],
        [InputFile(f"case/{name}", data) for name, data in files.items()],
        [InputFile("case.zip", zipped(files))],
    ):
        upload = open_inputs(given)
        assert upload.refused == () and len(upload.series) == 1
        assert upload.masks is not None and upload.masks.sum() == 400
        assert upload.series[0].grid.source is not None


def test_a_header_finds_its_voxels_only_in_its_own_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_volume(tmp_path / folder / "x.mhd", voxels() + len(folder), PLAIN)
    files = [
        InputFile(path.relative_to(tmp_path).as_posix(), path.read_bytes())
        for path in sorted(tmp_path.rglob("x.*"))
    ]
    assert len(open_inputs(files).series) == 2
    assert files_of(tmp_path / "a" / "x.mhd") == (
        tmp_path / "a" / "x.mhd",
        tmp_path / "a" / "x.raw",
    )
    (tmp_path / "a" / "x.raw").unlink()
    with pytest.raises(DecodeError, match="which is missing or not readable"):
        read(tmp_path / "a" / "x.mhd")


def layers(path: Path, fields: dict[str, str]) -> None:
    """Write a segmentation of two layers that overlap: a core within a whole tumour."""
    both = np.zeros((2, *SHAPE), np.uint8)
    both[0, 12:16, 12:20, 2:4] = 1
    both[1, 10:20, 10:30, 2:4] = 1
    with_list_first(path, both, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        SEGMENTS | {"Segment1_LabelValue": "1", "Segment1_Layer": "1"},
        {"Segment0_Name": "core", "Segment1_Name": "whole tumour"},
    ],
)
def test_segments_that_overlap_keep_all_their_voxels(
    tmp_path: Path, fields: dict[str, str]
) -> None:
    write_volume(tmp_path / "flair.nrrd", voxels(), PLAIN)
    layers(tmp_path / "Segmentation.seg.nrrd", fields)
    upload = open_inputs([InputFile(one.name, one.read_bytes()) for one in tmp_path.iterdir()])
    assert upload.labels is not None and upload.masks is not None
    sizes = {
        name: int(np.isin(upload.labels.values, values).sum())
        for name, values in upload.labels.labels.items()
    }
    assert sizes == {"core": 64, "whole tumour": 400} and upload.masks.sum() == 400


def test_a_segmentation_that_slicer_cropped_is_laid_on_its_image(tmp_path: Path) -> None:
    write_volume(tmp_path / "flair.nrrd", voxels(), PLAIN)
    part = np.zeros((12, 22, 3), np.uint8)
    part[1:11, 1:21, 1:3] = 2
    part[3:7, 3:11, 1:3] = 1
    begin = PLAIN.copy()
    begin[:3, 3] += PLAIN[:3, :3] @ (9, 9, 1)
    write_volume(tmp_path / "x.seg.nrrd", part, begin, SEGMENTS)
    upload = open_inputs([InputFile(one.name, one.read_bytes()) for one in tmp_path.iterdir()])
    assert upload.labels is not None and upload.masks is not None
    assert upload.labels.labels == {"core": (1,), "whole tumour": (2,)}
    assert upload.masks.sum() == 400 and (upload.labels.values == 1).sum() == 64


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.mha", b"key = value\r\n" * 300),
        ("x.mhd", b"NDims = 3\nElementDataFile = a" + b" " * 2**19 + b"b" * 2**19),
        ("x.nhdr", b"NRRD0004\ndata file: a" + b" " * 2**19 + b"b\n\n"),
        ("x.nrrd", nrrd_text("space: LPS\nspace directions: " + "(" * 2**19)),
        ("x.nrrd", nrrd_text("sizes: " + "9" * 2**19)),
    ],
)
def test_a_header_that_is_made_to_take_long_is_refused_at_once(name: str, data: bytes) -> None:
    with pytest.raises(DecodeError, match="was not used"):
        open_inputs([InputFile(name, data)])
