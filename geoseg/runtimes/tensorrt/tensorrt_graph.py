"""A bundle's graph as a version of TensorRT reads it: an opset that it knows, types where it wants them.

From TensorRT 11 on a network computes in the types that its graph states, and no flag allows others: half
precision is then written into the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geoseg.bundles.onnx_operators import read_operators
from geoseg.errors import ModelError
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.onnx_rewriting import HALF, fold_casts, halve, onnx_package
from geoseg.runtimes.tensorrt.tensorrt_operators import newest_opset


def graph_for(path: Path, version: tuple[int, int], *, typed: Precision | None) -> bytes:
    """Return the content of an ONNX file as a version of TensorRT reads it.

    Args:
        path: of the file.
        version: of TensorRT.
        typed: the precision to write into the graph; None: flags of the builder ask for it.

    Raises:
        ModelError: the graph cannot be converted.
        RuntimeMissingError: a conversion is needed and the package onnx is not there.
    """
    content = path.read_bytes()
    operators = read_operators(path)
    opset, target = operators.opset, newest_opset(version)
    as_it_is = opset <= target and typed in {None, "fp32"}
    if as_it_is and not any(use.kind == "Cast" for use in operators.uses):
        return content
    why = f"opset {opset}" if opset > target else "weights stored in another type" if as_it_is else typed
    onnx = onnx_package(f"{path}: {why}")
    model = onnx.load(str(path))
    if not fold_casts(model) and as_it_is:
        return content
    if opset > target:
        model = step_down(path, model, target)
    if typed in HALF:
        model = halve(model, HALF[typed])
    done: bytes = model.SerializeToString()
    return done


def step_down(path: Path, model: Any, opset: int) -> Any:
    """Convert a graph to an older opset.

    Raises:
        ModelError: it has something that the older one lacks.
    """
    onnx = onnx_package(str(path))
    from onnx import version_converter  # noqa: PLC0415 - optional

    try:
        converted = version_converter.convert_version(model, opset)
        for node in converted.graph.node:
            # The converter leaves this of opset 18 behind; where axes are given it says nothing.
            stale = [item for item in node.attribute if item.name == "noop_with_empty_axes"]
            if node.op_type.startswith("Reduce") and node.op_type != "ReduceSum":
                for item in stale:
                    node.attribute.remove(item)
        onnx.checker.check_model(converted)
    except Exception as error:  # onnx raises types of its own that share no base
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path}: cannot be brought to opset {opset}, which this TensorRT needs ({first}); use TensorRT "
            "10 or newer, or --runtime torch"
        ) from error
    return converted
