"""The effect of a split by slice: disjoint halves, and scores of every slice."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from support.evaluations import evaluation_of, outlined

from brainseg.__main__ import main
from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.evaluation import (
    Leakage,
    conventions,
    leakage_path,
    load_leakage,
    measure_leakage,
    save_leakage,
)
from brainseg.evaluation.leakage import (
    COUNTED,
    SHIPPED,
    Learner,
    Recipe,
)
from brainseg.evaluation.splits import halves_by_patient, halves_by_slice
from brainseg.models import list_models, open_model
from brainseg.models.engines import load_engine
from brainseg.training.data import PreparedCase

DOCS = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
QUICK = Recipe(passes=1, batch_size=8)


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


@pytest.fixture(scope="module")
def measured(tiny_model, taught_root, tmp_path_factory):
    """Return a measurement on the five cases that the tiny model never saw, made once."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("leakage_home")))
        steps = []
        found = measure_leakage(
            Cohort.open(taught_root),
            open_model(str(tiny_model)),
            lambda *step: steps.append(step),
            QUICK,
        )
        return found, steps


def prepared(*counts: int) -> list[PreparedCase]:
    """Return cases of so many slices whose pixels hold 100 * case + slice."""
    cases = []
    for number, count in enumerate(counts):
        values = 100 * number + np.arange(count)
        stack = np.broadcast_to(values[:, None, None, None], (count, 8, 8, 3)).astype(np.float16)
        masks = np.zeros((count, 8, 8), bool)
        masks[0, : number + 1] = True
        cases.append(PreparedCase(stack, masks))
    return cases


@pytest.fixture
def learner(model, monkeypatch):
    """Return a learner of cases that are marked, without a cohort behind them."""
    cases = prepared(6, 7, 8)
    monkeypatch.setattr("brainseg.training.data.prepare_case", lambda case, size: case)
    return Learner(model, 0, cases, Recipe(passes=4, batch_size=4), None)


def test_a_copy_learns_from_all_allowed_slices_and_no_others(learner):
    allowed = [np.arange(n) % 2 == 0 for n in (6, 7, 8)]
    shown = [int(slice_[0, 0, 0]) for slices, _ in learner.batches(allowed) for slice_ in slices]
    expected = {100 * case + place for case, n in enumerate((6, 7, 8)) for place in range(0, n, 2)}
    assert set(shown) == expected
    assert len(shown) == 4 * learner.steps


def test_every_slice_is_predicted_once_by_a_copy_not_trained_on_it(learner, monkeypatch):
    seen = []

    def predicted(learned_from, case, places):
        number = next(n for n, one in enumerate(learner.prepared) if one is case)
        assert not learned_from[number][places].any()
        seen.extend((number, place) for place in places.tolist())
        return np.zeros((len(places), 8, 8), np.float32)

    monkeypatch.setattr(learner, "trained", lambda allowed: allowed)
    monkeypatch.setattr(learner, "predict", predicted)
    monkeypatch.setattr(learner, "score", lambda case, probability: None)
    for halves in (
        halves_by_slice([6, 7, 8], seed=0),
        halves_by_patient([6, 7, 8], [1, 2, 3], ["a", "b", "c"], seed=0),
    ):
        seen.clear()
        learner.scores(halves)
        assert sorted(seen) == [(c, p) for c, n in enumerate((6, 7, 8)) for p in range(n)]


@pytest.mark.slow
def test_both_splits_score_the_same_slices_of_cases_that_the_model_never_saw(measured, model):
    found, _ = measured
    names = ["case", "slice_number", "tumour_px"]
    assert found.by_patient.slices[names].equals(found.by_slice.slices[names])
    assert set(found.by_patient.scores["case"]) == set(model.folds[0].held_out)
    assert not found.by_slice.scores["seen"].any()
    assert len(found.comparison.cases) == 5


@pytest.mark.slow
def test_the_table_compares_both_splits_under_each_rule(measured):
    found, _ = measured
    table = found.table
    assert table["rule"].tolist() == list(COUNTED)
    for column, part in (("by_patient", found.by_patient), ("by_slice", found.by_slice)):
        rules = conventions(part).set_index("rule")
        assert table[column].tolist() == rules.loc[list(COUNTED), "dice"].tolist()
    assert table["by_patient"].iloc[0] == pytest.approx(found.by_patient.mean_dice)
    facts = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert facts["difference_by_case"]["mean"] == pytest.approx(
        found.by_slice.mean_dice - found.by_patient.mean_dice
    )
    assert facts["rules"][0]["by_slice"] == pytest.approx(found.by_slice.mean_dice)
    assert found.as_lines()[0].startswith("by case: split by patient 0.")


@pytest.mark.slow
def test_progress_counts_the_batches_of_all_four_copies(measured):
    _, steps = measured
    totals = {total for _, total in steps}
    assert len(totals) == 1
    assert steps[0][0] == 0
    assert steps[-1][0] == totals.pop()


@pytest.mark.slow
def test_the_models_own_network_does_not_change(measured, model):
    before = [weight.copy() for weight in load_engine(model, 0).copy().get_weights()]
    load_engine(model, 0).copy().set_weights([weight + 1 for weight in before])
    after = load_engine(model, 0).copy().get_weights()
    assert all(map(np.array_equal, before, after))


@pytest.mark.slow
def test_a_saved_measurement_loads_only_for_its_model(measured, model, taught, other_model):
    found, _ = measured
    path = leakage_path(taught, model)
    assert load_leakage(path, model) is None
    save_leakage(found, path)
    again = load_leakage(path, model, QUICK)
    assert again.table.equals(found.table)
    assert again.recipe == QUICK
    assert load_leakage(path, open_model(str(other_model)), QUICK) is None
    path.write_text(path.read_text()[:-20])
    assert load_leakage(path, model, QUICK) is None


@pytest.mark.slow
def test_a_measurement_by_another_recipe_counts_as_missing(measured, model, taught):
    path = leakage_path(taught, model)
    save_leakage(measured[0], path)
    assert load_leakage(path, model) is None
    assert load_leakage(path, model, dataclasses.replace(QUICK, learning_rate=1e-3)) is None
    content = json.loads(path.read_text())
    for recipe in ({"passes": 1, "rate": 1}, [], None):
        path.write_text(json.dumps(content | {"recipe": recipe}))
        assert load_leakage(path, model, QUICK) is None
    del content["recipe"]
    path.write_text(json.dumps(content))
    assert load_leakage(path, model, QUICK) is None


@pytest.mark.slow
def test_the_command_measures_saves_and_prints(
    measured, model, taught, taught_root, tiny_model, monkeypatch, capsys
):
    found, _ = measured
    monkeypatch.setattr("brainseg.evaluation.measure_leakage", lambda *arguments: found)
    asked = ["evaluate", str(taught_root), "--model", str(tiny_model), "--split-by-slice"]
    assert main([*asked, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["split_by_slice"] == json.loads(json.dumps(found.as_json()))
    assert facts["mean_dice"] > 0
    assert load_leakage(leakage_path(taught, model), model, QUICK).table.equals(found.table)
    assert main(asked) == 0
    assert found.as_lines()[-1] in capsys.readouterr().out.splitlines()


def test_too_few_new_patients_are_refused(model, tiny_cohort):
    with pytest.raises(CohortError, match="3 patients of this cohort are new to tiny"):
        measure_leakage(Cohort.open(tiny_cohort), model)


def test_the_difference_is_that_of_the_split_alone():
    scores = (0.5, 0.6, 0.7, 0.8)
    found = Leakage(
        evaluation_of([outlined(dice) for dice in scores]),
        evaluation_of([outlined(dice + 0.1) for dice in scores]),
        QUICK,
    )
    assert found.comparison.mean == pytest.approx(0.1)
    assert found.table["by_slice"].iloc[0] == pytest.approx(0.75)


@pytest.mark.parametrize("name", list_models())
def test_a_shipped_measurement_is_of_the_model_beside_it(name):
    model = open_model(name)
    if not (model.folder / SHIPPED).exists():
        pytest.skip(f"{name} ships no measurement")
    found = load_leakage(model.folder / SHIPPED, model)
    assert found is not None, "measure it again: the manifest has changed since"
    cases = set(found.by_patient.scores["case"])
    assert cases <= {case for record in model.folds for case in record.held_out}


def test_the_documented_table_is_what_was_measured():
    model = open_model("lgg-unet")
    found = load_leakage(model.folder / SHIPPED, model)
    documented = DOCS.read_text(encoding="utf-8")
    for row in found.table.itertuples():
        assert f"| {row.rule} | {row.by_patient:.3f} | {row.by_slice:.3f} |" in documented
    difference = found.comparison
    ends = f"{difference.low:.3f} to {difference.high:.3f}"
    assert f"adds {difference.mean:.3f} by case (95% interval {ends})" in documented
