"""Features of slices: similar slices have similar vectors, and a map shows them all.

There are two kinds. :data:`IMAGE` needs only the files: a coarse picture of FLAIR in the head's box, and
its difference to the mirror image, because a tumour breaks the head's symmetry. The other comes from a
deep layer of a model's network. Both are computed once per cohort and saved.
"""

import re
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.cohort import Case, Cohort
from brainseg.cohort.head import bright_end, head_box, head_masks, in_box
from brainseg.cohort.index import Progress
from brainseg.errors import CohortError, ModelError
from brainseg.executors import forget_parts, map_parts, saved_part
from brainseg.jobs import JobLost, Jobs
from brainseg.models import Model
from brainseg.storage.cache import load_cached, load_or_compute, save_cached
from brainseg.volume import FLAIR

IMAGE = "image"
"""The features that need no model."""

VERSION = 2
"""Raised when the same slice gets other numbers, so that saved ones are computed again."""

CELLS = 8
"""The head's box is cut into this many rows and columns."""

MIRROR_WEIGHT = 2.0
"""Weight of the difference to the mirror image, relative to the picture. The best of 1, 1.4 and 2 on one
half of the patients of the LGG cohort; benchmarks/features.py measures it on the other half."""

STARTS_UNASKED = 5_000
"""Slices that take under a minute, so that a page may begin without being asked."""

MOST_FOR_TSNE = 20_000
"""More slices are mapped by PCA: t-SNE takes 7 s for 3,101, and its time grows faster than linearly."""

WORKER_FROM = 100
"""Rows from which a worker process maps slices: scikit-learn leaves 60 MiB behind."""

TSNE_STEPS = 500
PRINCIPAL = 32

PROJECTING = Jobs("the map of similar slices", workers=1, longest_s=600)


@dataclass(frozen=True)
class Features:
    """The features of the readable slices of a cohort.

    Attributes:
        source: :data:`IMAGE`, or the name of the model.
        cases: (n,) str, the case of each slice.
        slice_numbers: (n,) int64.
        vectors: (n, d) float32; similar slices have a small Euclidean distance.
        places: (n, 2) float32, the position of each slice on the map; axes without a unit.
        method: of the map, "t-SNE" or "PCA".
        seen: the cases whose masks the model learned from.
    """

    source: str
    cases: np.ndarray
    slice_numbers: np.ndarray
    vectors: np.ndarray
    places: np.ndarray
    method: str
    seen: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.cases)

    @cached_property
    def row_of(self) -> dict[tuple[str, int], int]:
        """Return the row of each (case, slice_number)."""
        keys = zip(self.cases.tolist(), self.slice_numbers.tolist(), strict=True)
        return {key: row for row, key in enumerate(keys)}

    def table(self) -> pd.DataFrame:
        """Return the map: ``case`` (str), ``slice_number`` (int64), ``x``, ``y`` (float32)."""
        return pd.DataFrame(
            {
                "case": pd.Series(self.cases, dtype="str"),
                "slice_number": self.slice_numbers,
                "x": self.places[:, 0],
                "y": self.places[:, 1],
            }
        )


def describe_images(
    cohort: Cohort, progress: Progress | None = None, executor: Executor | None = None
) -> Features:
    """Return the features computed from images alone, without masks.

    Each slice gets 96 numbers: 8 x 8 means of FLAIR in the case's head box, divided by the case's bright
    end, and the differences of the left half of those cells to their mirror images.

    Args:
        cohort: the open cohort.
        progress: called with (slices done, slices in all).
        executor: see :mod:`brainseg.executors`; by default threads.

    Raises:
        CohortError: no slice can be read, or a file has changed since the cohort was indexed.
    """
    return _described(cohort, None, progress, executor)


def describe_with_model(
    cohort: Cohort,
    model: Model,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Features:
    """Return the features from a model's network: the maximum of each channel over the slice.

    All slices pass through the network of the model's first fold, because the features of two networks
    are not comparable. It has learned from the masks of its training cases: :attr:`Features.seen`.

    Raises:
        CohortError: as for :func:`describe_images`.
        ModelError: the model cannot be opened, or its network has no layer for features.
    """
    return _described(cohort, model, progress, executor)


def save_features(features: Features, cohort: Cohort, model: Model | None = None) -> Path:
    """Save features beside the cohort's index and return the file.

    Args:
        features: of this cohort.
        cohort: the open cohort.
        model: the source; None for :data:`IMAGE`.

    Raises:
        BrainsegError: the file cannot be written.
    """
    path = _path(cohort, model)
    about = _about(model) | {"method": features.method, "seen": list(features.seen)}
    arrays = ("cases", "slice_numbers", "vectors", "places")
    save_cached(path, about, **{name: getattr(features, name) for name in arrays})
    return path


def describe_and_save(cohort: Cohort, progress: Progress | None = None) -> Features:
    """Return :func:`describe_images` of a cohort, saved if the folder is writable."""
    return load_or_compute(
        lambda: load_features(cohort),
        lambda: describe_images(cohort, progress),
        lambda features: save_features(features, cohort),
    )


def load_features(cohort: Cohort, model: Model | None = None) -> Features | None:
    """Return the saved features of this cohort, or None if there are no usable ones."""
    found = load_cached(_path(cohort, model), _about(model))
    if found is None:
        return None
    about, arrays = found
    return Features(
        source=about["source"], method=about["method"], seen=tuple(about["seen"]), **arrays
    )


def project(vectors: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the position of each row on a map, and the method.

    t-SNE (van der Maaten and Hinton 2008) of the first 32 principal components keeps neighbours
    together: trustworthiness (Venna and Kaski 2001) 0.98, PCA 0.81, on the 3,101 slices of the LGG
    cohort, in 7 s. Distances between groups on its map have no meaning.

    Args:
        vectors: (n, d) float32.

    Returns:
        (n, 2) float32, and "t-SNE" or, for very few or very many rows, "PCA".
    """
    # Imported here, because it takes a second.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    count, width = vectors.shape
    # Relative to the first row and not to the mean, whose rounding would make equal rows differ: t-SNE
    # of equal rows ends the process with a segmentation fault (scikit-learn 1.9).
    apart = vectors - vectors[0]
    if min(count, width) < 3 or not apart.any():
        flat = np.zeros((count, 2), np.float32)
        flat[:, : min(width, 2)] = apart[:, :2]
        return flat, "PCA"
    apart /= np.abs(apart).max()
    if not 10 <= count <= MOST_FOR_TSNE:
        return PCA(2, random_state=0).fit_transform(apart).astype(np.float32), "PCA"
    principal = PCA(min(PRINCIPAL, count, width), random_state=0).fit_transform(apart)
    perplexity = min(30.0, (count - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, max_iter=TSNE_STEPS, init="pca", random_state=0)
    # Its threads wait in a busy loop: beside a training on two processors, two took 26 s and one 7 s.
    with threadpool_limits(1):
        return tsne.fit_transform(principal).astype(np.float32), "t-SNE"


def _described(
    cohort: Cohort, model: Model | None, progress: Progress | None, executor: Executor | None
) -> Features:
    cases = [case for case in map(cohort.case, cohort.cases) if len(case.readable)]
    if not cases:
        raise CohortError(
            "No slice of this cohort can be read, so there is nothing to compare: `brainseg check` "
            "says why."
        )
    numbers = [case.readable["slice_number"].to_numpy("int64") for case in cases]
    total, parts, done = sum(map(len, numbers)), [], 0
    work = f"features-{cohort.identity}"
    if progress:
        progress(0, total)
    with ExitStack() as stack:
        # A network already uses all processors.
        engine = executor or stack.enter_context(ThreadPoolExecutor(1 if model else None))
        # A copy of the model, which carries no hashes of training images.
        network = model and replace(model)
        calls = ((executor and work, case, network) for case in cases)
        for rows in map_parts(engine, _part, calls):
            parts.append(rows)
            done += len(rows)
            if progress:
                progress(done, total)
    names = np.repeat([case.name for case in cases], [len(part) for part in numbers])
    vectors = np.concatenate(parts)
    places, method = _projected(vectors)
    if executor:
        forget_parts(work)
    seen: tuple[str, ...] = ()
    if model:
        known = {*model.folds[0].trained_on, *model.folds[0].selected_on}
        seen = tuple(name for name in cohort.cases if name in known)
    source = model.name if model else IMAGE
    return Features(source, names, np.concatenate(numbers), vectors, places, method, seen)


def _part(work: str | None, case: Case, model: Model | None) -> np.ndarray:
    """Return the features of a case as (n, d) float32, saved with a work."""

    def compute() -> np.ndarray:
        return (_of_network(case, model) if model else _of_images(case)).astype(np.float32)

    if not work:
        return compute()
    name = (VERSION, model and model.digest, case.name, *case.slices["image_hash"])
    return np.asarray(saved_part(work, name, compute), np.float32)


def _of_network(case: Case, model: Model) -> np.ndarray:
    # The engine may import Keras, which pages that show saved features do not need.
    from brainseg.models.engines import load_engine
    from brainseg.preprocessing import prepare

    engine = load_engine(model, model.folds[0].number)
    how = model.preprocessing
    volume = case.volume(with_others=how.needs_others)
    if reason := how.why_not(volume):
        raise ModelError(
            f"{model.name} cannot describe {case.name}: {reason}. Choose another model."
        )
    return engine.description(prepare(volume, how)).max(axis=(1, 2))


def _projected(vectors: np.ndarray) -> tuple[np.ndarray, str]:
    """Return :func:`project` of vectors, by a worker for t-SNE of many rows, which ends afterwards."""
    if not WORKER_FROM <= len(vectors) <= MOST_FOR_TSNE:
        return project(vectors)
    try:
        return PROJECTING.submit(project, vectors).result()
    except JobLost as lost:
        raise CohortError(f"The map of similar slices {lost.reason}: start it again.") from lost
    finally:
        PROJECTING.shutdown(wait=False)


def _of_images(case: Case) -> np.ndarray:
    volume = case.volume()
    box = head_box(head_masks(volume))
    cells = in_box(volume.sequence(FLAIR), box, CELLS, CELLS) / max(1, bright_end(volume))
    mirrored = (cells - cells[:, :, ::-1])[:, :, : CELLS // 2]
    both = cells.reshape(len(cells), -1), MIRROR_WEIGHT * mirrored.reshape(len(cells), -1)
    return np.concatenate(both, axis=1)


def _about(model: Model | None) -> dict:
    return {
        "version": VERSION,
        "source": IMAGE if model is None else model.name,
        "digest": None if model is None else model.digest,
    }


def _path(cohort: Cohort, model: Model | None) -> Path:
    # The prefix keeps a model that is named “image” apart from the image features.
    name = IMAGE if model is None else f"model-{re.sub(r'[^A-Za-z0-9_-]', '_', model.name)}"
    return cohort.state_dir / "features" / f"{name}.npz"
