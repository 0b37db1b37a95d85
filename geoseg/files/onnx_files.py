"""Write ONNX files of any size: an ONNX file is a protobuf message, which must be smaller than 2 GiB.

The weights of a larger network go to a file beside it: onnx.ai/onnx/repo-docs/ExternalData.html.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

OPSET = 18
"""Operator set of new files: TensorRT reads 9 to 20, and 18 has all operators of the networks."""

MOST_INSIDE = 1_900_000_000
"""Most bytes of weights inside an ONNX file: the rest of 2 GiB is for the graph."""

DATA = "model.onnx.data"
"""Name of the file with the weights of larger networks, beside the ONNX file."""


def weight_bytes(model: Any) -> int:
    """Return the number of bytes of the weights that a model holds in memory."""
    return sum(len(item.raw_data) for item in model.graph.initializer)


def save_graph(model: Any, path: Path) -> None:
    """Write a model to an ONNX file; weights of more than `MOST_INSIDE` bytes to `DATA` beside it.

    The weights are then no longer in memory.
    """
    import onnx  # noqa: PLC0415 - optional

    path.with_name(DATA).unlink(missing_ok=True)
    if weight_bytes(model) <= MOST_INSIDE:
        onnx.save(model, str(path))
    else:
        onnx.save(model, str(path), save_as_external_data=True, location=DATA)
