"""A model that hangs or crashes costs its worker and a sentence: the next prediction gets a new one."""

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from brainseg.errors import ModelError
from brainseg.inference import workers
from brainseg.inference.prediction import predict_timed
from brainseg.inference.workers import Passes, prediction_jobs
from brainseg.jobs import Jobs
from brainseg.models import NEW, CaseExposure, open_model
from brainseg.volume import Volume

VOLUME = Volume(np.random.default_rng(0).integers(0, 255, (30, 64, 64, 3), np.uint8))
EXPOSURE = CaseExposure(NEW, (0,))


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    line = prediction_jobs(longest_s=20)
    yield line
    line.shutdown(cancel_futures=True)


def _hang(passes: Passes) -> None:
    while passes:
        time.sleep(0.05)


def _crash(passes: Passes) -> None:
    os._exit(11)


def test_a_model_that_hangs_is_ended_and_the_next_one_predicts(tiny_model, monkeypatch):
    model = open_model(str(tiny_model))
    jobs = prediction_jobs(longest_s=2)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(workers, "_open", _hang)
            with pytest.raises(
                ModelError, match=r"tiny was stopped, because .* took more than 2 s"
            ):
                predict_timed(VOLUME, model, EXPOSURE, jobs=jobs)
        jobs.longest_s = 60
        assert predict_timed(VOLUME, model, EXPOSURE, jobs=jobs).units.any()
    finally:
        jobs.shutdown(cancel_futures=True)


def test_a_model_that_ends_its_process_is_one_sentence(tiny_model, monkeypatch, jobs):
    monkeypatch.setattr(workers, "_open", _crash)
    with pytest.raises(ModelError, match="its prediction ended its process: try again"):
        predict_timed(VOLUME, open_model(str(tiny_model)), EXPOSURE, jobs=jobs)


def test_a_prediction_that_is_ended_takes_its_blocks_out_of_the_line(tiny_model, jobs):
    class Gone(Exception):
        pass

    def leave(done: int, total: int) -> None:
        raise Gone

    with pytest.raises(Gone):
        predict_timed(VOLUME, open_model(str(tiny_model)), EXPOSURE, progress=leave, jobs=jobs)
    assert not jobs._waiting


def test_blocks_of_two_visitors_take_turns(tiny_model, jobs):
    model, order = open_model(str(tiny_model)), []

    def visit(name: str) -> None:
        predict_timed(VOLUME, model, EXPOSURE, progress=lambda *_: order.append(name), jobs=jobs)

    visitors = [threading.Thread(target=visit, args=(name,)) for name in "ab"]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert order.count("a") == order.count("b") > 2


def test_many_predictions_at_once_are_those_of_one_alone(tiny_model, jobs):
    model = open_model(str(tiny_model))
    alone = predict_timed(VOLUME, model, EXPOSURE, jobs=jobs).units
    found: list[np.ndarray] = []

    def visit() -> None:
        found.append(predict_timed(VOLUME, model, EXPOSURE, jobs=jobs).units)

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert len(found) == 8
    assert all(np.array_equal(units, alone) for units in found)


def test_mean_and_deviation_of_passes_are_those_of_all_slices_at_once_bit_for_bit():
    chance = np.random.default_rng(0)
    for passes in (1, 2, 10):
        outputs = [chance.random((3, 16, 24), np.float32) for _ in range(passes)]
        outputs = [*outputs[: passes // 2], *(one[:, :, ::-1] for one in outputs[passes // 2 :])]
        mean, std = workers.mean_and_std(outputs)
        np.testing.assert_array_equal(mean, np.mean(outputs, axis=0, dtype=np.float32))
        if passes == 1:
            assert std is None
        else:
            np.testing.assert_array_equal(std, np.std(outputs, axis=0, dtype=np.float32))
