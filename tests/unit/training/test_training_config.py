"""Settings: each has a rule and a sentence, from a file, from words, or from the page's form."""

import json
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from brainseg.__main__ import build_parser
from brainseg.errors import CohortError, RunError
from brainseg.training import TrainingConfig, changed
from brainseg.training.command import command_of, settings_of
from brainseg.training.config import SettingsError


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("epochs", 0, "1 or more"),
        ("fold", 9, "0 to 4"),
        ("folds", 1, "2 or more"),
        ("folds", 0, "2 or more"),
        ("size", 100, "a multiple of 32"),
        ("size", 0, "a multiple of 32"),
        ("name", "../x", "letters"),
        ("epochs", "many", "of type int"),
        ("epochs", True, "of type int"),
        ("averaging", True, "of type float"),
        ("tumour_share", 2, "0 to 1"),
        ("patience", 0, "1 or more"),
        ("precision", "float128", "float32"),
        ("network", "resnet", "one of unet, lite_unet"),
        ("encoder", "resnet", "for unet"),
        ("levels", 9, "2 to 6"),
        ("window", 40, "0, or a multiple of 32 up to the size"),
        ("devices", "some", "one of one, all"),
        ("base_features", 0, "1 to 128"),
        ("context_slices", -1, "0 to 8"),
        ("rate_restarts", 12, r"of type list: set it as rate_restarts=\[1, 2\]"),
        ("rate_restarts", [12, 12], "increasing epochs from 1 to 35"),
        ("rate_restarts", [12, 36], "increasing epochs"),
        ("rate_restarts", ["12"], "increasing epochs"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_rule(setting, value, rule):
    with pytest.raises(RunError, match=rule) as refused:
        TrainingConfig.from_settings({"data": "x", setting: value})
    assert setting in str(refused.value)


def test_an_unknown_setting_is_refused_with_the_list_of_settings():
    with pytest.raises(
        RunError, match=r"unknown setting epoch \(did you mean epochs\?\): choose from"
    ):
        TrainingConfig.from_settings({"data": "x", "epoch": 3})
    with pytest.raises(RunError, match="data is missing"):
        TrainingConfig.from_settings({})


def test_missing_settings_of_an_older_run_get_their_defaults():
    settings = asdict(TrainingConfig(data="x"))
    for later in ("devices", "workers"):
        del settings[later]
    assert TrainingConfig.from_settings(settings) == TrainingConfig(data="x")


def test_every_setting_has_its_default_and_a_sentence_of_help():
    lines = TrainingConfig.help_lines()
    assert [line.split("=")[0] for line in lines] == list(asdict(TrainingConfig(data="x")))
    assert "epochs=36  Maximum number of epochs." in lines
    assert any(line.startswith("rate_restarts=[]  ") for line in lines)
    assert any(line.endswith("Choices: one, all.") for line in lines)
    for setting in fields(TrainingConfig):
        assert re.fullmatch(r"[A-Z0-9].+[A-Za-z0-9)]\.", setting.metadata["help"]), setting.name


def test_the_settings_are_listed_when_docstrings_are_stripped():
    listed = subprocess.run(
        [sys.executable, "-OO", "-m", "brainseg", "train", "--settings"],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.splitlines() == TrainingConfig.help_lines()


def test_only_changeable_settings_of_a_run_can_change():
    config = TrainingConfig(data="x")
    assert changed(config, {"epochs": 50, "learning_rate": 1e-4, "seed": 0}).epochs == 50
    with pytest.raises(RunError, match="cannot change base_features, seed"):
        changed(config, {"seed": 1, "base_features": 8, "epochs": 50})
    with pytest.raises(RunError, match="epochs is 0"):
        changed(config, {"epochs": 0})


def test_settings_on_the_command_line_override_a_file(tmp_path):
    settings = {"epochs": 7, "name": "mine", "learning_rate": 0.5}
    (tmp_path / "a.json").write_text(json.dumps(settings))
    (tmp_path / "a.toml").write_text('epochs = 7\nname = "mine"\nlearning_rate = 0.5\n')
    for name in ("a.json", "a.toml"):
        options = Namespace(config=tmp_path / name, set=["epochs=9", "precision=float32"])
        assert settings_of(options) == settings | {"epochs": 9, "precision": "float32"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", "{", "cannot be read as JSON"),
        ("a.json", "[1]", "not a JSON object"),
        ("a.toml", "epochs: 7", "cannot be read as TOML"),
        ("a.toml", None, "cannot be read as TOML"),
    ],
)
def test_a_file_of_settings_that_cannot_be_read_is_reported(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(CohortError, match=sentence):
        settings_of(Namespace(config=tmp_path / name, set=[]))


def test_all_problems_are_named_at_once_but_no_rule_of_an_invalid_setting():
    with pytest.raises(SettingsError) as refused:
        TrainingConfig.from_settings(
            {"data": "x", "epochs": 0, "fold": 7, "name": "", "folds": "5", "size": 99}
        )
    named = [problem.split()[0] for problem in refused.value.problems]
    assert named == ["name", "folds", "epochs", "size"]
    assert str(refused.value) == " ".join(refused.value.problems)


def test_the_ranges_follow_the_settings_even_if_they_are_invalid():
    ranges = TrainingConfig.ranges({"folds": 3, "levels": 3, "epochs": 0})
    assert (ranges["fold"], ranges["size"]) == ("0 to 2", "a multiple of 8")
    assert all(text for name, text in ranges.items() if name != "data")


@pytest.mark.parametrize("name", ["plain", "123", "true", "null", "1e3"])
def test_the_command_of_a_training_gives_its_settings_again(name, tmp_path):
    data = tmp_path / "a folder's data"
    config = TrainingConfig(
        data=str(data), name=name, epochs=7, learning_rate=0.003, rate_restarts=(2, 4)
    )
    words = shlex.split(command_of(config, tmp_path / "runs"))
    assert words[:3] == ["python", "-m", "brainseg"]
    options = build_parser().parse_args(words[3:])
    given = settings_of(options) | {"data": str(options.data)}
    assert TrainingConfig.from_settings(given) == config
    assert options.runs == tmp_path / "runs"
    assert "seed" not in command_of(config)
