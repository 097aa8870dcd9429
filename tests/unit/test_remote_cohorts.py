"""Cohorts on S3 give what the same folder gives, and credentials appear nowhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cohorts import FIRST, write_taught_cohort, write_tiny_cohort
from support.storages import KEY, SECRET, Server, files_in, s3_server

import brainseg
from brainseg.__main__ import main
from brainseg.storage.addresses import mirror_dir


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def cohort(server, tmp_path) -> tuple[str, Path]:
    """Return the address of a small cohort, and the same cohort as a folder."""
    folder = write_tiny_cohort(tmp_path / "tiny")
    return server.put(folder, tmp_path.name), folder


@pytest.fixture
def run(capsys):
    """Return a function that runs a verb and gives its exit code, its JSON and what it said."""

    def run(*words: object) -> tuple[int, dict, str]:
        code = main([*map(str, words), "--json"])
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err and KEY not in said.out + said.err
        lines = said.out.splitlines()
        return code, json.loads(lines[-1]) if lines else {}, said.err

    return run


def without_times(cohort):
    return cohort.slices.drop(columns=["image_mtime_ns", "mask_mtime_ns"])


def test_counts_index_and_findings_are_those_of_the_folder(run, cohort):
    address, folder = cohort
    code, facts, _ = run("index", address)
    assert (code, facts.pop("address")) == (0, address)
    assert facts == run("index", folder)[1]
    assert run("check", address)[:2] == run("check", folder)[:2]
    here, there = brainseg.open_cohort(folder), brainseg.open_cohort(address)
    assert without_times(there).equals(without_times(here)) and there.identity == here.identity
    assert there.place == address and here.address is None


def test_changed_and_removed_objects_show_in_the_next_index(run, server, cohort):
    address, folder = cohort
    run("index", address)
    changed = next(folder.rglob(f"{FIRST}_2.tif"))
    changed.write_bytes((folder / FIRST / f"{FIRST}_1.tif").read_bytes())
    server.put(folder, address.rpartition("/")[2])
    server.files.rm_file(f"{address}/{FIRST}/{FIRST}_10.tif")
    server.files.rm_file(f"{address}/{FIRST}/{FIRST}_10_mask.tif")
    (folder / FIRST / f"{FIRST}_10.tif").unlink()
    (folder / FIRST / f"{FIRST}_10_mask.tif").unlink()
    assert run("index", address)[1]["slices"] == 7
    there, here = brainseg.open_cohort(address), brainseg.open_cohort(folder)
    assert without_times(there).equals(without_times(here))


@pytest.mark.slow
def test_predictions_and_scores_are_those_of_the_folder(
    run, server, tiny_model, tmp_path, home, monkeypatch
):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    folder = write_taught_cohort(tmp_path / "taught")
    address = server.put(folder, "taught")
    case = sorted(path.name for path in folder.iterdir())[0]
    (found, there), (_, here) = (
        (run("predict", f"{place}/{case}", "--out", out)[1], files_in(out))
        for place, out in ((address, tmp_path / "there"), (folder, tmp_path / "here"))
    )
    assert found["error"] is None and found["input"].startswith(f"{address}/{case}")
    (about,) = (name for name in there if name.endswith("_about.txt"))
    assert f"Images from {address}/{case}\n" in there.pop(about).decode()
    assert b"Images from" not in here.pop(about)
    record = f"{case}/result.json"  # with addresses and seconds
    assert there.pop(record) and here.pop(record) and there == here
    scored, again = (run("evaluate", place)[1] for place in (address, folder))
    assert scored["mean_dice"] == again["mean_dice"] and scored["ci95"] == again["ci95"]
    everything = [*home.rglob("*"), *tmp_path.rglob("*")]
    written = [path.read_bytes() for path in everything if path.is_file()]
    assert not any(SECRET.encode() in one or KEY.encode() in one for one in written)


def test_an_exported_case_and_a_notebook_name_the_address(run, cohort, tmp_path):
    address, _ = cohort
    assert run("export", address, FIRST, "--out", tmp_path / "out")[0] == 0
    (about,) = (tmp_path / "out").rglob("*_about.txt")
    assert f"Images from {address}\n" in about.read_text()
    assert f"folder={address}," in repr(brainseg.open_cohort(address))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("s3://no-such-bucket/cohort", "does not exist: check the name of the bucket"),
        ("s3://hospital/no-such-folder", "does not exist: check the name of the bucket"),
        ("s3://hush:hush@hospital/cohort", "contains a user or password"),
        ("nope://hospital/cohort", "is no kind of address"),
        ("gs://hospital/cohort", "gs:// needs another package: Please install gcsfs"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(run, server, address, sentence):
    for verb in ("index", "dashboard"):
        code, _, said = run(verb, address)
        assert code == 2 and sentence in said and said.count("\n") == 1 and "hush" not in said


def test_a_folder_without_permission_and_a_host_that_is_away_are_one_sentence(
    run, server, cohort, monkeypatch
):
    address, _ = cohort
    with monkeypatch.context() as patch:
        patch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
        code, _, said = run("index", address)
    assert code == 2 and "may not be read with these credentials" in said
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    server.files.clear_instance_cache()
    code, _, said = run("index", address)
    server.files.clear_instance_cache()
    assert code == 2 and f"{address} cannot be reached (EndpointConnectionError)" in said


def test_outputs_are_written_on_this_machine_only(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (
        ("predict", "x", "--out", "s3://b/out"),
        ("sample", "s3://b/out"),
        ("reviews", "x", "--out", "s3://b/reviews.csv"),
        ("train", "x", "--runs", "s3://b/runs"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert "it is on this machine: name a folder or file here" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_the_environment_may_name_an_address(run, cohort, monkeypatch):
    address, _ = cohort
    monkeypatch.setenv("BRAINSEG_DATA", address)
    assert run("index")[1]["address"] == address
    assert mirror_dir(address).is_dir()
