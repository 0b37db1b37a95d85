"""Start a training from the weights of an ONNX network: initialisers into a network, by name."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from geoseg.bundles.find import find_model
from geoseg.errors import ModelError
from geoseg.files.doors import loading
from geoseg.files.inputs import opened
from geoseg.messages import note
from geoseg.models.networks.segmentation import Segmenter
from geoseg.spec.band_names import few_names

LOG = logging.getLogger(__name__)

WRAPPERS = ("network.body.", "network.", "model.", "module.", "body.")
"""Beginnings of names that exporters and wrappers add, the longest first."""

SHOWN = 6
"""Names of weights that an error lists."""

LEAST_SHARE = 0.5
"""Least share of the network's weights that a file must supply."""

FLOATS = frozenset(
    {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE}
)
"""Types of weights."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What was loaded into a network."""

    loaded: tuple[str, ...]
    """Names of the weights."""
    missing: tuple[str, ...]
    """Weights of the network that the file lacks, or has in another shape or as integers: they keep their own
    start."""
    unused: tuple[str, ...]
    """Weights of the file that the network lacks, or has in another shape or type."""
    idle: tuple[str, ...]
    """Weights of layers that the network has and does not run; a file without them lacks nothing."""


def start_from(network: Segmenter, name: str, example: Tensor) -> Transfer:
    """Load the weights of a bundle or an ONNX file into a network, and note what was not loaded.

    Batch normalisation that an exporter has merged into a convolution becomes the identity with the bias of
    that convolution.

    Args:
        network: of the same architecture.
        name: of a bundle, or path of an ONNX file.
        example: (N, C, H, W) input of the network, by which the order of its layers is found.

    Raises:
        ModelError: the file cannot be read, supplies less than half of the weights, or some are not finite.
    """
    path = Path(name) if Path(name).suffix.lower() == ".onnx" else find_model(name).weights
    opened(path)
    with loading(path, "is no ONNX file", "give the weights.onnx of a bundle or an exported network"):
        graph = onnx.load(str(path)).graph
    given = _tensors({item.name: item for item in graph.initializer})
    given |= _constants(graph)
    in_file = frozenset(given)
    biases = _biases(graph, given)
    norms, still = _norm_after(network, example)
    merged = _merged_norms(network, given, biases, norms)
    # Biases are in the merged normalisations; features before the network have no weights.
    body = {key: value for key, value in given.items() if not key.startswith("features.")}
    given = {**_without(body, biases.values(), merged), **merged}
    own = network.body.state_dict()
    counted = [key for key in own if _counts(key)]
    fitting = {key: given[key] for key in counted if key in given and _fits(given[key], own[key])}
    lacking = [key for key in counted if key not in fitting]
    idle = tuple(key for key in lacking if key not in given and key.rpartition(".")[0] in still)
    done = Transfer(
        loaded=tuple(fitting),
        missing=tuple(key for key in lacking if key not in idle),
        unused=tuple(key for key in given if key not in fitting and key in in_file and _is_weight(key)),
        idle=idle,
    )
    share = len(done.loaded) / max(len(done.loaded) + len(done.missing), 1)
    if share < LEAST_SHARE:
        raise ModelError(
            f"{path}: only {len(done.loaded)} of {len(done.loaded) + len(done.missing)} weights fit the "
            f"network of the config ({few_names(done.missing, SHOWN)} …): use the architecture and encoder "
            "of the file"
        )
    if broken := [key for key, value in fitting.items() if not value.isfinite().all()]:
        raise ModelError(f"{path}: weights that are not finite: {few_names(broken, SHOWN)}; use another file")
    network.body.load_state_dict({**own, **fitting})
    note(LOG, f"{len(done.loaded)} weights start from {path}")
    if done.missing:
        note(LOG, f"not in {path.name}, own start: {whole_parts(done.missing, own)}")
    if done.unused:
        note(LOG, f"of {path.name} not used: {whole_parts(done.unused, given)}")
    if done.idle:
        note(LOG, f"not in {path.name}, and not run by the network: {whole_parts(done.idle, own)}")
    return done


def whole_parts(names: Sequence[str], every: Iterable[str]) -> str:
    """Return names of weights as text: all of them, and where all of a part are listed, the part alone.

    Args:
        names: of the weights to list.
        every: names of all weights, of which some are listed.
    """
    listed = frozenset(names)
    mixed = {prefix for name in every if name not in listed and _counts(name) for prefix in _parts(name)}
    counts: dict[str, int] = {}
    for name in names:
        first = next((part for part in _parts(name) if part not in mixed), name)
        counts[first] = counts.get(first, 0) + 1
    return ", ".join(part if part in listed else f"{part}.* ({count})" for part, count in counts.items())


def _counts(name: str) -> bool:
    """Return whether a value is a weight, and not the number of batches that a normalisation has seen."""
    return not name.endswith("num_batches_tracked")


def _parts(name: str) -> list[str]:
    """Return the modules that hold a weight, the outermost first."""
    steps = name.split(".")
    return [".".join(steps[:count]) for count in range(1, len(steps))]


def _is_weight(name: str) -> bool:
    """Return whether a name is that of a weight, not of a sum or size that an exporter computed."""
    return "." in name and "/" not in name


def _plain(name: str) -> str:
    """Return the name of a weight without what exporters and wrappers put before it."""
    for wrapper in WRAPPERS:
        if name.startswith(wrapper):
            return _plain(name.removeprefix(wrapper))
    return name.removesuffix("_half")


def _fits(given: Tensor, own: Tensor) -> bool:
    """Return whether a tensor can be a weight; integers of a quantised file mean nothing without scales."""
    return given.shape == own.shape and given.is_floating_point() == own.is_floating_point()


def _tensors(items: Mapping[str, onnx.TensorProto]) -> dict[str, Tensor]:
    """Return the numbers among the tensors of a graph by their plain names; floating ones as float32."""
    found = {}
    for name, item in items.items():
        values = onnx.numpy_helper.to_array(item)
        if item.data_type in FLOATS:
            found[_plain(name)] = torch.from_numpy(values.astype(np.float32))
        elif values.dtype.kind in "iub":
            found[_plain(name)] = torch.from_numpy(values.copy())
    return found


def _constants(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """Return the weights that a graph holds in Constant nodes."""
    return _tensors(
        {
            node.output[0]: attribute.t
            for node in graph.node
            if node.op_type == "Constant"
            for attribute in node.attribute
            if attribute.name == "value"
        }
    )


def _without(
    given: Mapping[str, Tensor], names: Iterable[str], merged: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return weights without the biases that became those of a normalisation."""
    used = {id(value) for value in merged.values()}
    gone = {name for name in names if name in given and id(given[name]) in used}
    return {key: value for key, value in given.items() if key not in gone}


def _biases(graph: onnx.GraphProto, given: dict[str, Tensor]) -> dict[str, str]:
    """Return the name of each convolution's bias by the name of its weight.

    An exporter leaves out a bias of zeros; it is added to `given` under the name that torch has for it.
    """
    names = {}
    for node in graph.node:
        if node.op_type not in {"Conv", "ConvTranspose"} or _plain(node.input[1]) not in given:
            continue
        weight = _plain(node.input[1])
        if len(node.input) == 3:
            names[weight] = _plain(node.input[2])
        else:
            names[weight] = f"{weight.removesuffix('weight')}bias"
            count = given[weight].shape[0 if node.op_type == "Conv" else 1]
            given.setdefault(names[weight], torch.zeros(count))
    return names


def _merged_norms(
    network: Segmenter, given: Mapping[str, Tensor], biases: Mapping[str, str], norms: Mapping[str, str]
) -> dict[str, Tensor]:
    """Return the parameters of batch normalisations that the file lacks, because a convolution holds them.

    Args:
        network: has the normalisations.
        given: weights of the file.
        biases: name of the bias by that of a convolution's weight.
        norms: name of the normalisation behind each convolution.
    """
    found: dict[str, Tensor] = {}
    for convolution, norm in norms.items():
        weight = f"{convolution}.weight"
        bias = given.get(biases.get(weight, ""))
        if f"{norm}.weight" in given or bias is None:
            continue
        module = network.body.get_submodule(norm)
        eps = float(module.eps)
        found |= {
            f"{norm}.weight": torch.full_like(bias, (1 + eps) ** 0.5),
            f"{norm}.bias": bias,
            f"{norm}.running_mean": torch.zeros_like(bias),
            f"{norm}.running_var": torch.ones_like(bias),
        }
    return found


def _norm_after(network: Segmenter, example: Tensor) -> tuple[dict[str, str], set[str]]:
    """Return the batch normalisation that reads each convolution's output, and those of both that never run.

    All are names. EfficientNets have a last convolution for the classification of images.
    """
    made: dict[int, str] = {}
    pairs: dict[str, str] = {}
    held: list[Tensor] = []
    still: set[str] = set()
    handles = []

    def after_convolution(name: str):  # type: ignore[no-untyped-def]
        def hook(_module: nn.Module, _given: object, output: Tensor) -> None:
            still.discard(name)
            made[id(output)] = name
            held.append(output)  # keeps the id unique

        return hook

    def before_norm(name: str):  # type: ignore[no-untyped-def]
        def hook(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            still.discard(name)
            if id(given[0]) in made:
                pairs[made[id(given[0])]] = name

        return hook

    for name, module in network.body.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            still.add(name)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            handles.append(module.register_forward_hook(after_convolution(name)))
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_pre_hook(before_norm(name)))
    state = network.training
    try:
        with torch.no_grad():
            network.eval()(example)
    finally:
        network.train(state)
        for handle in handles:
            handle.remove()
    return pairs, still
