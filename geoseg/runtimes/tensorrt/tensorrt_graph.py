"""Conversion of an ONNX graph for a version of TensorRT: to an opset and types that it supports.

From TensorRT 11 on, a network computes in the types of its graph, without builder flags for other types: half
precision is then written into the graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geoseg.bundles.onnx_operators import read_operators
from geoseg.files import onnx_files
from geoseg.files.doors import loading
from geoseg.files.onnx_files import save_graph, weight_bytes
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.onnx_rewriting import HALF, fold_casts, halve, onnx_package
from geoseg.runtimes.tensorrt.tensorrt_operators import newest_opset


def graph_for(
    path: Path, version: tuple[int, int], *, typed: Precision | None, scratch: Path | None = None
) -> bytes:
    """Return the content of an ONNX file, converted for a version of TensorRT where needed.

    Args:
        path: the file.
        version: major and minor version of TensorRT.
        typed: the precision to write into the graph; None: builder flags set it.
        scratch: folder that gets the weights of a converted graph that are too large for the content, as
            `onnx_files.DATA`.

    Raises:
        ModelError: the graph cannot be converted.
        RuntimeMissingError: the conversion needs the package onnx, which is not installed.
    """
    content = path.read_bytes()
    operators = read_operators(path)
    opset, target = operators.opset, newest_opset(version)
    unchanged = opset <= target and typed in {None, "fp32"}
    if unchanged and not any(use.kind == "Cast" for use in operators.uses):
        return content
    why = f"opset {opset}" if opset > target else "weights stored in another type" if unchanged else typed
    onnx = onnx_package(f"{path}: {why}")
    model = onnx.load(str(path))
    if not fold_casts(model) and unchanged:
        return content
    if opset > target:
        model = step_down(path, model, target)
    if typed in HALF:
        model = halve(model, HALF[typed])
    if scratch is not None and weight_bytes(model) > onnx_files.MOST_INSIDE:
        save_graph(model, converted := scratch / "model.onnx")
        return converted.read_bytes()
    changed: bytes = model.SerializeToString()
    return changed


def step_down(path: Path, model: Any, opset: int) -> Any:
    """Convert a graph to an older opset.

    Raises:
        ModelError: the older opset lacks an operator or attribute of the graph.
    """
    onnx = onnx_package(str(path))
    from onnx import version_converter  # noqa: PLC0415 - optional

    failure = f"cannot be converted to opset {opset} for this version of TensorRT"
    with loading(path, failure, "use TensorRT 10 or newer, or `--runtime onnxruntime`"):
        converted = version_converter.convert_version(model, opset)
        for node in converted.graph.node:
            # The converter leaves this attribute of opset 18; it has no effect where axes are given.
            stale = [item for item in node.attribute if item.name == "noop_with_empty_axes"]
            if node.op_type.startswith("Reduce") and node.op_type != "ReduceSum":
                for item in stale:
                    node.attribute.remove(item)
        onnx.checker.check_model(converted)
    return converted
