"""A DICOM series as a scanner might write it, with secrets in every tag that names a patient."""

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from brainseg.io import InputFile

SLICES, ROWS, COLUMNS = 5, 40, 48
SECRETS = {
    "PatientName": "Secret^Person",
    "PatientID": "SECRET-7",
    "PatientBirthDate": "19501231",
    "PatientSex": "F",
    "PatientAge": "069Y",
    "PatientWeight": "71",
    "AccessionNumber": "SECRET-ACC",
    "StudyDate": "20191231",
    "StudyTime": "101112",
    "StudyID": "SECRET-ST",
    "StudyDescription": "Secret study",
    "ReferringPhysicianName": "Secret^Doctor",
    "InstitutionName": "Secret Hospital",
    "OtherPatientIDs": "SECRET-8",
}


def written_series(leave_out: tuple[str, ...] = ()) -> tuple[list[Dataset], list[InputFile]]:
    """Return the images of a series from the crown down, and their files in another order."""
    study, series, frame = (generate_uid() for _ in range(3))
    rng = np.random.default_rng(0)
    images = []
    for place in range(SLICES):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        for name, value in SECRETS.items():
            setattr(image, name, value)
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", generate_uid()
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.FrameOfReferenceUID = frame
        image.Modality, image.SeriesDescription = "MR", "t2 flair"
        image.InstanceNumber = place + 1
        image.Rows, image.Columns = ROWS, COLUMNS
        image.PixelSpacing, image.SliceThickness = [0.9, 0.8], 5
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.ImagePositionPatient = [-20, -25, 60 - 5.0 * place]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelRepresentation = 0
        image.PixelData = rng.integers(0, 900, (ROWS, COLUMNS), dtype=np.uint16).tobytes()
        for name in leave_out:
            delattr(image, name)
        images.append(image)
    files = []
    for image in images[::-1]:
        file = io.BytesIO()
        image.save_as(file, enforce_file_format=True)
        files.append(InputFile(f"{len(files)}.dcm", file.getvalue()))
    return images, files
