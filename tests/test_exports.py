"""What leaves the application says what it is not, and keeps every pixel in its place."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from brainseg import RESEARCH_USE
from brainseg.exports import csv_bytes, png_bytes, write_masks


def test_a_marked_corner_stays_in_its_corner_and_colours_in_their_order(tmp_path):
    picture = np.zeros((40, 50, 3), np.uint8)
    picture[0, 0] = (255, 10, 20)
    read = np.asarray(Image.open(io.BytesIO(png_bytes(picture))))
    np.testing.assert_array_equal(read, picture)
    mask = np.zeros((1, 40, 50), bool)
    mask[0, 0, -1] = True
    (path,) = write_masks(tmp_path / "deep" / "er", ["one"], mask)
    np.testing.assert_array_equal(np.asarray(Image.open(path)) == 255, mask[0])


def test_pictures_and_tables_carry_the_research_sentence():
    picture = Image.open(io.BytesIO(png_bytes(np.zeros((40, 50), np.uint8))))
    assert picture.text["Comment"] == RESEARCH_USE
    table = csv_bytes(pd.DataFrame({"case": ["ä"], "area_px": [3]})).decode("utf-8")
    assert table.splitlines() == [f"# {RESEARCH_USE}", "case,area_px", "ä,3"]
