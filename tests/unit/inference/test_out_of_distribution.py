"""A picture unlike the training data is told from a familiar one, by a rule that was measured."""

from dataclasses import replace

import numpy as np
import pytest

from brainseg.cohort import Cohort
from brainseg.inference.out_of_distribution import (
    DIFFERS,
    FAMILIAR,
    MEANS,
    ONE_IMAGE,
    UNNAMED,
    applies_to,
    features_of,
    holds_one_image,
    kind_of,
    shipped_rule,
    warnings_of,
)
from brainseg.inference.out_of_distribution_features import features_of_plane, features_of_slice
from brainseg.models import open_model
from brainseg.sample.phantom import synthesize_case
from brainseg.volume import FLAIR, PRE_CONTRAST, Volume


@pytest.fixture(scope="module")
def volume(sample_root):
    return Cohort.open(sample_root).case(Cohort.open(sample_root).cases[0]).volume()


@pytest.fixture(scope="module")
def shipped():
    return open_model("lgg-unet")


def changed(volume: Volume, pixels: np.ndarray) -> Volume:
    return replace(volume, pixels=np.ascontiguousarray(pixels))


def test_a_synthetic_case_is_familiar_and_gets_no_warning(volume, shipped):
    assert kind_of(volume) == FAMILIAR
    assert warnings_of(volume, shipped) == ()


@pytest.mark.parametrize("number", [7, 9])
def test_an_upright_head_that_is_unlike_is_not_called_turned(shipped, number):
    unlike = Volume(synthesize_case(seed=0, case_number=number).pixels)
    assert kind_of(unlike) == UNNAMED
    (sentence,) = warnings_of(unlike, shipped)
    assert sentence.startswith(f"Unlike the training data: {DIFFERS}. Performance")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("inverted", lambda p: 255 - p),
        ("turned", lambda p: p[:, ::-1]),
        ("no head", lambda p: np.random.default_rng(0).integers(0, 256, p.shape, dtype=np.uint8)),
        ("no head", lambda p: np.zeros_like(p)),
        ("no head", lambda p: np.full_like(p, 255)),
    ],
)
def test_what_is_unlike_is_said_in_a_sentence_with_what_it_means(volume, shipped, kind, change):
    unlike = changed(volume, change(volume.pixels))
    assert kind_of(unlike) == kind
    (sentence,) = warnings_of(unlike, shipped)
    assert MEANS[kind] in sentence
    assert "do not rely on this result" in sentence


def alone(volume: Volume, sequence: str = FLAIR) -> Volume:
    """Return what an upload of one sequence alone is: it fills the others."""
    pixels = volume.sequence(sequence)[..., np.newaxis]
    return changed(volume, np.repeat(pixels, 3, axis=3))


def test_flair_alone_is_said_to_fill_all_sequences_and_is_no_other_contrast(volume, shipped):
    assert holds_one_image(alone(volume))
    assert not holds_one_image(volume)
    assert kind_of(alone(volume)) == FAMILIAR
    (sentence,) = warnings_of(alone(volume), shipped)
    assert "the same picture" in sentence


@pytest.mark.parametrize(
    ("kind", "change"), [("inverted", lambda p: 255 - p), ("turned", lambda p: p[:, ::-1])]
)
def test_flair_alone_that_was_changed_is_still_unlike(volume, kind, change):
    flair = alone(volume)
    assert kind_of(changed(flair, change(flair.pixels))) == kind


def test_a_volume_of_one_image_is_judged_by_the_rule_for_it(volume):
    rules = shipped_rule(), shipped_rule(ONE_IMAGE)
    assert rules[0].cases == rules[1].cases
    for judged, rule in zip((volume, alone(volume)), rules, strict=True):
        features = features_of(judged)
        assert features.shape[1:] == rule.centre.shape
        np.testing.assert_allclose(rule.likelihoods(features).sum(axis=1), 1, atol=1e-5)


def test_of_a_model_that_learned_from_other_data_nothing_is_claimed(volume, shipped, tiny_model):
    assert applies_to(shipped)
    other = open_model(str(tiny_model))
    assert not applies_to(other)
    (sentence,) = warnings_of(volume, other)
    assert "It is unknown whether" in sentence


def test_a_slice_alone_and_one_of_another_size_have_the_same_features(volume):
    features = features_of_slice(volume.pixels[len(volume) // 2])
    assert features.shape == shipped_rule().centre.shape
    assert np.isfinite(features).all()
    doubled = features_of_slice(volume.pixels[len(volume) // 2].repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_allclose(features, doubled, atol=0.02)


def test_the_features_of_a_plane_are_finite_whatever_it_shows(volume):
    plane = volume.sequence(FLAIR)[len(volume) // 2]
    point = np.zeros((40, 40), np.uint8)
    point[20, 20] = 255
    for shown in (plane, point, np.zeros_like(plane), np.full((32, 300), 7, np.uint8)):
        features = features_of_plane(np.ascontiguousarray(shown))
        assert features.shape == shipped_rule(ONE_IMAGE).centre.shape
        assert np.isfinite(features).all()


def test_a_long_volume_is_looked_at_in_places(volume):
    long = changed(volume, np.repeat(volume.pixels, 8, axis=0))
    assert len(features_of(long)) <= 48
    assert kind_of(long) == FAMILIAR


def test_likelihoods_are_of_all_kinds_and_sum_to_one(volume):
    rule = shipped_rule()
    likelihoods = rule.likelihoods(features_of(volume))
    assert likelihoods.shape[1] == len(rule.kinds) == len(MEANS) + 1
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1, atol=1e-5)


def test_real_cases_turned_or_cut_are_unlike_and_as_they_are_familiar(real_cohort):
    counts = dict.fromkeys(("as it is", "turned", "inverted"), 0)
    chosen = real_cohort.cases[::12]
    for name in chosen:
        case = real_cohort.case(name).volume()
        counts["as it is"] += kind_of(case) == FAMILIAR
        counts["turned"] += kind_of(changed(case, np.rot90(case.pixels, axes=(1, 2)))) == "turned"
        counts["inverted"] += kind_of(changed(case, 255 - case.pixels)) == "inverted"
    assert min(counts.values()) >= len(chosen) - 1


def test_flair_alone_of_real_cases_is_familiar_and_t1_alone_is_not(real_cohort):
    familiar, other = [], []
    for name in real_cohort.cases[::9]:
        case = real_cohort.case(name).volume()
        familiar.append(kind_of(alone(case)) == FAMILIAR)
        if not np.array_equal(case.sequence(PRE_CONTRAST), case.sequence(FLAIR)):
            other.append(kind_of(alone(case, PRE_CONTRAST)) != FAMILIAR)
    assert sum(familiar) >= len(familiar) - 1
    assert sum(other) >= len(other) - 2
