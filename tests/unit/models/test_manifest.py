"""A manifest says what a model saw, and one that contradicts itself is refused."""

import json
import shutil
from pathlib import Path

import pytest

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.models import list_models, open_model
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN


@pytest.fixture
def copied_model(tiny_model: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny model that the test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "tiny"))


def change(model: Path, **facts: object) -> None:
    """Replace entries of a manifest."""
    manifest = model / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | facts))


def change_fold(model: Path, **facts: object) -> None:
    """Replace entries of a manifest's only fold."""
    (fold,) = json.loads((model / "manifest.json").read_text())["folds"]
    change(model, folds=[fold | facts])


def test_a_case_is_held_out_seen_or_new(tiny_model, taught_root, tiny_cohort):
    model = open_model(str(tiny_model))
    record = model.folds[0]
    taught, others = Cohort.open(taught_root), Cohort.open(tiny_cohort)

    held_out = model.exposure(taught.case(record.held_out[0]))
    assert (held_out.relation, held_out.folds, held_out.seen) == (HELD_OUT, (0,), False)
    for case in (record.trained_on[0], record.selected_on[0]):
        assert model.exposure(taught.case(case)).relation == SEEN
        assert model.exposure(taught.case(case)).seen
    assert model.exposure(others.case(others.cases[0])).relation == NEW
    assert model.exposure(None).relation == UNKNOWN


def test_the_first_unseen_case_is_a_held_out_or_a_new_one(tiny_model, taught_root, tiny_cohort):
    model = open_model(str(tiny_model))
    taught = Cohort.open(taught_root)
    first = next(name for name in taught.cases if name in model.folds[0].held_out)
    assert model.first_unseen(taught) == first
    others = Cohort.open(tiny_cohort)
    assert model.first_unseen(others) == others.cases[0]


def test_another_study_of_a_known_patient_is_seen(tiny_model, taught_root, tmp_path):
    known = open_model(str(tiny_model)).folds[0].trained_on[0]
    later = known.rsplit("_", 1)[0] + "_20010101"
    for path in (taught_root / known).iterdir():
        (tmp_path / later).mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / later / path.name.replace(known, later))
    case = Cohort.open(tmp_path).case(later)
    assert open_model(str(tiny_model)).exposure(case).relation == SEEN


def test_models_are_listed_and_opened_by_name(copied_model, monkeypatch):
    folder = copied_model.parent
    assert list_models(folder) == ["tiny"]
    assert open_model("tiny", folder).name == "tiny"
    monkeypatch.setenv("BRAINSEG_MODEL", "tiny")
    assert open_model(folder=folder).name == "tiny"
    assert list_models(folder / "nowhere") == []


@pytest.mark.parametrize("name", ["net.keras", "saved/saved_model.pb", "empty/x"])
def test_a_network_of_another_program_is_refused_with_what_a_model_is(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    path = tmp_path / name.split("/")[0]
    with pytest.raises(ModelError, match="is not a model, which is a folder with man"):
        open_model(str(path))


def test_an_unknown_model_is_answered_with_those_there_are(copied_model):
    with pytest.raises(ModelError, match="unknown model “other”: choose from tiny"):
        open_model("other", copied_model.parent)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"folds": []}, "no fold"),
        ({"input": {"size": 64, "normalisation": "magic"}}, "case-head"),
        ({"folds": [{"number": 0}]}, "cannot be used"),
        ({"folds": "none"}, "cannot be used"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused(copied_model, facts, sentence):
    change(copied_model, **facts)
    with pytest.raises(ModelError, match=sentence):
        open_model("tiny", copied_model.parent)


def test_a_manifest_that_is_no_json_is_refused(copied_model):
    (copied_model / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="restore the files of"):
        open_model("tiny", copied_model.parent)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"threshold": 1.5}, "threshold is 1.5; expected a number, 0 to 1"),
        ({"threshold": "high"}, "cannot be used"),
        ({"golden": {}}, "cannot be used"),
        ({"sha256": None}, "sha256 is None; expected a SHA-256"),
        ({"engine": "fast"}, "cannot be used"),
        ({"engine": {"graph": "fold0.graph.xml"}}, "cannot be used"),
        ({"speed": 3}, "cannot be used"),
    ],
)
def test_a_fold_that_breaks_a_rule_is_refused(copied_model, facts, sentence):
    change_fold(copied_model, **facts)
    with pytest.raises(ModelError, match=sentence):
        open_model("tiny", copied_model.parent)


@pytest.mark.parametrize("part", ["graph", "weights"])
def test_a_graph_outside_of_the_models_folder_is_refused(copied_model, part):
    engine = json.loads((copied_model / "manifest.json").read_text())["folds"][0]["engine"]
    change_fold(copied_model, engine=engine | {part: "/etc/passwd"})
    with pytest.raises(ModelError, match="expected the name of a file in the model's folder"):
        open_model("tiny", copied_model.parent)


def test_two_folds_of_one_number_are_refused(copied_model):
    fold = json.loads((copied_model / "manifest.json").read_text())["folds"][0]
    change(copied_model, folds=[fold, fold | {"held_out": []}])
    with pytest.raises(ModelError, match="two folds 0"):
        open_model("tiny", copied_model.parent)


def test_an_old_manifest_with_one_threshold_for_all_folds_still_opens(copied_model):
    fold = json.loads((copied_model / "manifest.json").read_text())["folds"][0]
    del fold["threshold"]
    change(copied_model, folds=[fold, fold | {"number": 1, "held_out": []}], threshold=0.4)
    model = open_model("tiny", copied_model.parent)
    assert (model.threshold, model.threshold_for((1,))) == (0.4, 0.4)


def test_folds_of_unequal_thresholds_are_averaged_at_their_mean(copied_model):
    fold = json.loads((copied_model / "manifest.json").read_text())["folds"][0]
    others = [
        fold | {"number": number, "held_out": [], "threshold": threshold}
        for number, threshold in ((1, 0.3), (2, 0.35))
    ]
    change(copied_model, folds=[fold | {"threshold": 0.7}, *others])
    model = open_model("tiny", copied_model.parent)
    assert (model.threshold, model.thresholds) == (0.45, (0.3, 0.35, 0.7))
    assert model.threshold_for((1, 2)) == 0.325
    assert model.threshold_for((0,)) == 0.7
    with pytest.raises(ModelError, match="no fold 3"):
        model.threshold_for((3,))


def test_a_case_that_was_trained_on_and_held_out_is_refused(copied_model):
    fold = json.loads((copied_model / "manifest.json").read_text())["folds"][0]
    change_fold(copied_model, held_out=[*fold["held_out"], fold["trained_on"][0]])
    with pytest.raises(ModelError, match="cannot be used"):
        open_model("tiny", copied_model.parent)


def test_a_case_that_two_folds_hold_out_is_refused(copied_model):
    fold = json.loads((copied_model / "manifest.json").read_text())["folds"][0]
    change(copied_model, folds=[fold, fold | {"number": 1}])
    with pytest.raises(ModelError, match="held out by two folds"):
        open_model("tiny", copied_model.parent)


def test_a_file_outside_of_the_models_folder_is_refused(copied_model):
    change_fold(copied_model, weights="../../other.weights.h5")
    with pytest.raises(ModelError, match=r"expected a name that ends in \.weights\.h5"):
        open_model("tiny", copied_model.parent)


def test_every_model_that_is_shipped_opens_and_holds_cases_out():
    names = list_models()
    assert names, "models/ is empty"
    for name in names:
        model = open_model(name)
        assert all(len(record.held_out) > 0 for record in model.folds)
        assert (model.folder / "README.md").read_text().strip(), f"{name} has no model card"
