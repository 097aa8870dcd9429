"""The worker process that opens, proves and keeps networks, and predicts with them block by block.

A graph that crashes, hangs or takes too much memory costs its worker and no more: the prediction ends in
one sentence, and the next block gets a new worker. Blocks of several cases take turns in one line.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from brainseg import memory
from brainseg.errors import ModelError
from brainseg.inference.quantised import quantise
from brainseg.jobs import Job, JobLost, Jobs, QueueFull
from brainseg.models import Model
from brainseg.preprocessing import Block, back_to_block, prepared

T = TypeVar("T")

LONGEST_S = 120.0
"""For opening a model, and for one block of slices; the shipped model takes some seconds."""

MOST_MEMORY_BYTES = 4 * 2**30
"""For the worker; TensorFlow alone reserves half of it."""

_AHEAD = 4
"""Blocks of one prediction in line at a time: the worker never waits for the next, and where many wait,
a case of usual size is done in two turns."""


def prediction_jobs(
    longest_s: float = LONGEST_S, memory_bytes: int = MOST_MEMORY_BYTES, workers: int = 1
) -> Jobs:
    """Return a line for predictions; one worker, because a network uses all processors."""
    return Jobs("prediction", workers, longest_s, memory_bytes, most_waiting=256)


PREDICTING = prediction_jobs()
"""The worker that predicts for this process; it starts with the first prediction."""


@dataclass(frozen=True)
class Passes:
    """What is averaged: which folds of a model predict, on which engine, and whether mirrored, too."""

    model: Model
    folds: tuple[int, ...]
    flip_tta: bool
    engine: str | None

    @classmethod
    def of(cls, model: Model, folds: tuple[int, ...], flip_tta: bool = False) -> "Passes":
        """Return the passes with the engine that ``BRAINSEG_ENGINE`` names here."""
        # A copy, which carries no hashes of training images to the worker.
        return cls(replace(model), folds, flip_tta, os.environ.get("BRAINSEG_ENGINE"))


@dataclass(frozen=True)
class PredictedBlock:
    """Mean and standard deviation of the passes over a block, (k, h, w) in units; seconds it took."""

    mean: np.ndarray
    std: np.ndarray | None
    seconds: float


def open_networks(passes: Passes, jobs: Jobs = PREDICTING) -> tuple[str, str]:
    """Open and prove the networks ahead of a prediction, and return the names of engine and device.

    Raises:
        ModelError: a network cannot be opened or proved, or its worker was lost.
    """
    key = (passes.model.folder, passes.model.digest, passes.folds, passes.engine)
    return next(_in_turn(passes.model, jobs, _open, [(passes,)], key))


def predict_blocks(
    passes: Passes, blocks: Iterable[Block], jobs: Jobs = PREDICTING
) -> Iterator[PredictedBlock]:
    """Yield the prediction of each block, in order.

    Raises:
        ModelError: the output of the model is not a probability, or its worker was lost.
    """
    calls = ((passes, block) for block in blocks)
    return _in_turn(passes.model, jobs, _predict_block, calls)


def _in_turn(
    model: Model, jobs: Jobs, function: Callable[..., T], calls: Iterable[tuple], key: Any = None
) -> Iterator[T]:
    """Yield the results of calls, in order; those in line are cancelled if the reader ends early."""
    rest = iter(calls)
    ahead: deque[Job[T]] = deque()
    try:
        while True:
            ahead += (
                jobs.schedule(function, call, key) for call in islice(rest, _AHEAD - len(ahead))
            )
            if not ahead:
                return
            yield ahead[0].result()
            ahead.popleft()
    except JobLost as lost:
        raise ModelError(
            f"{model.name} was stopped, because its prediction {lost.reason}: try again, or choose "
            "another model."
        ) from lost
    except QueueFull as full:
        raise ModelError(str(full)) from full
    finally:
        for job in ahead:
            job.cancel()


def _open(passes: Passes) -> tuple[str, str]:
    # Imported in the worker only: the engine may import Keras.
    from brainseg.models.engines import load_engine

    networks = [load_engine(passes.model, fold, passes.engine) for fold in passes.folds]
    memory.collect_garbage(every_s=0)  # of files that were read, hashed and parsed
    return networks[0].name, networks[0].device


def _predict_block(passes: Passes, block: Block) -> PredictedBlock:
    from brainseg.models.engines import load_engine

    networks = [load_engine(passes.model, fold, passes.engine) for fold in passes.folds]
    started = time.perf_counter()
    inputs = prepared(block, passes.model.preprocessing)
    outputs = [network(inputs) for network in networks]
    if passes.flip_tta:
        inputs = np.ascontiguousarray(inputs[:, :, ::-1])
        outputs += [network(inputs)[:, :, ::-1] for network in networks]
    del inputs
    mean, std = mean_and_std(outputs)
    # Written so that a value that is no number fails, too.
    if not (mean.min() >= 0 and mean.max() <= 1):
        raise ModelError(
            f"the output of {passes.model.name} for this volume is not a probability: use another "
            "model."
        )
    memory.collect_garbage(every_s=10)
    units = quantise(back_to_block(mean, block))
    std_units = None if std is None else quantise(back_to_block(std, block))
    return PredictedBlock(units, std_units, time.perf_counter() - started)


def mean_and_std(outputs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return mean and standard deviation over the passes, (k, h, w) float32; no deviation of one pass.

    Slice by slice, because NumPy copies all passes: a block of 12 slices in ten passes took 69 MiB
    beside the 30 of the passes.

    Args:
        outputs: the probability of each pass, (k, h, w) float32, 0..1.
    """
    mean = np.empty(outputs[0].shape, np.float32)
    std = np.empty_like(mean) if len(outputs) > 1 else None
    for place in range(len(mean)):
        planes = [one[place] for one in outputs]
        mean[place] = np.mean(planes, axis=0, dtype=np.float32)
        if std is not None:
            std[place] = np.std(planes, axis=0, dtype=np.float32)
    return mean, std
