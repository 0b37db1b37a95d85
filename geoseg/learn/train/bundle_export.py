"""A checkpoint becomes a bundle: an ONNX file that says what it needs, its description and its card."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from onnx.external_data_helper import load_external_data_for_model
from pydantic import TypeAdapter
from torch import nn

from geoseg.bundles.deepness import deepness_entries
from geoseg.bundles.find import write_bundle
from geoseg.bundles.onnx_metadata import embed
from geoseg.errors import ModelError, OutputError
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.train.stored import load_weights, read_description
from geoseg.learn.train.training_module import Training
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.models.networks.segmentation import Segmenter
from geoseg.spec import AnyModel, ModelBand, ModelSpec

OPSET = 18
"""Of ONNX: TensorRT reads 9 to 20, and 18 has all that these networks need."""

INPUT, OUTPUT = "image", "scores"

SMALL = 256
"""Values; weights below are kept in float32 whatever is asked for."""

CLOSE = 2e-3
"""Most that scores of the exported graph may differ from those of torch, on random input."""

_STATISTICS = TypeAdapter(tuple[tuple[float, float], ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of an export."""

    model: AnyModel
    parity: float
    """Greatest difference of scores from torch."""
    mib: float


def read_training(folder: Path) -> tuple[TrainSpec, tuple[tuple[float, float], ...]]:
    """Read what a training folder says of itself: the config as used, and mean and std per band.

    Raises:
        SceneReadError: it is no folder of a training.
    """
    return read_description(folder, TrainSpec, _STATISTICS)


def load(folder: Path, checkpoint: Path | None = None) -> tuple[TrainSpec, nn.Module, ModelSpec]:
    """Load a trained network.

    Args:
        folder: of the training.
        checkpoint: instead of the one that the config keeps.

    Returns:
        Its config, the network in evaluation mode, and its description without weights.

    Raises:
        SceneReadError: it is no folder of a training, or the checkpoint cannot be read.
        ModelError: the checkpoint is of another network.
    """
    spec, statistics = read_training(folder)
    module = Training(spec, statistics, [1.0] * len(spec.classes), fetch=False)
    load_weights(module.network, folder, spec.loop, checkpoint)
    return spec, module.network.eval(), _description(spec, statistics)


class Scoring(nn.Module):
    """A network with its activation, so that programs which know none read its output rightly."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network that gives logits."""
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, K, H, W) scores; one plane is that of the second of two classes."""
        logits: torch.Tensor = self.network(image)
        return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def export(
    folder: Path,
    bundle: Path,
    *,
    checkpoint: Path | None = None,
    weights: Literal["fp32", "fp16"] = "fp32",
    card: str = "",
    overwrite: bool = False,
) -> Exported:
    """Write the network of a training as a bundle.

    The graph has free batch, height and width, takes normalised values (mean and std stand in the
    description, and only there) and gives scores. It is compared with torch before anything is kept.

    Args:
        folder: of the training.
        bundle: folder to write; its name becomes the bundle's.
        checkpoint: instead of the one that the config keeps.
        weights: `fp16` stores them in half the space; they are float32 again once loaded.
        card: text of the README; empty: what the config says.
        overwrite: whether a bundle there may be replaced.

    Raises:
        SceneReadError: the training cannot be read.
        ModelError: the graph does not give what torch gives.
        OutputError: the bundle exists, or cannot be written.
    """
    if bundle.exists() and not overwrite:
        raise OutputError(f"{bundle}: exists; say --overwrite to replace it")
    spec, network, model = load(folder, checkpoint)
    with scratch_folder() as scratch, scratching(scratch):
        plain = scratch / "plain.onnx"
        to_onnx(Scoring(network).eval(), len(model.bands), plain, model.tile if model.fixed_tile else None)
        if weights == "fp16":
            halve(plain)
        parity = compare(network, plain, len(model.bands), model.tile if model.fixed_tile else None)
        if not parity <= CLOSE:
            raise ModelError(
                f"the exported graph differs from torch by {parity:.2g} in its scores (at most {CLOSE:g} "
                "is right); nothing was written"
            )
        final = scratch / "model.onnx"
        embed(plain, final, model, extra=deepness_entries(model))
        text = card or default_card(spec, model, parity)
        written = write_bundle(
            bundle,
            model.model_copy(update={"weights": final}),
            architecture=f"{spec.network.architecture} {spec.network.encoder}",
            card=text,
        )
    return Exported(model=written, parity=parity, mib=written.weights.stat().st_size / 2**20)


def _description(spec: TrainSpec, statistics: tuple[tuple[float, float], ...]) -> ModelSpec:
    """What a bundle says of the network."""
    return ModelSpec(
        name=spec.name,
        title=spec.title,
        task=spec.task,
        bands=tuple(
            ModelBand(name=band.name, mean=mean, std=std)
            for band, (mean, std) in zip(spec.bands, statistics, strict=True)
        ),
        units=spec.units,
        atmosphere=spec.trained_on,
        scale=spec.scale,
        clip=spec.clip,
        statistics=spec.statistics,
        tile=spec.tile,
        overlap=spec.overlap,
        multiple=spec.network.multiple,
        fixed_tile=spec.network.fixed_size,
        resolution=spec.resolution,
        activation="none",
        threshold=spec.threshold,
        classes=spec.classes,
        weights=Path("model.onnx"),
        input_name=INPUT,
        output_name=OUTPUT,
        licence=spec.licence,
    )


def to_onnx(network: nn.Module, channels: int, path: Path, tile: int | None = None) -> None:
    """Export a network with free batch, height and width, all weights inside the file.

    Args:
        network: is tied to the tile's size where one is given.
        channels: of its input.
        path: of the file.
        tile: the only height and width that the graph will take; None: any.

    Raises:
        ModelError: torch cannot export it.
    """
    if tile is not None:
        for part in [part for part in network.modules() if isinstance(part, Segmenter)]:
            part.fix_size(tile)
    example = torch.zeros(2, channels, *((tile, tile) if tile else (96, 128)))
    free = {0: torch.export.Dim.DYNAMIC}
    if tile is None:
        free |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    write_graph(network, (example,), path, inputs=(INPUT,), free=(free,))


def write_graph(
    network: nn.Module,
    examples: tuple[torch.Tensor, ...],
    path: Path,
    *,
    inputs: tuple[str, ...],
    free: object,
) -> None:
    """Export a network, all weights inside the file.

    Args:
        network: gives scores.
        examples: of its inputs.
        path: of the file.
        inputs: what they are called in the graph.
        free: their free sizes, as torch.export takes them.

    Raises:
        ModelError: torch cannot export it.
    """
    for name in ("torch.onnx", "onnxscript"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                examples,
                str(path),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=[OUTPUT],
                dynamic_shapes=free,
                verbose=False,
            )
    except Exception as error:  # the exporter raises its own types by the dozen
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"torch cannot export this network to ONNX: {first}") from error
    graph = onnx.load(str(path), load_external_data=False)
    load_external_data_for_model(graph, str(path.parent))
    _name_dimensions(graph)
    onnx.save(graph, str(path))


def _name_dimensions(graph: onnx.ModelProto) -> None:
    """Call free dimensions what they are; the exporter calls them s77."""
    for port in (*graph.graph.input, *graph.graph.output):
        sizes = port.type.tensor_type.shape.dim
        for place, name in ((0, "batch"), (2, "height"), (3, "width")):
            if place < len(sizes) and not sizes[place].dim_value:
                sizes[place].dim_param = name
    del graph.graph.value_info[:]
    del graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


def halve(path: Path) -> None:
    """Store large weights of an ONNX file as float16, each with a cast back to float32."""
    graph = onnx.load(str(path))
    casts = []
    for index, weight in enumerate(graph.graph.initializer):
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < SMALL:
            continue
        values = onnx.numpy_helper.to_array(weight)
        name = weight.name
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        graph.graph.initializer[index].CopyFrom(half)
        casts.append(onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.save(graph, str(path))


def compare(network: nn.Module, path: Path, channels: int, tile: int | None = None) -> float:
    """Return the greatest difference of scores between torch and onnxruntime, over batches and sizes."""
    sizes = ((1, 128, 128), (3, 64, 160)) if tile is None else ((1, tile, tile), (3, tile, tile))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch, height, width in sizes:
        given = torch.from_numpy(
            np.random.default_rng(batch).normal(0, 1, (batch, channels, height, width)).astype(np.float32)
        )
        with torch.inference_mode():
            expected = Scoring(network).eval()(given)
        found = torch.from_numpy(session.run(None, {INPUT: given.numpy()})[0])
        worst = max(worst, float((expected - found).abs().max()))
    return worst


def default_card(spec: TrainSpec, model: ModelSpec, parity: float) -> str:
    """Return a card with what the config knows; whoever ships the bundle adds what it is not for."""
    bands = ", ".join(band.name for band in model.bands)
    classes = ", ".join(f"{item.value} {item.label}" for item in model.classes)
    network = f"{spec.network.architecture} with encoder {spec.network.encoder}"
    return "\n".join(
        [
            f"# {model.name}",
            "",
            model.title or "A segmentation network.",
            "",
            "| | |",
            "|---|---|",
            f"| bands | {bands} ({model.units}) |",
            f"| classes | {classes} |",
            f"| network | {network}, features {spec.network.features} |",
            f"| trained on | {spec.data.images[0].files} |",
            f"| split | {spec.split.kind}; val {', '.join(spec.split.val) or 'none'}; "
            f"test {', '.join(spec.split.test) or 'none'} |",
            f"| licence | {model.licence} |",
            f"| parity | scores differ from torch by at most {parity:.1e} |",
            "",
            "Scores on labelled data: `geoseg evaluate maps`. Retrain: `geoseg train` with the config below.",
            "",
            "```json",
            json.dumps(
                spec.model_dump(mode="json", exclude_defaults=True, exclude={"data": {"root"}}), indent=1
            ),
            "```",
            "",
        ]
    )
