"""The command line: one JSON object a verb, sentences for people, exit codes 0, 1 and 2."""

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.cohorts import CHECKOUT, FIRST, OTHER_SITE, is_healthy
from support.servers import free_port, server

from brainseg.__main__ import build_parser, main
from brainseg.models import open_model
from brainseg.verbs import VERBS as TABLE

EXAMPLES = {verb: example for verb, (example, _) in TABLE.items()}


@pytest.fixture
def run(capsys):
    """Return a function that runs a verb and gives its exit code, its JSON, and what it told."""

    def run(*words: object) -> tuple[int, dict, str]:
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out.startswith("{") else {}, told.err

    return run


def test_index_tells_the_counts_and_says_nothing_else_on_standard_output(run, tiny_cohort):
    code, facts, _ = run("index", tiny_cohort, "--json")
    assert code == 0
    assert facts == {
        "cases": 3,
        "slices": 8,
        "masks": 8,
        "slices_with_tumour": 5,
        "institutions": {"XX": 2, "YY": 1},
        "errors": 0,
    }


def test_the_data_may_be_named_by_environment(run, tiny_cohort, monkeypatch):
    monkeypatch.setenv("BRAINSEG_DATA", str(tiny_cohort))
    assert run("index", "--json")[1]["cases"] == 3


def test_check_exits_1_on_errors_only_or_as_it_is_told(run, tiny_cohort):
    code, facts, _ = run("check", tiny_cohort, "--json")
    assert code == 0
    assert facts["counts"]["error"] == 0
    assert run("check", tiny_cohort, "--json", "--fail-on", "info")[0] == 1

    tifffile.imwrite(
        tiny_cohort / FIRST / f"{FIRST}_2_mask.tif",
        tifffile.imread(next(tiny_cohort.rglob("*.tif"))),
    )
    code, facts, _ = run("check", tiny_cohort, "--json")
    assert code == 1
    finding = next(f for f in facts["findings"] if f["severity"] == "error")
    assert set(finding) == {
        "severity",
        "kind",
        "case",
        "slice_number",
        "file",
        "message",
        "why",
        "remedy",
        "sequence",
        "label",
    }
    assert (finding["case"], finding["slice_number"]) == (FIRST, 2)
    only = run("check", tiny_cohort, "--json", "--only", finding["kind"])[1]["findings"]
    assert {f["kind"] for f in only} == {finding["kind"]}


def test_names_of_files_do_not_reach_the_terminal_as_commands(capsys, tiny_cohort, tmp_path):
    name = "A\x1b[31mred\nP\u202e9"
    shutil.copytree(tiny_cohort, tmp_path / "cohort")
    case = next(path for path in (tmp_path / "cohort").iterdir() if path.is_dir())
    (case / f"{name}.tif").write_bytes(b"II*\0")
    (tmp_path / "cohort" / "\x1b[2J\udcff.png").write_bytes(b"x")
    main(["check", str(tmp_path / "cohort"), "--all"])
    shown = "".join(capsys.readouterr())
    assert "A\\x1b[31mred\\nP\\u202e slice 9" in shown and "\\x1b[2J" in shown
    assert not {"\x1b", "\u202e"} & {*shown}


def test_an_unknown_kind_of_check_is_answered_with_the_kinds(run, tiny_cohort):
    code, _, told = run("check", tiny_cohort, "--only", "magic")
    assert code == 2
    assert "there is no check “magic”: choose among" in told


def test_sample_writes_a_cohort_that_index_reads(run, tmp_path):
    code, facts, _ = run("sample", tmp_path / "s", "--cases", 1, "--seed", 3, "--json")
    assert (code, facts["cases"]) == (0, 1)
    assert run("index", tmp_path / "s", "--json")[1]["cases"] == 1


@pytest.mark.slow
def test_train_publish_evaluate_and_predict_go_hand_in_hand(run, taught_root, tmp_path):
    settings = (
        "name=hand,folds=2,epochs=1,steps_per_epoch=2,batch_size=2,size=64,base_features=4,"
        "levels=3,precision=float32,augmentation=0"
    )
    sets = [word for pair in settings.split(",") for word in ("--set", pair)]
    model = tmp_path / "models" / "hand"
    code, facts, told = run(
        "train", taught_root, *sets, "--runs", tmp_path / "runs", "--publish", model, "--json"
    )
    assert (code, facts["state"], facts["model"]) == (0, "finished", "hand")
    assert "epoch 1 of 1" in told

    code, facts, _ = run("evaluate", taught_root, "--model", model, "--json")
    assert code == 0
    assert {"model", "mean_dice", "median_dice", "ci95", "scores"} <= set(facts)
    assert facts["ci95"][0] <= facts["mean_dice"] <= facts["ci95"][1]
    assert len(facts["scores"]) == 5
    assert {"case", "dice", "fold", "seen"} <= set(facts["scores"][0])
    assert len(facts["refused"]) == 5
    everyone = run("evaluate", taught_root, "--model", model, "--allow-seen", "--json")[1]
    assert sum(row["seen"] for row in everyone["scores"]) == 5
    assert run("evaluate", taught_root, "--model", model, "--fail-under", 1.01)[0] == 1

    image = next(taught_root.glob("*/*_2.tif"))
    code, facts, _ = run("predict", image, "--out", tmp_path / "out", "--model", model, "--json")
    assert code == 0
    assert set(facts) == {
        *("input", "case", "model", "effort", "slices", "area_px", "fold", "folds", "relation"),
        *(
            "threshold",
            "members",
            "min_component_fraction",
            "components_removed",
            "engine",
            "device",
        ),
        *("seconds", "measures", "dice"),
        *("agreement", "uncertainty", "sequences", "warnings", "unsuitable", "notes", "outputs"),
        "error",
    }
    assert all(Path(path).exists() for path in facts["outputs"])


def test_evaluate_lists_the_masks_that_unseen_networks_contradict(
    run, taught_root, tiny_model, tmp_path, capsys, monkeypatch
):
    from brainseg.evaluation import second_look

    monkeypatch.setattr(second_look, "CERTAIN", 0.5)
    monkeypatch.setattr(second_look, "SMALLEST_VX", 30)
    case = open_model(str(tiny_model)).folds[0].held_out[0]
    shutil.copytree(taught_root, tmp_path / "cohort")
    for mask in (tmp_path / "cohort" / case).glob("*_mask.tif"):
        tifffile.imwrite(mask, np.zeros_like(tifffile.imread(mask)))
    words = ("evaluate", tmp_path / "cohort", "--model", tiny_model)
    row, *_ = run(*words, "--json")[1]["second_look"]
    assert (row["case"], row["kind"], row["share"]) == (case, "missed by the mask", 1)
    assert "not an error" in row["note"]
    main([str(word) for word in words])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Masks worth a second look: 1 of 5 cases.") for line in lines)
    assert any(line.startswith(f"{case} slice {row['slice_number']} ") for line in lines)


def test_reviews_are_told_as_csv_or_written_to_a_new_file(run, tiny_cohort, tmp_path, capsys):
    from brainseg.cohort import Cohort
    from brainseg.reviews import open_reviews
    from brainseg.reviews.table import ReviewedPrediction

    reviews = open_reviews(Cohort.open(tiny_cohort))
    reviews.put(FIRST, "ab", "needs edit", "=the rim")
    reviews.put(FIRST, "ab", "agree", prediction=ReviewedPrediction("net", "d1", (0, 1), 0.45))
    assert main(["reviews", str(tiny_cohort)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[1] == (
        "case,reader,subject,model,threshold,folds,state,comment,changed_at,mask_changed,model_digest"
    )
    assert f"{FIRST},AB,mask,,,,needs edit,'=the rim," in told
    assert f'{FIRST},AB,prediction,net,0.45,"0, 1",agree,,' in told
    code, facts, _ = run("reviews", tiny_cohort, "--json")
    assert (code, facts["reviews"][0]["comment"]) == (0, "=the rim")
    assert [one["subject"] for one in facts["reviews"]] == ["mask", "prediction"]
    assert [one["threshold"] for one in facts["reviews"]] == [None, 0.45]

    out = tmp_path / "deep" / "reviews.csv"
    assert run("reviews", tiny_cohort, "--out", out)[0] == 0
    assert out.read_text() == told
    code, _, refused = run("reviews", tiny_cohort, "--out", out)
    assert (code, "is there already" in refused) == (2, True)
    assert run("reviews", tiny_cohort, "--out", out, "--overwrite")[0] == 0
    assert run("reviews", tiny_cohort, "--out", tiny_cohort / "r.csv")[0] == 2


def test_the_history_is_written_as_csv_and_as_json(run, tiny_cohort, tmp_path, capsys):
    from brainseg.cohort import Cohort
    from brainseg.reviews import open_reviews

    assert run("history", "--json")[:2] == (0, {"history": []})
    reviews = open_reviews(Cohort.open(tiny_cohort))
    reviews.put(FIRST, "ab", "reject", "=the rim")
    reviews.put(FIRST, "ab", "agree")
    _, facts, _ = run("history", "--json")
    assert [one["facts"]["state"] for one in facts["history"]] == ["reject", "agree"]
    assert {(one["who"], one["action"], one["case"]) for one in facts["history"]} == {
        ("AB", "review", FIRST)
    }
    out = tmp_path / "history.csv"
    assert run("history", "--out", out)[0] == 0
    assert out.read_text().splitlines()[1] == "at,who,action,case,facts"
    assert run("history", "--out", out)[0] == 2


def test_reviews_of_other_images_are_counted_and_left_out(run, tiny_cohort):
    from brainseg.cohort import Cohort
    from brainseg.reviews import open_reviews

    open_reviews(Cohort.open(tiny_cohort)).put(FIRST, "ab", "agree")
    (tiny_cohort / FIRST / f"{FIRST}_10.tif").unlink()
    code, facts, told = run("reviews", tiny_cohort, "--json")
    assert (code, facts["reviews"]) == (0, [])
    assert "1 review(s) omitted" in told


def test_a_case_is_exported_with_its_report_and_never_over_other_files(
    run, tiny_cohort, tiny_model, tmp_path
):
    out = tmp_path / "out"
    code, facts, _ = run("export", tiny_cohort, FIRST, "--out", out, "--json")
    assert (code, facts["case"]) == (0, FIRST)
    parts = {Path(file).name.removeprefix(f"{FIRST}_") for file in facts["files"]}
    assert parts == {
        "pre-contrast.nii.gz",
        "flair.nii.gz",
        "post-contrast.nii.gz",
        "mask.nii.gz",
        "slices.csv",
        "report.pdf",
        "about.txt",
    }
    assert all(Path(file).stat().st_size for file in facts["files"])
    again = ("export", tiny_cohort, FIRST, "--out", out, "--model", tiny_model)
    assert run(*again)[0] == 2
    code, facts, _ = run(*again, "--overwrite", "--json")
    assert code == 0
    assert any(file.endswith("_probability.nii.gz") for file in facts["files"])
    assert run("export", tiny_cohort, "nobody", "--out", out)[0] == 2
    assert run("export", tiny_cohort, FIRST, "--out", tiny_cohort / "x")[0] == 2


def test_settings_come_from_a_file_and_are_overruled_by_words(run, taught_root, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"data": str(taught_root), "epochs": 7, "folds": 50}))
    code, _, told = run("train", "--config", config, "--set", "folds=40")
    assert code == 2
    assert "40 folds need at least 80 patients" in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("index",), "no data given"),
        (("index", "/nowhere/at/all"), "does not exist"),
        (("evaluate", "/nowhere/at/all"), "does not exist"),
        (("train", "/nowhere", "--set", "epochs"), "must be KEY=VALUE"),
        (("train", "/nowhere", "--set", "epochs=x"), "of type int"),
        (("train", "/nowhere", "--config", "/nowhere.json"), "cannot be read as JSON"),
        (("train", "/nowhere", "--resume", "/nowhere"), "is not a run"),
        (("predict", "/nowhere", "--out", "/tmp/never", "--model", "none"), "unknown model “none”"),
        (("sample", "/dev/null/x"), ""),
        (("dashboard", "/nowhere/at/all"), "/nowhere/at/all does not exist"),
        (("dashboard", "/dev/null"), "/dev/null is not a folder"),
        (("download", "/nowhere"), "agree to the terms"),
    ],
)
def test_bad_use_is_one_sentence_and_exit_2(run, words, sentence, monkeypatch):
    monkeypatch.delenv("BRAINSEG_DATA", raising=False)
    code, facts, told = run(*words)
    assert code == 2
    assert facts == {}
    assert sentence in told
    assert "Traceback" not in told


VERBS = next(action for action in build_parser()._actions if action.choices).choices
"""The verbs of the command line, each with its own parser."""


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_and_says_what_it_is_not(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert "Not a medical device" in " ".join(capsys.readouterr().out.split())


def test_the_verbs_of_a_cohorts_life_are_there():
    assert {"sample", "index", "check", "train", "evaluate", "predict", "dashboard"} <= set(VERBS)


def test_an_unknown_verb_exits_2_without_a_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "brainseg", "dance"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "unknown verb “dance”: choose from index" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["idnex"], "unknown verb “idnex” (did you mean index?)"),
        (["check", "DATA", "--only", "emptyfile"], "“emptyfile” (did you mean empty_file?)"),
        (["train", "DATA", "--set", "epoch=3"], "epoch (did you mean epochs?)"),
        (["export", "DATA", OTHER_SITE[:9], "--out", "OUT"], f"(did you mean {OTHER_SITE}?)"),
        (["evaluate", "DATA", "--model", "lgg-net"], "“lgg-net” (did you mean lgg-unet?)"),
    ],
)
def test_a_slip_of_the_hand_is_answered_with_the_nearest_word(
    command, meant, tiny_cohort, tmp_path, capsys
):
    places = {"DATA": str(tiny_cohort), "OUT": str(tmp_path / "out")}
    try:
        code = main([places.get(word, word) for word in command])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert meant in capsys.readouterr().err


def test_without_a_verb_all_verbs_are_listed(capsys):
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert "Score a model by case" in capsys.readouterr().err


def test_a_reader_that_leaves_early_breaks_nothing(tiny_cohort):
    code = f"{sys.executable} -m brainseg check {tiny_cohort} | head -c 1"
    done = subprocess.run(code, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_the_dashboard_is_served_from_anywhere_and_ends_with_its_command(tiny_cohort, tmp_path):
    command = (sys.executable, "-m", "brainseg", "dashboard", tiny_cohort)
    elsewhere = {"PYTHONPATH": str(CHECKOUT)}
    started = server(tmp_path, None, command, "--port", elsewhere, cwd=tmp_path)
    with started as (address, process):
        process.terminate()
        assert process.wait(60) == 0
    assert not is_healthy(address), "a server was left behind"


def test_a_port_that_is_taken_is_refused_before_an_address_is_named(run, tiny_cohort):
    with socket.create_server(("localhost", free_port())) as other:
        taken = other.getsockname()[1]
        code, _, told = run("dashboard", tiny_cohort, "--port", taken)
    assert code == 2
    assert told.startswith(f"brainseg: port {taken} of localhost cannot be used (")
    assert "http://" not in told and told.count("\n") == 1


@pytest.mark.parametrize("port", ["0", "65536", "-1", "many"])
def test_a_port_that_is_none_is_refused(port, capsys):
    with pytest.raises(SystemExit) as left:
        main(["dashboard", f"--port={port}"])
    assert left.value.code == 2
    assert "from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate", "features"])
def test_a_verb_computes_nothing_that_it_cannot_save(
    run, verb, tiny_cohort, tiny_model, monkeypatch
):
    def compute(*_: object) -> None:
        raise AssertionError("it computed first")

    monkeypatch.setenv("BRAINSEG_HOME", "/dev/null/home")
    monkeypatch.setattr("brainseg.evaluation.evaluate", compute)
    monkeypatch.setattr("brainseg.statistics.embeddings.describe_with_model", compute)
    code, _, told = run(verb, tiny_cohort, "--model", tiny_model)
    assert code == 2
    assert "/dev/null/home" in told and "cannot be written to" in told


@pytest.mark.parametrize("verb", ["predict", "export"])
def test_a_folder_that_cannot_be_written_to_is_named_before_anything_is_read(
    run, verb, tiny_cohort, tiny_model, tmp_path
):
    (tmp_path / "file").write_bytes(b"")
    out = tmp_path / "file" / "out"
    case = (FIRST,) if verb == "export" else ()
    code, _, told = run(verb, tiny_cohort, *case, "--model", tiny_model, "--out", out)
    assert code == 2
    assert told.splitlines()[-1].startswith(f"brainseg: {out} cannot be written to (")


@pytest.mark.parametrize("verb", TABLE)
def test_every_option_says_what_it_does_its_default_and_an_example(verb):
    for action in VERBS[verb]._actions[1:]:
        said = re.fullmatch(
            r"\S.* \((required|default: .+); example: (.+)\)", action.help, re.DOTALL
        )
        assert said, (verb, action.dest, action.help)
        if action.option_strings:
            words = [*EXAMPLES[verb].split(), *said[2].split(maxsplit=1)]
            if action.dest != "mode":  # the example of predict has one of its modes already
                build_parser().parse_args([verb, *words])


@pytest.mark.parametrize("verb", EXAMPLES)
def test_the_help_of_each_verb_ends_with_an_example_that_the_parser_accepts(verb, capsys):
    assert build_parser().parse_args([verb, *EXAMPLES[verb].split()]).verb.__name__ == verb
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    assert " ".join(capsys.readouterr().out.split()).endswith(
        f"Example: brainseg {verb} {EXAMPLES[verb]}"
    )


def test_every_verb_has_an_example():
    (verbs,) = (action.choices for action in build_parser()._actions if action.choices)
    assert list(verbs) == list(EXAMPLES)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (TypeError("Smith"), "brainseg: unexpected TypeError: please report it with "),
        (
            OSError(28, "No space left on device", "/full"),
            "brainseg: /full: No space left on device",
        ),
        (MemoryError(), "brainseg: out of memory"),
    ],
)
def test_no_error_of_a_verb_reaches_the_user_as_a_traceback(
    error, sentence, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path))

    def fails(options):
        raise error

    monkeypatch.setattr("brainseg.__main__._data", fails)
    assert main(["index", "somewhere"]) == 2
    assert capsys.readouterr().err.startswith(sentence)
    assert not any("Smith" in path.read_text() for path in tmp_path.glob("last-error.txt"))
