"""What a slice looks like in numbers: from its image, from a network, kept, and as a map."""

import json

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, write_pair

from brainseg.__main__ import main
from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.jobs import Jobs
from brainseg.models import open_model
from brainseg.statistics import embeddings
from brainseg.statistics.neighbours import agreement, neighbours


def test_every_slice_that_can_be_read_is_described_in_the_order_of_the_index(tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(b"")
    found = embeddings.describe_images(Cohort.open(tiny_cohort))
    rows = list(zip(found.cases.tolist(), found.slice_numbers.tolist(), strict=True))
    assert rows == [
        *[(FIRST, number) for number in (1, 10)],
        *[(FLAIR_REPEATED, number) for number in (1, 2, 3)],
        *[(OTHER_SITE, number) for number in (1, 2)],
    ]
    assert found.vectors.shape == (7, 96)
    assert np.isfinite(found.vectors).all() and np.isfinite(found.places).all()


def test_images_are_described_without_a_look_at_their_masks(tiny_cohort):
    before = embeddings.describe_images(Cohort.open(tiny_cohort))
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    after = embeddings.describe_images(Cohort.open(tiny_cohort))
    np.testing.assert_array_equal(before.vectors, after.vectors)


def bright_spot(case: str, number: int, left: int, folder) -> None:
    """Write a symmetric grey head with a bright square at a place."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[8:56, 8:56] = 80
    image[20:32, left : left + 12] = 200
    write_pair(folder / case, case, number, image, blob(20, left, 12))


def test_a_slice_is_like_one_with_a_bright_spot_on_the_same_side(tmp_path):
    for case, left in (("A", 12), ("B", 14), ("C", 42), ("D", 40)):
        for number in (1, 2, 3):
            bright_spot(case, number, left, tmp_path / "spots")
    found = embeddings.describe_images(Cohort.open(tmp_path / "spots"))
    nearest = {case: neighbours(found, case, 1, 1)["case"].iloc[0] for case in "ABCD"}
    assert nearest == {"A": "B", "B": "A", "C": "D", "D": "C"}


def test_what_is_kept_comes_back_and_a_model_has_a_file_of_its_own(tiny_cohort, tiny_model):
    cohort, model = Cohort.open(tiny_cohort), open_model(str(tiny_model))
    assert (
        embeddings.load_features(cohort) is None and embeddings.load_features(cohort, model) is None
    )
    found = embeddings.describe_and_save(cohort)
    again = embeddings.load_features(cohort)
    np.testing.assert_array_equal(again.vectors, found.vectors)
    np.testing.assert_array_equal(again.places, found.places)
    assert again.cases.tolist() == found.cases.tolist()
    assert (again.source, again.method, again.seen) == (found.source, found.method, ())
    assert embeddings.load_features(cohort, model) is None


def test_features_of_another_version_or_another_model_are_not_used(tiny_cohort, monkeypatch):
    cohort = Cohort.open(tiny_cohort)
    embeddings.describe_and_save(cohort)
    monkeypatch.setattr(embeddings, "VERSION", embeddings.VERSION + 1)
    assert embeddings.load_features(cohort) is None


def test_a_cohort_that_cannot_be_read_has_no_features(tiny_cohort):
    for image in tiny_cohort.rglob("*.tif"):
        image.write_bytes(b"")
    with pytest.raises(CohortError, match="nothing to compare"):
        embeddings.describe_images(Cohort.open(tiny_cohort))


def test_a_models_network_gives_features_and_names_its_training_cases(taught_root, tiny_model):
    cohort, model = Cohort.open(taught_root), open_model(str(tiny_model))
    found = embeddings.describe_with_model(cohort, model)
    record = model.folds[0]
    assert set(found.seen) == {*record.trained_on, *record.selected_on}
    assert set(cohort.cases) - set(found.seen) == set(record.held_out)
    assert len(found) == 50 and found.vectors.shape[1] > 1
    assert (found.vectors >= 0).all() and (found.vectors.std(axis=0) > 0).mean() > 0.5
    embeddings.save_features(found, cohort, model)
    assert embeddings.load_features(cohort, model).seen == found.seen
    measured = agreement(found, cohort.slices)
    assert measured.seen_left_out == len(found.seen)
    assert measured.slices == 5 * len(record.held_out)
    # The squares it was taught are what its network is about.
    assert measured.same_state > measured.same_state_by_chance + 0.2


def test_the_map_keeps_neighbours_together_and_is_the_same_again():
    groups = np.random.default_rng(0).normal(size=(120, 20)) + 8 * np.repeat(np.eye(4, 20), 30, 0)
    places, method = embeddings.project(groups.astype(np.float32))
    assert method == "t-SNE" and places.shape == (120, 2)
    assert trustworthiness(groups, places, n_neighbors=5) > 0.85
    np.testing.assert_array_equal(places, embeddings.project(groups.astype(np.float32))[0])


@pytest.mark.parametrize("many", [1, 2, 3, 9, 10, 11])
def test_few_slices_have_a_map_too(many):
    places, _ = embeddings.project(np.arange(many * 5, dtype=np.float32).reshape(many, 5))
    assert places.shape == (many, 2) and np.isfinite(places).all()
    alike, _ = embeddings.project(np.ones((many, 5), np.float32))
    assert np.isfinite(alike).all()


@pytest.mark.parametrize("off", [0, 1e-20])
def test_equal_or_nearly_equal_rows_have_a_map(off):
    vectors = np.full((59, 320), 0.1, np.float32) * np.linspace(1, 9, 320, dtype=np.float32)
    # The mean of equal rows is not them, after rounding.
    assert (vectors - vectors.mean(axis=0)).any()
    vectors[:, 0] = off * np.arange(59)
    places, _ = embeddings.project(vectors)
    assert places.shape == (59, 2) and np.isfinite(places).all()


@pytest.mark.slow
def test_the_published_models_features_separate_slices_with_tumour(sample_root):
    cohort = Cohort.open(sample_root)
    measured = agreement(embeddings.describe_with_model(cohort, open_model()), cohort.slices)
    # Slices of the same place agree in 74% in these two cases, 48% are chance.
    assert measured.same_state > measured.same_state_by_position + 0.1


def test_very_many_slices_are_mapped_by_principal_components(monkeypatch):
    monkeypatch.setattr(embeddings, "MOST_FOR_TSNE", 20)
    vectors = np.random.default_rng(0).normal(size=(21, 5)).astype(np.float32)
    assert embeddings.project(vectors)[1] == "PCA"


def test_the_command_line_saves_features_and_prints_the_agreement_of_neighbours(
    tiny_cohort, capsys
):
    assert main(["features", str(tiny_cohort), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["source"], facts["slices"], facts["numbers"]) == ("image", 8, 96)
    assert 0 <= facts["agreement"]["same_state"] <= 1
    kept = embeddings.load_features(Cohort.open(tiny_cohort))
    assert len(kept) == 8 and kept.method == facts["map"]
    assert main(["features", str(tiny_cohort)]) == 0
    assert "8 slices in 96 numbers each" in capsys.readouterr().out


def test_a_missing_model_is_one_sentence(tiny_cohort, capsys):
    assert main(["features", str(tiny_cohort), "--model", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_worker_maps_many_slices_to_the_same_places_and_ends_in_one_sentence_if_it_is_lost(
    tiny_cohort, monkeypatch
):
    monkeypatch.setattr(embeddings, "WORKER_FROM", 5)
    found = embeddings.describe_images(Cohort.open(tiny_cohort))
    np.testing.assert_array_equal(found.places, embeddings.project(found.vectors)[0])
    monkeypatch.setattr(embeddings, "PROJECTING", Jobs("the map", longest_s=0.01))
    with pytest.raises(CohortError, match=r"took more than 0\.01 s: start it again"):
        embeddings.describe_images(Cohort.open(tiny_cohort))
