"""Checks: each planted defect is found, named by case and slice, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair
from PIL import Image

from brainseg import checks
from brainseg.checks import KINDS, run_checks, summary
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError

KNOWN_OF_TINY = {("slice_gap", FIRST, 3), ("flair_copy", FLAIR_REPEATED, None)}
"""What is found in ``tiny_cohort`` as it is written: slices 3 to 9 are missing, a copy of FLAIR."""


def found_in(root: Path) -> set[tuple]:
    """Return (kind, case, slice) of each finding beyond those of the tiny cohort itself."""
    findings = run_checks(Cohort.open(root))
    assert len(findings) == len({(f.kind, f.case, f.slice_number, f.file) for f in findings})
    found = {(finding.kind, finding.case, finding.slice_number) for finding in findings}
    assert found >= KNOWN_OF_TINY
    return found - KNOWN_OF_TINY


def image_of(root: Path, case: str = FIRST, number: int = 2) -> Path:
    return root / case / f"{case}_{number}.tif"


def mask_of(root: Path, case: str = FIRST, number: int = 2) -> Path:
    return root / case / f"{case}_{number}_mask.tif"


def outcomes(root: Path) -> dict[str, str]:
    cohort = Cohort.open(root)
    table = summary(cohort, run_checks(cohort))
    return dict(zip(table["kind"], table["outcome"], strict=True))


def test_the_tiny_cohort_has_only_what_was_written_into_it(tiny_cohort: Path) -> None:
    assert found_in(tiny_cohort) == set()


def test_the_sample_cohort_has_no_error_and_no_warning(sample_root: Path) -> None:
    found = checks.counts(run_checks(Cohort.open(sample_root)))
    assert (found["error"], found["warning"]) == (0, 0)


def test_a_missing_mask_is_found(tiny_cohort: Path) -> None:
    mask_of(tiny_cohort).unlink()
    assert found_in(tiny_cohort) == {("missing_mask", FIRST, 2)}


def test_a_case_without_any_mask_is_one_finding(tiny_cohort: Path) -> None:
    for mask in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        mask.unlink()
    assert found_in(tiny_cohort) == {("case_without_masks", OTHER_SITE, None)}


def test_a_mask_without_its_image_is_found(tiny_cohort: Path) -> None:
    image_of(tiny_cohort).unlink()
    assert found_in(tiny_cohort) == {("orphan_mask", FIRST, 2)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file is empty"),
        (b"random bytes", "not a readable TIFF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
    ],
)
def test_an_unreadable_file_is_found_with_its_reason(
    tiny_cohort: Path, content: bytes, reason: str
) -> None:
    image_of(tiny_cohort).write_bytes(content)
    mask_of(tiny_cohort, FLAIR_REPEATED, 1).write_bytes(content)
    found = {finding.kind: finding for finding in run_checks(Cohort.open(tiny_cohort))}
    image, mask = found["unreadable_image"], found["unreadable_mask"]
    assert (image.case, image.slice_number) == (FIRST, 2)
    assert (mask.case, mask.slice_number) == (FLAIR_REPEATED, 1)
    assert reason in image.message and reason in mask.message
    assert image.file == f"{FIRST}/{FIRST}_2.tif"
    assert found_in(tiny_cohort) == {
        ("unreadable_image", FIRST, 2),
        ("unreadable_mask", FLAIR_REPEATED, 1),
    }


def test_a_mask_of_another_size_is_found_in_the_words_of_the_rule(tiny_cohort: Path) -> None:
    tifffile.imwrite(mask_of(tiny_cohort), np.zeros((64, 60), np.uint8))
    assert found_in(tiny_cohort) == {("mask_shape", FIRST, 2)}
    finding = run_checks(Cohort.open(tiny_cohort), only={"mask_shape"})[0]
    assert finding.message == (
        f"mask of {FIRST} slice 2 is 64x60, its image 64x64: restore the mask or remove the slice"
    )
    assert finding.severity == "error"
    assert finding.file == f"{FIRST}/{FIRST}_2_mask.tif"


def test_an_image_unlike_the_others_of_its_case_is_found(tiny_cohort: Path) -> None:
    folder = tiny_cohort / FLAIR_REPEATED
    pixels = head(1, 64, 72)
    pixels[..., 2] = pixels[..., 1]
    write_pair(folder, FLAIR_REPEATED, 2, pixels, blob(1, 1, height=64, width=72))
    assert found_in(tiny_cohort) == {("case_shape", FLAIR_REPEATED, 2)}


def test_a_small_image_is_found(tiny_cohort: Path) -> None:
    write_pair(tiny_cohort / "small", "small", 1, head(1, 16, 64), blob(1, 1, 3, 16, 64))
    assert found_in(tiny_cohort) == {
        ("small_image", "small", 1),
        ("case_without_row", "small", None),
    }


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (head(1)[..., 0], "grey_image"),
        (np.dstack([head(1), head(2)])[..., :5], "image_channels"),
        (head(1).astype(np.uint16), "image_dtype"),
    ],
)
def test_an_image_that_is_not_three_channels_of_uint8_is_found(
    tiny_cohort: Path, pixels: np.ndarray, kind: str
) -> None:
    planar = (
        {"planarconfig": "contig", "photometric": "minisblack"} if pixels.shape[-1] == 5 else {}
    )
    tifffile.imwrite(image_of(tiny_cohort), pixels, **planar)
    assert found_in(tiny_cohort) == {(kind, FIRST, 2)}


def test_an_image_with_pixels_that_are_no_numbers_is_found(tiny_cohort: Path) -> None:
    pixels = head(1).astype(np.float32)
    pixels[3, 4, 1] = np.nan
    tifffile.imwrite(image_of(tiny_cohort), pixels, photometric="rgb")
    assert found_in(tiny_cohort) == {("image_pixels", FIRST, 2), ("image_dtype", FIRST, 2)}
    message = run_checks(Cohort.open(tiny_cohort), only={"image_pixels"})[0].message
    assert "has 1 invalid pixels" in message


def test_a_file_of_several_pages_is_found(tiny_cohort: Path) -> None:
    pages = [Image.fromarray(head(seed)) for seed in (1, 2)]
    pages[0].save(image_of(tiny_cohort), save_all=True, append_images=pages[1:])
    assert found_in(tiny_cohort) == {("multipage", FIRST, 2)}


def test_a_mask_with_channels_is_found(tiny_cohort: Path) -> None:
    tifffile.imwrite(mask_of(tiny_cohort), np.dstack([blob(1, 1)] * 3), photometric="rgb")
    assert found_in(tiny_cohort) == {("mask_channels", FIRST, 2)}


@pytest.mark.parametrize(
    ("values", "kind"),
    [((0, 128, 255), "mask_values"), ((0, 1, 255), "mask_values"), ((0, 2), "mask_values")],
)
def test_mask_values_other_than_two_are_found(
    tiny_cohort: Path, values: tuple[int, ...], kind: str
) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[0, : len(values)] = values
    tifffile.imwrite(mask_of(tiny_cohort), mask)
    assert found_in(tiny_cohort) == {(kind, FIRST, 2)}
    message = run_checks(Cohort.open(tiny_cohort), only=[kind])[0].message
    assert f"holds the values {', '.join(map(str, values))}, expected" in message


def test_a_mask_of_zeros_and_ones_is_a_note_and_no_error(tiny_cohort: Path) -> None:
    tifffile.imwrite(mask_of(tiny_cohort), blob(1, 1) // 255)
    assert found_in(tiny_cohort) == {("mask_of_ones", FIRST, 2)}
    assert KINDS["mask_of_ones"].severity == "info"


def test_a_gap_names_the_first_slice_that_is_missing(tiny_cohort: Path) -> None:
    image_of(tiny_cohort, FLAIR_REPEATED, 1).unlink()
    mask_of(tiny_cohort, FLAIR_REPEATED, 1).unlink()
    assert found_in(tiny_cohort) == {("slice_gap", FLAIR_REPEATED, 1)}
    messages = [f.message for f in run_checks(Cohort.open(tiny_cohort), only={"slice_gap"})]
    assert messages[0].startswith(f"{FIRST} has no slices 3 to 9: ")
    assert messages[1].startswith(f"{FLAIR_REPEATED} has no slice 1: ")


def test_numbers_may_start_at_zero(tiny_cohort: Path) -> None:
    write_pair(tiny_cohort / OTHER_SITE, OTHER_SITE, 0, head(5), blob(1, 1))
    assert found_in(tiny_cohort) == set()


def test_two_files_of_one_number_are_found(tiny_cohort: Path) -> None:
    write_pair(tiny_cohort / OTHER_SITE, OTHER_SITE, "02", head(5), blob(1, 1))
    assert found_in(tiny_cohort) == {("slice_repeat", OTHER_SITE, 2)}
    message = run_checks(Cohort.open(tiny_cohort), only={"slice_repeat"})[0].message
    assert f"{OTHER_SITE}_02.tif" in message


def test_a_case_without_tumour_is_a_note(tiny_cohort: Path) -> None:
    for mask in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        tifffile.imwrite(mask, np.zeros((64, 64), np.uint8))
    assert found_in(tiny_cohort) == {("no_tumour", OTHER_SITE, None)}


def test_data_csv_and_the_cases_are_compared_both_ways(tiny_cohort: Path) -> None:
    table = tiny_cohort / "data.csv"
    table.write_text(table.read_text().replace("TCGA_YY_0003", "TCGA_ZZ_0009"))
    assert found_in(tiny_cohort) == {
        ("case_without_row", OTHER_SITE, None),
        ("row_without_case", None, None),
    }


def test_without_data_csv_its_checks_are_not_checked(tiny_cohort: Path) -> None:
    (tiny_cohort / "data.csv").unlink()
    assert found_in(tiny_cohort) == set()
    outcome = outcomes(tiny_cohort)
    assert outcome["case_without_row"] == outcome["row_without_case"] == "not checked"


def test_without_masks_nothing_about_masks_is_called_passed(tiny_cohort: Path) -> None:
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    outcome = outcomes(tiny_cohort)
    of_masks = {"missing_mask", "orphan_mask", "unreadable_mask", "mask_shape", "mask_channels"}
    of_masks |= {"mask_values", "mask_of_ones", "no_tumour"}
    assert {outcome[kind] for kind in of_masks} == {"not checked"}
    assert outcome["case_without_masks"] == "findings"
    assert outcome["unreadable_image"] == "passed"


def test_what_could_not_be_read_is_counted_beside_what_passed(tiny_cohort: Path) -> None:
    mask_of(tiny_cohort).write_bytes(b"")
    cohort = Cohort.open(tiny_cohort)
    table = summary(cohort, run_checks(cohort)).set_index("kind")
    values = table.loc["mask_values"]
    assert (values["outcome"], values["checked"], values["undecided"]) == ("passed", 7, 1)
    assert values["reason"] == "1 of 8 masks cannot be decoded"
    assert table.loc["unreadable_mask", "outcome"] == "findings"


def test_every_kind_says_what_it_checks_why_and_what_to_do(tiny_cohort: Path) -> None:
    cohort = Cohort.open(tiny_cohort)
    table = summary(cohort, [])
    assert table["kind"].tolist() == list(KINDS)
    for kind in KINDS.values():
        assert kind.severity in checks.SEVERITIES
        assert kind.checks.endswith(".") and kind.why.endswith(".")
        assert not kind.remedy.endswith(".")


def test_errors_come_first_and_findings_are_json(tiny_cohort: Path) -> None:
    mask_of(tiny_cohort).unlink()
    findings = run_checks(Cohort.open(tiny_cohort))
    assert [finding.severity for finding in findings] == ["error", "warning", "info"]
    document = json.loads(json.dumps(checks.as_json(findings)))
    assert document["counts"] == {"error": 1, "warning": 1, "info": 1}
    assert set(document["findings"][0]) == {
        "severity",
        "kind",
        "case",
        "slice_number",
        "file",
        "message",
        "why",
        "remedy",
    }
    table = checks.findings_table(findings)
    assert table["slice_number"].tolist()[:2] == [2, 3]
    assert checks.findings_table([]).empty


def test_a_check_that_there_is_not_is_refused_with_the_list(tiny_cohort: Path) -> None:
    with pytest.raises(BrainsegError, match=r"no check “colour”: choose among .*mask_shape"):
        run_checks(Cohort.open(tiny_cohort), only={"colour"})


@pytest.mark.real_data
def test_the_real_cohort_has_the_notes_an_independent_reading_finds(real_root: Path) -> None:
    copies: dict[int, set[str]] = {0: set(), 2: set()}
    for folder in sorted({path.parent for path in real_root.rglob("*_mask.tif")}):
        images = [path for path in folder.glob("*.tif") if "_mask" not in path.name]
        numbers = sorted(int(path.stem.rsplit("_", 1)[1]) for path in images)
        assert numbers == list(range(1, len(images) + 1))
        volume = np.stack([np.asarray(Image.open(path)) for path in images])
        assert volume.shape[1:] == (256, 256, 3) and volume.dtype == np.uint8
        for channel, cases in copies.items():
            if (volume[..., channel] == volume[..., 1]).all():
                cases.add(folder.name)
        masks = np.stack([np.asarray(Image.open(path)) for path in folder.glob("*_mask.tif")])
        assert set(np.unique(masks)) == {0, 255}
    assert copies[0] and copies[2], "the cohort is known for its missing sequences"
    findings = run_checks(Cohort.open(real_root))
    assert {finding.kind for finding in findings} == {"flair_copy"}
    for channel, sequence in ((0, "pre-contrast"), (2, "post-contrast")):
        named = {f.case for f in findings if f.message.startswith(sequence)}
        assert named == copies[channel]
