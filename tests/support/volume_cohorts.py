"""Cohorts of volumes in the layouts of the field, written by its own libraries from one phantom.

The phantom is asymmetric along each axis, so that a wrong orientation shows: two labels lie left, in
front and near the top of the head.
"""

import json
from collections.abc import Callable
from pathlib import Path

import highdicom
import nibabel as nib
import numpy as np
import pydicom
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from support.cohorts import head

SLICES, SIDE = 10, 64
SPACING_MM = (5.0, 0.9, 0.8)
"""Of slices, rows and columns."""

VOXEL_ML = 5.0 * 0.9 * 0.8 / 1000
OEDEMA_VX, CORE_VX = 3 * 12 * 10, 2 * 4 * 5
CASES = ("P01", "P02")


def volume(seed: int) -> np.ndarray:
    """Return (n, h, w, 3) uint16 as shown: pre-contrast, FLAIR and post-contrast of a head."""
    slices = [head(seed * SLICES + index).astype(np.uint16) * 7 for index in range(SLICES)]
    return np.stack(slices)


def labels() -> np.ndarray:
    """Return (n, h, w) uint8 as shown: oedema is 2, the core in it 1; 400 voxels in all."""
    values = np.zeros((SLICES, SIDE, SIDE), np.uint8)
    values[6:9, 14:26, 40:50] = 2
    values[6:8, 16:20, 42:47] = 1
    return values


def three_labels() -> np.ndarray:
    """Return (n, h, w) uint8 as :func:`labels` does; half of the core is 3, enhancing."""
    values = labels()
    values[6:8, 16:18, 42:47] = 3
    return values


def affine() -> np.ndarray:
    """Return the RAS+ affine of the array that :func:`as_file` returns."""
    deep, tall, wide = SPACING_MM
    matrix = np.diag([wide, tall, deep, 1.0])
    matrix[:3, 3] = (-30, -25, -20)
    return matrix


def as_file(shown: np.ndarray) -> np.ndarray:
    """Return (slice, row, column, ...) as shown along x (to the right), y (front) and z (top)."""
    rest = range(3, shown.ndim)
    return np.ascontiguousarray(shown.transpose(2, 1, 0, *rest)[::-1, ::-1])


def save(path: Path, shown: np.ndarray, axes: str = "RAS") -> None:
    """Write a stack as NIfTI whose axes run in the directions of three letters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(as_file(shown), affine())
    turn = ornt_transform(io_orientation(image.affine), axcodes2ornt(axes))
    image = image.as_reoriented(turn)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def nnunet(root: Path, axes: str = "RAS") -> None:
    """Write a raw dataset of nnU-Net v2 with two cases and a test case without labels."""
    folder = root / "Dataset007_Glioma"
    for seed, case in enumerate((*CASES, "P03")):
        part = "Ts" if case == "P03" else "Tr"
        for channel in range(3):
            path = folder / f"images{part}" / f"{case}_{channel:04}.nii.gz"
            save(path, volume(seed)[..., channel], axes)
        if case in CASES:
            save(folder / "labelsTr" / f"{case}.nii.gz", labels(), axes)
    description = {
        "channel_names": {"0": "T1", "1": "FLAIR", "2": "T1-Gd"},
        "labels": {"background": 0, "whole tumour": [1, 2], "core": 1},
        "regions_class_order": [2, 1],
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def decathlon(root: Path, axes: str = "RAS") -> None:
    """Write a task of the Medical Segmentation Decathlon: a 4D file a case."""
    folder = root / "Task01_BrainTumour"
    for seed, case in enumerate(CASES):
        pre, flair, post = np.moveaxis(volume(seed), -1, 0)
        four = np.stack([flair, pre, post, pre // 2], axis=-1)
        save(folder / "imagesTr" / f"{case}.nii.gz", four, axes)
        save(folder / "labelsTr" / f"{case}.nii.gz", labels(), axes)
    description = {
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {"0": "background", "1": "core", "2": "oedema"},
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def brats(
    root: Path,
    axes: str = "RAS",
    values: Callable[[], np.ndarray] = labels,
    suffix: str = ".nii.gz",
    count: int = len(CASES),
) -> None:
    """Write folders as BraTS 2023 names them, with four sequences."""
    for seed in range(count):
        case = f"BraTS-GLI-{seed:05}-000"
        for channel, name in enumerate(("t1n", "t2f", "t1c")):
            save(root / case / f"{case}-{name}{suffix}", volume(seed)[..., channel], axes)
        save(root / case / f"{case}-t2w{suffix}", volume(seed)[..., 0] // 2, axes)
        save(root / case / f"{case}-seg{suffix}", values(), axes)


def older_brats(root: Path, axes: str = "RAS") -> None:
    """Write folders as BraTS until 2021 names them."""
    for seed, _ in enumerate(CASES):
        case = f"BraTS2021_{seed:05}"
        for channel, name in enumerate(("t1", "flair", "t1ce")):
            save(root / case / f"{case}_{name}.nii.gz", volume(seed)[..., channel], axes)
        save(root / case / f"{case}_t2.nii.gz", volume(seed)[..., 0] // 2, axes)
        save(root / case / f"{case}_seg.nii.gz", labels(), axes)


def bids(root: Path, axes: str = "RAS") -> None:
    """Write raw BIDS data with sessions, masks in a derivative and a table of participants."""
    for seed, case in enumerate(CASES):
        folder = Path(f"sub-{case}") / "ses-1" / "anat"
        stem = f"sub-{case}_ses-1"
        for channel, name in enumerate(("T1w", "FLAIR", "ce-gadolinium_T1w")):
            save(root / folder / f"{stem}_{name}.nii.gz", volume(seed)[..., channel], axes)
        derived = root / "derivatives" / "manual" / folder
        save(derived / f"{stem}_label-lesion_mask.nii.gz", labels(), axes)
        save(derived / f"{stem}_desc-brain_mask.nii.gz", np.ones_like(labels()), axes)
    (root / "dataset_description.json").write_text('{"Name": "phantom", "BIDSVersion": "1.9.0"}')
    (root / "participants.tsv").write_text("participant_id\tage\nP01\t41,5\nsub-p02\t60,0\n")


def named(root: Path, axes: str = "RAS") -> None:
    """Write one file a case, its mask beside it."""
    for seed, case in enumerate(CASES):
        save(root / f"{case}.nii.gz", volume(seed)[..., 1], axes)
        save(root / f"{case}_seg.nii.gz", labels(), axes)


def two_folders(root: Path, axes: str = "RAS") -> None:
    """Write images and masks of equal names in two folders."""
    for seed, case in enumerate(CASES):
        save(root / "images" / f"{case}.nii.gz", volume(seed)[..., 1], axes)
        save(root / "masks" / f"{case}.nii.gz", labels(), axes)


NIFTI_LAYOUTS = {
    "nnU-Net": nnunet,
    "Decathlon": decathlon,
    "BraTS 2023": brats,
    "BraTS 2021": older_brats,
    "BIDS": bids,
    "by name": named,
    "two folders": two_folders,
}


def dicom_study(folder: Path, seed: int, patient: str, with_seg: bool = True) -> None:
    """Write a study as PATIENT/STUDY/SERIES with names that say nothing, and a segmentation."""
    study, frame = generate_uid(), generate_uid()
    series = []
    for channel, name in enumerate(("T1 pre", "T2 FLAIR", "T1 post Gd")):
        images = _series(seed, channel, name, patient, (study, frame))
        series.append(images)
        for index, image in enumerate(images):
            path = folder / "STUDY" / f"S{channel}" / f"I{index:04}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save_as(path, enforce_file_format=True)
    if with_seg:
        path = folder / "STUDY" / "S9" / "SEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        _segmentation(series[1]).save_as(path, enforce_file_format=True)


def _series(
    seed: int, channel: int, name: str, patient: str, uids: tuple[str, str]
) -> list[Dataset]:
    """Return the images of one sequence from the feet up."""
    deep, tall, wide = SPACING_MM
    own = generate_uid()
    found = []
    for index, plane in enumerate(volume(seed)[..., channel]):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", generate_uid()
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.PatientName, image.PatientID = f"{patient}^X", patient
        image.PatientBirthDate = image.PatientSex = image.AccessionNumber = image.StudyID = ""
        image.StudyDate = image.StudyTime = image.ReferringPhysicianName = ""
        image.StudyInstanceUID, image.FrameOfReferenceUID = uids
        image.SeriesInstanceUID, image.SeriesNumber = own, channel + 1
        image.Modality, image.SeriesDescription, image.InstanceNumber = "MR", name, index + 1
        image.Rows = image.Columns = SIDE
        image.PixelSpacing, image.SliceThickness = [tall, wide], deep
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [-25, -30, -20 + deep * index]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelRepresentation = 0
        image.PixelData = np.ascontiguousarray(plane).tobytes()
        found.append(image)
    return found


def _segmentation(images: list[Dataset]) -> pydicom.Dataset:
    seg = highdicom.seg
    described = [
        seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type=seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in ((1, "core"), (2, "oedema"))
    ]
    return seg.Segmentation(
        source_images=images,
        pixel_array=labels(),
        segmentation_type=seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="phantom",
        manufacturer_model_name="phantom",
        software_versions="1",
        device_serial_number="1",
    )
