"""A server that predicts all day holds no more memory in the evening; run by `make test-long`."""

import numpy as np
import psutil
import pytest
from support.changed_models import load

pytestmark = pytest.mark.long

PREDICTIONS = 1000
ROOM_MB = 16


@pytest.mark.parametrize("name", ["openvino", "keras"])
def test_memory_is_flat_over_a_thousand_predictions(tiny_model, name):
    engine, process = load(tiny_model, name), psutil.Process()
    rng = np.random.default_rng(0)

    def predict(count: int) -> None:
        for _ in range(count):
            slices = int(rng.integers(1, 37))
            engine(rng.standard_normal((slices, 64, 64, 5), np.float32))

    predict(PREDICTIONS // 5)  # what is allocated once
    before = process.memory_info().rss
    predict(PREDICTIONS)
    assert process.memory_info().rss - before < ROOM_MB * 2**20
