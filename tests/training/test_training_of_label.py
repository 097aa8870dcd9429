"""A training on one label: its masks are learned, and model, scores and files name it."""

import json
from pathlib import Path

import pytest
from support.trainings import tiny_training
from support.volume_cohorts import brats, three_labels

from brainseg.__main__ import main
from brainseg.cohort import Cohort
from brainseg.cohort.case_names import FLAIR_ABNORMALITY
from brainseg.errors import CohortError, ModelError
from brainseg.exports.dicom_seg import segment_label
from brainseg.models import Model
from brainseg.models.manifest import manifest_of, model_of
from brainseg.monitoring.closing import next_steps
from brainseg.preprocessing import Preprocessing
from brainseg.training import new_run, train
from brainseg.training.data import prepare_case
from brainseg.training.publishing import publish
from brainseg.training.run_models import as_model
from brainseg.training.runs import Run
from brainseg.training.session import cohort_of

LABEL = "enhancing tumour"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("brats")
    brats(root, values=three_labels, suffix=".nii", count=4)
    return root


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = tiny_training(root, label=LABEL, epochs=1)
    return train(new_run(config, tmp_path_factory.mktemp("runs")))


def test_the_masks_of_the_label_are_learned(root: Path) -> None:
    learned, union = (cohort_of(tiny_training(root, label=label)) for label in (LABEL, ""))
    case = union.cases[0]
    how = Preprocessing(size=64)
    masks = prepare_case(learned.case(case), how).masks
    assert 0 < masks.sum() < prepare_case(union.case(case), how).masks.sum()
    assert union.target == "union of whole tumour, tumour core, enhancing tumour"
    with pytest.raises(CohortError, match="no label “oedema”: choose among whole tumour"):
        cohort_of(tiny_training(root, label="oedema"))


def test_model_scores_and_next_steps_name_the_label(
    root: Path, trained: Run, capsys: pytest.CaptureFixture
) -> None:
    model = as_model(trained)
    assert model.target == trained.about()["data"]["target"] == LABEL
    assert "--label 'enhancing tumour'" in next_steps(trained)[0]
    words = ["evaluate", str(root), "--model", str(trained.path)]
    assert main([*words, "--json"]) == 0
    (label,) = [one for one in Cohort.open(root).labels if one == LABEL]
    assert json.loads(capsys.readouterr().out)["label"] == label
    main(words)
    assert f"The model predicts {LABEL}." in capsys.readouterr().out


def test_folds_of_another_label_are_not_published_together(
    trained: Run, root: Path, tmp_path: Path
) -> None:
    publish(trained, tmp_path / "model")
    other = train(new_run(tiny_training(root, epochs=1, fold=1, name="union"), tmp_path / "runs"))
    with pytest.raises(
        ModelError, match=r"model predicts “enhancing tumour”, and \S+-union learned “un"
    ):
        publish(other, tmp_path / "model")


def test_a_manifest_without_a_target_is_one_of_flair_abnormality(
    tiny_model: Path, tmp_path: Path
) -> None:
    content = (tiny_model / "manifest.json").read_bytes()
    model = model_of(content, tmp_path / "m")
    assert model.target == FLAIR_ABNORMALITY

    def rewritten(target: str) -> Model:
        made = manifest_of(
            model.architecture,
            dict(model.arguments),
            model.preprocessing,
            model.inference,
            list(model.folds),
            model.images,
            target,
        )
        return model_of(made, tmp_path / "m")

    assert rewritten(FLAIR_ABNORMALITY).digest == model.digest
    assert rewritten("core").target == "core"
    assert rewritten("core").digest != model.digest
    with pytest.raises(ModelError, match="target is 'a"):
        rewritten("a\nb")


def test_a_segment_is_named_for_the_target_in_at_most_64_characters() -> None:
    assert segment_label(FLAIR_ABNORMALITY, False) == "FLAIR abnormality (predicted)"
    assert segment_label("Ödem " * 40, True).startswith("WARNINGS: ?dem ?dem")
    assert len(segment_label("Ödem " * 40, True)) == 64
