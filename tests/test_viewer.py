"""The viewer's parts: vendored as it was published, with keys that are free, in colours told apart."""

import hashlib
import itertools
import re

import numpy as np
import pytest

from brainseg.imaging import MASK_COLOUR, PREDICTION_COLOUR
from dashboard.viewer import PARTS

# What linear RGB becomes for a dichromat (Machado, Oliveira, Fernandes 2009, severity 1).
SEEN_BY = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def part(name: str) -> str:
    return (PARTS / "viewer" / name).read_text()


def test_niivue_is_the_published_file_with_its_licence():
    folder = PARTS / "niivue"
    told = (folder / "README.md").read_text()
    assert hashlib.sha256((folder / "niivue.js").read_bytes()).hexdigest() in told
    assert "BSD 2-Clause" in (folder / "LICENSE").read_text()


def test_no_part_is_loaded_from_elsewhere():
    for path in (PARTS / "viewer").glob("*.js"):
        for source in re.findall(r'(?:from|import\()\s*"([^"]+)"', path.read_text()):
            assert source.startswith("./") or source == "../niivue/niivue.js", (path.name, source)


def test_the_viewer_takes_no_key_of_streamlit():
    keys = re.findall(r"^    (\w): \(\)", part("actions.js"), re.MULTILINE)
    assert {"m", "p", "s", "u", "x"} <= set(keys)
    assert not {"r", "c"} & set(keys)


def test_the_layers_have_the_colours_of_the_core():
    colours = dict(re.findall(r'const (\w+_COLOUR) = "(#\w{6})"', part("layers.js")))
    for name, colour in (("MASK_COLOUR", MASK_COLOUR), ("PREDICTION_COLOUR", PREDICTION_COLOUR)):
        assert colours[name] == "#{:02x}{:02x}{:02x}".format(*colour)


def lab(colour: np.ndarray) -> np.ndarray:
    """Return a linear RGB colour in CIELAB (D65)."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.clip(np.array(to_xyz) @ colour, 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", SEEN_BY)
def test_the_three_colours_of_agreement_are_told_apart_by_colour_blind_readers(kind):
    hexes = re.findall(r'key: "\w+", label: "[^"]+", colour: "#(\w{6})"', part("layers.js"))
    assert len(hexes) == 3
    values = [np.array([int(h[i : i + 2], 16) for i in (0, 2, 4)]) / 255 for h in hexes]
    seen = [lab(np.array(SEEN_BY[kind]) @ value**2.2) for value in values]
    for one, other in itertools.combinations(seen, 2):
        # 10 is five times what a trained eye tells apart side by side.
        assert np.linalg.norm(one - other) > 10
