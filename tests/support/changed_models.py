"""Models that a test damages, and what a careless publisher would do about it."""

import hashlib
import json
from pathlib import Path

from brainseg.models import open_model
from brainseg.models.engines import Engine, load_engine


def load(folder: Path, engine: str | None = None) -> Engine:
    """Return the engine of fold 0 of the model in a folder."""
    return load_engine(open_model(str(folder)), 0, engine)


def accept(folder: Path) -> None:
    """Write the hashes of changed files into the manifest."""
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    fold = facts["folds"][0]
    fold["sha256"] = _sha256_of(folder / fold["weights"])
    fold["golden"]["sha256"] = _sha256_of(folder / fold["golden"]["file"])
    for part in ("graph", "weights") if "engine" in fold else ():
        fold["engine"][f"{part}_sha256"] = _sha256_of(folder / fold["engine"][part])
    images = facts["training_images"]
    images["sha256"] = _sha256_of(folder / images["file"])
    manifest.write_text(json.dumps(facts))


def _sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
