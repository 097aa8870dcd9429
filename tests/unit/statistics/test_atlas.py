"""The atlas: positions in the head's box, intensities and parts, compared with counts by hand."""

import numpy as np
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, write_pair

from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.statistics import atlas
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST


def square_head(top: int, left: int, side: int = 40, image: int = 64) -> np.ndarray:
    """Return (h, w, 3) uint8: a grey square on black, FLAIR brighter than the others."""
    pixels = np.zeros((image, image, 3), np.uint8)
    pixels[top : top + side, left : left + side] = (80, 100, 60)
    return pixels


def write_two_heads(root):
    """Write two cases whose heads stand elsewhere, with tumour in the same place of the head."""
    for case, top, left in (("A", 4, 4), ("B", 20, 10)):
        mask = blob(top, left, 20)
        for number in (1, 2, 3):
            image = square_head(top, left)
            image[mask > 0] = (90, 200, 61)
            write_pair(root / case, case, number, image, mask if number == 2 else 0 * mask)
    return root


def test_a_position_does_not_depend_on_where_the_head_is_in_the_image(tmp_path):
    made = atlas.make_atlas(Cohort.open(write_two_heads(tmp_path / "heads")))
    found = atlas.overlap(made, ["A", "B"])
    top_left = np.zeros((atlas.ROWS, atlas.COLUMNS), bool)
    top_left[: atlas.ROWS // 2, : atlas.COLUMNS // 2] = True
    np.testing.assert_array_equal(found.share == 1, top_left)
    assert (found.share[~top_left] == 0).all()
    np.testing.assert_allclose(found.head, 1)
    assert (found.cases, found.without_tumour, found.without_mask) == (2, 0, 0)


def test_a_region_finds_the_cases_with_tumour_in_it(tmp_path):
    root = write_two_heads(tmp_path / "heads")
    write_pair(root / "C", "C", 1, square_head(4, 4), blob(24, 24, 20))
    made = atlas.make_atlas(Cohort.open(root))
    assert atlas.cases_with_tumour_in(made, (0, 0.4), (0, 0.4)) == ["A", "B"]
    assert atlas.cases_with_tumour_in(made, (0.6, 1), (0.6, 1)) == ["C"]
    assert atlas.cases_with_tumour_in(made, (0, 1), (0, 1)) == ["A", "B", "C"]


def test_each_case_counts_the_same_and_those_without_tumour_are_counted(tiny_cohort):
    for mask in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        mask.unlink()
    for mask in (tiny_cohort / FLAIR_REPEATED).glob("*_mask.tif"):
        tifffile.imwrite(mask, np.zeros((64, 64), np.uint8))
    cohort = Cohort.open(tiny_cohort)
    made = atlas.make_atlas(cohort)
    found = atlas.overlap(made, cohort.cases)
    assert (found.cases, found.without_tumour, found.without_mask) == (1, 1, 1)
    assert found.share.max() == 1
    assert made.components.tolist() == [1, 0, -1]
    assert np.isnan(made.largest_share).tolist() == [False, True, True]
    nothing = atlas.overlap(made, [])
    assert nothing.cases == 0 and not nothing.share.any()


def test_intensities_are_counted_inside_and_outside_of_the_tumour(tmp_path):
    made = atlas.make_atlas(Cohort.open(write_two_heads(tmp_path / "heads")))
    table = atlas.intensity_table(made, ["A", "B"])
    flair = table[table["sequence"] == FLAIR]
    inside = flair[flair["place"] == atlas.INSIDE].set_index("from_level")["voxels"]
    outside = flair[flair["place"] == atlas.OUTSIDE].set_index("from_level")["voxels"]
    assert inside[inside > 0].to_dict() == {200: 2 * 20 * 20}
    # On the slices without a mask's tumour the bright square belongs to the rest of the head.
    heads, tumours = 2 * 3 * 40 * 40, 2 * 20 * 20
    assert outside.sum() == heads - tumours
    assert outside[200] == 2 * tumours
    assert flair.groupby("place")["share"].sum().tolist() == pytest.approx([1, 1])
    assert (flair["to_level"] - flair["from_level"] == 3).all()


def test_a_sequence_that_repeats_flair_is_not_counted(tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    table = atlas.intensity_table(atlas.make_atlas(cohort), cohort.cases)
    cases = table.groupby("sequence")["cases"].first().to_dict()
    assert cases == {PRE_CONTRAST: 3, FLAIR: 3, POST_CONTRAST: 2}
    alone = atlas.intensity_table(atlas.make_atlas(cohort), [FLAIR_REPEATED])
    assert alone.loc[alone["sequence"] == POST_CONTRAST, "share"].isna().all()


def test_a_saved_atlas_is_not_computed_again(tiny_cohort, monkeypatch):
    cohort, steps = Cohort.open(tiny_cohort), []
    made = atlas.open_atlas(cohort, lambda done, total: steps.append((done, total)))
    assert steps[0] == (0, 8) and steps[-1] == (8, 8)
    monkeypatch.setattr(atlas, "make_atlas", lambda *_: pytest.fail("it was made again"))
    again = atlas.open_atlas(cohort)
    for name, array in vars(made).items():
        np.testing.assert_array_equal(array, getattr(again, name))


def test_an_atlas_that_cannot_be_saved_is_still_returned(tiny_cohort, home):
    cohort = Cohort.open(tiny_cohort)
    (cohort.state_dir / "atlas.npz").mkdir(parents=True)
    assert len(atlas.open_atlas(cohort)) == 3


def test_a_file_changed_since_indexing_is_one_sentence(tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    (tiny_cohort / FIRST / f"{FIRST}_1.tif").write_bytes(b"")
    with pytest.raises(CohortError, match=f"{FIRST}_1.tif"):
        atlas.make_atlas(cohort)
