"""Small ONNX files that would keep a runtime busy without end are refused, or ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import FunctionProto, NodeProto, TensorProto, helper

from geoseg.bundles import graph_size
from geoseg.bundles.graph_size import EndlessError, check_work, ending
from geoseg.errors import ModelError
from geoseg.runtimes.choose import ending_runtime
from tests.bundles.networks import make_spec

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
INFO = helper.make_tensor_value_info


def save(
    path: Path,
    nodes: Sequence[NodeProto],
    initializers: Sequence[TensorProto] = (),
    functions: Sequence[FunctionProto] = (),
) -> Path:
    """A network from `x` to `y`."""
    graph = helper.make_graph(
        list(nodes),
        "network",
        [INFO("x", TensorProto.FLOAT, ["n"])],
        [INFO("y", TensorProto.FLOAT, ["n"])],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=OPSETS, functions=list(functions), ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def calls(name: str, *inner: str) -> FunctionProto:
    """A function that calls others in turn."""
    names = ["a", *(f"m{index}" for index in range(len(inner) - 1)), "b"]
    nodes = [
        helper.make_node(called, [names[index]], [names[index + 1]], domain="own" if called != "Neg" else "")
        for index, called in enumerate(inner)
    ]
    return helper.make_function("own", name, ["a"], ["b"], nodes, OPSETS)


def loop(iterations: str, body: Sequence[NodeProto] | None = None) -> NodeProto:
    """A loop of a name of iterations."""
    inner = helper.make_graph(
        body or [helper.make_node("Identity", ["going"], ["on"]), helper.make_node("Sin", ["a"], ["b"])],
        "body",
        [
            INFO("turn", TensorProto.INT64, []),
            INFO("going", TensorProto.BOOL, []),
            INFO("a", TensorProto.FLOAT, ["n"]),
        ],
        [INFO("on", TensorProto.BOOL, []), INFO("b", TensorProto.FLOAT, ["n"])],
    )
    return helper.make_node("Loop", [iterations, "", "x"], ["y"], body=inner)


def whole(name: str, value: int) -> TensorProto:
    """A whole number; onnx stores it as bytes or as a list."""
    return helper.make_tensor(name, TensorProto.INT64, [], [value])


def test_functions_that_multiply_are_refused(tmp_path: Path) -> None:
    functions = [calls("f0", "Neg"), *(calls(f"f{n}", f"f{n - 1}", f"f{n - 1}") for n in range(1, 40))]
    path = save(
        tmp_path / "a.onnx", [helper.make_node("f39", ["x"], ["y"], domain="own")], functions=functions
    )
    assert path.stat().st_size < 5000
    with pytest.raises(ModelError, match="functions and loops"):
        check_work(path)


def test_functions_that_call_themselves_are_refused(tmp_path: Path) -> None:
    functions = [calls("f", "g"), calls("g", "f")]
    path = save(tmp_path / "a.onnx", [helper.make_node("f", ["x"], ["y"], domain="own")], functions=functions)
    with pytest.raises(ModelError, match="functions and loops"):
        check_work(path)


def test_usual_functions_are_accepted(tmp_path: Path) -> None:
    functions = [calls("f0", "Neg", "Neg"), calls("f1", "f0", "f0")]
    nodes = [helper.make_node("f1", ["x"], ["y"], domain="own")]
    assert not check_work(save(tmp_path / "a.onnx", nodes, functions=functions))


def test_branches_in_functions_in_branches_are_refused(tmp_path: Path) -> None:
    """Each is within its own limit of depth; together they are deeper than Python calls functions."""
    functions = [calls("f0", "Neg")]
    for level in range(1, 150):
        node = helper.make_node(f"f{level - 1}", ["a"], ["b"], domain="own")
        for _ in range(10):
            branch = helper.make_graph([node], "branch", [], [INFO("b", TensorProto.FLOAT, None)])
            node = helper.make_node("If", ["c"], ["b"], then_branch=branch, else_branch=branch)
            branch = helper.make_graph([], "none", [], [INFO("a", TensorProto.FLOAT, None)])
            node.attribute[1].g.CopyFrom(branch)
        functions.append(helper.make_function("own", f"f{level}", ["a"], ["b"], [node], OPSETS))
    nodes = [helper.make_node("f149", ["x"], ["y"], domain="own")]
    with pytest.raises(ModelError, match="functions and loops"):
        check_work(save(tmp_path / "a.onnx", nodes, functions=functions))


def test_a_graph_in_two_parts_is_joined(tmp_path: Path) -> None:
    """As protobuf reads it."""
    functions = [calls("f", "f")]
    path = save(tmp_path / "a.onnx", [helper.make_node("f", ["x"], ["y"], domain="own")], functions=functions)
    model = onnx.ModelProto(graph=helper.make_graph([], "rest", [], []))
    path.write_bytes(path.read_bytes() + model.SerializeToString())
    with pytest.raises(ModelError, match="functions and loops"):
        check_work(path)


@pytest.mark.parametrize("domain", ["own", "ai.onnx"])
def test_functions_of_one_name_are_told_apart(domain: str, tmp_path: Path) -> None:
    called = helper.make_node("f", ["x"], ["y"], domain=domain, overload="long")
    long, short = calls("f", "f"), calls("f", "Neg")
    long.node[0].CopyFrom(helper.make_node("f", ["a"], ["b"], domain=domain, overload="long"))
    long.overload, long.domain = "long", domain
    with pytest.raises(ModelError, match="functions and loops"):
        check_work(save(tmp_path / "a.onnx", [called], functions=[long, short]))


def test_a_loop_without_a_number_of_iterations_may_not_end(tmp_path: Path) -> None:
    assert check_work(save(tmp_path / "a.onnx", [loop("")], [whole("", 3)]))


def test_iterations_that_a_function_is_given_are_not_those_of_another_name(tmp_path: Path) -> None:
    function = helper.make_function("own", "f", ["x", "iterations"], ["y"], [loop("iterations")], OPSETS)
    nodes = [helper.make_node("f", ["x", "many"], ["y"], domain="own")]
    path = save(tmp_path / "a.onnx", nodes, [whole("many", 2**62), whole("iterations", 1)], [function])
    assert check_work(path)


@pytest.mark.parametrize("iterations", [2**63 - 1, 10**9, -1])
@pytest.mark.parametrize("way", ["list", "bytes", "node"])
def test_loops_of_very_many_iterations_may_not_end(iterations: int, way: str, tmp_path: Path) -> None:
    """As those of `while`, which end by their condition."""
    nodes, initializers = [loop("iterations")], [whole("iterations", iterations)]
    if way == "bytes":
        initializers = [onnx.numpy_helper.from_array(np.array(iterations, np.int64), "iterations")]
    elif way == "node":
        nodes = [helper.make_node("Constant", [], ["iterations"], value=whole("", iterations)), *nodes]
        initializers = []
    assert check_work(save(tmp_path / "a.onnx", nodes, initializers))


@pytest.mark.parametrize("iterations", [0, 3, 10**6])
def test_loops_of_few_iterations_end(iterations: int, tmp_path: Path) -> None:
    assert not check_work(save(tmp_path / "a.onnx", [loop("iterations")], [whole("iterations", iterations)]))


def test_loops_in_loops_multiply(tmp_path: Path) -> None:
    inner = [helper.make_node("Identity", ["going"], ["on"]), loop("iterations")]
    inner[1].input[2], inner[1].output[0] = "a", "b"
    path = save(tmp_path / "a.onnx", [loop("iterations", inner)], [whole("iterations", 10**6)])
    with pytest.raises(ModelError, match="functions and loops"):
        check_work(path)


def test_a_loop_whose_iterations_are_computed_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [
        helper.make_node("Size", ["x"], ["size"]),
        helper.make_node("Mul", ["size", "many"], ["iterations"]),
        loop("iterations"),
    ]
    path = save(tmp_path / "a.onnx", nodes, [whole("many", 10**12)])
    assert check_work(path)
    monkeypatch.setattr(graph_size, "LOOP_S", 0.5)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with pytest.raises(EndlessError, match="has loops"), ending(True) as options:
        session.run(["y"], {"x": np.ones(4, np.float32)}, options)
    model = make_spec(path)
    assert ending_runtime(model, "auto") == "onnxruntime"
    with pytest.raises(ModelError, match="`--runtime onnxruntime`"):
        ending_runtime(model, "openvino")


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x3b" * 100)
    with pytest.raises(ModelError, match="not an ONNX file"):
        check_work(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        check_work(tmp_path / "none.onnx")


def test_more_operators_than_a_runtime_loads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["x", *(f"a{index}" for index in range(50)), "y"]
    nodes = [helper.make_node("Neg", [before], [after]) for before, after in pairwise(names)]
    path = save(tmp_path / "a.onnx", nodes)
    check_work(path)
    monkeypatch.setattr("geoseg.bundles.graph_size.MOST_LOADED", 40)
    with pytest.raises(ModelError, match=r"\d+ operators are more than a runtime loads"):
        check_work(path)
