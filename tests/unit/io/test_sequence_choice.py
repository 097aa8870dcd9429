"""Which series becomes which sequence: the best one, a question, or the user's choice."""

import io

import numpy as np
import pydicom
import pytest
from support.files import dicom, dicom_series, nifti, voxels, zipped
from support.pictures import png

from brainseg.errors import DecodeError
from brainseg.io import InputFile, Upload, assemble, guess_assignment, open_inputs
from brainseg.io.sequence_choice import ask, choices, choose, parse_sequences, propose
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST

STACK = np.random.default_rng(0).integers(0, 256, (5, 48, 40)).astype(np.uint8)
FLAIR_TIMING = {"RepetitionTime": 9000, "EchoTime": 120, "InversionTime": 2500}


def study(*series: dict, **shared: object) -> Upload:
    """Return the upload of a study: one series for each dict of tags, numbered from 2."""
    files = []
    for number, tags in enumerate(series, start=2):
        own = {"SeriesInstanceUID": f"1.2.3.9.{number}", "SeriesNumber": number} | shared | tags
        stack = own.pop("stack", (STACK.astype(int) + number).astype(np.uint8))
        files += [
            InputFile(f"{number}_{file.name}", file.data) for file in dicom_series(stack, **own)
        ]
    return open_inputs(files)


def described(*descriptions: str) -> Upload:
    return study(*({"SeriesDescription": words} for words in descriptions))


def labels(upload: Upload) -> dict[str, str | None]:
    return {
        sequence: None if place is None else upload.series[place].label
        for sequence, place in guess_assignment(upload).items()
    }


def test_the_series_of_a_study_are_told_by_their_numbers():
    upload = described("AX T1 FLAIR", "AX T2 FLAIR", "AX T1 FLAIR +C", "AX T2 POST", "localizer")
    assert labels(upload) == {
        PRE_CONTRAST: "series 2",
        FLAIR: "series 3",
        POST_CONTRAST: "series 4",
    }
    assert propose(upload).questions == ()
    assert "5 = T2, none of the three sequences" in choices(upload)


def test_an_agent_called_none_is_no_agent():
    for agent in ("NONE", "no", "N/A", "", "Without", "kein KM", "sans", "0", "not given", "-"):
        upload = study(
            {"SeriesDescription": "AX T1 SE", "ContrastBolusAgent": agent},
            {"SeriesDescription": "AX FLAIR", "ContrastBolusAgent": agent},
        )
        assert labels(upload)[PRE_CONTRAST] == "series 2", agent
    for tags in (
        {"ContrastBolusAgent": "Gadovist 8 ml"},
        {"ContrastBolusAgent": "YES"},
        {"ContrastBolusVolume": 7.5},
        {"ContrastBolusIngredient": "GADOLINIUM"},
    ):
        upload = study({"SeriesDescription": "AX T1 SE"} | tags, {"SeriesDescription": "AX FLAIR"})
        assert labels(upload)[POST_CONTRAST] == "series 2", tags


def test_tags_alone_tell_the_sequences():
    upload = study(
        FLAIR_TIMING,
        {"RepetitionTime": 500, "EchoTime": 12, "ScanningSequence": "SE"},
        {"RepetitionTime": 500, "EchoTime": 12, "ScanningSequence": "SE", "ContrastBolusVolume": 8},
        {"ScanningSequence": "EP", "DiffusionBValue": 1000.0},
    )
    assert labels(upload) == {
        PRE_CONTRAST: "series 3",
        FLAIR: "series 2",
        POST_CONTRAST: "series 4",
    }
    assert upload.series[3].suggestion.kind == "diffusion"


def test_a_contradiction_is_a_question_and_never_a_guess():
    upload = study({"SeriesDescription": "AX T1"} | FLAIR_TIMING, {"SeriesDescription": "AX T2"})
    assert labels(upload) == dict.fromkeys((PRE_CONTRAST, FLAIR, POST_CONTRAST))
    question = propose(upload).question(FLAIR)
    assert question.indices == (0,)
    assert "TI 2500 ms, as of FLAIR" in question.reason
    sentence = ask(upload, question)
    assert "--sequences flair=SERIES" in sentence
    assert "2 = unclear, FLAIR or pre-contrast" in sentence


def test_two_equally_good_candidates_are_a_question():
    upload = described("AX FLAIR", "AX FLAIR", "AX T1 +C")
    assert labels(upload)[FLAIR] is None
    assert labels(upload)[POST_CONTRAST] == "series 4"
    assert propose(upload).question(FLAIR).reason == "series 2 and series 3 look equally like it"


def test_the_better_of_two_candidates_is_taken():
    sagittal = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    for better, worse in (
        ({}, {"ImageType": ["DERIVED", "SECONDARY"]}),
        ({}, {"stack": STACK[:2]}),
    ):
        upload = study(
            {"SeriesDescription": "FLAIR"} | worse, {"SeriesDescription": "FLAIR"} | better
        )
        assert labels(upload)[FLAIR] == "series 3"
    files = [
        InputFile(
            f"s{n}",
            dicom(
                plane,
                ImagePositionPatient=[5.0 * n, -60, 0],
                SeriesNumber=7,
                SeriesInstanceUID="1.7",
                SeriesDescription="FLAIR sag",
                **sagittal,
            ),
        )
        for n, plane in enumerate(STACK)
    ]
    axial = dicom_series(STACK, SeriesNumber=8, SeriesDescription="FLAIR tra")
    assert labels(open_inputs([*files, *axial]))[FLAIR] == "series 8"
    explicit = described("FLAIR", "AX T1", "AX T1 without contrast")
    assert labels(explicit)[PRE_CONTRAST] == "series 4"


def test_series_of_which_nothing_is_known_are_asked_and_one_alone_is_flair():
    assert labels(open_inputs(dicom_series(STACK)))[FLAIR] == "series"
    several = study({}, {})
    assert labels(several)[FLAIR] is None
    assert propose(several).question(FLAIR).indices == (0, 1)
    beside_t1 = described("AX T1", "Serie 7")
    assert propose(beside_t1).question(FLAIR).indices == (1,)
    volumes = open_inputs([InputFile("x.nii", nifti(voxels((40, 48, 6, 2))))])
    assert propose(volumes).question(FLAIR).indices == (0, 1)


def test_the_user_names_a_series_by_number_label_name_or_uid():
    upload = described("AX T1", "AX T2", "AX T1 +C")
    for name in ("3", "series 3", "SERIES 3", "1.2.3.9.3", "9.3", "3_IM0000"):
        choice = choose(upload, {FLAIR: name})
        assert choice.assignment == {PRE_CONTRAST: 0, FLAIR: 1, POST_CONTRAST: 2}, name
    assert choose(upload, {FLAIR: "3", POST_CONTRAST: "none"}).assignment[POST_CONTRAST] is None
    volume = assemble(upload, choose(upload, {FLAIR: "3"}).assignment)
    np.testing.assert_array_equal(volume.sequence(FLAIR), upload.series[1].pixels)
    files = [InputFile(f"P1_{word}.nii", nifti(voxels())) for word in ("a", "flair", "b")]
    named = open_inputs(files)
    places = choose(named, {PRE_CONTRAST: "_a", POST_CONTRAST: "P1_b.nii"}).assignment
    names = {sequence: named.series[place].label for sequence, place in places.items()}
    assert names == {PRE_CONTRAST: "P1_a.nii", FLAIR: "P1_flair.nii", POST_CONTRAST: "P1_b.nii"}
    unnumbered = open_inputs([InputFile("x.nii", nifti(voxels((40, 48, 6, 2))))])
    assert choose(unnumbered, {FLAIR: "2"}).assignment[FLAIR] == 1


def test_a_name_that_fits_no_series_or_several_lists_the_choices():
    upload = described("AX T1", "AX FLAIR")
    with pytest.raises(DecodeError, match=r"flair=9 fits no series: choose among 2 = pre-contrast"):
        choose(upload, {FLAIR: "9"})
    with pytest.raises(DecodeError, match="fits series 2 and series 3: name one of"):
        choose(upload, {FLAIR: "IM0000"})


def test_the_option_is_parsed_with_usual_names():
    assert parse_sequences("") == {}
    assert parse_sequences("flair=5, t1ce = x_gd.nii ,pre-contrast=none") == {
        FLAIR: "5",
        POST_CONTRAST: "x_gd.nii",
        PRE_CONTRAST: "none",
    }
    for bad in ("flair", "flair=", "t2=5", "flair=1,flair=2", "=3"):
        with pytest.raises(
            DecodeError, match=r"--sequences .* cannot be used: expected flair=SERIES"
        ):
            parse_sequences(bad)


def test_two_studies_are_never_one_volume():
    for tags in (
        {"PatientID": "SECRET", "StudyInstanceUID": "1.2.3.77"},
        {"PatientID": "SECRET"},
        {"StudyInstanceUID": "1.2.3.77"},
        {"PatientID": "SECRET", "SeriesInstanceUID": "1.2.3.9.2"},
    ):
        upload = study(
            {"SeriesDescription": "AX T1"},
            {"SeriesDescription": "AX FLAIR"} | tags,
            PatientID="OTHER",
        )
        (series,) = upload.series
        assert series.guess == FLAIR
        (left_out,) = upload.refused
        assert left_out.startswith("A study of 5 slices was left out: the files hold 2 studies")
        assert "SECRET" not in left_out + repr(upload)
        assert "OTHER" not in left_out
    joined = study({"SeriesDescription": "AX T1"}, {"SeriesDescription": "FLAIR", "PatientID": "A"})
    assert len(joined.series) == 2


REPEATS = {
    "echo times": ({"EchoTime": 20}, {"EchoTime": 90}),
    "echo numbers": ({"EchoNumbers": 1}, {"EchoNumbers": 2}),
    "time points": ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}),
    "acquisitions": ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
    "trigger times": ({"TriggerTime": 0}, {"TriggerTime": 500}),
    "content times": ({"ContentTime": "101500"}, {"ContentTime": "102000"}),
    "image types": (
        {"ImageType": ["ORIGINAL", "PRIMARY", "M"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "P"]},
    ),
    "b-values": ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 1000.0}),
}


@pytest.mark.parametrize("what", REPEATS)
def test_repeats_of_one_series_are_stacks_of_their_own(what):
    first, second = REPEATS[what]
    files = []
    for place in range(5):
        for tags, stack in ((second, 255 - STACK), (first, STACK)):
            data = dicom(stack[place], 5.0 * place, SOPInstanceUID=f"1.{len(files)}", **tags)
            files.append(InputFile(str(len(files)), data))
    upload = open_inputs(files)
    assert {series.pixels.tobytes() for series in upload.series} == {
        STACK.tobytes(),
        (255 - STACK).tobytes(),
    }


def test_an_echo_or_time_point_that_lacks_a_slice_leaves_the_other_whole():
    for tag in ("EchoTime", "TemporalPositionIdentifier"):
        files = [
            InputFile(f"{moment}{place}", dicom(plane, 5.0 * place, **{tag: moment}))
            for moment, stack in ((20, STACK), (90, 255 - STACK[:4]))
            for place, plane in enumerate(stack)
        ]
        assert sorted(len(series.pixels) for series in open_inputs(files).series) == [4, 5]


def test_echo_times_that_a_scanner_adjusts_by_slice_are_one_stack():
    files = [
        InputFile(str(place), dicom(plane, 5.0 * place, EchoTime=84.9 + 0.02 * place))
        for place, plane in enumerate(STACK)
    ]
    (series,) = open_inputs(files).series
    np.testing.assert_array_equal(series.pixels, STACK)


def test_echoes_have_labels_of_their_own():
    files = [
        InputFile(f"{echo}{place}", dicom(plane, 5.0 * place, EchoTime=echo, SeriesNumber=4))
        for echo in (20, 90)
        for place, plane in enumerate(STACK if echo == 20 else 255 - STACK)
    ]
    upload = open_inputs(files)
    assert [one.label for one in upload.series] == ["series 4 TE 20 ms", "series 4 TE 90 ms"]
    assert choose(upload, {FLAIR: "series 4 TE 90 ms"}).assignment[FLAIR] == 1


def test_two_subjects_of_an_upload_of_nifti_files_are_never_one_volume():
    for first, second in (
        ("sub-01_FLAIR", "sub-02_T1w"),
        ("sub-01_ses-1_FLAIR", "sub-01_ses-2_T1w"),
        ("P01_flair", "P02_t1"),
        ("BraTS_001_flair", "BraTS_002_t1"),
    ):
        files = [InputFile(f"{name}.nii", nifti(voxels())) for name in (first, second)]
        upload = open_inputs(files)
        assert [one.guess for one in upload.series] == [FLAIR]
        assert "another subject or session" in upload.refused[0]
    for first, second in (
        ("study_3_FLAIR", "study_5_T1"),
        ("AX_FLAIR", "SAG_T1"),
        ("t2_tirm_p2", "t1_mpr_ns_sag_iso"),
        ("P01_flair", "t1"),
    ):
        files = [InputFile(f"{name}.nii", nifti(voxels())) for name in (first, second)]
        assert len(open_inputs(files).series) == 2, first


def test_a_label_map_beside_pictures_is_left_out_by_name():
    files = [InputFile(f"P1_{word}.nii", nifti(voxels())) for word in ("flair", "t1")]
    other_grid = InputFile("P1_seg.nii", nifti(voxels((40, 48, 5))))
    upload = open_inputs([*files, other_grid])
    assert [one.guess for one in upload.series] == [FLAIR, PRE_CONTRAST]
    assert "the label map “seg” was left out: it is a mask, not a picture" in upload.notes
    assert upload.masks is None
    assert upload.refused == ()


def test_a_mask_on_another_grid_than_the_pictures_beside_it_is_refused():
    files = [InputFile(f"P1_{word}.nii", nifti(voxels())) for word in ("flair", "t1")]
    labels = np.zeros((40, 48, 5), np.uint8)
    labels[3:9, 5:15, 2:4] = 1
    upload = open_inputs([*files, InputFile("P1_seg.nii", nifti(labels))])
    assert upload.masks is None
    (refused,) = upload.refused
    assert refused.startswith(
        "P1_seg.nii was not used: its size or position differs from the images’"
    )


def test_a_label_map_on_the_grid_of_its_pictures_is_the_mask_to_compare_with():
    files = [InputFile(f"P1_{word}.nii", nifti(voxels())) for word in ("flair", "t1")]
    labels = np.zeros((40, 48, 6), np.uint8)
    labels[3:9, 5:15, 2:4] = 4
    labels[4:6, 7:9, 2] = 1
    upload = open_inputs([*files, InputFile("P1_seg.nii", nifti(labels))])
    assert upload.masks.shape == upload.series[0].pixels.shape
    assert upload.masks.sum() == np.count_nonzero(labels)
    # Turned as the pictures are: the picture of the labels has them in the same voxels.
    (turned,) = open_inputs([InputFile("flair.nii", nifti(labels * 60))]).series
    np.testing.assert_array_equal(upload.masks, turned.pixels > 0)
    assert upload.has_mask.all()
    assert "the label map “seg” is the mask to compare with (labels above 0)" in upload.notes
    assert "P1" not in "".join(upload.notes)


def test_a_disc_is_read_without_a_word_on_what_lies_beside_its_images():
    directory = dicom(None, SOPClassUID="1.2.840.10008.1.3.10")
    entries = {"DICOMDIR": directory, "AUTORUN.INF": b"[autorun]", "logo.png": b"\x89PNG broken"}
    entries |= {f"DICOM/{file.name}": file.data for file in dicom_series(STACK)}
    upload = open_inputs([InputFile("cd.zip", zipped(entries))])
    assert upload.refused == ()
    np.testing.assert_array_equal(upload.series[0].pixels, STACK)


def test_pictures_of_two_cases_are_never_one_stack():
    grey = np.random.default_rng(1).integers(0, 256, (6, 40, 48)).astype(np.uint8)

    def upload(*names: str) -> Upload:
        return open_inputs(
            [InputFile(name, png(plane)) for name, plane in zip(names, grey, strict=False)]
        )

    for first, second in (
        ("P01_{}.png", "P02_{}.png"),
        ("TCGA_CS_4941_19960909_{}.png", "TCGA_CS_4942_19970222_{}.png"),
        ("all/P01/{}.png", "all/P02/{}.png"),
    ):
        names = [first.format(n) for n in (1, 2, 3)] + [second.format(n) for n in (1, 2)]
        one = upload(*names)
        np.testing.assert_array_equal(one.series[0].pixels, grey[:3])
        assert len(one.refused) == 2
        assert "another case than that of the files used" in one.refused[0]
    for names in (
        ("IM1_2021.png", "IM2_2021.png", "IM3_2021.png"),
        ("img_1.png", "img_2.png", "scan_1.png"),
        ("P01_flair_1.png", "P01_flair_2.png", "P01_t1_1.png", "P01_t1_2.png"),
        ("slice_001.png", "slice_002.png"),
    ):
        assert upload(*names).refused == (), names


@pytest.mark.parametrize(
    ("maker", "creator", "tag", "kind", "value"),
    [
        ("SIEMENS", "SIEMENS MR HEADER", 0x0019100C, "IS", "1000"),
        ("GE MEDICAL SYSTEMS", "GEMS_PARM_01", 0x00431039, "IS", ["1000001000", "8", "0"]),
        ("Philips Medical Systems", "Philips Imaging DD 001", 0x20011003, "FL", 1000.0),
    ],
)
def test_a_vendors_own_b_value_tells_diffusion(maker, creator, tag, kind, value):
    files = []
    for file in dicom_series(STACK, SeriesDescription="ax FLAIR", Manufacturer=maker):
        image = pydicom.dcmread(io.BytesIO(file.data))
        image.add_new((tag >> 16, 0x10), "LO", creator)
        image.add_new(tag, kind, value)
        written = io.BytesIO()
        image.save_as(written)
        files.append(InputFile(file.name, written.getvalue()))
    (series,) = open_inputs(files).series
    assert series.suggestion.kind == "diffusion"
    assert "b-value 1000 s/mm2" in series.suggestion.reasons
