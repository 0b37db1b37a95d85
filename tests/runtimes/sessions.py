"""Sessions of each runtime for small networks."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from geoseg.runtimes.choose import open_session
from geoseg.runtimes.network_session import OpenedSession
from geoseg.spec import ModelSpec
from tests.runtimes.programs import with_program

MakeNetwork = Callable[..., ModelSpec]
NAMES = ("onnxruntime", "openvino", "torch")


def opened(spec: ModelSpec, runtime: str, **options: object) -> OpenedSession:
    if runtime == "torch" and not spec.program:
        spec = with_program(spec)
    return open_session(spec, **{"runtime": runtime, "precision": "fp32", "tile": 32, **options})  # type: ignore[arg-type]


def with_function(spec: ModelSpec) -> None:
    """Put a function of the file between convolution and output, which OpenVINO cannot run."""
    model = onnx.load(spec.weights)
    domains = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("own", 1)]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(onnx.helper.make_function("own", "Block", ["x"], ["y"], [node], domains[:1]))
    model.opset_import.append(domains[1])
    out = model.graph.output[0].name
    model.graph.node[-1].output[0] = "inner"
    model.graph.node.append(onnx.helper.make_node("Block", ["inner"], [out], domain="own"))
    onnx.save(model, spec.weights)
