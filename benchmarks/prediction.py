"""The speed of the model on each engine, compared with the classic U-Net of this dataset.

    python benchmarks/prediction.py [MODEL]

The classic one works at full resolution from 32 features on (Ronneberger et al. 2015; so did Buda et
al. 2019); its weights are random, which costs the same. It runs in single precision in TensorFlow, in
PyTorch if installed, as the published one does, and on our fastest engine, which separates the effects
of engine and network. A case has 36 prepared slices. Each engine has its own process, in turns, and
its best round counts, because other programs only make rounds slower. Processor time is that of all
cores.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

from support.measuring import MIB, best, in_fresh_processes, machine, timed

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

TURNS = 3
ROUNDS = 6
SLICES = 36
PLAIN = "TensorFlow float32"


def measure(which: str, name: str | None) -> dict:
    """Return the figures of one engine in this fresh process."""
    import psutil

    from brainseg.models import open_model

    model = open_model(name)
    size, channels = model.preprocessing.size, model.preprocessing.channels
    shape = (SLICES, size, size, channels)
    case = np.random.default_rng(0).standard_normal(shape, np.float32)
    network, engine = which.split(", ")
    predict, weights = _ours(model, engine) if network == "ours" else _classic(channels, engine)
    predict(case[:1])
    began_s = time.time() - psutil.Process().create_time()
    predict(case)
    rounds = ROUNDS if network == "ours" else 2
    all_slices = best([timed(lambda: predict(case)) for _ in range(rounds)])
    one = best([timed(lambda: predict(case[:1])) for _ in range(4 * rounds)])
    return {
        "slices_per_second": SLICES / all_slices["wall_s"],
        "one_ms": 1000 * one["wall_s"],
        "processor_ms": 1000 * all_slices["processor_s"] / SLICES,
        "first_s": began_s,
        "memory_mb": psutil.Process().memory_info().rss / MIB,
        "weights_mb": weights / MIB,
    }


def engines(name: str | None) -> list[str]:
    """Return the engines to measure on this machine."""
    from brainseg.models import open_model
    from brainseg.models.engines.openvino_graph import FLOAT32, fast_precision, is_installed

    ours, classic = [f"ours, {PLAIN}"], [f"classic, {PLAIN}"]
    if find_spec("torch"):
        classic.append("classic, PyTorch float32")
    if is_installed():
        precisions = dict.fromkeys((fast_precision(), FLOAT32))
        if open_model(name).folds[0].engine:
            ours = [*(f"ours, OpenVINO {precision}" for precision in precisions), *ours]
        classic.append(f"classic, OpenVINO {fast_precision()}")
    return [*ours, *classic]


def _ours(model, engine: str) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Return one fold, and the bytes of its weights on disk."""
    from brainseg.models.engines import load_engine

    runtime, precision = engine.split()
    chosen = "keras" if runtime == "TensorFlow" else f"openvino-{precision}"
    record = model.folds[0]
    file = record.weights if chosen == "keras" else record.engine["weights"]
    return load_engine(model, record.number, chosen), (model.folder / file).stat().st_size


def _classic(channels: int, engine: str) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Return the classic network, and the bytes of its weights in single precision."""
    runtime, precision = engine.split()
    if runtime == "PyTorch":
        return _classic_in_pytorch(channels)
    from training import classic_unet

    from brainseg.models.engines import run_network
    from brainseg.models.networks import compiles_by_xla

    network = classic_unet(channels)
    network.jit_compile = compiles_by_xla()
    weights = 4 * network.count_params()
    if runtime == "TensorFlow":
        return lambda inputs: run_network(network, inputs), weights
    from brainseg.models.engines.exporting import export_network
    from brainseg.models.engines.openvino_graph import OpenVinoGraph

    return OpenVinoGraph(*export_network(network), precision), weights


def _classic_in_pytorch(channels: int) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Return the network of :func:`training.classic_unet`, written in PyTorch."""
    import torch
    from torch import nn

    from brainseg.models.engines import BATCH_SLICES

    def double_convolution(before: int, features: int) -> nn.Sequential:
        layers = []
        for entering in (before, features):
            layers += [nn.Conv2d(entering, features, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(features), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    class Classic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = [32 * 2**level for level in range(5)]
            self.down = nn.ModuleList(map(double_convolution, [channels, *sizes], sizes))
            self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * s, s, 2, 2) for s in sizes[:-1])
            self.up = nn.ModuleList(double_convolution(2 * s, s) for s in sizes[:-1])
            self.last = nn.Conv2d(sizes[0], 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            skips = []
            for part in self.down[:-1]:
                skips.append(part(x))
                x = nn.functional.max_pool2d(skips[-1], 2)
            x = self.down[-1](x)
            for level in reversed(range(4)):
                x = self.up[level](torch.cat([skips[level], self.grow[level](x)], 1))
            return torch.sigmoid(self.last(x))[:, 0]

    network = Classic().eval()

    def predict(inputs: np.ndarray) -> np.ndarray:
        slices = torch.from_numpy(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)))
        with torch.inference_mode():
            return torch.cat([network(part) for part in slices.split(BATCH_SLICES)]).numpy()

    return predict, 4 * sum(weight.numel() for weight in network.parameters())


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else None
    if "--measure" in sys.argv:
        print(json.dumps(measure(sys.argv[-1], name)))
        return
    found = in_fresh_processes(__file__, engines(name), TURNS, name or "")
    print(machine())
    figures = {which: best(turns, ["slices_per_second"]) for which, turns in found.items()}
    for which, one in figures.items():
        print(
            f"{which}: {one['slices_per_second']:.1f} slices/s, one slice {one['one_ms']:.0f} ms, "
            f"{one['processor_ms']:.1f} ms of processor per slice; the process's first prediction after "
            f"{one['first_s']:.1f} s, {one['memory_mb']:.0f} MiB of memory, "
            f"{one['weights_mb']:.1f} MiB of weights"
        )
    for classic in (which for which in figures if which.startswith("classic")):
        for which in (which for which in figures if which.startswith("ours")):
            times = figures[which]["slices_per_second"] / figures[classic]["slices_per_second"]
            less = figures[classic]["processor_ms"] / figures[which]["processor_ms"]
            print(
                f"{which}: {times:.1f} x the throughput of {classic}, {less:.1f} x in processor time"
            )


if __name__ == "__main__":
    main()
