"""Variants of the settings, really trained: compared on the held-out cases of the same folds."""

import json
from pathlib import Path

import pytest
from support.trainings import TINY

from brainseg.__main__ import main
from brainseg.cohort import Cohort
from brainseg.errors import CohortError, RunError
from brainseg.evaluation import compare, evaluate
from brainseg.evaluation.variants import REFERENCE, compare_variants, read_variants
from brainseg.training.run_models import as_model
from brainseg.training.runs import list_runs

CHANGED = """
[variants.wider]
base_features = 8
"""


def written(folder: Path, variants: str = CHANGED, **settings: object) -> Path:
    """Return a file of variants of the tiny training."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in (TINY | settings).items()]
    path = folder / "variants.toml"
    path.write_text("\n".join(["[settings]", *lines, variants]))
    return path


@pytest.fixture(scope="module")
def trained(taught_root, tmp_path_factory):
    """Return the file of two variants, the folder of their runs, and the variants, compared."""
    folder = tmp_path_factory.mktemp("variants")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(folder / "home"))
        path = written(folder, name="trial", epochs=1)
        said: list[str] = []
        every = read_variants(path, str(taught_root))
        found = [*compare_variants(every, [1, 0], folder / "runs", said.append)]
    return path, folder, found, said


def test_each_variant_is_trained_on_the_same_folds_and_scored_on_their_held_out_cases(
    trained, taught_root
):
    _, _, (reference, wider), said = trained
    assert (reference.name, wider.name) == (REFERENCE, "wider")
    assert (reference.changes, wider.changes) == ({}, {"base_features": 8})
    for one in (reference, wider):
        assert [run.config()["fold"] for run in one.runs] == [0, 1]
        assert [run.config()["base_features"] for run in one.runs] == [
            8 if one is wider else TINY["base_features"]
        ] * 2
        assert one.scores.scores["case"].tolist() == Cohort.open(taught_root).cases
        assert not one.scores.scores["seen"].any()
        held = {case: run for run in one.runs for case in run.fold()["held_out"]}
        assert len(held) == len(one.scores.scores)
    assert [line.partition(":")[0] for line in said] == [
        f"{name}, fold {fold}" for name in (REFERENCE, "wider") for fold in (0, 1)
    ]


def test_the_difference_is_paired_by_case_with_the_fold_that_never_saw_it(
    trained, taught_root, monkeypatch
):
    _, folder, (reference, wider), _ = trained
    monkeypatch.setenv("BRAINSEG_HOME", str(folder / "home"))
    cohort, of_fold = Cohort.open(taught_root), {}
    for run in (*reference.runs, *wider.runs):
        of_fold[run.name] = evaluate(cohort, as_model(run))
    expected = {}
    for first, second in zip(reference.runs, wider.runs, strict=True):
        found = compare(of_fold[first.name], of_fold[second.name])
        expected |= dict(zip(found.cases["case"], found.cases["difference"], strict=True))
    table = wider.difference.cases.set_index("case")["difference"]
    assert table.to_dict() == pytest.approx(expected)
    assert wider.difference.mean == pytest.approx(sum(expected.values()) / len(expected))
    assert wider.difference.low <= wider.difference.mean <= wider.difference.high
    assert reference.difference is None


def test_the_command_repeated_trains_nothing_again_and_says_what_few_cases_are_worth(
    trained, taught_root, monkeypatch, capsys
):
    path, folder, (_, wider), _ = trained
    monkeypatch.setenv("BRAINSEG_HOME", str(folder / "home"))
    monkeypatch.setattr("brainseg.training.cross_validation.train", pytest.fail)
    monkeypatch.setattr("brainseg.evaluation.variants.evaluate", pytest.fail)
    words = ["compare", str(path), str(taught_root), "--folds", "0,1", "--runs"]
    assert main([*words, str(folder / "runs"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    first, second = told["variants"]
    assert first["variant"] == REFERENCE and "difference" not in first
    assert second["difference"]["mean"] == wider.difference.mean
    assert second["cases"] == second["difference"]["cases"] == 10
    assert any("10 cases are fewer than 28" in note for note in told["notes"])
    assert main([*words, str(folder / "runs")]) == 0
    printed = capsys.readouterr().out
    assert f"difference {wider.difference.mean:+.3f} (" in printed
    assert len(list_runs(folder / "runs")) == 4


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[settings", "cannot be read as TOML"),
        ("[settings]\nepochs = 3", "must have the table"),
        ("[settings]\n[variants]\nepochs = 3", "must have the table"),
        ("epochs = 3\n[variants.a]\nlevels = 3", "must have the table"),
        ("[variants.reference]\nlevels = 3", "has a variant “reference”"),
        ("[variants.a]\nseed = 3\nfold = 1", "changes fold, seed, but all variants share these"),
        ("[variants.a]\nlayers = 3", "variant “a”: unknown setting layers"),
        ("[variants.a]\nlevels = -3", "variant “a”: levels is -3"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "variants.toml"
    path.write_text(content)
    with pytest.raises((CohortError, RunError), match=sentence):
        read_variants(path, "data")


def test_a_missing_file_and_a_fold_that_does_not_exist_are_refused(taught_root, tmp_path, capsys):
    assert main(["compare", str(tmp_path / "none.toml"), str(taught_root)]) == 2
    assert "cannot be opened" in capsys.readouterr().err
    path = written(tmp_path)
    assert main(["compare", str(path), str(taught_root), "--folds", "0,2"]) == 2
    assert "there is no fold 2 among 2 folds: choose from 0 to 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", str(path), str(taught_root), "--folds", "one"])
    assert "numbers are separated by commas" in capsys.readouterr().err
