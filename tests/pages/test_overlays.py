"""Thumbnails of slices: computed once for each slice and style."""

from dataclasses import replace

from support.cohorts import FIRST

from brainseg.cohort import Cohort
from dashboard.shared import cache
from dashboard.shared.overlays import FILL, STORED, OverlayStyle


def test_a_thumbnail_is_computed_once_for_each_slice_and_style(tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    style = OverlayStyle()
    picture, alt = cache.thumbnail(cohort, FIRST, 2, style)
    assert picture.startswith(b"\x89PNG")
    assert alt == f"FLAIR of {FIRST}, slice 2, with the manual mask of 144 pixels"
    assert cache.thumbnail(Cohort.open(tiny_cohort), FIRST, 2, OverlayStyle())[0] is picture
    others = [replace(style, mask=FILL, opacity=0.4), replace(style, window=STORED)]
    drawn = [cache.thumbnail(cohort, FIRST, 2, other)[0] for other in others]
    assert len({picture, cache.thumbnail(cohort, FIRST, 1, style)[0], *drawn}) == 4
