"""Slices' numbers in file names, wherever they stand."""

import pytest

from brainseg.cohort.slice_numbers import number_slices


@pytest.mark.parametrize(
    ("pattern", "case"),
    [
        ("x_{}", "x"),
        ("x_{}_img", "x"),
        ("P01_{}_img", "P01"),
        ("P01-{:03d}-flair", "P01"),
        ("slice{:03d}_T1_v2", "slice"),
        ("img{}", "img"),
        ("{}_P01", "P01"),
        ("{:04d}", ""),
        ("P01_{}_T2w", "P01"),
        ("P01_{}_20200101", "P01"),
        ("P01_slice{}_2", "P01_slice"),
        ("P01_slice_{}_3mm", "P01_slice"),
        ("TCGA_CS_4941_19960909_{}", "TCGA_CS_4941_19960909"),
        ("TCGA_CS_4941_19960909_{}_flair", "TCGA_CS_4941_19960909"),
        ("scan 12 of Monday.{}.final", "scan 12 of Monday."),
    ],
)
def test_the_number_that_varies_from_slice_to_slice_is_the_slice_s(pattern: str, case: str) -> None:
    numbers = (1, 2, 7, 10, 11)
    stems = [pattern.format(number) for number in numbers]
    assert number_slices(stems) == {
        stem: (case, number) for stem, number in zip(stems, numbers, strict=True)
    }


@pytest.mark.parametrize(
    ("stems", "cases"),
    [
        (["P01_1", "P02_1", "P03_1"], {"P01", "P02", "P03"}),
        (["P01_1_flair", "P02_1_flair"], {"P01", "P02"}),
        (["P01_7_img", "P01_8_img", "P02_7_img"], {"P01", "P02"}),
        (["a1b2", "a1b3", "a2b2"], {"a1b", "a2b"}),
        (["P01_20200101", "P02_20200101"], {"P01", "P02"}),
        (["TCGA_CS_4941_19960909", "TCGA_CS_5393_19960909"], {"TCGA_CS_4941", "TCGA_CS_5393"}),
        (
            ["TCGA_CS_4941_19960909_1", "TCGA_DU_5849_19950405_1"],
            {"TCGA_CS_4941_19960909", "TCGA_DU_5849_19950405"},
        ),
    ],
)
def test_patients_whose_numbers_differ_are_never_one_case(
    stems: list[str], cases: set[str]
) -> None:
    assert {case for case, _ in number_slices(stems).values()} == cases


def test_a_single_name_has_its_last_short_number() -> None:
    assert number_slices(["P01_7_img"]) == {"P01_7_img": ("P01", 7)}
    assert number_slices(["P01_7"]) == {"P01_7": ("P01", 7)}


def test_names_without_a_number_and_identifiers_have_none() -> None:
    assert number_slices(["left", "right"]) == {"left": ("", None), "right": ("", None)}
    assert number_slices(["x_" + "1" * 19]) == {"x_" + "1" * 19: ("", None)}
