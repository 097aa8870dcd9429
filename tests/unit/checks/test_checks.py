"""Checks: each planted defect is found by case and slice, without false findings."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from support.clean_cohort import CASES, change_case, image_of, mask_of, write_clean_cohort
from support.clean_cohort import FIRST as CLEAN_FIRST
from support.clean_cohort import OTHER as CLEAN_OTHER
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair
from support.defects import PLANTS, write_run

from brainseg import checks
from brainseg.checks import RULES, check_cohort, run_checks
from brainseg.checks.near_duplicates import near_pairs
from brainseg.cohort import Cohort
from brainseg.cohort.slice_features import describe_slice
from brainseg.errors import BrainsegError


@pytest.fixture(scope="module")
def clean_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the clean cohort, written once, and indexed in a state folder beside it."""
    root = write_clean_cohort(tmp_path_factory.mktemp("clean") / "cohort")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(root.parent / "home"))
        Cohort.open(root)
    return root


@pytest.fixture
def clean_cohort(clean_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the clean cohort, which the test may change; afterwards it is as it was."""
    home, pristine = clean_root.parent / "home", clean_root.parent / "pristine"
    for place in (clean_root, home):
        shutil.copytree(place, pristine / place.name)
    # Already indexed: only changed files are read.
    monkeypatch.setenv("BRAINSEG_HOME", str(home))
    yield clean_root
    for place in (clean_root, home):
        shutil.rmtree(place)
        (pristine / place.name).rename(place)


def found_in(root: Path) -> set[tuple]:
    """Return (kind, case, slice) of each finding; all messages must differ."""
    findings = run_checks(Cohort.open(root))
    assert len(findings) == len({finding.message for finding in findings})
    return {(finding.kind, finding.case, finding.slice_number) for finding in findings}


of_volumes = {name for name, rule in RULES.items() if rule.group == "volumes"}


def outcomes(root: Path) -> pd.DataFrame:
    return check_cohort(Cohort.open(root)).summary.set_index("kind")


def only(kind: str, root: Path) -> checks.Finding:
    """Return the one finding of a kind."""
    (finding,) = run_checks(Cohort.open(root), only={kind})
    return finding


def test_the_clean_cohort_passes_every_check(clean_cohort: Path) -> None:
    table = outcomes(clean_cohort)
    assert table["findings"].sum() == 0
    cannot = {"fold_leak", "readme_count", *of_volumes}
    assert set(table.index[table["outcome"] == "not checked"]) == cannot
    assert set(table.index[table["outcome"] == "passed"]) == set(RULES) - cannot


@pytest.mark.parametrize("kind", RULES)
def test_a_planted_defect_is_found_and_nothing_else(clean_cohort: Path, kind: str) -> None:
    assert kind in PLANTS, f"nothing plants {kind}: add it to tests/support/defects.py"
    expected = PLANTS[kind](clean_cohort)
    assert any(found == kind for found, _, _ in expected)
    assert found_in(clean_cohort) == expected


def test_each_planted_defect_belongs_to_a_rule() -> None:
    assert set(PLANTS) == set(RULES)


def test_the_tiny_cohort_has_only_its_planted_findings(tiny_cohort: Path) -> None:
    assert found_in(tiny_cohort) == {("slice_gap", FIRST, 3), ("flair_copy", FLAIR_REPEATED, None)}


def test_the_sample_cohort_has_no_error_and_no_warning(sample_root: Path) -> None:
    found = checks.counts(run_checks(Cohort.open(sample_root)))
    assert (found["error"], found["warning"]) == (0, 0)


def test_a_finding_says_the_rule_the_value_and_the_remedy(clean_cohort: Path) -> None:
    tifffile.imwrite(mask_of(clean_cohort), np.zeros((64, 60), np.uint8))
    finding = only("mask_shape", clean_cohort)
    assert finding.message == (
        f"mask of {CLEAN_FIRST} slice 5 is 64x60, its image 64x64: "
        "restore the mask or remove the slice"
    )
    assert finding.severity == "error"
    assert finding.file == f"{CLEAN_FIRST}/{CLEAN_FIRST}_5_mask.tif"
    assert finding.remedy == "restore the mask or remove the slice"


def test_an_unreadable_file_is_found_with_its_reason(clean_cohort: Path) -> None:
    image_of(clean_cohort).write_bytes(b"\xff\xd8\xff\xe0 a photograph")
    assert "content is JPEG, name says TIFF" in only("unreadable_image", clean_cohort).message


@pytest.mark.parametrize("values", [(0, 128, 255), (0, 1, 255), (0, 2)])
def test_mask_values_other_than_two_are_listed(clean_cohort: Path, values: tuple[int, ...]) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[0, : len(values)] = values
    tifffile.imwrite(mask_of(clean_cohort), mask)
    message = only("mask_values", clean_cohort).message
    assert f"contains the values {', '.join(map(str, values))}, expected" in message


def test_a_gap_names_the_first_slice_that_is_missing(tiny_cohort: Path) -> None:
    image_of(tiny_cohort, FLAIR_REPEATED, 1).unlink()
    mask_of(tiny_cohort, FLAIR_REPEATED, 1).unlink()
    messages = [f.message for f in run_checks(Cohort.open(tiny_cohort), only={"slice_gap"})]
    assert messages[0].startswith(f"{FIRST} has no slices 3–9: ")
    assert messages[1].startswith(f"{FLAIR_REPEATED} has no slice 1: ")


def test_numbers_may_start_at_zero(tiny_cohort: Path) -> None:
    write_pair(tiny_cohort / OTHER_SITE, OTHER_SITE, 0, head(5), blob(12, 30))
    assert found_in(tiny_cohort) == {("slice_gap", FIRST, 3), ("flair_copy", FLAIR_REPEATED, None)}


def test_two_files_of_one_slice_number_name_each_other(tiny_cohort: Path) -> None:
    write_pair(tiny_cohort / OTHER_SITE, OTHER_SITE, "02", head(5), blob(12, 30))
    finding = only("slice_repeat", tiny_cohort)
    assert finding.file.endswith("_2.tif") and f"{OTHER_SITE}_02.tif" in finding.message


def test_without_data_csv_its_checks_are_not_checked(tiny_cohort: Path) -> None:
    (tiny_cohort / "data.csv").unlink()
    table = outcomes(tiny_cohort)
    for kind in ("case_without_row", "row_without_case"):
        assert table.loc[kind, "outcome"] == "not checked"
        assert "no data.csv" in table.loc[kind, "reason"]


def test_without_masks_no_check_of_masks_passes(clean_cohort: Path) -> None:
    for mask in clean_cohort.rglob("*_mask.tif"):
        mask.unlink()
    table = outcomes(clean_cohort)
    of_masks = {kind for kind in RULES if RULES[kind].group in ("masks", "tumours")}
    of_masks |= {"missing_mask", "orphan_mask", "unreadable_mask"}
    assert set(table.loc[sorted(of_masks), "outcome"]) == {"not checked"}
    assert table.loc["case_without_masks", "findings"] == len(CASES)
    assert table.loc["unreadable_image", "outcome"] == "passed"


def test_unreadable_files_are_counted_as_undecided(tiny_cohort: Path) -> None:
    mask_of(tiny_cohort, FIRST, 2).write_bytes(b"")
    values = outcomes(tiny_cohort).loc["mask_values"]
    assert (values["outcome"], values["checked"], values["undecided"]) == ("passed", 7, 1)
    assert values["reason"] == "1 of 8 masks cannot be decoded"


def test_brightness_of_rescaled_pixels_is_not_checked(tiny_cohort: Path) -> None:
    for path in tiny_cohort.rglob("*.tif"):
        if "_mask" not in path.name:
            tifffile.imwrite(path, tifffile.imread(path).astype(np.uint16), photometric="rgb")
    table = outcomes(tiny_cohort)
    judged = ["black_slice", "constant_slice", "empty_sequence", "slice_brightness", "noisy_slice"]
    assert set(table.loc[judged, "outcome"]) == {"not checked"}


def test_few_cases_of_an_institution_are_not_compared(tiny_cohort: Path) -> None:
    table = outcomes(tiny_cohort)
    assert table.loc["case_brightness", "outcome"] == "not checked"
    assert "fewer than 5 cases" in table.loc["case_brightness", "reason"]


def test_dark_slices_at_the_ends_of_a_stack_are_no_warning(clean_cohort: Path) -> None:
    for number in (1, 9):
        path = image_of(clean_cohort, CLEAN_OTHER, number)
        tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8))
    assert found_in(clean_cohort) == set()


def test_a_case_without_any_head_is_one_finding(clean_cohort: Path) -> None:
    for number in range(1, 10):
        path = image_of(clean_cohort, CLEAN_OTHER, number)
        tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8))
    assert ("black_slice", CLEAN_OTHER, None) in found_in(clean_cohort)
    assert ("black_slice", CLEAN_OTHER, 5) not in found_in(clean_cohort)


@pytest.mark.parametrize("by", [10, -10])
def test_a_mask_that_was_moved_is_named_and_its_neighbours_are_not(
    clean_cohort: Path, by: int
) -> None:
    tifffile.imwrite(
        mask_of(clean_cohort), np.roll(tifffile.imread(mask_of(clean_cohort)), by, axis=1)
    )
    finding = only("mask_jump", clean_cohort)
    assert (finding.case, finding.slice_number) == (CLEAN_FIRST, 5)
    assert "lies apart from those of slices 4 and 6" in finding.message


def test_a_slice_that_another_case_has_too_is_not_said_to_be_exchanged_with_one_of_its_own(
    clean_cohort: Path,
) -> None:
    PLANTS["swapped_slices"](clean_cohort)
    assert only("swapped_slices", clean_cohort).slice_number == 3
    image_of(clean_cohort, CLEAN_OTHER, 2).write_bytes(
        image_of(clean_cohort, number=3).read_bytes()
    )
    kinds = {kind for kind, _, _ in found_in(clean_cohort)}
    assert "equal_slice" in kinds
    assert "swapped_slices" not in kinds


def test_a_sequence_with_grey_background_is_named(clean_cohort: Path) -> None:
    change_case(
        clean_cohort, CLEAN_OTHER, lambda image: np.maximum(image, [90, 0, 0]).astype("uint8")
    )
    finding = only("bright_background", clean_cohort)
    assert (finding.case, finding.sequence) == (CLEAN_OTHER, "pre-contrast")
    assert "on 9 of 9 slices of the head" in finding.message
    assert outcomes(clean_cohort).loc["mask_outside_head", "undecided"] == 0


def test_a_check_reads_no_file_again(clean_cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = Cohort.open(clean_cohort)
    monkeypatch.setattr("brainseg.cohort.slice_rows.decode_plainly", None)
    monkeypatch.setattr("brainseg.cohort.case.decode_files", None)
    assert check_cohort(cohort).findings == []


def test_a_leak_under_another_name_is_found_by_the_images(
    clean_cohort: Path,
) -> None:
    later = PLANTS["repeated_case"](clean_cohort).pop()[1]
    parts = {"trained_on": [CLEAN_FIRST], "selected_on": [CLEAN_OTHER], "held_out": [later]}
    write_run(clean_cohort, parts)
    finding = only("fold_leak", clean_cohort)
    assert (finding.case, finding.severity) == (later, "error")
    assert f"{CLEAN_FIRST}, the same patient, trained on" in finding.message


def test_a_run_that_cannot_be_read_is_undecided(clean_cohort: Path) -> None:
    write_run(clean_cohort, {"trained_on": [CLEAN_FIRST], "selected_on": [], "held_out": []})
    run = next((Path(os.environ["BRAINSEG_HOME"]) / "cohorts").glob("*/runs/*"))
    (run / "folds.json").write_text("{}")
    row = outcomes(clean_cohort).loc["fold_leak"]
    assert (row["outcome"], row["undecided"]) == ("not checked", 1)
    assert "folds.json" in row["reason"]


def test_a_partial_cohort_decides_only_some_counts_of_the_readme(clean_cohort: Path) -> None:
    text = (
        "# LGG Segmentation Dataset\n\nThey correspond to {} patients.\n"
        "For 3 cases, post-contrast sequence is missing.\n"
    )
    (clean_cohort / "README.md").write_text(text.format(9))
    assert (
        "counts 3 cases without post-contrast, this folder has 0"
        in only("readme_count", clean_cohort).message
    )
    (clean_cohort / "README.md").write_text(text.format(20))
    row = outcomes(clean_cohort).loc["readme_count"]
    assert (row["checked"], row["undecided"], row["findings"]) == (1, 1, 1)
    assert "counts 20 patients, this folder has 9" in only("readme_count", clean_cohort).message


def test_an_unknown_readme_is_not_compared(clean_cohort: Path) -> None:
    (clean_cohort / "README.md").write_text("# Mine\n\nThey correspond to 7 patients.\n")
    assert outcomes(clean_cohort).loc["readme_count", "outcome"] == "not checked"


def test_the_sample_cohort_is_compared_with_its_own_readme(sample_root: Path) -> None:
    row = outcomes(sample_root).loc["readme_count"]
    assert (row["outcome"], row["checked"]) == ("passed", 1)


def test_every_rule_has_a_reason_and_a_remedy() -> None:
    for kind in RULES.values():
        assert kind.severity in checks.SEVERITIES
        assert kind.rule.endswith(".") and kind.why.endswith(".")
        assert not kind.remedy.endswith(".") and ": " not in kind.remedy


def test_errors_come_first(tiny_cohort: Path) -> None:
    mask_of(tiny_cohort, FIRST, 2).unlink()
    findings = run_checks(Cohort.open(tiny_cohort))
    assert [finding.severity for finding in findings] == ["error", "warning", "info"]
    table = checks.findings_table(findings)
    assert table["slice_number"].tolist()[:2] == [2, 3]
    assert checks.findings_table([]).empty


def test_an_unknown_check_is_refused_with_the_list_of_checks(tiny_cohort: Path) -> None:
    with pytest.raises(BrainsegError, match=r"no check “colour”: choose among .*mask_shape"):
        run_checks(Cohort.open(tiny_cohort), only={"colour"})


def test_progress_is_reported_after_each_rule(tiny_cohort: Path) -> None:
    told: list[tuple[int, int]] = []
    check_cohort(Cohort.open(tiny_cohort), ["slice_gap", "mask_jump"], lambda *at: told.append(at))
    assert told == [(1, 2), (2, 2)]


def test_findings_on_the_real_cohort_agree_with_an_independent_reading(
    real_root: Path, real_cohort: Cohort
) -> None:
    copies: dict[int, set[str]] = {0: set(), 2: set()}
    single_pixels = set()
    for folder in sorted({path.parent for path in real_root.rglob("*_mask.tif")}):
        images = [path for path in folder.glob("*.tif") if "_mask" not in path.name]
        numbers = sorted(int(path.stem.rsplit("_", 1)[1]) for path in images)
        assert numbers == list(range(1, len(images) + 1))
        volume = np.stack([np.asarray(Image.open(path)) for path in images])
        assert volume.shape[1:] == (256, 256, 3) and volume.dtype == np.uint8
        for channel, cases in copies.items():
            if (volume[..., channel] == volume[..., 1]).all():
                cases.add(folder.name)
        for number in numbers:
            mask = np.pad(np.asarray(Image.open(mask_of(folder.parent, folder.name, number))), 1)
            assert set(np.unique(mask)) <= {0, 255}
            around = sum(np.roll(mask > 0, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
            if ((mask > 0) & (around == 1)).any():
                single_pixels.add((folder.name, number))
    assert copies[0] and copies[2], "the cohort is known for its missing sequences"
    findings = run_checks(real_cohort)
    assert {finding.severity for finding in findings} == {"warning", "info"}
    for channel, sequence in ((0, "pre-contrast"), (2, "post-contrast")):
        named = {f.case for f in findings if f.kind == "flair_copy" and f.sequence == sequence}
        assert named == copies[channel]
    islands = {(f.case, f.slice_number) for f in findings if f.kind == "mask_island"}
    assert islands == single_pixels and islands


def _described(images: dict[tuple[str, int], np.ndarray]) -> pd.DataFrame:
    """Return the columns of the index that near duplicates are found by."""
    rows = [
        {"case": case, "slice_number": number, "image_hash": str(index)}
        | describe_slice(image, None)
        for index, ((case, number), image) in enumerate(images.items())
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("change", ["moved by 3 px", "cropped by 2%"])
def test_a_slice_of_another_case_is_found_though_moved_or_cropped(change: str) -> None:
    random = np.random.default_rng(0)
    brain = np.zeros((256, 256, 1), np.uint8)
    cv2.ellipse(brain, (128, 128), (80, 100), 0, 0, 360, 1, cv2.FILLED)

    def head_of() -> np.ndarray:
        tissue = cv2.GaussianBlur(random.normal(size=(256, 256, 3)), (0, 0), 6)
        return (brain * np.clip(120 + 40 * tissue / tissue.std(), 30, 250)).astype(np.uint8)

    images = {(case, number): head_of() for case in "ABC" for number in (1, 2, 3)}
    source = images["A", 2]
    assert not len(near_pairs(_described(images)).first)
    images["B", 3] = (
        np.roll(source, (3, 3), (0, 1))
        if change.startswith("moved")
        else cv2.resize(np.ascontiguousarray(source[3:-2, 3:-2]), (256, 256))
    )
    pairs = near_pairs(_described(images))
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([1], [5])


def test_an_empty_end_is_called_the_end_of_the_head_only_where_the_head_is_small(
    clean_cohort: Path,
) -> None:
    PLANTS["uncovered_end"](clean_cohort)
    (finding,) = run_checks(Cohort.open(clean_cohort))
    assert "where the head ends" not in finding.message
    assert "where the other sequences show" in finding.message
