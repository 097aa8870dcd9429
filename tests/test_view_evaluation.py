"""The evaluation page: scores by case, what each is worth, and a button where there are none yet."""

import subprocess
import sys

import pytest
from pages import APP, open_page, texts

from brainseg.cohort import Cohort
from brainseg.evaluation import evaluate, keep, kept
from brainseg.metrics import EMPTY_MASK_RULE
from brainseg.models import open_model


@pytest.fixture
def model(monkeypatch, tiny_model):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    return open_model()


@pytest.fixture
def taught(taught_root):
    return Cohort.open(taught_root)


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_button_scores_the_cases_keeps_them_and_shows_them(
    monkeypatch, taught_root, model, taught
):
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert "has not been scored" in texts(app)
    assert "5 of 10 cases would be scored" in texts(app)
    assert app.code[0].value == f"python -m brainseg evaluate DATA --model {model.folder}"
    app.button("score").click().run()
    assert not app.exception
    result = kept(taught, model)
    low, high = result.ci95
    assert metrics(app) == {
        "Mean Dice": f"{result.mean_dice:.3f}",
        "95 % interval of the mean": f"{low:.3f} to {high:.3f}",
        "Median Dice": f"{result.median_dice:.3f}",
        "Cases": "5",
    }
    assert EMPTY_MASK_RULE in texts(app)
    assert "5 not scored: the model learned from this patient" in texts(app)


def test_seen_cases_are_marked_and_left_out_of_the_numbers(monkeypatch, taught_root, model, taught):
    result = evaluate(taught, model, allow_seen=True)
    keep(result, taught)
    app = open_page(monkeypatch, taught_root, "evaluation")
    assert metrics(app)["Cases"] == "5"
    assert metrics(app)["Mean Dice"] == f"{result.unseen().mean_dice:.3f}"
    assert "5 more cases were scored that the model learned from" in texts(app)
    table = app.dataframe[0].value
    assert table["dice"].is_monotonic_increasing
    (record,) = model.folds
    relation = table.set_index("case")["relation"].map(lambda one: one[0])
    assert set(relation[list(record.held_out)]) == {"held out"}
    assert set(relation[list(record.trained_on)]) == {"seen"}


def test_the_address_names_the_chosen_case_and_leads_on(monkeypatch, taught_root, model, taught):
    keep(evaluate(taught, model), taught)
    case = model.folds[0].held_out[0]
    app = open_page(monkeypatch, taught_root, "evaluation", case=case)
    links = [link.proto for link in app.get("page_link")]
    assert {(link.page, link.query_string) for link in links} >= {
        ("case", f"case={case}"),
        ("prediction", f"case={case}"),
    }
    app = open_page(monkeypatch, taught_root, "evaluation", case="../etc")
    assert not app.exception
    assert "to open its case" in texts(app)


def test_a_cohort_without_masks_cannot_be_scored(monkeypatch, tiny_cohort, model):
    for mask in tiny_cohort.glob("*/*_mask.tif"):
        mask.unlink()
    app = open_page(monkeypatch, tiny_cohort, "evaluation")
    assert app.button("score").disabled
    assert "0 of 3 cases would be scored" in texts(app)


def test_a_missing_model_is_one_sentence(monkeypatch, tiny_cohort):
    monkeypatch.setenv("BRAINSEG_MODEL", "/nowhere/at-all")
    app = open_page(monkeypatch, tiny_cohort, "evaluation")
    assert not app.exception
    assert len(app.error) == 1
    assert "unknown model" in app.error[0].value


def test_kept_scores_and_trainings_are_shown_without_tensorflow(
    monkeypatch, taught_root, model, taught
):
    keep(evaluate(taught, model), taught)
    monkeypatch.setenv("BRAINSEG_DATA", str(taught_root))
    code = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(APP)!r}, default_timeout=60).run()
for page in ("evaluation", "training"):
    app.switch_page(f"views/{{page}}.py").run()
    assert not app.exception, app.exception
    assert not app.error, app.error
    assert page != "evaluation" or app.metric, "no scores are shown"
loaded = {{"tensorflow", "keras", "sklearn"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
