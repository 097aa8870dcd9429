"""A model of two folds that differ, made from one of one fold: for what compares or averages folds."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

SHAKEN = 0.03
"""How far the second fold's weights are from the first's, in their own standard deviations."""


def model_of_two_folds(model: Path, folder: Path) -> Path:
    """Return the folder of a copy of a model with a second fold, whose weights were shaken.

    The second fold claims to have learned from what the first holds out, and the other way round.
    """
    from brainseg.models import open_model
    from brainseg.models.networks import ARCHITECTURES
    from brainseg.training.network_files import golden_output

    shutil.copytree(model, folder)
    opened = open_model(str(folder))
    network = ARCHITECTURES[opened.architecture](**opened.arguments)
    network.load_weights(folder / opened.folds[0].weights)
    rng = np.random.default_rng(0)
    network.set_weights(
        [w + rng.normal(0, SHAKEN, w.shape) * w.std() for w in network.get_weights()]
    )
    network.save_weights(folder / "fold1.weights.h5")
    (folder / "fold1.golden.npz").write_bytes(golden_output(network, opened.preprocessing))
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    first = facts["folds"][0]
    first.pop("engine", None)
    met = [*first["trained_on"], *first["selected_on"]]
    facts["folds"].append(
        first
        | {
            "number": 1,
            "weights": "fold1.weights.h5",
            "sha256": _sha256(folder / "fold1.weights.h5"),
            "trained_on": first["held_out"][1:],
            "selected_on": first["held_out"][:1],
            "held_out": met,
            "golden": {
                "file": "fold1.golden.npz",
                "sha256": _sha256(folder / "fold1.golden.npz"),
            },
        }
    )
    manifest.write_text(json.dumps(facts))
    return folder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
