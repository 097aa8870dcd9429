"""What the viewer is sent: the same pixels, thresholds that cut alike, geometry only where known."""

import numpy as np
import pytest
from support import predictions
from support.pages import unpack

from brainseg import RESEARCH_USE
from brainseg.cohort.label_layers import LabelLayers
from brainseg.exports.payload import STEPS, case_payload, in_steps
from brainseg.imaging import LABEL_COLOURS, as_hex
from brainseg.inference.prediction import Prediction
from brainseg.inference.quantised import quantise
from brainseg.inference.record import CaseRecord
from brainseg.io.orientation import sides_of
from brainseg.models import CaseExposure
from brainseg.volume import Volume


def record(**more: object) -> CaseRecord:
    rng = np.random.default_rng(0)
    parts = {
        "case": "A",
        "volume": Volume(rng.integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)),
        "slice_numbers": (1, 2, 10),
        "masks": rng.random((3, 5, 4)) < 0.5,
        "has_mask": np.array([True, False, True]),
    }
    return CaseRecord(**parts | more)


def test_every_array_comes_back_as_it_was():
    predicted = predictions.made(
        "m", "new", (0, 1), 0.35, np.full((3, 5, 4), 0.35, np.float32), None
    )
    packed = record(predicted=predicted)
    header, arrays = unpack(case_payload(packed))
    for name in packed.volume.sequences:
        assert np.array_equal(arrays[name], packed.volume.sequence(name))
    assert np.array_equal(arrays["mask"], packed.masks)
    assert (arrays["probability"] == 70).all()
    assert header["mask_there"] == [True, False, True]
    assert header["threshold"] == 0.35
    assert header["made_by"] == "m: the mean of folds 0 and 1"
    assert header["research_use"] == RESEARCH_USE


def test_spread_and_another_prediction_are_sent_where_there_are_any():
    half = np.full((3, 5, 4), 0.5, np.float32)
    looked = Prediction(half, half / 4, CaseExposure("new", (0, 1)), 0.1, "Net", "CPU", 4)
    predicted = predictions.made("m", "new", (0, 1), 0.35, half, None, looked)
    other = predictions.made("n", "new", (2,), 0.6, half / 5, None)
    header, arrays = unpack(case_payload(record(predicted=predicted, other=other)))
    assert (arrays["spread"] == STEPS // 8).all()
    assert (arrays["other"] == STEPS // 10).all()
    assert header["made_by"] == "m: the mean of folds 0 and 1, with mirror images"
    assert header["other"] == {
        "threshold": 0.6,
        "made_by": "n: fold 2",
        "min_component_fraction": 0.0,
    }
    header, arrays = unpack(case_payload(record(predicted=other)))
    assert header["other"] is None
    assert not {"spread", "other"} & set(arrays)


def test_the_viewer_is_sent_the_networks_probability_and_the_rule_that_removes_components():
    probability = np.zeros((3, 5, 4), np.float32)
    probability[0] = 0.9
    probability[2, 0, 0] = 0.992
    made = Prediction(probability, None, CaseExposure("new", (0,)), 0.1, "Net", "CPU", 1, 0.2)
    predicted = predictions.made("m", "new", (0,), 0.35, probability, None, made)
    assert not predicted.mask[2, 0, 0]
    header, arrays = unpack(case_payload(record(predicted=predicted)))
    assert arrays["probability"][2, 0, 0] == 198
    assert header["min_component_fraction"] == 0.2
    assert header["colours"]["mask"] == "#e69f00"


def test_a_case_without_a_usable_mask_is_sent_none():
    header, arrays = unpack(case_payload(record(has_mask=np.zeros(3, bool))))
    assert "mask" not in arrays
    assert header["mask_there"] == [False] * 3


def test_labels_are_sent_with_name_values_and_colour_the_largest_first():
    values = np.zeros((3, 5, 4), np.uint8)
    values[1, :2] = 1
    values[1, 0] = 3
    layers = LabelLayers(values, {"core": (3,), "whole": (1, 3)}, "core")
    header, arrays = unpack(case_payload(record(labels=layers)))
    assert np.array_equal(arrays["labels"], values)
    assert header["label"] == "core"
    assert header["labels"] == [
        {"name": "whole", "values": [1, 3], "colour": as_hex(LABEL_COLOURS[1])},
        {"name": "core", "values": [3], "colour": as_hex(LABEL_COLOURS[0])},
    ]
    header, arrays = unpack(case_payload(record()))
    assert header["labels"] == []
    assert "labels" not in arrays


def test_steps_cut_as_the_threshold_cuts_the_probability():
    edges = (np.arange(STEPS + 1) / STEPS).astype(np.float32)
    values = np.concatenate([np.nextafter(edges, np.float32(d)) for d in (-1, 2)] + [edges])
    values = np.clip(values, 0, 1)
    steps = in_steps(quantise(values))
    for step in range(STEPS + 1):
        assert np.array_equal(steps >= step, values >= step / STEPS)


def test_what_the_source_does_not_say_is_not_said():
    header, _ = unpack(case_payload(record()))
    assert header["spacing_mm"] is None
    assert header["orientation"] is None


def test_known_geometry_is_passed_on():
    pixels = np.zeros((3, 5, 4, 3), np.uint8)
    # Slices run towards the head, rows towards the back, columns towards the left, as often on screens.
    affine = np.array([[0, 0, -0.9, 0], [0, -0.8, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
    volume = Volume(pixels, spacing_mm=(5.0, 0.8, 0.9), affine=affine)
    header, _ = unpack(case_payload(record(volume=volume)))
    assert header["spacing_mm"] == [5.0, 0.8, 0.9]
    assert header["orientation"] == {
        "first": "I", "last": "S", "top": "A", "bottom": "P", "left": "R", "right": "L"
    }  # fmt: skip


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_side_is_the_one_an_oblique_axis_points_to_most(axis):
    affine = np.eye(4)
    affine[:3, :3] += 0.2
    edges = sides_of(affine)
    low, high = (("first", "last"), ("top", "bottom"), ("left", "right"))[axis]
    assert edges[low] + edges[high] == ("LR", "PA", "IS")[axis]
