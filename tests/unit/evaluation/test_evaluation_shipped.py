"""Scores that come with a model apply to exactly the images and masks that they were computed on."""

import shutil

import cv2
import numpy as np
import pytest
from support.evaluations import evaluation_of, outlined

from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.evaluation import evaluate, load_scores, save_scores, ship_scores
from brainseg.evaluation.scores import NOT_SCORED
from brainseg.evaluation.shipped import FILE, shipped_scores
from brainseg.models import NEW, list_models, open_model
from brainseg.sample import write_sample


@pytest.fixture
def model(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "models" / "tiny")
    return open_model(str(tmp_path / "models" / "tiny"))


@pytest.fixture
def shipped(model, taught):
    result = evaluate(taught, model)
    ship_scores(taught, model, result)
    return result


def test_a_cohort_with_the_same_images_and_masks_is_scored_at_the_first_visit(
    shipped, model, taught
):
    found = load_scores(taught, model)
    assert found.shipped == tuple(shipped.scores["case"])
    assert found.scores.equals(shipped.scores)
    assert found.slices.equals(shipped.slices)
    assert found.refused == shipped.refused
    assert found.histograms == pytest.approx(shipped.histograms, abs=1e-6)


def test_a_large_cohort_gives_the_same_scores_without_comparing_each_case(
    shipped, model, taught, tiny_cohort, monkeypatch
):
    found, compared = load_scores(taught, model), []
    monkeypatch.setattr("brainseg.evaluation.shipped.MAPPED_FROM", 0)
    again = load_scores(taught, model)
    assert again.scores.equals(found.scores)
    assert again.refused == found.refused
    monkeypatch.setattr("brainseg.evaluation.shipped._fingerprint", compared.append)
    assert load_scores(Cohort.open(tiny_cohort), model) is None
    assert compared == []


def test_a_case_is_recognised_under_another_name(shipped, model, taught_root, tmp_path):
    root = tmp_path / "renamed"
    name = shipped.scores["case"].iloc[0]
    (root / "TCGA_ZZ_0001_20010101").mkdir(parents=True)
    for path in sorted((taught_root / name).iterdir()):
        renamed = path.name.replace(name, "TCGA_ZZ_0001_20010101")
        shutil.copy(path, root / "TCGA_ZZ_0001_20010101" / renamed)
    found = load_scores(Cohort.open(root), model)
    assert found.scores["case"].tolist() == ["TCGA_ZZ_0001_20010101"]
    assert found.scores["institution"].tolist() == ["ZZ"]
    assert found.slices["case"].unique().tolist() == ["TCGA_ZZ_0001_20010101"]
    assert found.scores["dice"].tolist() == shipped.scores["dice"].tolist()[:1]


def test_a_case_with_another_mask_has_no_shipped_score(shipped, model, taught_root, tmp_path):
    root = tmp_path / "changed"
    shutil.copytree(taught_root, root)
    name = shipped.scores["case"].iloc[0]
    mask = root / name / f"{name}_3_mask.tif"
    pixels = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    pixels[5, 5] = 255 - pixels[5, 5]
    cv2.imwrite(str(mask), pixels)
    found = load_scores(Cohort.open(root), model)
    assert name not in set(found.scores["case"])
    assert found.unscored == [name]
    assert len(found.scores) == len(shipped.scores) - 1


def test_scores_that_were_computed_here_come_first(shipped, model, taught):
    half = shipped.of(np.arange(len(shipped.scores)) == 0)
    save_scores(half, taught)
    found = load_scores(taught, model)
    assert len(found.scores) == 1
    assert found.shipped == ()


def test_scores_of_another_manifest_or_a_damaged_file_count_as_missing(shipped, model, taught):
    file = model.folder / FILE
    content = file.read_bytes()
    file.write_bytes(content.replace(model.digest.encode(), b"0" * 64))
    assert load_scores(taught, model) is None
    file.write_bytes(content[:-9])
    assert load_scores(taught, model) is None
    file.unlink()
    assert load_scores(taught, model) is None


def test_the_scores_of_two_cohorts_travel_together(shipped, model, taught, tiny_cohort):
    other = Cohort.open(tiny_cohort)
    new = evaluate(other, model)
    ship_scores(other, model, new)
    assert shipped_scores(taught, model).scores.equals(shipped.scores)
    assert shipped_scores(other, model).scores.equals(new.scores)


def test_only_scores_of_unseen_cases_travel(model, taught):
    with pytest.raises(CohortError, match="tiny was trained on every scored case"):
        ship_scores(taught, model, evaluation_of([outlined(0.5)], seen=[True]))
    assert not (model.folder / FILE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_shipped_scores_are_of_the_model_beside_them(name, tmp_path):
    model = open_model(name)
    if not (model.folder / FILE).exists():
        pytest.skip(f"{name} ships no scores")
    cohort = Cohort.open(write_sample(tmp_path / "sample"))
    found = shipped_scores(cohort, model)
    assert found is not None, (
        "score the sample cohort again: the manifest or the sample has changed"
    )
    assert set(found.scores["case"]) == set(cohort.cases)
    assert {model.exposure(cohort.case(case)).relation for case in cohort.cases} == {NEW}


def test_the_real_cohort_has_its_scores_at_the_first_visit(real_cohort):
    cohort, model = real_cohort, open_model("lgg-unet")
    found = load_scores(cohort, model)
    assert (found.refused, len(found.scores)) == ({}, len(cohort.cases))
    assert f"{found.mean_dice:.3f}" == "0.854"
    case = cohort.case(found.scores["case"].iloc[0])
    assert found.scores["fold"].iloc[0] == model.exposure(case).folds[0]


def test_a_scoring_that_ended_early_continues_where_it_was(model, taught):
    kept = []

    def ends(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(taught, model, progress=ends, keep=kept.append)
    (partial,) = kept
    assert len(partial.scores) == 2
    assert len(partial.unscored) == 3
    assert set(partial.refused.values()) > {NOT_SCORED}
    reported = []
    finished = evaluate(
        taught, model, progress=lambda done, total: reported.append((done, total)), before=partial
    )
    assert reported[0] == (2, 5)
    whole = evaluate(taught, model)
    assert finished.unscored == []
    assert finished.scores.drop(columns="seconds").equals(whole.scores.drop(columns="seconds"))
    assert finished.slices.equals(whole.slices)
    assert np.array_equal(finished.histograms, whole.histograms)
