"""The monitor beside a writer that tears, repeats, replaces and litters: no error, no wrong row."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.trainings import wait_for_epoch

from brainseg.monitoring.readers import RunReader
from brainseg.monitoring.snapshot import Snapshot, sentence
from brainseg.training.runs import Run

pytestmark = pytest.mark.long

WRITES = """
import json, os, random, sys, time
from pathlib import Path
from brainseg.training.runs import Run

run, chance, generation, number = Run(Path(sys.argv[1])), random.Random(0), 0, 1
history, cases = run.path / "history.jsonl", run.path / "cases.jsonl"
AT = "2026-01-01T00:00:00+00:00"

def row(epoch):
    return {"epoch": epoch, "loss": epoch + generation / 1048576, "validation_dice": epoch % 997 / 997,
            "learning_rate": 1 / epoch, "slices_per_second": 1.0, "seconds": 2.0, "finished_at": AT,
            "generation": generation, "number": number}

def append(text):
    with history.open("ab") as file:
        file.write(text.encode())

epoch = 0
while True:
    generation += 1
    what = chance.random()
    line = json.dumps(row(epoch + 1))
    if what < 0.70:
        append(line + "\\n")
        epoch += 1
    elif what < 0.85:  # a slow disk: half of it, then the rest
        cut = chance.randrange(1, len(line))
        append(line[:cut])
        time.sleep(chance.random() / 500)
        append(line[cut:] + "\\n")
        epoch += 1
    elif what < 0.93:  # a kill in the line, and a resume that repeats the epoch before
        append(line[: chance.randrange(1, len(line))] + "\\n")
        epoch = max(0, epoch - 1)
    elif what < 0.98:  # something that is no line of a history
        append(chance.choice(["{}\\n", "\\n", "[1]\\n", "\\x00\\n", "null\\n", "{" * 5000 + "\\n"]))
    elif what < 0.99 and epoch:  # another file in its place, longer than the one before
        number += 1
        partial = history.with_name("partial")
        partial.write_text("".join(json.dumps(row(one)) + "\\n" for one in range(1, epoch + 5)))
        os.replace(partial, history)
        epoch += 4
    elif epoch > 300:  # cut in place, and at once longer again
        number += 1
        text = "".join(json.dumps(row(one)) + "\\n" for one in range(1, epoch + 5))
        history.write_text(text if chance.random() < 0.5 else "")
        epoch = epoch + 4 if history.stat().st_size else 0
        if epoch > 2000:
            history.open("wb").close()
            epoch = 0
        cases.unlink(missing_ok=True)
    run.add_case_scores(epoch, {"a": epoch % 997 / 997, "b": 0.5})
    run.set_status("training", epoch=epoch, best_epoch=epoch, best_dice=epoch % 997 / 997)
    run.add_event("resumed", epoch)
    if len(run.path.joinpath("events.jsonl").read_bytes()) > 100_000:
        run.path.joinpath("events.jsonl").unlink()
"""


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Run]:
    """Return a run that a process writes as badly as one can, until the test ends."""
    config = {"epochs": 10_000, "patience": 10, "steps_per_epoch": 5}
    run = Run.create(tmp_path, "beside", config, {})
    writer = subprocess.Popen([sys.executable, "-c", WRITES, str(run.path)])
    wait_for_epoch(run, 1, writer)  # its imports take longer than thousands of looks
    yield run
    still_writing = writer.poll() is None
    writer.kill()
    writer.wait()
    assert still_writing, "the writer ended by itself, so that nothing was tried"


def watch(run: Run, reads: int) -> None:
    reader, version, versions, longest = RunReader(run), None, 0, 0
    for look in range(reads):
        snapshot = reader.read()
        if snapshot.version != version:
            version, versions = snapshot.version, versions + 1
            no_wrong_row(snapshot)
            longest = max(longest, len(snapshot.history))
        if look % 50 == 0:
            table = reader.case_scores()
            if not table.empty:
                epochs = table.columns.to_numpy()
                assert (table.loc["a"].to_numpy() == epochs % 997 / 997).all()
            assert sentence(snapshot)
    assert versions > min(100, reads / 100), "nothing new was seen, so that nothing was tried"
    assert longest > 50


def no_wrong_row(snapshot: Snapshot) -> None:
    history = snapshot.history
    epochs = history["epoch"].to_numpy()
    assert (np.diff(epochs) > 0).all()
    if len(history):
        # Each value follows from its epoch, so that one of another line, or half of one, would show.
        assert (history["validation_dice"].to_numpy() == epochs % 997 / 997).all()
        assert (history["learning_rate"].to_numpy() == 1 / epochs).all()
        written = history["generation"].to_numpy()
        assert (history["loss"].to_numpy() == epochs + written / 1048576).all()
        assert (history["seconds"].to_numpy() == 2.0).all()
        assert history["number"].nunique() == 1, "rows of two files stand in one history"
    status = snapshot.status
    if status and status["epoch"]:
        assert status["best_dice"] == status["epoch"] % 997 / 997
    assert (snapshot.events["event"] == "resumed").all()


def test_a_few_thousand_looks_beside_a_writer_see_no_wrong_row(written: Run) -> None:
    watch(written, 3_000)


@pytest.mark.timeout(1800)
def test_a_hundred_thousand_looks_beside_a_writer_see_no_wrong_row(written: Run) -> None:
    watch(written, 100_000)
