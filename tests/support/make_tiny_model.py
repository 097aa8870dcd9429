"""Make the tiny run and the tiny model under tests/data, which most tests use instead of training.

    PYTHONPATH=.:tests python tests/support/make_tiny_model.py

Run it again when the file format of runs or models changes. The network is trained compiled, for about
ten seconds, on the cohort of the fixture ``taught_root``.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
RUN, MODEL = DATA / "tiny_run", DATA / "tiny_model"
RUN_FILES = (
    "config.json",
    "folds.json",
    "about.json",
    "status.json",
    "history.jsonl",
    "events.jsonl",
    "checkpoints/best.weights.h5",
)
"""What publishing and comparing read of a finished run."""


def train_tiny_run(root: Path, runs: Path):
    """Train long enough on the taught cohort to find its squares, and return the run."""
    from brainseg.training import new_run, train
    from support.trainings import tiny_training

    config = tiny_training(root, epochs=2, steps_per_epoch=60, batch_size=8)
    return train(new_run(config, runs))


def main() -> None:
    """Rewrite both folders."""
    from brainseg.training.publishing import publish
    from brainseg.training.runs import Run
    from support.cohorts import write_taught_cohort

    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = str(Path(folder) / "home")
        run = train_tiny_run(write_taught_cohort(Path(folder) / "cohort"), Path(folder) / "runs")
        for target in (RUN, MODEL):
            shutil.rmtree(target, ignore_errors=True)
        publish(run, MODEL)
        for name in RUN_FILES:
            (RUN / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(run.path / name, RUN / name)
        copy = Run(RUN)
        # The fixture names the folder that the cohort has in the test's session.
        copy.set_config(copy.config() | {"data": "taught"})
        copy.add_about(git=None)


if __name__ == "__main__":
    sys.path.insert(0, str(DATA.parent))
    main()
