"""The training page: comparison of runs, the form that starts one, logs of other programs."""

import dataclasses
import json
import shlex
from pathlib import Path

from support.pages import open_page
from support.runs import button, copy_of, make_run, said, traces
from support.volume_cohorts import brats, three_labels

from brainseg.__main__ import build_parser
from brainseg.training import TrainingConfig, jobs
from brainseg.training.command import settings_of
from brainseg.training.runs import Run
from dashboard.views.training.form import QUICK_LOOK

ENHANCING = "enhancing tumour"


def test_runs_are_compared_by_result_and_differing_settings(monkeypatch, tiny_cohort, run, runs):
    copy_of(run, runs / "20200101-000000-older", seed=7)
    app = open_page(monkeypatch, tiny_cohort, "training", view="Compare")
    assert not app.exception
    assert app.multiselect("runs").value == [run.name, "20200101-000000-older"]
    table = next(frame.value for frame in app.dataframe if "measured" in frame.value)
    assert table["run"].tolist() == [run.name, "20200101-000000-older"]
    assert table["best"].tolist() == [0.7, 0.7]
    assert table["seed"].tolist() == ["0", "7"]
    assert "batch_size" not in table
    assert set(traces(app, "Validation Dice")) == {run.name, "20200101-000000-older"}
    assert "parallel-coordinates chart" in said(app)


def test_five_runs_have_parallel_coordinates_and_the_address_chooses_them(
    monkeypatch, tiny_cohort, run, runs
):
    names = [f"2020010{place}-000000-run" for place in range(1, 6)]
    for place, name in enumerate(names):
        copy_of(run, runs / name, seed=place)
    app = open_page(monkeypatch, tiny_cohort, "training", view="Compare")
    assert len(app.multiselect("runs").value) == 4
    app.query_params["runs"] = [*names, "nowhere"]
    app.run()
    assert app.multiselect("runs").value == names
    assert "Unknown run “nowhere”" in said(app)
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    (parallel,) = [s for s in specs if s["data"] and s["data"][0]["type"] == "parcoords"]
    labels = [dimension["label"] for dimension in parallel["data"][0]["dimensions"]]
    assert labels == ["seed", "best"]
    app.multiselect("runs").set_value(names[:2]).run()
    assert app.query_params["runs"] == names[:2]


def test_the_form_starts_a_training_and_the_page_shows_it(monkeypatch, taught_root, taught):
    runs, started = taught.state_dir / "runs", []

    def start(config: TrainingConfig, folder: Path) -> Run:
        started.append((config, folder))
        return make_run(folder, config.name)

    monkeypatch.setattr(jobs, "start", start)
    app = open_page(monkeypatch, taught_root, "training")
    button(app, "Quick preset").click().run()
    assert app.text_input(key="setting_name").value == "quick-look"
    app.number_input(key="setting_epochs").set_value(3)
    app.number_input(key="setting_learning_rate").set_value(0.002)
    button(app, "Start the training").click().run()
    ((config, folder),) = started
    assert folder == runs
    assert (config.epochs, config.learning_rate, config.size) == (3, 0.002, 128)
    assert config.data == str(taught_root)
    assert "quick-look" in app.selectbox("run").value
    assert "Epoch 4 of 10" in said(app)


def test_the_form_offers_the_sequences_of_the_cohort(monkeypatch, tmp_path):
    brats(tmp_path, suffix=".nii", count=4)
    app = open_page(monkeypatch, tmp_path, "training", view="Start")
    app.number_input(key="setting_folds").set_value(2).run()
    field = app.multiselect(key="setting_sequences")
    assert (field.label, field.value) == ("Sequences to learn from", [])
    assert field.options == ["pre-contrast", "FLAIR", "post-contrast", "T2"]
    field.set_value(["T2", "pre-contrast"])
    app.toggle(key="preview_augmentation").set_value(True).run()
    assert not app.exception
    words = shlex.split(app.code[0].value)
    config = TrainingConfig.from_settings(
        settings_of(build_parser().parse_args(words[3:])) | {"data": "."}
    )
    assert config.sequences == ("T2", "pre-contrast")
    assert "T2 of BraTS-GLI" in said(app)


def test_all_invalid_settings_are_named_at_once_and_the_form_keeps_its_values(
    monkeypatch, tiny_cohort
):
    app = open_page(monkeypatch, tiny_cohort, "training", view="Start")
    app.number_input(key="setting_epochs").set_value(0)
    app.number_input(key="setting_size").set_value(100)
    app.text_input(key="setting_name").set_value("../x")
    app.number_input(key="setting_patience").set_value(3).run()
    (error,) = app.error
    message = error.value.replace("\\", "")
    assert message.count("\n") == 3
    for problem in (
        "name is '../x', but must be 1 to 60 letters",
        "epochs is 0, but must be 1 or more",
        "size is 100, but must be a multiple of 32",
        "5 folds need at least 10 patients with masks, this cohort has 3",
    ):
        assert problem in message
    assert button(app, "Start the training").disabled
    assert app.number_input(key="setting_patience").value == 3


def test_the_same_in_a_terminal_is_the_forms_values(monkeypatch, taught_root, taught):
    app = open_page(monkeypatch, taught_root, "training", view="Start")
    button(app, "Quick preset").click().run()
    app.text_input(key="setting_name").set_value("123")
    app.number_input(key="setting_seed").set_value(7)
    app.checkbox(key="setting_mirrored").set_value(True).run()
    assert not app.exception
    words = shlex.split(app.code[0].value)
    assert words[:3] == ["python", "-m", "brainseg"]
    options = build_parser().parse_args(words[3:])
    assert options.runs == taught.state_dir / "runs"
    config = TrainingConfig.from_settings(settings_of(options) | {"data": str(options.data)})
    wanted = QUICK_LOOK | {"name": "123", "seed": 7, "mirrored": 1, "data": str(taught_root)}
    assert config == TrainingConfig(**wanted)
    monkeypatch.setattr("dashboard.shared.source_code.is_local", lambda: False)
    assert str(taught_root) not in app.run().code[0].value


def test_the_label_to_learn_is_chosen_where_masks_have_several(monkeypatch, tmp_path):
    brats(tmp_path / "data", values=three_labels, suffix=".nii", count=4)
    app = open_page(monkeypatch, tmp_path / "data", "training", view="Start")
    app.number_input(key="setting_folds").set_value(2).run()
    chosen = app.selectbox(key="setting_label")
    assert chosen.options == ["Union of all labels", "whole tumour", "tumour core", ENHANCING]
    assert "label=" not in app.code[0].value
    chosen.select(ENHANCING).run()
    assert not app.exception
    options = build_parser().parse_args(shlex.split(app.code[0].value)[3:])
    assert settings_of(options)["label"] == ENHANCING
    app.toggle("preview_augmentation").set_value(True).run()
    assert not app.exception


def test_augmented_slices_are_shown_on_request(monkeypatch, taught_root):
    app = open_page(monkeypatch, taught_root, "training", view="Start")
    assert "Variation 1" not in said(app)
    app.toggle(key="preview_augmentation").set_value(True).run()
    assert "Variation 5" in said(app)
    before = [image.proto.imgs[0].url for image in app.get("image")]
    button(app, "Draw others").click().run()
    assert not app.exception
    after = [image.proto.imgs[0].url for image in app.get("image")]
    assert len(after) == 6
    assert after[0] == before[0] and after[1:] != before[1:]


def test_every_setting_has_a_field_with_its_help(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "training", view="Start")
    fields = [*app.text_input, *app.number_input, *app.selectbox, *app.checkbox]
    fields = {one.key.removeprefix("setting_"): one for one in fields if "setting_" in one.key}
    settings = {setting.name: setting for setting in dataclasses.fields(TrainingConfig)}
    assert fields.keys() == settings.keys() - {"data", "label", "rate_restarts", "sequences"}
    assert [one.label for one in app.multiselect] == ["Sequences to learn from"]
    for name, field in fields.items():
        assert field.help.startswith(settings[name].metadata["help"])
    assert fields["epochs"].help.endswith("Range: 1 or more.")
    assert fields["fold"].help.endswith("Range: 0 to 4.")
    assert fields["window"].help.endswith("Range: 0, or a multiple of 32 up to the size.")
    assert fields["size"].label == "Size (px)"
    assert fields["encoder"].options == ["none", "efficientnet-lite0"]


def test_a_running_training_blocks_the_form_and_can_be_opened(monkeypatch, tiny_cohort, run, runs):
    older = copy_of(run, runs / "20200101-000000-older")
    monkeypatch.setattr(jobs, "running", lambda _: run)
    app = open_page(monkeypatch, tiny_cohort, "training", view="Start")
    assert button(app, "Start the training").disabled
    assert "Only one training can run at a time" in said(app)
    button(app, "Show").click().run()
    assert app.selectbox("run").value == run.name
    app = open_page(monkeypatch, tiny_cohort, "training", run=older.name)
    assert button(app, "Show")


def test_new_training_with_these_settings_fills_the_form(monkeypatch, tiny_cohort, runs):
    make_run(runs, "unet", size=192, precision="float32")
    app = open_page(monkeypatch, tiny_cohort, "training")
    button(app, "New training with these settings").click().run()
    assert app.query_params["view"] == "Start"
    assert app.number_input(key="setting_size").value == 192
    assert app.selectbox(key="setting_precision").value == "float32"
    assert app.number_input(key="setting_batch_size").value == 16


def test_a_log_of_another_program_is_listed_with_the_runs(
    monkeypatch, tiny_cohort, run, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("logs")
    (folder / "<b>x.csv").write_text("epoch,loss,val_loss\n0,2.0,3.0\n1,1.0,2.0\n")
    monkeypatch.setenv("BRAINSEG_LOGS", str(folder))
    app = open_page(monkeypatch, tiny_cohort, "training", run="logs/<b>x.csv")
    assert not app.exception
    assert "2 epochs of a CSVLogger file: best validation loss 2 at epoch 2" in said(app)
    assert set(traces(app, "Loss")) == {"training", "validation", "best"}
    app = open_page(monkeypatch, tiny_cohort, "training", view="Compare")
    table = next(frame.value for frame in app.dataframe if "measured" in frame.value)
    assert table["measured"].tolist() == ["validation Dice", "validation loss"]
    app = open_page(monkeypatch, tiny_cohort, "training", view="Logs")
    assert app.selectbox(key="log_chosen").value == "logs/<b>x.csv"


def test_a_log_is_added_shown_and_removed(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "training", view="Logs")
    app.file_uploader(key="logs_added").set_value(
        [("mine.csv", b"epoch,loss\n0,1\n1,2\n", "text/csv"), ("no.csv", b"a,b\n", "text/csv")]
    )
    button(app, "Add").click().run()
    assert not app.exception
    assert "no.csv was not used" in said(app)
    name = app.selectbox(key="log_chosen").value
    assert name.startswith("logs/mine-")
    button(app, "Show").click().run()
    assert "2 epochs of a CSVLogger file" in said(app)
    app = open_page(monkeypatch, tiny_cohort, "training", view="Logs")
    button(app, "Remove").click().run()
    assert not [box for box in app.selectbox if box.key == "log_chosen"]
