"""Train the run that comes with the synthetic sample, and write brainseg/training/sample_run.zip.

python tools/make_sample_run.py

It takes about four minutes on two cores. Other packages or another machine give slightly other numbers:
commit the archive only where settings, files or the sample have changed.
"""

import os
import tempfile
import zipfile
from pathlib import Path

SETTINGS = {
    "name": "synthetic-data-example",
    "network": "unet",
    "base_features": 6,
    "levels": 4,
    "size": 128,
    "epochs": 40,
    "steps_per_epoch": 40,
    "batch_size": 8,
    "learning_rate": 0.005,
    "averaging": 0.9,
    "workers": 1,
}
"""A network of 0.1 million weights, so that the whole archive has less than 1 MB."""

NOTE = (
    "Synthetic data: trained on computed patients of the sample cohort, as an example of a finished "
    "run. Its scores say nothing about real images."
)
LEFT_OUT = ("checkpoints", "tensorboard", "process.json", "log.txt")
"""The weights are in the model's files; the others belong to this machine."""


def make(target: Path) -> None:
    """Train, score and pack the run."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINSEG_HOME"] = str(Path(folder) / "home")
        # They import Keras and read BRAINSEG_HOME.
        from brainseg.cohort import Cohort
        from brainseg.evaluation import evaluate
        from brainseg.evaluation.shipped import ship_scores
        from brainseg.sample import write_sample
        from brainseg.training import TrainingConfig, new_run, train
        from brainseg.training.run_actions import annotate
        from brainseg.training.run_models import as_model

        cohort = Cohort.open(write_sample(Path(folder) / "sample"))
        config = TrainingConfig(data=str(cohort.root), **SETTINGS)
        run = train(new_run(config, cohort.state_dir / "runs"), lambda epoch: print(epoch))
        model = as_model(run)
        ship_scores(cohort, model, evaluate(cohort, model))
        annotate(run, NOTE)
        run.set_config(run.config() | {"data": "sample"})
        pack(run.path, target)


def pack(run: Path, target: Path) -> None:
    """Write the files of a run, below its name, into an archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(run.rglob("*")):
            inside = path.relative_to(run)
            if path.is_file() and inside.parts[0] not in LEFT_OUT and path.name[0] != ".":
                archive.write(path, Path(run.name) / inside)


if __name__ == "__main__":
    make(Path(__file__).resolve().parents[1] / "brainseg" / "training" / "sample_run.zip")
