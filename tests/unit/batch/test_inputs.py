"""What a path holds that can be predicted: each file in one input, each input in its own folder."""

import gzip
import io
import os
import re
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, head
from support.dicom_series import written_series
from support.files import dicom

from brainseg.batch.inputs import CaseInput, FilesInput, find_inputs
from brainseg.cohort.answers import Answers, save_answers
from brainseg.errors import BrainsegError, CohortError, DecodeError
from brainseg.io.sequence_choice import WITHOUT_FLAIR
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST


def write_nifti(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 900, (40, 48, 4)).astype(np.int16)
    path.write_bytes(gzip.compress(nib.Nifti1Image(voxels, np.diag([1, 1, 5, 1])).to_bytes()))
    return path


def write_jpeg(path: Path) -> Path:
    Image.fromarray(head(1)).save(path, quality=95)
    return path


@pytest.fixture
def mixed(tiny_cohort):
    """Return a folder with a bit of everything."""
    root = tiny_cohort
    for sequence in ("t1", "flair", "t1ce", "seg"):
        write_nifti(root / "BraTS_1" / f"BraTS_1_{sequence}.nii.gz")
    for name in ("one.nii.gz", "two.nii.gz"):
        write_nifti(root / "loose" / name)
    _, files = written_series()
    for deep, named in (("", "i.dcm"), ("deeper", "without_an_ending")):
        for number, file in enumerate(files):
            path = root / "study" / deep / (named if deep == "" else f"{named}{number}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_stem(f"{path.stem}{number}" if deep == "" else path.stem).write_bytes(
                file.data
            )
    write_jpeg(root / "photo.jpg")
    with zipfile.ZipFile(root / "sent.zip", "w") as archive:
        archive.write(root / "loose" / "one.nii.gz", "one.nii.gz")
    (root / "notes.txt").write_text("not an input")
    (root / ".hidden.nii.gz").write_bytes(b"not seen")
    return root


def test_everything_that_can_be_predicted_is_found_once(mixed):
    found = find_inputs(mixed)
    assert [one.name for one in found] == [
        "BraTS_1",
        FIRST,
        FLAIR_REPEATED,
        OTHER_SITE,
        "one",
        "photo",
        "sent",
        "study",
        "two",
    ]
    files = {one.name: len(one.files) for one in found if isinstance(one, FilesInput)}
    assert files == {"BraTS_1": 4, "one": 1, "photo": 1, "sent": 1, "study": 10, "two": 1}
    assert sum(isinstance(one, CaseInput) for one in found) == 3


def test_the_folder_of_a_study_may_be_given_itself_and_other_studies_are_other_inputs(mixed):
    (one,) = find_inputs(mixed / "study")
    assert (one.name, len(one.files)) == ("study", 10)
    for file in written_series()[1]:
        (mixed / "study" / "deeper" / "still").mkdir(exist_ok=True)
        (mixed / "study" / "deeper" / "still" / file.name).write_bytes(file.data)
    assert [(one.name, len(one.files)) for one in find_inputs(mixed / "study")] == [
        ("still", 5),
        ("study", 10),
    ]


def test_inputs_of_one_name_have_folders_of_their_own(tmp_path):
    write_nifti(tmp_path / "a" / "scan.nii.gz", 1)
    write_nifti(tmp_path / "b" / "SCAN.nii.gz", 2)
    write_nifti(tmp_path / "b" / "<img onerror=x>.nii.gz", 3)
    found = find_inputs(tmp_path)
    assert [one.folder for one in found] == ["img_onerror_x", "SCAN", "scan-2"]
    assert len({one.content() for one in found}) == 3


def test_a_case_of_nifti_files_is_assembled_by_their_names(tmp_path):
    for seed, sequence in enumerate(("t1", "flair"), start=1):
        write_nifti(tmp_path / "all" / "P" / f"P_{sequence}.nii.gz", seed)
    (one,) = find_inputs(tmp_path / "all")
    opened = one.open()
    volume = opened.record.volume
    assert volume.spacing_mm == (5.0, 1.0, 1.0)
    alone = {
        seed: FilesInput("x", tmp_path, (write_nifti(tmp_path / "x.nii.gz", seed),)).open()
        for seed in (1, 2)
    }
    np.testing.assert_array_equal(
        volume.sequence(PRE_CONTRAST), alone[1].record.volume.sequence(FLAIR)
    )
    np.testing.assert_array_equal(volume.sequence(FLAIR), alone[2].record.volume.sequence(FLAIR))
    assert any("filled with FLAIR" in note for note in volume.notes)
    assert opened.source is not None


def test_a_single_file_of_each_kind_is_one_input(tmp_path):
    stack = np.stack([head(n) for n in range(3)])
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="rgb")
    _, files = written_series()
    (tmp_path / "IM0001").write_bytes(files[0].data)
    slices = {}
    for path in (
        tmp_path / "pages.tif",
        tmp_path / "IM0001",
        write_jpeg(tmp_path / "photo.jpg"),
        write_nifti(tmp_path / "volume.nii.gz"),
    ):
        (one,) = find_inputs(path)
        slices[one.name] = len(one.open().record.volume)
    assert slices == {"pages": 3, "IM0001": 1, "photo": 1, "volume": 4}


def test_a_bad_file_is_one_sentence(tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(gzip.compress(b"\0" * 400))
    (one,) = find_inputs(bad)
    with pytest.raises(DecodeError, match=r"bad\.nii\.gz was not used: ") as refused:
        one.open()
    assert "Traceback" not in str(refused.value)
    bad.unlink()
    with pytest.raises(CohortError, match="cannot be opened"):
        one.open()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("x.bmp", "(bitmap: save as PNG)"),
        ("x.img", "(voxels of a volume: give its .hdr file)"),
        ("x.raw", "(voxels of a volume: give its .mhd or .nhdr file)"),
        ("x.dcm.gz", "(archive: unpack it)"),
    ],
)
def test_a_file_that_is_no_input_says_what_to_do_with_it(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"\0" * 400)
    with pytest.raises(BrainsegError, match=re.escape(f"{name} is not an input {remedy}: give")):
        find_inputs(tmp_path / name)


def test_a_path_without_any_input_says_what_could_be_one(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(BrainsegError, match="is not an input"):
        find_inputs(tmp_path / "notes.txt")
    with pytest.raises(BrainsegError, match="contains no"):
        find_inputs(tmp_path)
    with pytest.raises(BrainsegError, match="does not exist"):
        find_inputs(tmp_path / "nowhere")


def test_a_zip_is_opened_as_what_is_in_it(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number, file in enumerate(written_series()[1]):
            archive.writestr(f"series/{number}.dcm", file.data)
    (tmp_path / "sent.zip").write_bytes(data.getvalue())
    (one,) = find_inputs(tmp_path)
    assert len(one.open().record.volume) == 5


def write_dicom(folder: Path, names=None, study="1.2.3.1", **tags) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stack = np.random.default_rng(0).integers(0, 900, (4, 48, 40)).astype(np.uint16)
    for place, plane in enumerate(stack):
        name = names[place] if names else f"{tags.get('SeriesNumber', 1)}_{place}.dcm"
        uids = {
            "StudyInstanceUID": study,
            "SeriesInstanceUID": f"{study}.{tags.get('SeriesNumber')}",
        }
        (folder / name).write_bytes(dicom(plane, 5.0 * place, **uids | tags))


@pytest.mark.parametrize(
    "names",
    [
        [f"DOE.MR.HEAD.0004.{n:04d}.2017.09.20.{n}.IMA" for n in range(4)],
        [f"{n}.MRDC.5" for n in range(4)],
        [f"slice{n}.img" for n in range(4)],
        [f"1.2.840.113619.2.{n}" for n in range(4)],
        [f"IM{n}" for n in range(4)],
        [f"{n}.DCM" for n in range(4)],
        ["a.IMA", "b.dcm", "c", "1.2.3.4"],
    ],
)
@pytest.mark.parametrize("has_preamble", [True, False])
def test_dicom_files_are_found_by_content_whatever_their_names(tmp_path, names, has_preamble):
    write_dicom(tmp_path / "study", names)
    for path in (tmp_path / "study").iterdir():
        if not has_preamble:
            path.write_bytes(path.read_bytes()[132:])
    (tmp_path / "study" / "notes.txt").write_text("no image " * 300)
    (tmp_path / "study" / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "study" / "pipe")
    (one,) = find_inputs(tmp_path / "study")
    assert (one.name, len(one.files)) == ("study", 4)
    opened = one.open()
    assert len(opened.record.volume) == 4
    assert opened.left_out is None


def test_the_series_of_a_study_lie_in_folders_of_their_own(tmp_path):
    for number, words in enumerate(("T1", "FLAIR", "T1 nach KM"), start=1):
        write_dicom(tmp_path / "study" / words, SeriesNumber=number)
    (one,) = find_inputs(tmp_path)
    # The tags say nothing; the folders' names do.
    assert {sequence: told.split(" (")[0] for sequence, told in one.open().sequences.items()} == {
        PRE_CONTRAST: "series 1",
        FLAIR: "series 2",
        POST_CONTRAST: "series 3",
    }
    chosen = one.open(sequences={FLAIR: "T1 nach KM", PRE_CONTRAST: "none"})
    assert chosen.sequences[FLAIR].startswith("series 3")


@pytest.mark.parametrize(
    "second",
    [
        {"study": "9.9.9"},
        {"study": "9.9.9", "PatientID": "B"},
        {"PatientID": "B"},
    ],
)
def test_two_studies_in_one_folder_are_two_inputs_with_a_sentence(tmp_path, second):
    folder = tmp_path / "flat"
    write_dicom(folder, SeriesNumber=1, SeriesDescription="T1", PatientID="A")
    write_dicom(
        folder, **{"PatientID": "A", "SeriesNumber": 2, "SeriesDescription": "FLAIR"} | second
    )
    found = find_inputs(tmp_path)
    assert [(one.name, len(one.files)) for one in found] == [
        ("flat (study 1 of 2)", 4),
        ("flat (study 2 of 2)", 4),
    ]
    for one in found:
        warnings = one.open().record.warnings
        assert any("contains 2 studies, which are separate cases" in one for one in warnings)


def test_a_disc_gives_its_study_alone_and_no_word_on_what_lies_beside(tmp_path):
    disc = tmp_path / "cd"
    write_dicom(disc / "DICOM" / "ST0" / "SE0", SeriesDescription="FLAIR")
    (disc / "DICOMDIR").write_bytes(dicom(None, SOPClassUID="1.2.840.10008.1.3.10"))
    (disc / "AUTORUN.INF").write_text("[autorun]")
    (disc / "viewer.exe").write_bytes(b"MZ" + bytes(2000))
    (disc / "help").mkdir()
    Image.fromarray(head(1)).save(disc / "logo.png")
    write_jpeg(disc / "help" / "page.jpg")
    (one,) = find_inputs(disc)
    opened = one.open()
    assert (len(opened.record.volume), opened.left_out) == (4, None)
    # A cohort beside the disc is still found.
    for number in (1, 2):
        (tmp_path / "case").mkdir(exist_ok=True)
        Image.fromarray(head(number)).save(tmp_path / "case" / f"case_{number}.png")
    assert [one.name for one in find_inputs(tmp_path)] == ["SE0", "case"]


def test_one_case_given_by_its_own_folder_is_one_input_without_its_label_map(tmp_path):
    for seed, sequence in enumerate(("t1", "t1ce", "t2", "flair", "seg")):
        write_nifti(tmp_path / "BraTS_001" / f"BraTS_001_{sequence}.nii.gz", seed)
    for path in (tmp_path / "BraTS_001", tmp_path):
        (one,) = find_inputs(path)
        assert one.name == "BraTS_001"
        opened = one.open()
        assert {sequence: told.split(" (")[0] for sequence, told in opened.sequences.items()} == {
            PRE_CONTRAST: "BraTS_001_t1.nii.gz",
            FLAIR: "BraTS_001_flair.nii.gz",
            POST_CONTRAST: "BraTS_001_t1ce.nii.gz",
        }
        assert opened.left_out is None
        assert any("label map “seg” was left out" in note for note in opened.record.volume.notes)


def test_cases_are_named_after_their_subjects_where_folders_are_all_called_anat(tmp_path):
    for subject in ("sub-01", "sub-02"):
        for word in ("FLAIR", "T1w"):
            write_nifti(tmp_path / "bids" / subject / "anat" / f"{subject}_{word}.nii.gz")
    assert [one.name for one in find_inputs(tmp_path / "bids")] == ["sub-01", "sub-02"]
    assert [one.name for one in find_inputs(tmp_path / "bids" / "sub-02")] == ["sub-02"]
    for session in ("ses-1", "ses-2"):
        for word in ("FLAIR", "T1w"):
            name = f"sub-03_{session}_{word}.nii.gz"
            write_nifti(tmp_path / "long" / "sub-03" / session / "anat" / name)
    assert [one.name for one in find_inputs(tmp_path / "long")] == ["sub-03_ses-1", "sub-03_ses-2"]


def test_files_of_several_subjects_in_one_folder_are_apart(tmp_path):
    for subject in ("BraTS_001", "BraTS_002"):
        for word in ("flair", "t1", "seg"):
            write_nifti(tmp_path / "flat" / f"{subject}_{word}.nii.gz")
    found = find_inputs(tmp_path / "flat")
    assert [(one.name, len(one.files)) for one in found] == [("BraTS_001", 3), ("BraTS_002", 3)]
    for name in ("P01_flair", "P02_t1"):
        write_nifti(tmp_path / "mixed" / f"{name}.nii.gz")
    assert [one.name for one in find_inputs(tmp_path / "mixed")] == ["P01_flair", "P02_t1"]
    for name in ("study_3_T1", "study_5_FLAIR"):
        write_nifti(tmp_path / "converted" / f"{name}.nii.gz")
    (one,) = find_inputs(tmp_path / "converted")
    assert (one.name, len(one.files)) == ("converted", 2)
    write_nifti(tmp_path / "lone" / "x.nii.gz")
    write_nifti(tmp_path / "lone" / "x_mask.nii.gz")
    (one,) = find_inputs(tmp_path / "lone")
    assert one.name == "x"
    assert any("label map “mask” was left out" in note for note in one.open().record.volume.notes)


def test_an_uncertain_flair_is_refused_by_a_sentence_that_names_the_option(tmp_path):
    for number in (3, 5):
        write_dicom(tmp_path / "s", SeriesNumber=number, SeriesDescription="FLAIR")
    (one,) = find_inputs(tmp_path)
    with pytest.raises(
        DecodeError, match=r"series 3 and series 5 look equally .* --sequences flair"
    ):
        one.open()
    assert one.open(sequences={FLAIR: "5"}).sequences[FLAIR].startswith("series 5")


def test_the_answers_about_a_folder_decide_unless_the_command_line_does(tmp_path):
    for case in ("P01", "P02"):
        for channel in range(2):
            write_nifti(tmp_path / "data" / f"{case}_{channel:04}.nii.gz", channel)
    undecided = find_inputs(tmp_path / "data")
    with pytest.raises(DecodeError, match="FLAIR is not decided"):
        undecided[0].open()
    save_answers(tmp_path / "data", Answers(sequences={FLAIR: "0001.nii.gz"}))
    found = find_inputs(tmp_path / "data")
    assert [one.name for one in found] == ["P01", "P02"]
    for one in found:
        used = one.open().sequences[FLAIR]
        assert used == f"{one.name}_0001.nii.gz (as the user chose for the folder)"
    asked = found[0].open({FLAIR: "0000.nii.gz"}).sequences[FLAIR]
    assert asked == "P01_0000.nii.gz (chosen with --sequences)"
    assert found[0].content() != undecided[0].content()


def test_an_uncertain_other_sequence_is_left_out_and_said(tmp_path):
    for number, words in ((1, "FLAIR"), (2, "T1"), (3, "T1")):
        write_dicom(tmp_path / "s", SeriesNumber=number, SeriesDescription=words)
    (one,) = find_inputs(tmp_path)
    opened = one.open()
    assert [*opened.sequences] == [FLAIR]
    assert "pre-contrast is not decided: series 2 and series 3 look equally" in opened.left_out
    assert opened.record.warnings == ()
    alone = tmp_path / "t1"
    write_dicom(alone, SeriesDescription="T1")
    (one,) = find_inputs(alone)
    assert one.open().record.warnings == (WITHOUT_FLAIR,)
    write_dicom(tmp_path / "t2", SeriesNumber=7, SeriesDescription="T2")
    (one,) = find_inputs(tmp_path / "t2")
    with pytest.raises(
        DecodeError, match=r"No series looks like FLAIR.* 7 = T2, none of the three"
    ):
        one.open()


def test_the_channels_of_a_case_of_slices_are_no_series(tiny_cohort):
    one = find_inputs(tiny_cohort)[0]
    with pytest.raises(CohortError, match="predict it without --sequences"):
        one.open(sequences={FLAIR: "1"})
