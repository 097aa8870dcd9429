"""Hostile model folders: each changes a copy of the tiny model, and the hashes in its manifest fit."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from brainseg.models.engines.openvino_graph import openvino
from support.changed_models import accept

DEEP = "[" * 50_000 + "]" * 50_000
NAMES = ("../fold0.weights.h5", "/etc/passwd", "..", "", "a/b", "x" * 5000, "nul\0", 7, None)
NUMBERS = (float("nan"), float("inf"), -1, 10**400, "1", None, [], {})

ENTRIES: dict[str, tuple] = {
    "architecture": (7, None, ["unet"], "x" * 10**6),
    "arguments": ([], None, {"channels": 10**9}, {"levels": 10**6}, {"base_features": -3}),
    "arguments.normalisation": ("os.system", 7),
    "input": (None, [], {"size": 10**6}, {"speed": 3}),
    "input.size": (*NUMBERS, 0, 64.5, True),
    "input.context_slices": (*NUMBERS, 10**6, 1.5),
    "inference": (None, 3, {"mirrored": "yes"}, {"unknown": 1}),
    "inference.smallest_share": NUMBERS,
    "folds": (None, {}, [], [None], [[]], "none"),
    "folds.0.number": (*NUMBERS, 0.5, True),
    "folds.0.threshold": (*NUMBERS, 0, 1, True),
    "folds.0.weights": NAMES,
    "folds.0.sha256": (None, 7, "", "0" * 10**6),
    "folds.0.trained_on": (None, 7, "name", [7], [None], [["a"]], ["x" * 10**6], {"a": 1}),
    "folds.0.golden": (None, [], {}, {"file": "fold0.golden.npz"}),
    "folds.0.golden.file": NAMES,
    "folds.0.engine": ([], {}, "fast", {"graph": "fold0.graph.xml"}),
    "folds.0.engine.graph": NAMES,
    "training_images": (None, [], {}, {"file": 7, "sha256": 7}),
    "training_images.file": NAMES,
}
"""Entry of the manifest -> values that no model has."""

OTHER_MANIFESTS = {
    "empty": b"",
    "deep": DEEP.encode(),
    "deep in a fold": ('{"folds": ' + DEEP + "}").encode(),
    "not text": bytes(range(256)),
    "a list": b"[]",
    "a number": b"1e999",
    "a number of many digits": b"9" * 10_000,
    "many folds": json.dumps({"folds": [{}] * 100_000}).encode(),
    "twice its end": b"{}{}",
}


def _change(folder: Path, entry: str, value: object) -> None:
    facts = json.loads((folder / "manifest.json").read_text())
    inside = facts
    *path, last = entry.split(".")
    for name in path:
        inside = inside[int(name) if isinstance(inside, list) else name]
    inside[last] = value
    (folder / "manifest.json").write_text(json.dumps(facts))


def _write(folder: Path, file: str, content: bytes) -> None:
    (folder / file).write_bytes(content)
    if file != "manifest.json":
        accept(folder)


def _replace(file: str, make: Callable[[Path], object], folder: Path) -> None:
    """Put something else in the place of a file; its hash stays the old one."""
    (folder / file).unlink()
    make(folder / file)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 2**30)


def _strange_files() -> Iterator[tuple[str, Callable[[Path], None]]]:
    kinds: dict[str, Callable[[Path], object]] = {
        "a folder": Path.mkdir,
        "sparse": _sparse,
        "a link to itself": lambda path: path.symlink_to(path),
    }
    if os.name == "posix":
        kinds |= {
            "a pipe": os.mkfifo,
            "a link to a device": lambda path: path.symlink_to("/dev/zero"),
        }
    for file in ("manifest.json", "fold0.weights.h5", "fold0.graph.bin", "training_images.npz"):
        for kind, make in kinds.items():
            yield f"{file} is {kind}", partial(_replace, file, make)


def _arrays(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _npy(shape: str, dtype: str = "<f4") -> bytes:
    """Return an archive of arrays whose headers state any shape and type."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("inputs", "probability", "names", "image_case", "image_hash"):
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def _bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("inputs", "probability", "names"):
            archive.writestr(f"{name}.npy", bytes(2**26))
    return file.getvalue()


def _golden(inputs: tuple[int, ...], output: tuple[int, ...], value: float = 0.0) -> bytes:
    return _arrays(
        inputs=np.full(inputs, value, np.float16), probability=np.full(output, value, np.float16)
    )


def archives() -> dict[str, bytes]:
    """Return archives of arrays that are no stored output and no hashes of training images."""
    return {
        "empty": b"",
        "no archive": bytes(range(256)),
        "an archive of nothing": _arrays(),
        "other arrays": _arrays(other=np.zeros(3)),
        "objects": _arrays(inputs=np.array([{}], object), names=np.array([{}], object)),
        "text": _arrays(inputs=np.array(["a"]), probability=np.array(["b"]), names=np.array(["c"])),
        "of no number": _golden((1, 64, 64, 5), (1, 64, 64), np.nan),
        "of no slice": _golden((0, 64, 64, 5), (0, 64, 64)),
        "of other channels": _golden((1, 64, 64, 3), (1, 64, 64)),
        "of another output": _golden((1, 64, 64, 5), (1, 1, 1)),
        "of no dimension": _golden((), ()),
        "of a huge shape": _npy("(1000000, 1000000, 1000)"),
        "of a negative shape": _npy("(-1, 5)"),
        "of a wrong type": _npy("(1,)", "O"),
        "inflating": _bomb(),
    }


def graphs() -> dict[str, Callable[[], object]]:
    """Return makers of graphs for OpenVINO that brainseg must not run."""
    openvino()  # without its telemetry
    from openvino import Model, PartialShape
    from openvino import opset13 as ops

    def of(make: Callable, shape: tuple = (-1, -1, -1, 5), kind: object = np.float32) -> Callable:
        def model() -> object:
            source = ops.parameter(list(shape), kind)
            return Model([ops.result(make(source))], [source], "hostile")

        return model

    def flat(source: object) -> object:
        return ops.sigmoid(ops.reduce_mean(source, np.array([3])))

    def times(factor: float) -> Callable:
        return lambda source: ops.multiply(flat(source), np.float32(factor))

    def endless(source: object) -> object:
        state = ops.parameter([-1, -1, -1], np.float32)
        body = Model([ops.constant(True), ops.cos(state)], [state], "body")
        loop = ops.loop(ops.constant(np.int64(2**62)), ops.constant(True))
        loop.set_function(body)
        loop.set_special_body_ports([-1, 0])
        loop.set_merged_input(state, flat(source).output(0), body.results[1].output(0))
        return loop.get_iter_value(body.results[1].output(0), -1)

    def branch(source: object) -> object:
        inside = ops.parameter([-1, -1, -1], np.float32)
        body = Model([ops.result(ops.relu(inside))], [inside], "body")
        node = ops.if_op(ops.constant(True))
        node.set_then_body(body)
        node.set_else_body(body)
        node.set_input(flat(source).output(0), inside, inside)
        return node.set_output(body.results[0], body.results[0])

    def two() -> object:
        first, other = (ops.parameter([1, 64, 64, 5], np.float32) for _ in range(2))
        return Model([ops.result(flat(ops.add(first, other)))], [first, other], "hostile")

    def remembering(source: object) -> object:
        return ops.read_value(flat(source), "memory", np.float32, PartialShape([-1, -1, -1]))

    def padded(source: object) -> object:
        ends = (np.array([0] * 4), np.array([0, 2**20, 2**20, 0]))
        return flat(ops.pad(source, *ends, "constant", np.float32(0)))

    bounds = np.float32(0), np.float32(1)
    return {
        "an endless loop": of(endless),
        "a branch": of(branch),
        "of one number": of(lambda x: ops.reduce_mean(x, np.array([0, 1, 2, 3]))),
        "of other channels": of(flat, (-1, -1, -1, 3)),
        "of a fixed size": of(flat, (1, 7, 7, 5)),
        "of two dimensions": of(ops.relu, (1, 5)),
        "of whole numbers": of(lambda x: ops.reduce_max(x, np.array([3])), kind=np.int32),
        "without a number": of(times(np.nan)),
        "beyond one": of(times(9)),
        "infinite": of(lambda x: ops.divide(flat(x), np.float32(0))),
        "of two inputs": two,
        "of a huge output": of(lambda x: ops.tile(x, np.array([2**20, 64, 64, 64]))),
        "of huge padding": of(padded),
        "with a memory": of(remembering),
        "of random numbers": of(
            lambda x: ops.add(flat(x), ops.random_uniform(np.array([1, 64, 64]), *bounds, "f32"))
        ),
        "of an unknown size": of(lambda x: ops.convert(ops.non_zero(flat(x)), "f32")),
    }


def _put_graph(make: Callable[[], object], folder: Path) -> None:
    openvino().save_model(make(), folder / "fold0.graph.xml", compress_to_fp16=False)
    accept(folder)


def _texts_of_graphs() -> dict[str, Callable[[str], str]]:
    """Return changes to the text of the tiny model's graph."""
    return {
        "empty": lambda text: "",
        "no markup": lambda text: "net",
        "a bomb of entities": lambda text: (
            '<!DOCTYPE n [<!ENTITY a "'
            + "a" * 1000
            + '">'
            + "".join(f'<!ENTITY a{i} "{f"&a{i - 1 or chr(0)};" * 10}">' for i in range(1, 10))
            + "]>"
            + text
        ).replace("a\0", "a"),
        "deep": lambda text: "<net>" * 200_000 + "</net>" * 200_000,
        "an unknown operation": lambda text: text.replace('type="ReLU"', 'type="Evil"'),
        "an operation of an extension": lambda text: text.replace(
            'type="ReLU" version="opset1"', 'type="ReLU" version="extension"'
        ),
        "weights beyond the end": lambda text: text.replace('offset="0"', 'offset="99999999999"'),
        "weights before the start": lambda text: text.replace('offset="0"', 'offset="-8"'),
        "huge weights": lambda text: text.replace('size="', 'size="9999999'),
        "edges to nowhere": lambda text: text.replace('from-layer="', 'from-layer="99'),
        "a circle": lambda text: text.replace('from-layer="1"', 'from-layer="50"'),
        "huge strides": lambda text: text.replace(
            'strides="2, 2"', 'strides="2000000000, 2000000000"'
        ),
        "negative strides": lambda text: text.replace('strides="1, 1"', 'strides="-1, -1"'),
        "no strides": lambda text: text.replace('strides="1, 1"', 'strides="0, 0"'),
        "a huge kernel": lambda text: text.replace(
            'kernel="2, 2"', 'kernel="2000000000, 2000000000"'
        ),
    }


def _change_text(change: Callable[[str], str], folder: Path) -> None:
    path = folder / "fold0.graph.xml"
    _write(folder, path.name, change(path.read_text()).encode())


def _weights(make: Callable, folder: Path) -> None:
    """Write another weights file, for a manifest without a graph."""
    import h5py

    with h5py.File(folder / "fold0.weights.h5", "w") as file:
        make(file)
    accept(folder)
    _only_keras(folder)


def _only_keras(folder: Path) -> None:
    facts = json.loads((folder / "manifest.json").read_text())
    del facts["folds"][0]["engine"]
    (folder / "manifest.json").write_text(json.dumps(facts))


def _keras_archive(folder: Path) -> None:
    """Put an archive of Keras that names code in the place of the weights."""
    config = {"module": "os", "class_name": "system", "config": {"command": "false"}}
    with zipfile.ZipFile(folder / "fold0.weights.h5", "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"none")
    accept(folder)
    _only_keras(folder)


def weights() -> dict[str, Callable[[Path], None]]:
    """Return changes of the folder that replace its weights and leave Keras to open them."""
    import h5py

    at = "layers/conv2d/vars"

    def linked(file: "h5py.File") -> None:
        file["layers"] = h5py.ExternalLink("/etc/passwd", "/")

    def circle(file: "h5py.File") -> None:
        file.create_group("layers/conv2d")["vars"] = file["/"]

    def huge(file: "h5py.File") -> None:
        file.create_dataset(f"{at}/0", (10**6, 10**6), "f4", chunks=(100, 100), fillvalue=1)

    return {
        "of nothing": partial(_weights, lambda file: None),
        "with a link to another file": partial(_weights, linked),
        "in a circle": partial(_weights, circle),
        "of a huge shape": partial(_weights, huge),
        "of text": partial(_weights, lambda file: file.create_dataset(f"{at}/0", data="text")),
        "with code": _keras_archive,
    }


def hostile_manifests() -> dict[str, Callable[[Path], None]]:
    """Return changes of a model's folder that opening its manifest must refuse."""
    makers: dict[str, Callable[[Path], None]] = {
        f"{entry} is {repr(value)[:30]}": partial(_change, entry=entry, value=value)
        for entry, values in ENTRIES.items()
        for value in values
    }
    for name, content in OTHER_MANIFESTS.items():
        makers[f"manifest: {name}"] = partial(_write, file="manifest.json", content=content)
    return makers


def hostile_files() -> dict[str, Callable[[Path], None]]:
    """Return changes of a model's folder that opening its manifest or its engine must refuse."""
    makers = dict(_strange_files())
    for name, content in archives().items():
        makers[f"golden: {name}"] = partial(_write, file="fold0.golden.npz", content=content)
        if "of" not in name.split():
            makers[f"training images: {name}"] = partial(
                _write, file="training_images.npz", content=content
            )
    for name, make in graphs().items():
        makers[f"graph: {name}"] = partial(_put_graph, make)
    for name, change in _texts_of_graphs().items():
        makers[f"text of the graph: {name}"] = partial(_change_text, change)
    for name, change_folder in weights().items():
        makers[f"weights {name}"] = change_folder
    return makers
