"""The viewer's modules in node, NiiVue as it was published, and colours that readers can distinguish."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from support.colours import DISTINCT, SEEN_BY, nearest
from support.node import node

from brainseg.imaging import COLOURS, LABEL_COLOURS, as_hex, automatic_window
from dashboard.shared.viewer import PARTS

TESTS = sorted(Path(__file__).parent.glob("*.test.mjs"))


def test_niivue_is_the_published_file_with_its_licence():
    folder = PARTS / "niivue"
    readme = (folder / "README.md").read_text()
    assert hashlib.sha256((folder / "niivue.js").read_bytes()).hexdigest() in readme
    assert "BSD 2-Clause" in (folder / "LICENSE").read_text()


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.name.partition(".")[0])
def test_the_modules_pass_their_tests_in_node(file):
    done = node("--experimental-vm-modules", "--test", file)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_the_viewer_and_every_other_picture_have_the_same_automatic_window():
    generator = np.random.default_rng(0)
    tops = generator.integers(2, 256, 40)
    cases = [
        generator.integers(0, top, (2, 5, int(generator.integers(1, 80))), np.uint8) for top in tops
    ]
    script = (
        f'import {{ percentileWindow }} from "{(PARTS / "viewer" / "windows.js").as_uri()}";'
        f"const cases = {[case.ravel().tolist() for case in cases]};"
        "const of = (one) => percentileWindow(Uint8Array.from(one), [1, 99]);"
        "console.log(JSON.stringify(cases.map(of)));"
    )
    done = node("--input-type=module", "--eval", script)
    assert [tuple(one) for one in json.loads(done.stdout)] == list(map(automatic_window, cases))


def test_no_part_of_the_viewer_writes_down_a_colour_that_has_a_meaning():
    for path in (*(PARTS / "viewer").glob("*.js"), PARTS / "viewer" / "viewer.css"):
        text = path.read_text().lower()
        for meaning, colour in COLOURS.items():
            assert as_hex(colour) not in text, (path.name, meaning)


TOGETHER = [
    ("mask", "prediction", "removed"),
    ("mask", "prediction", "both", "removed"),
    ("mask", "other", "both"),
    ("prediction", "other"),
]
"""Meanings that one picture or chart shows at a time."""


@pytest.mark.parametrize("kind", SEEN_BY)
@pytest.mark.parametrize("meanings", TOGETHER, ids="-".join)
def test_colour_blind_readers_distinguish_colours_that_are_shown_together(kind, meanings):
    colours = [as_hex(COLOURS[meaning]) for meaning in meanings]
    assert nearest(colours, kind)[0] > DISTINCT


@pytest.mark.parametrize("kind", SEEN_BY)
def test_colour_blind_readers_distinguish_labels_from_each_other_and_from_a_prediction(kind):
    shown = [*LABEL_COLOURS, COLOURS["prediction"], COLOURS["removed"]]
    assert nearest([as_hex(one) for one in shown], kind)[0] > 15


def test_labels_contrast_with_black():
    for colour in LABEL_COLOURS:
        assert ((np.array(colour) / 255) ** 2.2) @ [0.2126, 0.7152, 0.0722] > 4 * 0.05 - 0.03


def test_no_two_meanings_share_a_colour():
    assert len(set(COLOURS.values())) == len(COLOURS)
