"""How fast our network learns beside the classic U-Net of this dataset, and what memory it takes.

    python benchmarks/training.py

The classic one works at full resolution from 32 features on (Ronneberger et al. 2015; so did Buda et al.
2019), in single precision. Ours is measured as a training runs it by default, and in single precision
too. All of them learn the same whole batches by the same loss and optimizer, each in a process of its
own, in turns; of each the best step counts, after the first ones, which compile.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

TURNS = 2
WARM_UP = 2
STEPS = {"ours": 12, "ours, float32": 12, "classic, float32": 4}
MIB = 2**20


def classic_unet(channels: int):
    """Return a U-Net of five levels from 32 features on, at full resolution, to logits."""
    from keras import Input, Model, layers

    def double_convolution(x, features: int):
        for _ in range(2):
            x = layers.Conv2D(features, 3, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return x

    x = inputs = Input((None, None, channels))
    skips = []
    for level in range(4):
        skips.append(double_convolution(x, 32 * 2**level))
        x = layers.MaxPooling2D()(skips[-1])
    x = double_convolution(x, 32 * 2**4)
    for level in reversed(range(4)):
        x = layers.Conv2DTranspose(32 * 2**level, 2, strides=2)(x)
        x = double_convolution(layers.Concatenate()([skips[level], x]), 32 * 2**level)
    return Model(inputs, layers.Conv2D(1, 1, dtype="float32")(x))


def measure(which: str) -> dict:
    """Return what one network comes to in this process, which has done nothing else."""
    import psutil

    from brainseg.models.networks import build_unet
    from brainseg.training import TrainingConfig
    from brainseg.training.devices import make_deterministic, precision, precision_of
    from brainseg.training.optimisation import compile_network

    make_deterministic()
    config = TrainingConfig(data="", precision="float32" if "float32" in which else "auto")
    rng = np.random.default_rng(0)
    shape = (config.batch_size, config.size, config.size, config.preprocessing.channels)
    slices = rng.standard_normal(shape, np.float32)
    masks = (slices[..., :1] > 1).astype(np.float32)
    chosen = precision_of(config)
    with precision(chosen):
        classic = which.startswith("classic")
        network = (
            classic_unet(config.preprocessing.channels)
            if classic
            else build_unet(**config.architecture_arguments)
        )
        compile_network(network, config)
        took = []
        for _ in range(WARM_UP + STEPS[which]):
            started = time.perf_counter()
            network.train_on_batch(slices, masks)
            took.append(time.perf_counter() - started)
    return {
        "slices_per_second": config.batch_size / min(took[WARM_UP:]),
        "median": config.batch_size / statistics.median(took[WARM_UP:]),
        "memory_mb": _most_memory_mb(psutil.Process()),
        "weights": network.count_params(),
        "precision": chosen,
    }


def _most_memory_mb(process) -> float:
    """Return the most that a process has held of the memory (resident, MiB)."""
    on_windows = getattr(process.memory_info(), "peak_wset", None)
    if on_windows is not None:
        return on_windows / MIB
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most / 1024


def main() -> None:
    if len(sys.argv) == 2:
        print(json.dumps(measure(sys.argv[1])))
        return
    found: dict[str, list[dict]] = {which: [] for which in STEPS}
    for _ in range(TURNS):
        for which, turns in found.items():
            command = [sys.executable, __file__, which]
            here = Path(__file__).resolve().parents[1]
            done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
            turns.append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    best = {}
    for which, turns in found.items():
        best[which] = max(turn["slices_per_second"] for turn in turns)
        print(
            f"{which} ({turns[0]['precision']}, {turns[0]['weights'] / 1e6:.1f} million weights): "
            f"{best[which]:.1f} slices/s at best, {max(turn['median'] for turn in turns):.1f} in the "
            f"middle, {max(turn['memory_mb'] for turn in turns):.0f} MiB at most"
        )
    classic = best.pop("classic, float32")
    for which, fastest in best.items():
        print(f"{which}: {fastest / classic:.1f} x the classic")


if __name__ == "__main__":
    main()
