"""Colours of charts: visible in both themes, distinct for every reader, written down once."""

import re
import tomllib
from pathlib import Path

import pytest
from support.colours import DISTINCT, SEEN_BY, contrast, nearest

from brainseg.plotting import style
from dashboard.shared.viewer import PARTS

THEME = tomllib.loads((PARTS.parent / ".streamlit" / "config.toml").read_text())["theme"]
SERIES = [style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.VERMILION]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", [*SERIES, style.QUIET])
def test_marks_of_charts_are_visible_on_the_page(scheme, colour):
    assert contrast(colour, THEME[scheme]["backgroundColor"]) >= 3


@pytest.mark.parametrize("kind", SEEN_BY)
def test_colour_blind_readers_distinguish_the_series_and_groups_of_a_chart(kind):
    assert nearest([*SERIES, style.QUIET], kind)[0] > DISTINCT


@pytest.mark.parametrize("colour", [style.TUMOUR_COLOUR, style.NO_TUMOUR_COLOUR, style.QUIET])
def test_text_inside_a_bar_is_legible(colour):
    assert contrast(style.INK, colour) >= 4.5


def test_charts_of_streamlit_have_the_same_colours():
    assert THEME["chartCategoricalColors"] == SERIES


def test_only_one_module_writes_down_colours_of_marks():
    for path in Path(style.__file__).parent.glob("*.py"):
        written = set(re.findall(r"#[0-9a-f]{6}", path.read_text())) - {"#ffffff"}
        # The map of locations has a scale of its own.
        assert not written or path.stem in ("style", "maps"), (path.name, written)
