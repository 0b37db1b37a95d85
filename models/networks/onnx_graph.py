"""Export a torch module to an ONNX file, with large weights in a file beside it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx.external_data_helper import load_external_data_for_model
from torch import nn

from geoseg.files import onnx_files
from geoseg.files.doors import loading
from geoseg.files.onnx_files import DATA, OPSET


def write_graph(
    network: nn.Module,
    examples: tuple[torch.Tensor, ...],
    path: Path,
    *,
    inputs: tuple[str, ...],
    output: str,
    dynamic: object,
) -> None:
    """Export a network to one ONNX file, and its weights to `DATA` beside it if they are large.

    Args:
        network: returns one tensor.
        examples: example inputs.
        path: the ONNX file.
        inputs: names of the inputs in the graph.
        output: name of the output in the graph.
        dynamic: variable dimensions of the inputs, as in `torch.export`.

    Raises:
        ModelError: torch cannot export the network.
    """
    for name in ("torch.onnx", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with exporting("ONNX"):
        torch.onnx.export(
            network,
            examples,
            str(path),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=dynamic,
            verbose=False,
        )
    graph = onnx.load(str(path), load_external_data=False)
    _name_dimensions(graph)
    written = {entry.value for item in graph.graph.initializer for entry in _locations(item)}
    if sum(path.with_name(name).stat().st_size for name in written) <= onnx_files.MOST_INSIDE:
        load_external_data_for_model(graph, str(path.parent))
        onnx.save(graph, str(path))
        for name in written:
            path.with_name(name).unlink()
        return
    (name,) = written
    path.with_name(name).replace(path.with_name(DATA))
    for item in graph.graph.initializer:
        for entry in _locations(item):
            entry.value = DATA
    onnx.save(graph, str(path))


def _locations(tensor: onnx.TensorProto) -> list[Any]:
    """Return the entry with the name of the file that holds a tensor; empty if the graph holds it."""
    return [entry for entry in tensor.external_data if entry.key == "location"]


@contextlib.contextmanager
def exporting(form: str) -> Iterator[None]:
    """Silence torch's exporter, and raise its errors as `ModelError`; failures to write stay."""
    with (
        loading(
            "torch", f"cannot export this network to {form}", "choose another network", passing=(OSError,)
        ),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def _name_dimensions(graph: onnx.ModelProto) -> None:
    """Name variable dimensions batch, height and width, and remove the metadata of the exporter."""
    for port in (*graph.graph.input, *graph.graph.output):
        sizes = port.type.tensor_type.shape.dim
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            if axis < len(sizes) and not sizes[axis].dim_value:
                sizes[axis].dim_param = name
    del graph.graph.value_info[:]
    del graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
