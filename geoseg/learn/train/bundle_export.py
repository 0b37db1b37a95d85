"""Export a trained network as a bundle: ONNX file with metadata, description and card."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data
from pydantic import TypeAdapter
from torch import nn

from geoseg.bundles.deepness import deepness_entries
from geoseg.bundles.find import write_bundle
from geoseg.bundles.onnx_metadata import embed
from geoseg.bundles.program import PROGRAM
from geoseg.errors import ModelError, OutputError
from geoseg.files.onnx_files import save_graph
from geoseg.files.output_files import check_folder
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.samples.sample_spec import coverage_of
from geoseg.learn.train.exported_graph import SceneScoring, compare, footprints_to_onnx
from geoseg.learn.train.training_folder import load_weights, read_description
from geoseg.learn.train.training_module import SegmentationModule
from geoseg.learn.train.training_spec import TrainSpec, metadata_of
from geoseg.messages import note
from geoseg.models.networks.onnx_graph import exporting, write_graph
from geoseg.models.networks.segmentation import Segmenter
from geoseg.spec import Coverage, ModelBand, ModelSpec

LOG = logging.getLogger(__name__)

INPUT, OUTPUT = "image", "scores"

WeightsForm = Literal["auto", "fp32", "fp16"]

FP16_PARAMETERS = 400_000_000
"""Number of weights above which they are stored as float16, unless float32 is asked for."""

FP16_MIN_VALUES = 256
"""Number of values below which a weight stays float32 in an fp16 bundle."""

MAX_DIFFERENCE = 2e-3
"""Greatest permitted difference between scores of the exported graph and of torch, on random input."""

_STATISTICS = TypeAdapter(tuple[tuple[float, float], ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How the network of a training is written as a bundle."""

    checkpoint: Path | None = None
    """A checkpoint that replaces the one chosen by the config."""
    weights: WeightsForm = "auto"
    """`fp16` stores weights in half the space; they are converted to float32 when loaded. `auto`: `fp16` for
    more than `FP16_PARAMETERS` weights."""
    program: bool = False
    """Whether to write a torch.export program beside the ONNX file, with weights in float32."""
    card: str = ""
    """Text of the README; empty: a card made from the config."""
    overwrite: bool = False
    """Whether to replace an existing bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The result of an export."""

    model: ModelSpec
    parity: float
    """Greatest difference of scores from torch."""
    mib: float
    """Size of the weights in MiB."""


def read_training(folder: Path) -> tuple[TrainSpec, tuple[tuple[float, float], ...]]:
    """Read the config that a training used, and mean and std of each band.

    Raises:
        SceneReadError: the folder has no training.
    """
    return read_description(folder, TrainSpec, _STATISTICS)


def load(folder: Path, checkpoint: Path | None = None) -> tuple[TrainSpec, nn.Module, ModelSpec]:
    """Load a trained network.

    Args:
        folder: the folder of the training.
        checkpoint: a checkpoint that replaces the one chosen by the config.

    Returns:
        The config, the network in evaluation mode, and the bundle description without weights.

    Raises:
        SceneReadError: the folder has no training, or the checkpoint cannot be read.
        ModelError: the checkpoint belongs to another network.
    """
    spec, statistics = read_training(folder)
    module = SegmentationModule(spec, statistics, [1.0] * len(spec.classes), fetch=False)
    load_weights(module.network, folder, spec.loop, checkpoint)
    return spec, module.network.eval(), _description(spec, statistics, module.network)


class Scoring(nn.Module):
    """A network with its activation, so that the output of the graph is scores."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network that returns logits."""
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, K, H, W) scores; a single plane is the score of the second of two classes."""
        logits: torch.Tensor = self.network(image)
        return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def export(folder: Path, bundle: Path, options: ExportOptions | None = None) -> Exported:
    """Write the network of a training as a bundle.

    The graph has variable batch, height and width, unless the network requires a fixed tile. Its input is
    normalised values (the description has mean and std), its output scores. The scores are compared with
    torch before the bundle is written.

    Args:
        folder: the folder of the training.
        bundle: folder to write, whose name is the name of the bundle.
        options: checkpoint, weights and card; None: the defaults.

    Raises:
        SceneReadError: the training cannot be read.
        ModelError: the scores of the graph differ from those of torch.
        OutputError: the bundle exists, or cannot be written.
    """
    options = options or ExportOptions()
    check_bundle(bundle, overwrite=options.overwrite)
    spec, network, model = load(folder, options.checkpoint)
    network_name = f"{spec.network.architecture} {spec.network.encoder}"
    return write_network(
        network, model, bundle, options, network_name, lambda parity: default_card(spec, model, parity)
    )


def write_network(
    network: nn.Module,
    model: ModelSpec,
    bundle: Path,
    options: ExportOptions,
    architecture: str,
    card: Callable[[float], str],
) -> Exported:
    """Write a segmentation network or a scene classifier as a bundle.

    Args:
        network: in evaluation mode; returns logits.
        model: its description; the name of its weights is not used.
        bundle: folder to write.
        options: form of the weights and card.
        architecture: its name in the literature.
        card: returns a text of the card from the greatest difference of scores, unless `options` has one.

    Raises:
        ModelError: the scores of the graph differ from those of torch.
        OutputError: the bundle cannot be written.
    """
    tile = model.tile if model.fixed_tile else None
    with scratch_folder() as scratch, scratching(scratch):
        graph = scratch / "plain.onnx"
        scoring = (SceneScoring if model.classifies else Scoring)(network).eval()
        if model.classifies:
            footprints_to_onnx(scoring, model, graph)
        else:
            to_onnx(scoring, model.channels, graph, tile)
        if is_half(network, options.weights):
            store_fp16(graph)
        parity = compare(scoring, graph, model)
        check_parity(parity)
        entries = {} if model.classifies else deepness_entries(model)
        embed(graph, final := scratch / "model.onnx", model, extra=entries)
        if options.program and not model.classifies:
            write_program(scoring, model.channels, scratch / PROGRAM, tile)
        written = write_bundle(
            bundle,
            model.model_copy(update={"weights": final, "program": PROGRAM if options.program else ""}),
            architecture=architecture,
            card=options.card or card(parity),
        )
    return Exported(model=written, parity=parity, mib=weights_mib(written))


def is_half(network: nn.Module, weights: WeightsForm) -> bool:
    """Return whether weights are stored as float16: as asked for, or by their number."""
    count = sum(weight.numel() for weight in network.parameters())
    half = weights == "fp16" or (weights == "auto" and count > FP16_PARAMETERS)
    if half and weights == "auto":
        note(LOG, f"{count / 1e6:.0f} M weights are stored as float16; `--to onnx-fp32` stores float32")
    return half


def weights_mib(model: ModelSpec) -> float:
    """Return the size of a model's weights in MiB, external data included."""
    files = [model.weights, *(model.weights.with_name(name) for name in model.external)]
    return sum(file.stat().st_size for file in files) / 2**20


def check_bundle(bundle: Path, *, overwrite: bool) -> None:
    """Raise OutputError where the bundle exists and must not be replaced, or its folder cannot be written."""
    if bundle.exists() and not overwrite:
        raise OutputError(f"{bundle} exists; use `--overwrite` to replace it")
    check_folder(bundle, next(part for part in (bundle, *bundle.resolve().parents) if part.exists()))


def check_parity(parity: float) -> None:
    """Raise ModelError where scores of the graph and of torch differ too much, or one is NaN."""
    if not parity <= MAX_DIFFERENCE:
        raise ModelError(
            f"scores of the exported graph differ from torch by {parity:.2g} (limit {MAX_DIFFERENCE:g}); "
            "no bundle was written; if weights were stored as float16, use `--to onnx-fp32`"
        )


def _description(
    spec: TrainSpec, statistics: tuple[tuple[float, float], ...], network: Segmenter
) -> ModelSpec:
    """Return the bundle description of the network, with weights in model.onnx."""
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
        multiple=network.multiple,
        fixed_tile=network.fixed_size,
        resolution=spec.resolution,
        metadata=metadata_of(spec),
        month=spec.network.month if metadata_of(spec) else None,
        encoder=_encoder_of(spec),
        activation="none",
        threshold=spec.threshold,
        classes=spec.classes,
        weights=Path("model.onnx"),
        input_name=INPUT,
        output_name=OUTPUT,
        licence=spec.licence,
        training_scenes=_covered(spec),
    )


def _covered(spec: TrainSpec) -> Coverage | None:
    """Return the sensors, regions and events of training and `val`, which chooses the weights."""
    tested = spec.split.test if spec.split.kind == "region" else ()
    regions = [name for name in spec.data.covers if name not in tested]
    return coverage_of(spec.data, regions) if regions else None


def _encoder_of(spec: TrainSpec) -> str:
    """Return the pretrained encoder of a training and the licence of its weights; empty: there is none."""
    network, encoder = spec.network, spec.described_encoder
    if encoder is not None:
        return "" if network.weights == "none" else f"{encoder.name} ({encoder.licence}): {encoder.citation}"
    return f"{network.encoder} (weights of timm)" if network.weights == "timm" else ""


def to_onnx(network: nn.Module, channels: int, path: Path, tile: int | None = None) -> None:
    """Export a network with variable batch, height and width to one ONNX file.

    Args:
        network: returns scores; a given `tile` is set in it.
        channels: number of input channels.
        path: the ONNX file.
        tile: the only height and width of the input; None: any.

    Raises:
        ModelError: torch cannot export the network.
    """
    example, dynamic = _prepare(network, channels, tile)
    write_graph(network, (example,), path, inputs=(INPUT,), output=OUTPUT, dynamic=(dynamic,))


def write_program(network: nn.Module, channels: int, path: Path, tile: int | None = None) -> None:
    """Write a network with variable batch, height and width as a torch.export program.

    The scores of the program are compared with those of the network. The arguments are those of `to_onnx`.

    Raises:
        ModelError: torch cannot export the network, or the scores differ.
    """
    example, dynamic = _prepare(network, channels, tile)
    image = torch.from_numpy(np.random.default_rng(1).normal(0, 1, example[:1].shape).astype(np.float32))
    with exporting("torch.export"), torch.no_grad():
        program = torch.export.export(network, (example,), dynamic_shapes=(dynamic,), strict=False)
        check_parity(float((program.module()(image) - network(image)).abs().max()))
        torch.export.save(program, path)


def _prepare(network: nn.Module, channels: int, tile: int | None) -> tuple[torch.Tensor, dict[int, object]]:
    """Set a fixed tile in a network; return an example input and its variable dimensions."""
    if tile is not None:
        for part in [part for part in network.modules() if isinstance(part, Segmenter)]:
            part.fix_size(tile)
    example = torch.zeros(2, channels, *((tile, tile) if tile else (96, 128)))
    return example, dict.fromkeys((0,) if tile else (0, 2, 3), torch.export.Dim.DYNAMIC)


def store_fp16(path: Path) -> None:
    """Store large weights of an ONNX file as float16, each with a cast to float32."""
    graph = onnx.load(str(path), load_external_data=False)
    casts = []
    for stored in graph.graph.initializer:
        # A copy: what a message of the graph has once held stays in memory as long as the graph.
        weight = onnx.TensorProto()
        weight.CopyFrom(stored)
        if uses_external_data(weight):
            load_external_data_for_tensor(weight, str(path.parent))
            weight.data_location = onnx.TensorProto.DEFAULT
            del weight.external_data[:]
        name = weight.name
        if weight.data_type == onnx.TensorProto.FLOAT and np.prod(weight.dims) >= FP16_MIN_VALUES:
            values = onnx.numpy_helper.to_array(weight)
            weight = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
            casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
        stored.CopyFrom(weight)
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    save_graph(graph, path)


def default_card(spec: TrainSpec, model: ModelSpec, parity: float) -> str:
    """Return a model card from the config; limits and intended use are for the author to add."""
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
            *(
                [f"| learned with | {', '.join(spec.helper.names)}, which maps do not need |"]
                if spec.helper
                else []
            ),
            f"| split | {spec.split.kind}; val {', '.join(spec.split.val) or 'none'}; "
            f"test {', '.join(spec.split.test) or 'none'} |",
            f"| licence | {model.licence} |",
            *([f"| started from | {model.encoder} |"] if model.encoder else []),
            f"| parity | scores differ from torch by at most {parity:.1e} |",
            "",
            "Scores on labelled data: `geoseg evaluate maps`. Train it again: `geoseg train` with the config "
            "below.",
            "",
            "```json",
            json.dumps(
                spec.model_dump(mode="json", exclude_defaults=True, exclude={"data": {"root"}}), indent=1
            ),
            "```",
            "",
        ]
    )
