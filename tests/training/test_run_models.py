"""A run opens as a model of its own name, knows its patients, and is prepared again after a change."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from brainseg.__main__ import build_parser, main
from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.models import list_run_models, open_model
from brainseg.models.exposure import HELD_OUT, SEEN
from brainseg.monitoring.closing import next_steps
from brainseg.training.publishing import publish
from brainseg.training.run_models import as_model, prepare, ready_model
from brainseg.training.runs import Run


@pytest.fixture
def run(tiny_run: Path, taught_root: Path) -> Run:
    """Return a finished run in the state folder of its cohort."""
    runs = Cohort.open(taught_root).state_dir / "runs"
    return Run(Path(shutil.copytree(tiny_run, runs / "20260101-120000-tiny")))


def test_a_run_is_a_model_of_its_own_name_that_knows_its_patients(run, taught_root):
    assert (ready_model(run), list_run_models()) == (None, [])
    model = as_model(run)
    assert model.name == run.name
    assert list_run_models() == [run.name]
    assert open_model(run.name).digest == model.digest
    assert model.threshold == run.status()["threshold"]
    taught, fold = Cohort.open(taught_root), run.fold()
    for part, relation in (("held_out", HELD_OUT), ("trained_on", SEEN), ("selected_on", SEEN)):
        assert {model.exposure(taught.case(name)).relation for name in fold[part]} == {relation}
    uploaded = taught.case(fold["trained_on"][0]).volume()
    assert model.exposure(None, uploaded).relation == SEEN


def test_a_published_run_keeps_its_scores(run):
    model = as_model(run)
    assert publish(run, run.path.parent / "elsewhere").digest == model.digest


def test_a_run_is_prepared_once_and_again_after_it_was_trained_further(run):
    as_model(run)
    manifest = run.path / "manifest.json"
    before = manifest.stat().st_mtime_ns
    assert as_model(run).name == run.name
    assert manifest.stat().st_mtime_ns == before
    later = before + 10**9
    os.utime(run.path / "checkpoints" / "best.weights.h5", ns=(later, later))
    assert ready_model(run) is None
    as_model(run)
    run.set_config(run.config() | {"smallest_share": 0.2})
    assert ready_model(run) is None
    assert as_model(run).inference.min_component_fraction == 0.2
    run.set_status("finished", epoch=2, threshold=0.35)
    assert as_model(run).threshold == 0.35


def test_a_kill_before_the_manifest_leaves_a_run_that_is_prepared_again(run):
    as_model(run)
    (run.path / "manifest.json").unlink()
    (run.path / "fold0.weights.h5").write_bytes(b"half")
    assert list_run_models() == []
    assert as_model(run).name == run.name


def test_a_page_prepares_a_run_in_a_worker_process(run):
    assert prepare(run).result(timeout=300) is None
    assert ready_model(run).name == run.name
    run.set_status("training", epoch=1)
    (run.path / "checkpoints" / "best.weights.h5").touch()
    with pytest.raises(ModelError, match="is being trained"):
        prepare(run).result(timeout=300)


def test_the_command_line_takes_the_name_of_a_run_for_a_model(run, taught_root, capsys, tmp_path):
    assert main(["evaluate", str(taught_root), "--model", run.name, "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["model"] == run.name
    assert len(scored["scores"]) == len(run.fold()["held_out"])
    held_out = taught_root / run.fold()["held_out"][0]
    out = tmp_path / "out"
    words = ["predict", str(held_out), "--model", run.name, "--out", str(out), "--formats", "masks"]
    assert main(words) == 0
    assert main(["publish", "mine", run.name]) == 0
    assert open_model("mine").digest == open_model(run.name).digest
    assert main(["predict", str(held_out), "--model", "20200101-000000-no", "--out", str(out)]) == 2
    assert "unknown model “20200101-000000-no”" in capsys.readouterr().err


def test_the_next_steps_of_a_run_are_commands_for_it(run):
    as_model(run)
    options = [
        build_parser().parse_args(shlex.split(step.partition("brainseg ")[2]))
        for step in next_steps(run)
    ]
    assert [one.verb.__name__ for one in options] == ["evaluate", "predict", "publish"]
    assert [one.model for one in options[:2]] == [run.name, run.name]
    assert options[1].input.is_dir()
    assert options[2].run == [Path(run.name)]
