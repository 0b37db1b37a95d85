"""Networks made to harm: weights outside, sizes that lie, graphs without end; and descriptions of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, helper, numpy_helper

BANDS = 6
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
Change = Callable[[Path], None]
"""Changes the folder of a bundle: `model.onnx` and `model.json`."""


def _save(
    folder: Path,
    nodes: Sequence[NodeProto],
    initializers: Sequence[TensorProto] = (),
    functions: Sequence[FunctionProto] = (),
    *,
    shape: Sequence[str | int] = ("n", BANDS, "h", "w"),
) -> None:
    """Write a network from `x` to `y` of one plane, with the names of ports of the description."""
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["image"], ["x"]),
            *nodes,
            helper.make_node("Identity", ["y"], ["scores"]),
        ],
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=OPSETS, functions=list(functions), ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    _rehash(folder)


def _rehash(folder: Path) -> None:
    """State no hash, so that the network is opened."""
    path = folder / "model.json"
    table = json.loads(path.read_text())
    for asset in table["assets"].values():
        asset.pop("file:checksum", None)
        asset.pop("file:size", None)
    path.write_text(json.dumps(table))


def _constant(name: str, values: object, kind: type = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, kind), name)


def _mean(source: str = "x", target: str = "y") -> NodeProto:
    return helper.make_node("ReduceMean", [source], [target], axes=[1], keepdims=1)


def outside(folder: Path, location: str, **entries: str) -> None:
    """Keep a weight in another file."""
    tensor = TensorProto(name="w", dims=[1, 1, 1, 1], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    _save(folder, [_mean(target="m"), helper.make_node("Mul", ["m", "w"], ["y"])], [tensor])


def link_outside(folder: Path) -> None:
    """Keep a weight in a file that is a link to another folder."""
    secret = folder.parent / "secret.bin"
    secret.write_bytes(np.ones(1, np.float32).tobytes())
    (folder / "data.bin").symlink_to(secret)
    outside(folder, "data.bin")


def wire(folder: Path, content: bytes) -> None:
    """Put bytes in the place of the network."""
    (folder / "model.onnx").write_bytes(content)
    _rehash(folder)


def nested(folder: Path, depth: int) -> None:
    """Nest branches of `If` deeply."""
    condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    inner = helper.make_graph(
        [helper.make_node("Identity", ["m"], ["o0"])],
        "g",
        [],
        [helper.make_tensor_value_info("o0", TensorProto.FLOAT, None)],
    )
    for level in range(1, depth):
        node = helper.make_node("If", ["c"], [f"o{level}"], then_branch=inner, else_branch=inner)
        inner = helper.make_graph(
            [node], "g", [], [helper.make_tensor_value_info(f"o{level}", TensorProto.FLOAT, None)]
        )
        if inner.ByteSize() > 2**23:
            break
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    _save(folder, [_mean(target="m"), node], [condition])


def loop(folder: Path, trips: int) -> None:
    """Run a loop of so many turns."""
    values = helper.make_tensor_value_info
    body: GraphProto = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["on"]), helper.make_node("Sin", ["a"], ["b"])],
        "body",
        [
            values("turn", TensorProto.INT64, []),
            values("going", TensorProto.BOOL, []),
            values("a", TensorProto.FLOAT, None),
        ],
        [values("on", TensorProto.BOOL, []), values("b", TensorProto.FLOAT, None)],
    )
    node = helper.make_node("Loop", ["trips", "", "m"], ["y"], body=body)
    _save(folder, [_mean(target="m"), node], [_constant("trips", trips)])


def computed_loop(folder: Path) -> None:
    """Run a loop whose turns are computed from the size of the tile."""
    loop(folder, 1)
    model = onnx.load(folder / "model.onnx")
    nodes = list(model.graph.node)
    nodes[2].input[0] = "turns"
    added = [
        helper.make_node("Size", ["m"], ["size"]),
        helper.make_node("Mul", ["size", "many"], ["turns"]),
    ]
    del model.graph.node[:]
    model.graph.node.extend([*nodes[:2], *added, *nodes[2:]])
    model.graph.initializer.append(_constant("many", 10**12))
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def functions(folder: Path, depth: int) -> None:
    """Call functions that call the one before twice, each."""
    made = [helper.make_function("own", "f0", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], OPSETS)]
    for level in range(1, depth):
        nodes = [
            helper.make_node(f"f{level - 1}", [given], [got], domain="own")
            for given, got in (("a", "m"), ("m", "b"))
        ]
        made.append(helper.make_function("own", f"f{level}", ["a"], ["b"], nodes, OPSETS))
    _save(
        folder, [_mean(target="m"), helper.make_node(f"f{depth - 1}", ["m"], ["y"], domain="own")], (), made
    )


def grown(folder: Path, sizes: Sequence[int]) -> None:
    """Expand an array to terabytes, and average it again."""
    nodes = [
        _mean(target="m"),
        helper.make_node(
            "ConstantOfShape", ["sizes"], ["huge"], value=helper.make_tensor("v", TensorProto.FLOAT, [1], [1])
        ),
        helper.make_node("ReduceMean", ["huge"], ["s"], keepdims=0),
        helper.make_node("Mul", ["m", "s"], ["y"]),
    ]
    _save(folder, nodes, [_constant("sizes", sizes)])


def resized(folder: Path) -> None:
    """Enlarge the pixels ten thousand times, and cut them again."""
    nodes = [
        _mean(target="m"),
        helper.make_node("Resize", ["m", "", "scales"], ["big"], mode="nearest"),
        helper.make_node("Shape", ["m"], ["size"]),
        helper.make_node("Slice", ["big", "zeros", "size"], ["y"]),
    ]
    _save(
        folder, nodes, [_constant("scales", [1, 1, 1e4, 1e4], np.float32), _constant("zeros", [0, 0, 0, 0])]
    )


def planes(folder: Path, count: int) -> None:
    """Return very many planes."""
    nodes = [_mean(target="m"), helper.make_node("Tile", ["m", "times"], ["y"])]
    _save(folder, nodes, [_constant("times", [1, count, 1, 1])])


def values(folder: Path, value: float) -> None:
    """Return one value everywhere."""
    nodes = [
        _mean(target="m"),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["z", "value"], ["y"]),
    ]
    _save(folder, nodes, [_constant("zero", 0, np.float32), _constant("value", value, np.float32)])


def operator(folder: Path, kind: str, domain: str = "") -> None:
    """Use an operator that nobody has."""
    _save(folder, [helper.make_node(kind, ["x"], ["y"], domain=domain)])


def chain(folder: Path) -> None:
    """Put a hundred thousand operators in a row."""
    nodes = [_mean(target="a0")]
    nodes += [helper.make_node("Neg", [f"a{index}"], [f"a{index + 1}"]) for index in range(100_000)]
    _save(folder, [*nodes, helper.make_node("Identity", ["a100000"], ["y"])])


def dims(folder: Path, sizes: Sequence[int]) -> None:
    """State sizes of a weight that its bytes do not have."""
    tensor = TensorProto(name="w", dims=sizes, data_type=TensorProto.FLOAT, raw_data=b"\0\0\x80?")
    _save(folder, [_mean(target="m"), helper.make_node("Mul", ["m", "w"], ["y"])], [tensor])


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def told(folder: Path, key: str, value: object) -> None:
    """Replace all values of a key of the description."""
    path = folder / "model.json"
    table = json.loads(path.read_text())
    for inner, name in list(_places(table)):
        if name == key:
            inner[name] = value
    path.write_text(json.dumps(table))


def links(folder: Path) -> None:
    """Put a link to itself in the place of the network."""
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("model.onnx")


def pipe(folder: Path, name: str) -> None:
    """Put a pipe that nobody writes in the place of a file."""
    (folder / name).unlink()
    os.mkfifo(folder / name)


def folder_of_weights(folder: Path) -> None:
    """Put a folder in the place of the network."""
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()


def _varint(value: int) -> bytes:
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


NETWORKS: Mapping[str, Change] = {
    **{
        f"weights at {location[:30]!r}": partial(outside, location=location)
        for location in (
            "../secret.bin",
            "/etc/passwd",
            "a/../../secret.bin",
            "",
            ".",
            "..",
            "model.json",
            "none.bin",
            "a\0b",
            "x" * 100_000,
            "/dev/zero",
            "/proc/self/mem",
            "file:///etc/passwd",
            "\\\\server\\share",
            "C:\\x",
            "http://127.0.0.1:9/x",
        )
    },
    "weights by a link": link_outside,
    "weights at an offset beyond": partial(
        outside, location="model.json", offset=str(2**62), length=str(2**62)
    ),
    "weights at an offset below zero": partial(outside, location="model.json", offset="-4", length="-1"),
    "weights at an offset of no number": partial(outside, location="model.json", offset="x" * 5000),
    "integer without end": partial(wire, content=b"\xff" * 100_000),
    "length of 2^63": partial(wire, content=b"\x3a" + _varint(2**63) + b"abc"),
    "length of 4 GB": partial(wire, content=b"\x3a" + _varint(2**32 - 1) + b"abc"),
    "integer of 80 bits": partial(wire, content=b"\x08" + _varint(2**80)),
    "field of number zero": partial(wire, content=b"\x00\x00" * 100),
    "groups": partial(wire, content=b"\x3b" * 50_000),
    "messages in messages": partial(wire, content=b"\x3a\xff\xff\x03" * 20_000),
    "only an opset": partial(wire, content=b"\x42\x02\x10\x11"),
    "opset of 2^62": partial(wire, content=b"\x42" + _varint(11) + b"\x10" + _varint(2**62)),
    "nested branches": partial(nested, depth=18),
    "very long loop": partial(loop, trips=2**62),
    "loop of computed turns": computed_loop,
    "functions of functions": partial(functions, depth=40),
    "loop of no turns": partial(loop, trips=-1),
    "array of terabytes": partial(grown, sizes=[2**20, 2**20]),
    "array of 2^80": partial(grown, sizes=[2**40, 2**40]),
    "array of a size below zero": partial(grown, sizes=[-5]),
    "array of 30 GB": partial(grown, sizes=[7_500_000_000]),
    "pixels enlarged": resized,
    "very many planes": partial(planes, count=5000),
    "no planes": partial(planes, count=0),
    "NaN": partial(values, value=float("nan")),
    "infinity": partial(values, value=float("inf")),
    "unknown operator": partial(operator, kind="Nothing"),
    "operator of a library": partial(operator, kind="Run", domain="com.evil"),
    "long chain": chain,
    "weight of 2^62": partial(dims, sizes=[2**31, 2**31]),
    "weight of a size below zero": partial(dims, sizes=[-1, 4]),
    "weight of no size": partial(dims, sizes=[0]),
    "weight of many dimensions": partial(dims, sizes=[1] * 5000),
    "link to itself": links,
    "pipe": partial(pipe, name="model.onnx"),
    "folder": folder_of_weights,
}
_ODD: Mapping[str, Sequence[object]] = {
    "href": (
        "../secret.onnx",
        "/etc/passwd",
        "file:///etc/passwd",
        "/vsicurl/http://127.0.0.1:9/x",
        "\0",
        "http://127.0.0.1:9/x.onnx",
        "x" * 5000,
        ".",
        "model.json",
        "%2e%2e/x",
    ),
    "id": ("../x", "\0", "x" * 5000, "", "a\nb", ".."),
    "name": ("\0", "a\nb\x1b[31m", "x" * 5000, "<script>alert(1)</script>", "]]>", "", "\ud800"),
    "title": ("\0\x1b[2J", "<b>&", "x" * 3000, "\u202e" * 100, ""),
    "color_hint": ("xxxxxx", "\0", "F" * 5000, "-1", "", 3),
    "value": (-1, 255, 2**40, 1.5, True, "1"),
    "shape": (
        [-1, 6, 10**9, 10**9],
        [0, 0, 0, 0],
        [6],
        [-1] * 5000,
        [1, 6, 1, 1],
        [1, 10**6, -1, -1],
    ),
    "mean": (1e308, -1e308, "NaN", None),
    "stddev": (0, 1e-320, -1, 1e308, None),
    "bands": ([], ["green"] * 6, ["\0"] * 6, [{"name": "x" * 5000}] * 6, ["green"] * 100_000, None),
    "data_type": ("float1", "complex128", "uint8", "\0"),
    "type": ("min-max", "x", None, []),
    "dim_order": (["batch"] * 4, ["channel", "batch", "width", "height"], [], "x"),
    "stac_extensions": ([], "x", ["x"] * 100_000),
    "properties": ({}, [], None),
    "assets": ({}, [], None),
    "classification:classes": ([], [{"value": 1, "name": "a"}] * 70_000, None),
}
DESCRIPTIONS: Mapping[str, Change] = {
    "pipe": partial(pipe, name="model.json"),
    **{
        f"{key} is {str(value)[:24]!r}": partial(told, key=key, value=value)
        for key, odd in _ODD.items()
        for value in odd
    },
}
"""Changes of bundles by what is wrong with them."""
