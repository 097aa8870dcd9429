"""The same cases as TIFF, nnU-Net, BraTS, BIDS and DICOM: masks, predictions and findings compared.

    python benchmarks/formats.py DATA --cases 3

The first cases with a tumour are written in each layout, with voxels of 1 x 1 x 5 mm, because TIFF
states none, and are opened with an empty ``BRAINSEG_HOME``. The Dice compares predictions with those of
the TIFF files. DATA is not changed.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SPACING_MM = (5.0, 1.0, 1.0)
NAMES = ("T1w", "FLAIR", "ce-gadolinium_T1w")


def tiff(root: Path, number: int, case: Any) -> str:
    """Link the files of a case."""
    for path in (*case.slices["image_path"], *case.slices["mask_path"].dropna()):
        link = root / case.name / Path(path).name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(case.root / path)
    return str(case.name)


def save(path: Path, shown: np.ndarray) -> None:
    """Write (slice, row, column) as NIfTI whose axes run to the left, back and top."""
    import nibabel as nib

    path.parent.mkdir(parents=True, exist_ok=True)
    deep, tall, wide = SPACING_MM
    image = nib.Nifti1Image(shown.transpose(2, 1, 0), np.diag([-wide, -tall, deep, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def nnunet(root: Path, number: int, case: Any) -> str:
    """Write a case of a raw dataset of nnU-Net v2."""
    for channel, pixels in enumerate(np.moveaxis(case.volume().pixels, -1, 0)):
        save(root / "imagesTr" / f"P{number:03}_{channel:04}.nii.gz", pixels)
    save(root / "labelsTr" / f"P{number:03}.nii.gz", case.masks()[0].astype(np.uint8))
    channels = {"0": "T1", "1": "FLAIR", "2": "T1gd"}
    about = {"channel_names": channels, "labels": {"background": 0, "tumour": 1}}
    (root / "dataset.json").write_text(json.dumps(about | {"file_ending": ".nii.gz"}))
    return f"P{number:03}"


def brats(root: Path, number: int, case: Any) -> str:
    """Write a case as BraTS 2023 names its files."""
    name = f"BraTS-GLI-{number:05}-000"
    pixels = np.moveaxis(case.volume().pixels, -1, 0)
    for sequence, plane in zip(("t1n", "t2f", "t1c"), pixels, strict=True):
        save(root / name / f"{name}-{sequence}.nii.gz", plane)
    save(root / name / f"{name}-seg.nii.gz", case.masks()[0].astype(np.uint8))
    return name


def bids(root: Path, number: int, case: Any) -> str:
    """Write a subject of BIDS, with its mask in a derivative."""
    name = f"sub-{number:02}"
    for sequence, pixels in zip(NAMES, np.moveaxis(case.volume().pixels, -1, 0), strict=True):
        save(root / name / "anat" / f"{name}_{sequence}.nii.gz", pixels)
    mask = root / "derivatives" / "manual" / name / "anat" / f"{name}_label-lesion_mask.nii.gz"
    save(mask, case.masks()[0].astype(np.uint8))
    return name


def dicom(root: Path, number: int, case: Any) -> str:
    """Write a study of DICOM series, and a DICOM segmentation."""
    import highdicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    seg = highdicom.seg
    folder = root / f"patient{number}"
    folder.mkdir(parents=True)
    uids = generate_uid(), generate_uid()
    for channel, name in enumerate(("T1 pre", "T2 FLAIR", "T1 post Gd")):
        images = dicom_series(case.volume().pixels[..., channel], channel, name, uids)
        for index, image in enumerate(images):
            image.save_as(folder / f"{channel}_{index:03}.dcm", enforce_file_format=True)
        if channel == 1:
            flair = images
    segment = seg.SegmentDescription(
        segment_number=1,
        segment_label="tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    seg.Segmentation(
        source_images=flair,
        pixel_array=case.masks()[0].astype(np.uint8),
        segmentation_type=seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="brainseg",
        manufacturer_model_name="benchmark",
        software_versions="1",
        device_serial_number="1",
    ).save_as(folder / "seg.dcm", enforce_file_format=True)
    return folder.name


def dicom_series(stack: np.ndarray, channel: int, name: str, uids: tuple[str, str]) -> list[Any]:
    """Return the images of one sequence from the feet up."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    deep, tall, wide = SPACING_MM
    series, images = generate_uid(), []
    for index, plane in enumerate(stack):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", generate_uid()
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.PatientName = image.PatientID = uids[0][-12:]
        image.PatientBirthDate = image.PatientSex = image.AccessionNumber = image.StudyID = ""
        image.StudyDate = image.StudyTime = image.ReferringPhysicianName = ""
        image.StudyInstanceUID, image.FrameOfReferenceUID = uids
        image.SeriesInstanceUID, image.SeriesNumber = series, channel + 1
        image.Modality, image.SeriesDescription, image.InstanceNumber = "MR", name, index + 1
        image.Rows, image.Columns = plane.shape
        image.PixelSpacing, image.SliceThickness = [tall, wide], deep
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [0, 0, deep * index]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation = 7, 0
        image.PixelData = plane.tobytes() + b"\0" * (plane.size % 2)
        images.append(image)
    return images


LAYOUTS: dict[str, Callable[[Path, int, Any], str]] = {
    "TIFF": tiff,
    "nnU-Net": nnunet,
    "BraTS": brats,
    "BIDS": bids,
    "DICOM and SEG": dicom,
}


def main() -> int:
    """Write, compare and print a row per layout."""
    parser = argparse.ArgumentParser(description="Compare a cohort with itself in other layouts.")
    parser.add_argument("data", type=Path, help="a cohort's folder, such as kaggle_3m")
    parser.add_argument("--cases", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = f"{folder}/home"
        compare(arguments.data.resolve(), Path(folder), arguments.cases)
    return 0


def compare(data: Path, folder: Path, count: int) -> None:
    """Print a row per layout, and the findings that only it has or lacks."""
    from brainseg.api import predict
    from brainseg.checks import run_checks
    from brainseg.cohort import Cohort
    from brainseg.metrics import dice
    from brainseg.models import open_model

    cohort, model = Cohort.open(data), open_model()
    areas = cohort.slices.groupby("case", sort=False)["area_px"].sum()
    cases = [cohort[name] for name in areas[areas > 0].index[:count]]
    usual: list[np.ndarray] = []
    known: set[tuple[str, int, int | None]] = set()
    print("| layout | equal images | equal masks | Dice to TIFF, by case | other findings |")
    print("|---|---|---|---|---|")
    for layout, write in LAYOUTS.items():
        root = folder / layout
        root.mkdir()
        names = [write(root, number, case) for number, case in enumerate(cases, start=1)]
        written = Cohort.open(root)
        own = [written[name] for name in names]
        images = sum(
            np.array_equal(one.volume().pixels, case.volume().pixels)
            for one, case in zip(own, cases, strict=True)
        )
        masks = sum(
            np.array_equal(one.masks()[0], case.masks()[0])
            for one, case in zip(own, cases, strict=True)
        )
        predicted = [predict(one, model).mask(model.threshold) for one in own]
        usual = usual or predicted
        scores = [dice(*pair) for pair in zip(predicted, usual, strict=True)]
        found = {
            (one.kind, names.index(one.case) if one.case else -1, one.slice_number)
            for one in run_checks(written)
        }
        known = known or found
        other = ", ".join(sorted({kind for kind, *_ in found ^ known})) or "–"
        shown = ", ".join(f"{score:.4f}" for score in scores)
        print(
            f"| {layout} | {images} of {count} | {masks} of {count} | {shown} | {other} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
