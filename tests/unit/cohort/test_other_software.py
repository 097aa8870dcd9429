"""Folders as other software and public datasets leave them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import head
from support.volume_cohorts import (
    SLICES,
    bids,
    dicom_study,
    labels,
    nnunet,
    save,
    three_labels,
    volume,
)
from support.volume_formats import write_volume

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort
from brainseg.errors import CohortError, DecodeError
from brainseg.io import InputFile, open_inputs
from brainseg.io.sequences import guess_from_words
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST

MASK_PX = int(np.count_nonzero(labels()))


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def as_stack(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "ZYX", "spacing": 5.0})


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{0}/{0}.tif", "{0}/{0}_mask.tif"),
        ("images/{}.tif", "masks/{}.tif"),
        ("{}.tif", "{}_seg.tif"),
    ],
)
def test_a_stack_of_imagej_is_a_case_with_all_its_pages(
    tmp_path: Path, image: str, mask: str
) -> None:
    for seed, case in enumerate(("P01", "P02")):
        as_stack(tmp_path / image.format(case), volume(seed)[..., 1].astype(np.uint16))
        as_stack(tmp_path / mask.format(case), np.where(labels(), 255, 0).astype(np.uint8))
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01", "P02"]
    assert cohort.slices.groupby("case").size().tolist() == [len(labels())] * 2
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [MASK_PX] * 2
    assert [one.name for one in find_inputs(tmp_path)] == ["P01", "P02"]


def test_stacks_of_sequences_in_a_folder_are_one_case(tmp_path: Path) -> None:
    for channel, name in enumerate(("t1", "flair", "t1ce")):
        as_stack(tmp_path / f"P01/P01_{name}.tif", volume(0)[..., channel].astype(np.uint16))
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01"]
    assert not any("missing" in note for note in cohort[0].volume().notes)


def test_a_stack_of_ome_is_a_case_with_all_its_pages(tmp_path: Path) -> None:
    pixels = (volume(0)[..., 1] // 7).astype(np.uint8)
    tifffile.imwrite(tmp_path / "P01.ome.tif", pixels, metadata={"axes": "ZYX"})
    cohort = Cohort.open(tmp_path)
    assert cohort.slices["image_error"].isna().all()
    assert len(cohort.slices) == len(pixels)
    assert (cohort[0].volume().pixels[..., 1] == pixels).all()


@pytest.mark.parametrize("axes", ["ZCYX", "TZYX"])
def test_a_hyperstack_is_refused_because_its_pages_are_no_slices(tmp_path: Path, axes: str) -> None:
    path = tmp_path / "P01.ome.tif"
    pixels = volume(0)[..., 1].astype(np.uint8)
    tifffile.imwrite(path, np.stack([pixels[:4], pixels[4:8]]), metadata={"axes": axes})
    tifffile.imwrite(
        tmp_path / "P02.tif",
        np.stack([pixels[:4], pixels[4:8]]),
        imagej=True,
        metadata={"axes": axes},
    )
    cohort = Cohort.open(tmp_path)
    assert cohort.slices["image_error"].str.contains("of a hyperstack; save each").all()


def test_slices_in_a_folder_per_sequence_are_one_case_with_its_masks(tmp_path: Path) -> None:
    for seed, case in enumerate(("P01", "P02")):
        for index, (image, mask) in enumerate(zip(volume(seed), labels(), strict=True)):
            for channel, name in enumerate(("t1", "flair", "t1ce")):
                pixels = (image[..., channel] // 7).astype(np.uint8)
                write(tmp_path / case / name / f"{index:03}.png", pixels)
            write(
                tmp_path / case / "seg" / f"{index:03}.png", np.where(mask, 255, 0).astype(np.uint8)
            )
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01", "P02"]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [MASK_PX] * 2
    expected = (volume(1) // 7).astype(np.uint8).mean((0, 1, 2))
    assert np.allclose(cohort["P02"].volume().pixels.mean((0, 1, 2)), expected, atol=1)


def test_folders_of_patients_called_like_sequences_keep_their_own_slices(tmp_path: Path) -> None:
    for name in ("T1", "T2"):
        for number in range(1, 4):
            write(tmp_path / name / f"{number}.png", head(number))
            write(tmp_path / name / f"{number}_mask.png", np.zeros((64, 64), np.uint8))
    assert Cohort.open(tmp_path).cases == ["T1", "T2"]


def sequences(folder: Path, stem: str, *names: str) -> None:
    """Write the sequences of a case; the name gives which they are."""
    for channel, name in enumerate(names):
        save(folder / f"{stem}{name}.nii.gz", volume(0)[..., channel])


def area(cohort: Cohort) -> int:
    return int(cohort.slices["area_px"].sum())


def small() -> np.ndarray:
    """Return a mask of another size than that of the lesion."""
    return (labels() == 1).astype(np.uint8)


BRAIN = np.ones((SLICES, 64, 64), np.uint8)


@pytest.mark.parametrize(
    ("lesion", "others"),
    [
        (
            "tumor_segmentation",
            {"brain_segmentation": BRAIN, "brain_parenchyma_segmentation": BRAIN},
        ),
        ("GlistrBoost_ManuallyCorrected", {"GlistrBoost": small()}),
        ("seg", {"brain_mask": BRAIN, "pred_seg": small()}),
        ("gtv", {"bet_mask": BRAIN}),
        ("tumorMask", {"aparc_seg": BRAIN}),
    ],
)
def test_of_several_masks_that_of_the_lesion_is_used(
    tmp_path: Path, lesion: str, others: dict[str, np.ndarray]
) -> None:
    sequences(tmp_path / "P01", "P01_", "T1", "FLAIR", "T1c")
    save(tmp_path / "P01" / f"P01_{lesion}.nii.gz", labels())
    for name, mask in others.items():
        save(tmp_path / "P01" / f"P01_{name}.nii.gz", mask)
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01"]
    assert area(cohort) == MASK_PX


def test_a_mask_of_the_brain_alone_is_no_mask_of_a_tumour(tmp_path: Path) -> None:
    sequences(tmp_path / "P01", "P01_", "T1", "FLAIR", "T1c")
    save(tmp_path / "P01" / "P01_brain_mask.nii.gz", BRAIN)
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01"] and cohort.slices["area_px"].isna().all()


def test_versions_of_a_sequence_and_further_maps_leave_one_case(tmp_path: Path) -> None:
    sequences(tmp_path / "P01_nifti", "P01_", "T1", "FLAIR", "T1c")
    sequences(tmp_path / "P01_nifti", "P01_", "T1_bias", "FLAIR_bias", "T1c_bias")
    sequences(tmp_path / "P01_nifti", "P01_", "ADC", "DWI", "DTI_eddy_FA")
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01_nifti"]
    assert not any("taken" in note or "missing" in note for note in cohort[0].volume().notes)


def test_a_mask_in_the_folder_of_its_case_may_have_any_name(tmp_path: Path) -> None:
    sequences(tmp_path / "BraTS20_Training_355", "BraTS20_Training_355_", "t1", "flair", "t1ce")
    save(tmp_path / "BraTS20_Training_355" / "W39_1998.09.19_Segm.nii.gz", labels())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["BraTS20_Training_355"] and area(cohort) == MASK_PX


def test_masks_in_a_folder_of_their_own_are_found_by_their_subject(tmp_path: Path) -> None:
    for case in ("UPENN-GBM-00001_11", "UPENN-GBM-00001_21"):
        sequences(tmp_path / "images_structural" / case, f"{case}_", "T1", "FLAIR", "T1GD")
        save(tmp_path / "images_segm" / f"{case}_segm.nii.gz", labels())
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == 2 and area(cohort) == 2 * MASK_PX
    assert set(cohort.slices["patient_id"]) == {"UPENN-GBM-00001"}


def test_time_points_are_cases_of_one_patient(tmp_path: Path) -> None:
    for week in ("week-000", "week-044"):
        sequences(tmp_path / "Patient-001" / week, "", "T1", "FLAIR", "CT1")
    for case in ("BraTS-GLI-00002-000", "BraTS-GLI-00002-001"):
        sequences(tmp_path / case, f"{case}-", "t1n", "t2f", "t1c")
    cohort = Cohort.open(tmp_path)
    patients = dict(zip(cohort.slices["case"], cohort.slices["patient_id"], strict=True))
    assert patients == {
        "Patient-001_week-000": "Patient-001",
        "Patient-001_week-044": "Patient-001",
        "BraTS-GLI-00002-000": "BraTS-GLI-00002",
        "BraTS-GLI-00002-001": "BraTS-GLI-00002",
    }
    assert not any("missing" in note for note in cohort["Patient-001_week-044"].volume().notes)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        (
            "BraTS-GLI-02063-100-",
            ("whole tumour", "tumour core", "enhancing tumour", "resection cavity"),
        ),
        ("BraTS2021_00002_", ("whole tumour", "tumour core", "enhancing tumour")),
        ("BraTS-PED-00002-000-", ("1", "2", "3", "4")),
    ],
)
def test_the_values_of_brats_have_the_meaning_of_their_year(
    tmp_path: Path, stem: str, expected: tuple[str, ...]
) -> None:
    names = ("_t1", "_flair", "_t1ce") if stem.endswith("_") else ("-t1n", "-t2f", "-t1c")
    sequences(tmp_path / stem[:-1], stem[:-1], *names)
    values = three_labels()
    values[0, :2, :2] = 4
    save(tmp_path / stem[:-1] / f"{stem}seg.nii.gz", values)
    cohort = Cohort.open(tmp_path)
    assert cohort.labels == expected
    if "enhancing tumour" in expected:
        enhancing = 4 if stem.startswith("BraTS2021") else 3
        found = cohort.of_label("enhancing tumour")
        assert area(found) == np.count_nonzero(values == enhancing)


def test_files_of_bids_that_are_no_anatomy_are_no_cases(tmp_path: Path) -> None:
    bids(tmp_path)
    stem = "sub-P01_ses-1"
    save(tmp_path / "sub-P01/ses-1/dwi" / f"{stem}_dwi.nii.gz", volume(0)[..., 0])
    derived = tmp_path / "derivatives/fmriprep/sub-P01/ses-1/anat"
    save(derived / f"{stem}_space-MNI152NLin6Asym_desc-preproc_T1w.nii.gz", volume(0)[..., 0])
    save(derived / f"{stem}_dseg.nii.gz", BRAIN)
    save(derived / f"{stem}_space-MNI152NLin6Asym_label-lesion_mask.nii.gz", small())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["sub-P01_ses-1", "sub-P02_ses-1"]
    assert area(cohort) == 2 * MASK_PX


def test_results_of_nnunet_beside_its_raw_data_are_no_cases(tmp_path: Path) -> None:
    nnunet(tmp_path / "nnUNet_raw")
    for case in ("P01", "P02"):
        save(tmp_path / "nnUNet_results/Dataset007/fold_0/validation" / f"{case}.nii.gz", small())
    save(tmp_path / "nnUNet_preprocessed/Dataset007/gt_segmentations" / "P01.nii.gz", labels())
    assert Cohort.open(tmp_path).cases == ["P01", "P02", "P03"]


def test_a_label_map_is_never_an_image(tmp_path: Path) -> None:
    save(tmp_path / "BRATS_001.nii.gz", labels())
    error = Cohort.open(tmp_path).slices["image_error"]
    assert error.str.contains(
        "as few values as a label map, and is no image; add a word such as “seg”"
    ).all()


def pairs(root: Path, case: str = "P01") -> np.ndarray:
    """Write three slices with masks, and return the first slice."""
    for number in range(1, 4):
        write(root / case / f"{case}_{number}.png", head(number))
        write(root / case / f"{case}_{number}_mask.png", np.zeros((64, 64), np.uint8))
    return head(1)


@pytest.mark.parametrize(
    "name",
    [
        *("P01_1 - Copy.png", "P01_1 - Kopie (2).png", "P01_1 (1).png", "Copy of P01_1.png"),
        *("P01_1_overlay.png", "P01_1_pred.png", "P01_1-heatmap.png"),
    ],
)
def test_copies_and_results_beside_images_are_no_slices(tmp_path: Path, name: str) -> None:
    write(tmp_path / "P01" / name, pairs(tmp_path))
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01"] and cohort.slices["slice_number"].tolist() == [1, 2, 3]
    assert cohort.notes == (
        "1 picture(s) were left out because their names are those of copies or results of other images: "
        f"the first is {name}.",
    )


def test_the_objects_of_pascal_voc_are_no_images(tmp_path: Path) -> None:
    for number in range(1, 4):
        write(tmp_path / "JPEGImages" / f"s_{number}.png", head(number))
        for folder in ("SegmentationClass", "SegmentationObject"):
            write(tmp_path / folder / f"s_{number}.png", np.zeros((64, 64), np.uint8))
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == 1 and (cohort.slices["area_px"] == 0).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("brain.mat", "1 file(s) end in .mat (MATLAB), which is not read: save as NIfTI, or"),
        ("1.bmp", "1 file(s) end in .bmp (bitmap), which is not read: save as PNG."),
        (
            "volume_1_slice_10.h5",
            "end in .h5 (HDF5), which is not read: save as NIfTI, or slices",
        ),
        ("flair.hdr", "(Analyze), which is not read: save as NIfTI, which tells left from right."),
        ("kaggle_3m.rar", "unpack it"),
        ("scan.jpg", "1 JPEG file(s) have no masks: add masks, or save slices as PNG."),
    ],
)
def test_a_folder_of_other_formats_is_refused_with_what_to_do(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CohortError) as refused:
        Cohort.open(tmp_path)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "P01_1.json",
            "1 file(s) such as P01_1.json may outline tumours as polygons or boxes, which",
        ),
        ("labels/P01_1.txt", "such as P01_1.txt may outline"),
        ("_annotations.coco.json", "such as _annotations.coco.json may outline"),
        (
            "P01_seg.npy",
            "1 file(s) end in .npy (NumPy), which is not read: save as NIfTI, or slices as PNG.",
        ),
    ],
)
def test_images_without_masks_say_where_the_outlines_may_be(
    tmp_path: Path, name: str, words: str
) -> None:
    write(tmp_path / "P01_1.png", head(1))
    (tmp_path / "labels").mkdir()
    (tmp_path / name).write_text("{}")
    assert any(words in note for note in Cohort.open(tmp_path).notes)


def test_an_upload_of_another_format_says_what_to_do() -> None:
    with pytest.raises(DecodeError, match=r"none of .*\.zip \(MATLAB: save as NIfTI, or"):
        open_inputs([InputFile("brain.mat", b"\x1f\x8b")])


def test_a_mask_of_the_brain_in_an_upload_is_not_compared_with(tmp_path: Path) -> None:
    sequences(tmp_path, "P01_", "T1", "FLAIR", "T1post")
    save(tmp_path / "P01_brain_mask.nii.gz", BRAIN)
    files = [InputFile(path.name, path.read_bytes()) for path in sorted(tmp_path.iterdir())]
    upload = open_inputs(files)
    assert upload.masks is None
    assert "the label map “mask” was left out: it is a mask, not a picture" in upload.notes
    lesion = tmp_path / "P01_tumor_segmentation.nii.gz"
    save(lesion, labels())
    upload = open_inputs([*files, InputFile(lesion.name, lesion.read_bytes())])
    assert upload.masks is not None and upload.masks.sum() == MASK_PX


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("T1post", POST_CONTRAST),
        ("T1postGd", POST_CONTRAST),
        ("CT1", POST_CONTRAST),
        ("T1pre", PRE_CONTRAST),
        ("T1w", PRE_CONTRAST),
        ("20190101_t2_spc_da-fl_sag", FLAIR),
    ],
)
def test_sequences_are_known_by_names_that_run_words_together(name: str, sequence: str) -> None:
    assert guess_from_words(f"{name}.nii.gz") == sequence


def test_results_of_fsl_spm_and_ants_beside_their_images_are_no_cases(tmp_path: Path) -> None:
    for case, stem, derived in (
        (
            "fsl",
            "",
            ("T1_biascorr", "T1_biascorr_brain", "T1_fast_pve_0", "T1_to_MNI_lin", "FLAIR_to_T1"),
        ),
        ("P02", "P02_", ("c1P02_T1", "mP02_T1", "iy_P02_T1", "rP02_FLAIR", "ples_lpa_mrP02_FLAIR")),
        ("P03", "P03_", ("P03_T1_N4", "P03_FLAIR_Warped")),
    ):
        sequences(tmp_path / case, stem, "T1", "FLAIR", "T1ce")
        for name in derived:
            save(tmp_path / case / f"{name}.nii.gz", volume(0)[..., 0])
        save(tmp_path / case / f"{stem}T1_brain_mask.nii.gz", BRAIN)
        save(tmp_path / case / f"{stem}lesion_mask.nii.gz", labels())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P02", "P03", "fsl"]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [MASK_PX] * 3


@pytest.mark.parametrize("suffix", [".mhd", ".nii.gz"])
def test_results_of_elastix_in_any_folder_are_no_cases(tmp_path: Path, suffix: str) -> None:
    pixels = volume(0)[..., 0].astype(np.uint8)
    for case in ("P01", "P02"):
        sequences(tmp_path / case, "", "T1", "FLAIR", "T1ce")
        for name in ("result.0", "result.0.R1", "result", "deformationField", "spatialJacobian"):
            for folder in (tmp_path / case, tmp_path / case / "elastix", tmp_path / "out" / case):
                folder.mkdir(parents=True, exist_ok=True)
                write_volume(folder / f"{name}{suffix}", pixels, np.eye(4))
                (folder / "TransformParameters.0.txt").write_text('(Transform "EulerTransform")')
                (folder / "transformix.log").touch()
    assert Cohort.open(tmp_path).cases == ["P01", "P02"]


def test_results_of_elastix_alone_are_cases(tmp_path: Path) -> None:
    for case in ("P01", "P02"):
        save(tmp_path / case / "result.0.nii.gz", volume(0)[..., 0])
    assert len(Cohort.open(tmp_path).cases) == 2


def test_a_field_of_vectors_is_no_image(tmp_path: Path) -> None:
    field = np.random.default_rng(0).normal(size=(64, 64, SLICES, 1, 3)).astype("float32")
    nib.save(nib.Nifti1Image(field, np.eye(4)), tmp_path / "P01_1Warp.nii.gz")
    error = Cohort.open(tmp_path).slices["image_error"]
    assert error.tolist() == ["its name is that of a deformation; leave it out of the folder"]


@pytest.mark.parametrize("lesion", ["consensus_gt", "tumor", "lesion_manual", "W39_Segm"])
def test_masks_of_other_names_in_the_folder_of_a_case_are_its_masks(
    tmp_path: Path, lesion: str
) -> None:
    sequences(
        tmp_path / "patient01", "", "3D_AX_T1_pre", "3D_SAG_T2_SPACE_FLAIR", "T1_postcontrast"
    )
    save(tmp_path / "patient01" / f"{lesion}.nii.gz", labels())
    for other in ("cerebrum", "ventricles"):
        save(tmp_path / "patient01" / f"{other}.nii.gz", BRAIN)
    if lesion == "consensus_gt":
        save(tmp_path / "patient01" / "expert1_gt.nii.gz", small())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["patient01"] and area(cohort) == MASK_PX
    assert not any("missing" in note for note in cohort[0].volume().notes)


def test_a_sequence_in_a_folder_below_its_own_is_one_of_its_case(tmp_path: Path) -> None:
    for case in ("EGD-0001", "EGD-0002"):
        for channel, name in enumerate(
            ("1_T1/NIFTI/T1", "4_FLAIR/NIFTI/FLAIR", "2_T1GD/NIFTI/T1GD")
        ):
            save(tmp_path / case / f"{name}.nii.gz", volume(0)[..., channel])
        save(tmp_path / case / "5_MASK/NIFTI/MASK.nii.gz", labels())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["EGD-0001", "EGD-0002"] and area(cohort) == 2 * MASK_PX


@pytest.mark.parametrize(("patient", "count"), [("ANONYMOUS", 2), ("0000", 2), ("ANON_0001", 1)])
def test_an_anonymous_id_does_not_make_two_studies_one_patient(
    tmp_path: Path, patient: str, count: int
) -> None:
    for seed in range(2):
        dicom_study(tmp_path / f"S{seed}", seed, patient, with_seg=False)
    assert Cohort.open(tmp_path).slices["patient_id"].nunique() == count


def test_patients_whose_studies_are_called_alike_stay_apart(tmp_path: Path) -> None:
    for seed, patient in enumerate(("P01", "P02", "P02")):
        study = f"{patient}/{seed}" if seed > 1 else patient
        dicom_study(tmp_path / study / "Unknown Study", seed, patient, with_seg=False)
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == 3 and cohort.slices["patient_id"].nunique() == 2
    assert set(cohort.slices["patient_id"]) <= {*cohort.cases}
