"""Values of drawn measurements: known shapes, unknown spacing, and the same in the viewer."""

import json

import numpy as np
import pytest
from support.node import node

from brainseg.reviews.measurements import (
    ANGLE,
    ELLIPSE,
    PRODUCT,
    RULER,
    Measurement,
    as_measurement,
)
from brainseg.statistics.drawn import (
    VALUES,
    drawn_table,
    in_words,
    place_of,
    sentence_of,
    values_of,
)
from brainseg.volume import Volume
from dashboard.shared.viewer import PARTS

SPACINGS = {"known": (5.0, 0.9, 0.8), "no slice spacing": (None, 0.9, 0.8), "none": None}
NUMBERS = (3, 4, 5, 6)

SCRIPT = """
import { CaseData } from "%(parts)s/payload.js";
import { placeInWords, valueInWords, valuesOf } from "%(parts)s/measurements.js";
const { header, pixels, items } = JSON.parse(process.argv[2]);
const data = new CaseData(header, { FLAIR: Uint8Array.from(pixels) });
const shown = (one) => [valuesOf(one, data), valueInWords(one, data), placeInWords(one, data)];
console.log(JSON.stringify(items.map(shown)));
"""


def volume(spacing_mm: tuple | None = SPACINGS["known"]) -> Volume:
    """Return (4, 20, 30) pixels that no turn or flip maps onto themselves."""
    slices, rows, columns = np.indices((4, 20, 30))
    grey = (50 * slices + 2 * rows + columns).astype(np.uint8)
    return Volume(np.repeat(grey[..., None], 3, axis=3), spacing_mm)


def one(kind: str, points: list, normal: int = 2, **more: str) -> Measurement:
    return Measurement(
        "a1", kind, normal, tuple(map(tuple, points)), **{"sequence": "FLAIR"} | more
    )


EXAMPLES = [
    one(RULER, [(2, 3, 1.5), (5, 7, 1.5)], name="edge"),
    one(RULER, [(2, 3.5, 0.5), (9, 3.5, 3.25)], 1),
    one(RULER, [(2.5, 3, 0.5), (2.5, 12, 2.5)], 0),
    one(ANGLE, [(10, 5, 0.5), (5, 5, 0.5), (10, 10, 0.5)]),
    one(ANGLE, [(10, 5.5, 0.5), (5, 5.5, 0.5), (10, 5.5, 3)], 1),
    one(PRODUCT, [(10, 10, 1.5), (14, 10, 1.5), (12, 2, 1.5), (12, 20, 1.5)]),
    one(PRODUCT, [(3.5, 10, 1), (3.5, 14, 1), (3.5, 12, 0), (3.5, 12, 3)], 0),
    one(ELLIPSE, [(2, 2, 1.5), (9, 13, 1.5)]),
    one(ELLIPSE, [(9, 4.5, 0), (2, 4.5, 4)], 1),
    one(ELLIPSE, [(7.5, 2, 0), (7.5, 15, 4)], 0),
    one(ELLIPSE, [(2, 2, 1.5), (2, 5, 1.5)]),
]


@pytest.mark.parametrize("spacing", SPACINGS.values(), ids=list(SPACINGS))
def test_the_viewer_and_the_files_have_the_same_values(spacing, tmp_path):
    read = volume(spacing)
    header = {
        "case": "A",
        "shape": read.pixels.shape[:3],
        "slice_numbers": NUMBERS,
        "sequences": ["FLAIR"],
        "copies": {},
        "steps": 200,
        "spacing_mm": spacing,
    }
    pixels = read.sequence("FLAIR").ravel().tolist()
    items = [example.as_dict() for example in EXAMPLES]
    script = tmp_path / "values.mjs"
    script.write_text(SCRIPT % {"parts": (PARTS / "viewer").as_uri()})
    asked = json.dumps({"header": header, "pixels": pixels, "items": items})
    done = node(script, asked)
    assert done.returncode == 0, done.stderr
    for example, (values, words, place) in zip(EXAMPLES, json.loads(done.stdout), strict=True):
        ours = values_of(example, read)
        assert ours.unit == values["unit"]
        for name in VALUES:
            theirs = values.get(name)
            assert getattr(ours, name) == (None if theirs is None else pytest.approx(theirs))
        assert in_words(example, read) == words
        assert " ".join(map(str, place_of(example, read, NUMBERS))) == place


def test_lengths_are_those_of_the_voxels():
    assert values_of(EXAMPLES[0], volume()).length == pytest.approx(np.hypot(3 * 0.8, 4 * 0.9))
    assert values_of(EXAMPLES[0], volume(None)).length == 5
    across = values_of(EXAMPLES[1], volume())
    assert across.length == pytest.approx(np.hypot(7 * 0.8, 2.75 * 5))
    assert values_of(EXAMPLES[1], volume(SPACINGS["no slice spacing"])).length is None


def test_lengths_across_tilted_slices_are_unknown():
    affine = np.array([[0, 0, 0.8, 0], [1.0, 0.9, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1]])
    tilted = Volume(volume().pixels, SPACINGS["known"], affine)
    assert values_of(EXAMPLES[1], tilted).length is None
    assert values_of(EXAMPLES[0], tilted).length is not None


def test_the_longest_diameter_comes_first_and_the_product_is_of_both():
    values = values_of(EXAMPLES[5], volume(None))
    assert (values.longest, values.perpendicular, values.product) == (18, 4, 72)


def test_an_ellipse_has_the_grey_values_inside():
    values = values_of(one(ELLIPSE, [(2, 2, 1.5), (9, 13, 1.5)]), volume(None))
    assert values.pixels == pytest.approx(np.pi * 3.5 * 5.5, rel=0.05)
    assert values.mean == pytest.approx(50 + 2 * 7 + 5)


def test_a_plane_is_named_by_the_patient_where_the_orientation_is_known():
    turned = Volume(volume().pixels, (5, 0.9, 0.8), np.diag([5.0, 0.9, 0.8, 1])[[2, 1, 0, 3]])
    assert place_of(EXAMPLES[1], turned, NUMBERS) == ("coronal", 3)
    assert place_of(EXAMPLES[2], turned, NUMBERS) == ("sagittal", 2)
    assert place_of(EXAMPLES[0], turned, NUMBERS) == ("slice", 4)


def test_the_table_has_a_row_per_measurement_and_missing_values_are_missing():
    table = drawn_table([EXAMPLES[0], EXAMPLES[4]], volume(None), NUMBERS, "A")
    assert table["length"].tolist()[0] == 5
    assert table["unit"].fillna("unknown").tolist() == ["px", "unknown"]
    assert table[["degrees", "area", "pixels"]].isna().all(axis=None)
    assert drawn_table([], volume(), NUMBERS, "A").empty
    assert sentence_of(EXAMPLES[0], volume(None), NUMBERS) == "Ruler “edge”, slice 4: 5.0 px"


def test_a_measurement_survives_the_way_to_the_viewer_and_back():
    for example in EXAMPLES:
        assert as_measurement(json.loads(json.dumps(example.as_dict()))) == example
