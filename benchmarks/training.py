"""The training speed and memory of our network, compared with the classic U-Net of this dataset.

    python benchmarks/training.py

The classic one works at full resolution from 32 features on (Ronneberger et al. 2015; so did Buda et
al. 2019), in single precision. Ours is measured with the default settings, and in single precision.
All learn from the same batches with the same loss and optimizer, each in its own process, in turns;
the best step of each counts, after the first ones, which compile.
"""

import json
import os
import statistics
import sys

from support.measuring import in_fresh_processes, machine, peak_memory_mib, seconds

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

TURNS = 2
WARM_UP = 2
STEPS = {"ours": 12, "ours, float32": 12, "classic, float32": 4}


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
    """Return the figures of one network in this fresh process."""
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
        steps = range(WARM_UP + STEPS[which])
        took = [seconds(lambda: network.train_on_batch(slices, masks)) for _ in steps]
    return {
        "slices_per_second": config.batch_size / min(took[WARM_UP:]),
        "median": config.batch_size / statistics.median(took[WARM_UP:]),
        "memory_mb": peak_memory_mib(),
        "weights": network.count_params(),
        "precision": chosen,
    }


def main() -> None:
    if "--measure" in sys.argv:
        print(json.dumps(measure(sys.argv[-1])))
        return
    found = in_fresh_processes(__file__, STEPS, TURNS)
    print(machine())
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
