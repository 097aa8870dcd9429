"""Every file of a prediction begins with its warnings, and pictures show them."""

import gzip
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.cohorts import FIRST, head
from support.exported import text_of

from brainseg import RESEARCH_USE
from brainseg.cohort import Cohort
from brainseg.exports.case import case_files
from brainseg.exports.prediction import KINDS, overlay, prediction_files
from brainseg.exports.stamp import BAND_COLOUR, LEAST_WIDTH_PX, stamped
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import CaseRecord, record_of_case, record_of_volume, with_prediction
from brainseg.models.exposure import UNKNOWN, CaseExposure
from brainseg.reviews.measurements import RULER, Measurement
from brainseg.volume import FLAIR, Volume

WARNINGS = (
    "This does not look like an axial head MRI.",
    "These files are CT, not MR.",
    "One more.",
    "And a fourth, which is long enough to need more than a single line of any picture or page.",
)
MODEL = SimpleNamespace(
    name="net", digest="a1b2" * 16, target="tumour", threshold_for=lambda folds: 0.5
)


def predicted(volume: Volume) -> Prediction:
    probability = np.zeros(volume.pixels.shape[:3], np.float32)
    probability[1, 2:9, 3:7] = 0.75
    return Prediction(
        probability, probability / 3, CaseExposure(UNKNOWN, (0, 1)), 1.2, "Net", "CPU", 4
    )


@pytest.fixture
def record() -> CaseRecord:
    volume = Volume(np.stack([head(n, 40, 50) for n in range(3)]))
    record = with_prediction(record_of_volume(volume), MODEL, predicted(volume))
    drawn = Measurement("a1", RULER, 2, ((1.0, 2.0, 1.5), (4.0, 6.0, 1.5)), "edge", FLAIR, "AB")
    return replace(record, warnings=WARNINGS, unsuitable=True, measurements=(drawn,))


def test_every_file_begins_with_every_warning(record):
    for name, content in (prediction_files(record, kinds=KINDS) | case_files(record)).items():
        told = " ".join(text_of(name, content).split())
        assert told.startswith("Warning: This does not look like an axial head MRI."), name
        places = [told.index(warning) for warning in WARNINGS]
        assert places == sorted(places), name
        assert (
            RESEARCH_USE.encode() in content
            or RESEARCH_USE in told
            or ".pdf" in name
            or (RESEARCH_USE.encode() in gzip.decompress(content))
        )


def test_drawn_measurements_are_in_the_table_and_the_report(record):
    files = prediction_files(record, kinds=("csv", "pdf"))
    table = pd.read_csv(io.BytesIO(files["upload_drawn_measurements.csv"]), comment="#")
    row = table.iloc[0]
    assert (row["reader"], row["kind"], row["place"], row["length"]) == ("AB", "ruler", 2, 5)
    said = " ".join(text_of("report.pdf", files["upload_report.pdf"]).split())
    assert "Measurements drawn AB: Ruler “edge”, slice 2: 5.0 px" in said
    assert "upload_drawn_measurements.csv" in files["upload_about.txt"].decode()
    bare = prediction_files(replace(record, measurements=()), kinds=("csv",))
    assert "upload_drawn_measurements.csv" not in bare


def test_a_table_with_warnings_is_still_a_table(record):
    files = prediction_files(record, kinds=("csv",))
    slices = pd.read_csv(io.BytesIO(files["upload_slices.csv"]), comment="#")
    assert slices["prediction_area_px"].tolist() == [0, 28, 0]


def test_an_upload_is_unknown_to_the_model_in_every_file(record):
    files = prediction_files(record, kinds=("pdf",))
    for name in ("upload_report.pdf", "upload_about.txt"):
        told = " ".join(text_of(name, files[name]).split())
        assert "It is unknown whether this patient was in the training data." in told
        assert "does not know" not in told


def test_the_overlay_shows_its_warnings(record):
    content = prediction_files(record, kinds=("overlay",))["upload_2_overlay.png"]
    picture = np.asarray(Image.open(io.BytesIO(content)))
    plain = overlay(record, 1)
    height, width = plain.shape[:2]
    left = (LEAST_WIDTH_PX - width) // 2
    np.testing.assert_array_equal(picture[-height:, left : left + width], plain)
    band = picture[:-height]
    assert (band[0] == BAND_COLOUR).all()
    written = (band == 0).all(axis=-1)
    # Four sentences of at least a line each, one of them of two lines, in letters 13 px high.
    lines = np.diff(np.concatenate([[0], written.any(axis=1), [0]]).astype(int))
    assert (lines == 1).sum() >= 5
    assert not written[:, :3].any() and not written[:, -3:].any()


def test_the_band_grows_with_the_picture_and_is_absent_without_a_warning():
    small, large = (np.zeros((60, side, 3), np.uint8) for side in (60, 1600))
    assert stamped(small, ()) is small
    heights = [stamped(one, WARNINGS[:1]).shape[0] - 60 for one in (small, large)]
    assert heights[1] > 2 * heights[0]
    assert stamped(large, WARNINGS).shape[1] == 1600


def test_the_files_of_a_case_name_left_out_slices(tiny_cohort):
    damaged = tiny_cohort / FIRST / f"{FIRST}_2.tif"
    damaged.write_bytes(damaged.read_bytes()[:500])
    record = record_of_case(Cohort.open(tiny_cohort).case(FIRST))
    about = case_files(record)[f"{FIRST}_about.txt"].decode()
    assert about.startswith(f"Warning: 1 of 3 slices of {FIRST} could not be used")
