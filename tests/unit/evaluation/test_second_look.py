"""Masks worth a second look: listed where all passes of unseen networks contradict the mask."""

from dataclasses import replace

import numpy as np
import pytest
from support.evaluations import evaluation_of

from brainseg.cohort import Cohort
from brainseg.evaluation import evaluate, load_scores, save_scores, ship_scores
from brainseg.evaluation.second_look import (
    CERTAIN,
    EXCLUDED,
    MISSED,
    NOTICE,
    UNSUPPORTED,
    Contradiction,
    as_lines,
    contradictions,
    networks_in_words,
    second_look_table,
)
from brainseg.models import open_model

NUMBERS = np.arange(11, 18)


def square(slices: slice, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((7, 64, 64), bool)
    mask[slices, rows, columns] = True
    return mask


TUMOUR = square(slice(1, 6), slice(5, 25), slice(5, 25))
ELSEWHERE = square(slice(2, 5), slice(35, 55), slice(35, 55))


def compared(truth, prediction, std=0.0, inside=0.97, outside=0.01):
    mean = np.where(prediction, inside, outside).astype(np.float32)
    return contradictions(truth, prediction, mean, np.full_like(mean, std), NUMBERS, 2)


def test_a_lesion_that_every_pass_finds_and_the_mask_lacks_is_listed_with_its_place_and_size():
    (one,) = compared(TUMOUR, TUMOUR | ELSEWHERE)
    assert one == Contradiction(MISSED, 13, 13, 15, 1200, 400, 0.375, 0.97, 2)


def test_a_part_of_the_mask_that_no_pass_supports_is_listed():
    (one,) = compared(TUMOUR | ELSEWHERE, TUMOUR)
    assert (one.kind, one.volume_vx, one.probability) == (UNSUPPORTED, 1200, 0.01)


def test_a_shifted_mask_is_contradicted_on_both_sides():
    kinds = {one.kind for one in compared(np.roll(TUMOUR, 25, axis=2), TUMOUR)}
    assert kinds == {MISSED, UNSUPPORTED}


@pytest.mark.parametrize("std", [0.97 - CERTAIN + 0.01, 0.2])
def test_passes_that_disagree_contradict_no_mask(std):
    assert compared(TUMOUR, TUMOUR | ELSEWHERE, std) == ()
    assert compared(TUMOUR | ELSEWHERE, TUMOUR, max(std, EXCLUDED)) == ()


def test_a_probability_that_only_passes_the_threshold_contradicts_no_mask():
    assert compared(TUMOUR, TUMOUR | ELSEWHERE, inside=0.8) == ()


def test_a_difference_of_the_outline_or_of_the_slice_beside_it_is_not_listed():
    wider = square(slice(1, 6), slice(4, 26), slice(4, 26))
    longer = square(slice(0, 7), slice(5, 25), slice(5, 25))
    assert compared(TUMOUR, wider | longer) == compared(wider | longer, TUMOUR) == ()


def test_a_small_contradiction_is_listed_only_where_it_is_a_large_share():
    spot = square(slice(3, 4), slice(40, 55), slice(40, 55))
    small = square(slice(3, 4), slice(5, 25), slice(5, 25))
    everywhere = square(slice(0, 7), slice(0, 64), slice(0, 30))
    assert compared(everywhere, everywhere | spot) == ()
    assert [one.volume_vx for one in compared(small, small | spot)] == [225]


def test_an_empty_mask_and_an_empty_prediction_do_not_contradict():
    nothing = np.zeros_like(TUMOUR)
    assert compared(nothing, nothing) == ()
    assert [one.share for one in compared(nothing, TUMOUR)] == [1.0]


def with_found(cohort: Cohort, fold: int | None = 0):
    """Return the scores of two cases of a cohort, the second with two contradictions."""
    evaluation = evaluation_of([(TUMOUR, TUMOUR)] * 2)
    names = cohort.cases[:2]
    scores = evaluation.scores.assign(case=names, fold=fold).astype({"fold": "Int64"})
    small = Contradiction(MISSED, 2, 2, 3, 1500, 900, 0.1, 0.98, 2)
    large = Contradiction(UNSUPPORTED, 3, 3, 3, 1200, 1200, 0.3, 0.01, 2)
    return replace(evaluation, scores=scores, second_look={names[0]: (), names[1]: (small, large)})


def test_the_list_starts_with_the_largest_share_and_says_that_it_is_a_suggestion(taught):
    table = second_look_table(with_found(taught), taught)
    assert table["share"].tolist() == [0.3, 0.1]
    assert set(table["note"]) == {NOTICE}
    assert table["volume_ml"].isna().all()
    lines = as_lines(table, with_found(taught))
    assert lines[0].startswith("Masks worth a second look: 1 of 2 cases. A suggestion to look")
    assert "Each case: one fold did not learn from the patient" in lines[0]
    name = taught.cases[1]
    assert lines[1] == (
        f"{name} slice 3: mask without support, 1,200 voxels, 1,200 px, probability 0.01"
    )
    assert "slice 2 (2–3)" in lines[2]


def test_sizes_are_in_ml_and_mm2_where_the_files_state_a_spacing(taught):
    spaced = replace(
        taught,
        slices=taught.slices.assign(
            spacing_slice_mm=5.0, spacing_row_mm=0.5, spacing_column_mm=0.5
        ),
    )
    table = second_look_table(with_found(taught), spaced)
    assert table["volume_ml"].tolist() == [1.5, 1.875]
    assert table["area_mm2"].tolist() == [300, 225]
    assert "1.5 ml, 300 mm²" in as_lines(table, with_found(taught))[1]


def test_the_list_says_whether_one_unseen_network_or_several_gave_the_evidence(taught):
    one = networks_in_words(with_found(taught))
    assert "Each case: one fold did not learn from the patient" in one
    several = networks_in_words(with_found(taught, fold=None))
    assert several.startswith("Each case: several folds did not learn from the patient")


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


def test_a_network_that_learned_from_the_patient_never_contradicts_the_mask(model, taught):
    result = evaluate(taught, model, allow_seen=True)
    unseen = result.scores.loc[~result.scores["seen"], "case"]
    assert list(result.second_look) == unseen.tolist()
    assert result.not_compared == []
    save_scores(result, taught)
    assert load_scores(taught, model).second_look == result.second_look


def test_scores_of_an_older_version_stay_until_their_masks_are_compared(model, taught):
    result = evaluate(taught, model)
    older = replace(result, second_look={})
    assert older.not_compared == result.scores["case"].tolist()
    kept = []

    def stop_after_one(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(taught, model, progress=stop_after_one, before=older, keep=kept.append)
    assert len(kept[-1].scores) == len(result.scores)
    assert kept[-1].refused == result.refused
    assert len(kept[-1].second_look) == 1
    again = evaluate(taught, model, before=kept[-1])
    assert again.second_look == result.second_look
    assert again.scores["dice"].tolist() == result.scores["dice"].tolist()


def test_contradictions_come_with_a_model_for_the_same_images_and_masks(
    model, taught, tiny_model, tmp_path
):
    found = with_found(taught)
    result = evaluate(taught, model)
    name = result.scores["case"].iloc[0]
    listed = dict.fromkeys(result.second_look, ()) | {name: found.second_look[taught.cases[1]]}
    (tmp_path / "tiny").mkdir()
    for file in tiny_model.iterdir():
        (tmp_path / "tiny" / file.name).symlink_to(file)
    own = open_model(str(tmp_path / "tiny"))
    ship_scores(taught, own, replace(result, second_look=listed))
    assert load_scores(taught, own).second_look == listed


def test_every_score_of_the_shipped_model_says_whether_its_mask_is_contradicted():
    from brainseg.evaluation.shipped import FILE, _of_shipped
    from brainseg.evaluation.store import VERSION, load_json

    evaluation, _ = load_json(open_model("lgg-unet").folder / FILE, VERSION, _of_shipped)
    assert evaluation.not_compared == []
    assert any(evaluation.second_look.values())
