"""The viewer's parts: vendored as it was published, with keys that are free, in colours told apart."""

import hashlib
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import REQUIRE_ALL

from brainseg.imaging import COLOURS, as_hex
from dashboard.shared.viewer import PARTS

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


def test_no_part_of_the_viewer_writes_down_a_colour_that_has_a_meaning():
    for path in (*(PARTS / "viewer").glob("*.js"), PARTS / "viewer" / "viewer.css"):
        text = path.read_text().lower()
        for meaning, colour in COLOURS.items():
            assert as_hex(colour) not in text, (path.name, meaning)


def lab(colour: np.ndarray) -> np.ndarray:
    """Return a linear RGB colour in CIELAB (D65)."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.clip(np.array(to_xyz) @ colour, 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


TOGETHER = [
    ("mask", "prediction", "removed"),
    ("mask", "prediction", "both", "removed"),
    ("mask", "other", "both"),
    ("prediction", "other"),
]
"""Meanings that one picture or chart shows at a time."""


@pytest.mark.parametrize("kind", SEEN_BY)
@pytest.mark.parametrize("meanings", TOGETHER, ids="-".join)
def test_colours_that_are_shown_together_are_told_apart_by_colour_blind_readers(kind, meanings):
    values = [np.array(COLOURS[meaning]) / 255 for meaning in meanings]
    seen = [lab(np.array(SEEN_BY[kind]) @ value**2.2) for value in values]
    for one, other in itertools.combinations(seen, 2):
        # 10 is five times what a trained eye tells apart side by side.
        assert np.linalg.norm(one - other) > 10


def test_no_two_meanings_share_a_colour():
    assert len(set(COLOURS.values())) == len(COLOURS)


HEX = {meaning: as_hex(colour) for meaning, colour in COLOURS.items()}


def legend(**asked: object) -> list[tuple[str, str, str | None]]:
    """Return (label, kind, colour) of each entry of the legend, as the viewer makes it in node."""
    node = shutil.which("node")
    if node is None:
        assert not REQUIRE_ALL, "node is needed to run the viewer's legend"
        pytest.skip("node is not installed")
    content = json.dumps(
        {"colours": HEX, "look": {}, "other": False, "shows": "prediction"} | asked
    )
    judge = Path(__file__).with_name("legend_entries.mjs")
    answer = subprocess.run([node, judge, content], capture_output=True, text=True, check=True)
    return [(one["label"], one["kind"], one.get("colour")) for one in json.loads(answer.stdout)]


def test_the_legend_lists_each_layer_that_is_shown_in_its_colour():
    assert legend() == [
        ("manual mask", "line", HEX["mask"]),
        ("prediction", "line", HEX["prediction"]),
        ("components removed (1)", "hatch", HEX["removed"]),
    ]
    assert legend(look={"mask": "off", "prediction": "fill", "removed": False}) == [
        ("prediction", "fill", HEX["prediction"])
    ]
    assert legend(look={"prediction": "heat", "removed": False, "spread": True})[1:] == [
        ("prediction", "line", HEX["prediction"]),
        ("uncertainty, 0 to 0.3", "ramp", None),
    ]
    assert ("prediction: probability, 0 to 1", "ramp", None) in legend(look={"prediction": "heat"})


def test_the_legend_of_agreement_and_comparison_keeps_the_colours_of_their_sides():
    assert legend(look={"agreement": True, "removed": False}) == [
        ("both mask and prediction", "fill", HEX["both"]),
        ("prediction only (false positive)", "fill", HEX["prediction"]),
        ("mask only (false negative)", "fill", HEX["mask"]),
    ]
    look = {"mask": "off", "removed": False}
    assert legend(other=True, look=look) == [("left prediction", "line", HEX["prediction"])]
    assert legend(other=True, look=look, shows="other") == [
        ("right prediction", "line", HEX["other"])
    ]
    assert legend(other=True, shows="difference") == [
        ("left higher", "fill", HEX["prediction"]),
        ("right higher", "fill", HEX["other"]),
    ]
