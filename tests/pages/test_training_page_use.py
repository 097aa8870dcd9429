"""A run that has ended is prepared, scored, compared, published, renamed, annotated and deleted."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from support.pages import open_page
from support.runs import button, said

from brainseg.cohort import Cohort
from brainseg.errors import ModelError, RunError
from brainseg.evaluation import background, evaluate, save_scores
from brainseg.evaluation.scores import NOT_SCORED
from brainseg.models import list_models, open_model
from brainseg.training.publishing import delete_model, publish
from brainseg.training.run_models import as_model, ready_model
from brainseg.training.runs import Run, find_run, list_runs
from dashboard.shared import model_picker


@pytest.fixture
def run(tiny_run: Path, taught) -> Run:
    """Return a finished run of the taught cohort, which is not a model yet."""
    runs = taught.state_dir / "runs"
    return Run(Path(shutil.copytree(tiny_run, runs / "20260101-120000-tiny")))


@pytest.fixture
def page(monkeypatch, taught_root: Path, run: Run):
    """Return open() -> the page of the run."""
    return lambda: open_page(monkeypatch, taught_root, "training", run=run.name)


def field(app, key: str):
    return next(one for one in [*app.text_input, *app.text_area] if one.key == key)


def test_a_run_is_prepared_by_a_click(page, run):
    app = page()
    assert "Publish" not in [one.label for one in app.button]
    button(app, "Prepare as a model").click().run(timeout=300)
    assert not app.exception
    assert ready_model(run) is not None
    assert button(app, "Publish")


def test_a_run_in_preparation_is_waited_for(page, run, monkeypatch):
    monkeypatch.setattr(Run, "is_alive", lambda _: True)
    app = page()
    assert "Preparing the best weights as a model" in said(app)
    assert "Prepare as a model" not in [one.label for one in app.button]


def test_a_run_is_scored_and_shows_typical_predictions(page, run, taught):
    model = as_model(run)
    app = page()
    count = len(run.fold()["held_out"])
    button(app, f"Score {count} unseen cases").click().run()
    assert not app.exception
    until = time.monotonic() + 120
    while background.running() is not None and time.monotonic() < until:
        time.sleep(0.1)
    app = page()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "difference" in frame.value)
    assert sorted(table["case"]) == sorted(run.fold()["held_out"])
    assert table["dice"].is_monotonic_increasing
    for which in ("Best", "Median", "Worst"):
        assert f"**{which}** · Dice" in said(app)
    links = [one.proto.page_script_hash and one.proto.label for one in app.get("page_link")]
    assert {"Predict with it", "Compare with lgg-unet", "All scores"} <= set(links)
    background.forget()
    assert model.name == run.name


def test_the_scores_of_a_stopped_scoring_are_shown_and_the_others_are_offered(page, run, taught):
    whole = evaluate(taught, as_model(run))
    first, *others = whole.scores["case"]
    one = whole.of((whole.scores["case"] == first).to_numpy())
    save_scores(replace(one, refused=dict.fromkeys(others, NOT_SCORED)), taught)
    app = page()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "difference" in frame.value)
    assert table["case"].tolist() == [first]
    assert button(app, f"Score the other {len(others)} unseen case{'s' * (len(others) > 1)}")


def test_a_running_scoring_can_be_stopped_on_the_page_of_the_run(page, run, taught, monkeypatch):
    model, goes_on = as_model(run), Event()
    monkeypatch.setattr(background, "evaluate", lambda *_: goes_on.wait(60))
    monkeypatch.setattr(background, "save_scores", lambda *_: None)
    scoring = background.start(taught, model)
    app = page()
    assert not app.exception
    button(app, "Stop").click().run()
    assert scoring.stops
    goes_on.set()
    scoring.join(60)
    background.forget()


def test_the_dice_of_the_shipped_model_stands_beside_that_of_the_run(page, run, taught):
    model = as_model(run)
    own = evaluate(taught, model)
    save_scores(own, taught)
    shipped = open_model()
    other = own.of(own.scores["case"].isin(own.scores["case"][:1]).to_numpy())
    other = other.__class__(**{**vars(other), "digest": shipped.digest, "model": shipped.name})
    save_scores(other, taught)
    app = page()
    table = next(frame.value for frame in app.dataframe if "difference" in frame.value)
    assert table["difference"].notna().sum() == 1
    assert table["difference"].dropna().tolist() == [0.0]
    assert "lgg-unet, same cases" in [one.label for one in app.metric]


def test_a_run_is_published_under_a_name(page, run, home):
    as_model(run)
    app = page()
    field(app, f"publish {run.name} as").set_value("lgg-unet")
    button(app, "Publish").click().run()
    assert "lgg-unet is a model of this package" in app.error[0].value.replace("\\", "")
    field(app, f"publish {run.name} as").set_value("mine")
    button(app, "Publish").click().run()
    assert "Published as mine, fold 0" in app.success[0].value.replace("\\", "")
    assert "mine" in list_models()
    assert open_model("mine").folds[0].run == run.name


def test_other_pages_offer_a_run_as_a_model_and_know_its_patients(
    page, run, monkeypatch, taught_root
):
    as_model(run)
    app = open_page(monkeypatch, taught_root, "evaluation", model=run.name)
    assert not app.exception
    assert app.selectbox("model").value == run.name
    assert app.selectbox("model").options[0] == "lgg-unet"
    seen = len(run.fold()["trained_on"]) + len(run.fold()["selected_on"])
    labels = [box.label for box in app.checkbox]
    assert f"Also score the {seen} cases in the training data, marked as seen" in labels
    monkeypatch.setattr(model_picker, "MOST_RUNS", 0)
    app = open_page(monkeypatch, taught_root, "evaluation", model=run.name)
    assert app.selectbox("model").value == run.name


def test_an_own_model_that_is_damaged_shows_its_remedy_and_can_only_be_deleted(
    monkeypatch, taught_root, home
):
    (home / "models" / "broken").mkdir(parents=True)
    (home / "models" / "broken" / "manifest.json").write_text("{")
    app = open_page(monkeypatch, taught_root, "training", view="Models")
    assert "publish its run again" in said(app)
    assert "Predict with it" not in [one.proto.label for one in app.get("page_link")]
    button(app, "Delete this model").click().run()
    assert not app.exception
    assert "You have published no model yet" in said(app)


def test_own_models_are_listed_and_deleted(page, run, monkeypatch, taught_root, home):
    app = open_page(monkeypatch, taught_root, "training", view="Models")
    assert "You have published no model yet" in said(app)
    publish(run, home / "models" / "mine")
    app = open_page(monkeypatch, taught_root, "training", view="Models")
    (table,) = (frame.value for frame in app.dataframe if "Runs" in frame.value)
    fold = run.fold()
    assert table.iloc[0].tolist() == [
        "mine",
        "0",
        run.name,
        len(fold["trained_on"]),
        len(fold["held_out"]),
    ]
    button(app, "Delete this model").click().run()
    assert "You have published no model yet" in said(app)
    assert list((home / "models").iterdir()) == []
    with pytest.raises(ModelError, match="you have no model mine"):
        delete_model("mine")


def test_a_run_is_renamed_annotated_and_deleted(page, run, taught):
    app = page()
    field(app, f"name of {run.name}").set_value("better")
    button(app, "Rename").click().run()
    renamed = find_run(f"{run.name[:16]}better")
    assert app.query_params["run"] in (renamed.name, [renamed.name])
    assert app.selectbox("run").value == renamed.name
    field(app, f"note on {renamed.name}").set_value("small <b>slices</b>")
    button(app, "Save note").click().run()
    assert "small <b>slices</b>" in said(app)
    assert renamed.note == "small <b>slices</b>"
    button(app, "Delete this run").click().run()
    assert not app.exception
    assert list_runs(taught.state_dir / "runs") == []
    assert "No training runs yet" in said(app)


def test_an_action_that_another_tab_was_faster_with_is_one_sentence(page, run):
    app = page()
    shutil.rmtree(run.path)
    field(app, f"note on {run.name}").set_value("late")
    button(app, "Save note").click().run()
    assert not app.exception
    assert "no longer exists" in app.error[0].value
    with pytest.raises(RunError):
        find_run(run.name)


def test_a_run_in_training_offers_none_of_this(page, run):
    run.set_status("training", epoch=1, best_epoch=1, best_dice=0.1)
    labels = [one.label for one in page().button]
    assert not {"Publish", "Rename", "Delete this run", "Prepare as a model"} & set(labels)
    assert Cohort.open(run.config()["data"]).cases
