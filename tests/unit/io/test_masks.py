"""Masks as other programs write them: what is stored, what is meant, and what is said of it."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from support.cohorts import blob, head
from support.files import few_bits

from brainseg.checks import run_checks
from brainseg.cohort import Cohort
from brainseg.errors import DecodeError
from brainseg.io import decode
from brainseg.io.masks import EQUAL_CHANNELS, NOT_INVERTED

TUMOUR = blob(20, 24) > 0
EMPTY = np.zeros_like(TUMOUR)


def cohort_of(root: Path, write: Callable[[Path, np.ndarray], None], suffix: str) -> Cohort:
    """Return a cohort of one case: a slice with a tumour, and one without."""
    folder = root / "P01"
    folder.mkdir(parents=True)
    for number, mask in ((1, TUMOUR), (2, EMPTY)):
        tifffile.imwrite(folder / f"P01_{number}.tif", head(number), photometric="rgb")
        write(folder / f"P01_{number}_mask{suffix}", mask)
    return Cohort.open(root)


def fax(path: Path, mask: np.ndarray, compression: str, inverted: bool = False) -> None:
    Image.fromarray(mask ^ inverted).save(
        path, "TIFF", compression=compression, tiffinfo={262: 0 if inverted else 1}
    )


def one_bit(path: Path, mask: np.ndarray, **options: object) -> None:
    tifffile.imwrite(path, mask, software=False, metadata=None, **options)


def in_few_bits(path: Path, mask: np.ndarray, bits: int, white_is_zero: bool, most: int) -> None:
    values = mask.astype(np.uint8) * most
    values = 2**bits - 1 - values if white_is_zero else values
    path.write_bytes(few_bits(values, bits, 0 if white_is_zero else 1))


def three_channels(path: Path, mask: np.ndarray) -> None:
    Image.fromarray(np.dstack([mask.astype(np.uint8) * 255] * 3)).save(path)


def palette(path: Path, mask: np.ndarray) -> None:
    black_and_white = np.array([[0, 65535]] * 3, "<u2").tobytes()
    path.write_bytes(few_bits(mask.astype(np.uint8), 1, 3, black_and_white))


WRITERS = {
    "three equal channels, PNG": (three_channels, ".png"),
    "three equal channels, TIFF": (three_channels, ".tif"),
    "fax group 4": (lambda p, m: fax(p, m, "group4"), ".tif"),
    "fax group 3": (lambda p, m: fax(p, m, "group3"), ".tif"),
    "fax run lengths": (lambda p, m: fax(p, m, "tiff_ccitt"), ".tif"),
    "1-bit palette": (palette, ".tif"),
    "truth values of tifffile": (one_bit, ".tif"),
    "truth values of tifffile, zlib": (lambda p, m: one_bit(p, m, compression="zlib"), ".tif"),
    "1-bit, black is zero": (lambda p, m: one_bit(p, m, photometric="minisblack"), ".tif"),
    "1-bit, white is zero, as the standard says": (lambda p, m: one_bit(p, ~m), ".tif"),
    "8-bit, white is zero, as ImageJ means it": (
        lambda p, m: one_bit(p, m.astype(np.uint8) * 255, photometric="miniswhite"),
        ".tif",
    ),
    "8-bit, white is zero, as the standard says": (
        lambda p, m: one_bit(p, 255 - m.astype(np.uint8) * 255, photometric="miniswhite"),
        ".tif",
    ),
    "8-bit 0 and 1, white is zero": (
        lambda p, m: one_bit(p, m.astype(np.uint8), photometric="miniswhite"),
        ".tif",
    ),
    "4-bit 0 and 15": (lambda p, m: in_few_bits(p, m, 4, False, 15), ".tif"),
    "4-bit 0 and 1": (lambda p, m: in_few_bits(p, m, 4, False, 1), ".tif"),
    "4-bit, white is zero": (lambda p, m: in_few_bits(p, m, 4, True, 15), ".tif"),
    "2-bit, white is zero": (lambda p, m: in_few_bits(p, m, 2, True, 3), ".tif"),
}


@pytest.mark.parametrize("way", WRITERS)
def test_a_mask_is_the_same_mask_in_whatever_way_it_is_stored(tmp_path: Path, way: str) -> None:
    cohort = cohort_of(tmp_path, *WRITERS[way])
    assert cohort.slices["area_px"].tolist() == [TUMOUR.sum(), 0]
    masks, there = cohort.case("P01").masks()
    assert there.all()
    assert np.array_equal(masks, [TUMOUR, EMPTY])
    assert np.array_equal(cohort.case("P01").slice_mask(1), TUMOUR)


@pytest.mark.parametrize(
    ("way", "note"),
    [
        ("three equal channels, PNG", EQUAL_CHANNELS),
        ("truth values of tifffile", NOT_INVERTED),
        ("8-bit, white is zero, as the standard says", "minimum-is-white grey, inverted"),
        ("4-bit 0 and 15", "4-bit grey, 0 to 15 spread over 0 to 255"),
    ],
)
def test_what_was_done_to_a_mask_is_a_finding(tmp_path: Path, way: str, note: str) -> None:
    cohort = cohort_of(tmp_path, *WRITERS[way])
    findings = run_checks(cohort, only={"converted_file", "inverted_mask", "mask_values"})
    assert {finding.kind for finding in findings} == {"converted_file"}
    assert note in findings[0].message
    assert any(note in sentence for sentence in cohort.notes)


def test_a_mask_whose_zeros_are_the_tumour_is_called_inverted(tmp_path: Path) -> None:
    def write(path: Path, mask: np.ndarray) -> None:
        Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).save(path)

    cohort = cohort_of(tmp_path, write, ".png")
    findings = run_checks(cohort, only={"inverted_mask"})
    assert [finding.slice_number for finding in findings] == [1, 2]
    assert "covers 98% of the slice and 100% of its rim: inverted?" in findings[0].message


def test_a_mask_of_different_channels_is_still_refused(tmp_path: Path) -> None:
    def write(path: Path, mask: np.ndarray) -> None:
        shades = np.arange(mask.size, dtype=np.uint8).reshape(mask.shape)
        Image.fromarray(np.dstack([mask, EMPTY, shades]).astype(np.uint8)).save(path)

    cohort = cohort_of(tmp_path, write, ".png")
    assert pd.isna(cohort.slices["area_px"][0])
    assert run_checks(cohort, only={"mask_channels"})


@pytest.mark.parametrize("compression", ["group4", "group3", "tiff_ccitt"])
def test_a_fax_page_with_damaged_codes_is_refused_unless_they_are_another_page_s(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture
) -> None:
    path = tmp_path / "x.tif"
    fax(path, TUMOUR, compression)
    with tifffile.TiffFile(path) as tiff:
        start, length = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    whole = path.read_bytes()
    assert np.array_equal(decode(whole, "x.tif").pixels, TUMOUR)
    refused = 0
    for place in range(start, start + length):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        try:
            pixels = decode(bytes(changed), "x.tif").pixels
        except DecodeError:
            refused += 1
            continue
        with Image.open(BytesIO(changed)) as image:
            assert np.array_equal(np.asarray(image), pixels)
    assert refused > 0.75 * length
