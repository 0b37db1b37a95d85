"""Export a trained scene classifier as a bundle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from pydantic import TypeAdapter
from torch import nn

from geoseg.bundles.find import write_bundle
from geoseg.bundles.onnx_metadata import embed
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.train.bundle_export import (
    OUTPUT,
    Exported,
    ExportOptions,
    check_bundle,
    check_parity,
    store_fp16,
)
from geoseg.learn.train.scene_module import build_network
from geoseg.learn.train.scene_spec import SceneStatistics, SceneTrainSpec, describe_classifier
from geoseg.learn.train.training_folder import load_weights, read_description
from geoseg.models.networks.onnx_graph import write_graph
from geoseg.spec import ModelSpec

_STATISTICS = TypeAdapter(SceneStatistics)


class SceneScoring(nn.Module):
    """A classifier with its sigmoid, so that the output of the graph is scores."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network that returns logits."""
        super().__init__()
        self.network = network

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        """Return (N, K) scores."""
        return torch.sigmoid(self.network(*images))


def export_classifier(folder: Path, bundle: Path, options: ExportOptions | None = None) -> Exported:
    """Write the classifier of a training as a bundle.

    The graph has a variable batch and an input of normalised values for each sensor; its output is scores.
    The scores are compared with torch before the bundle is written, with all sensors and with each sensor
    missing.

    The arguments and exceptions are those of `bundle_export.export`.
    """
    options = options or ExportOptions()
    check_bundle(bundle, overwrite=options.overwrite)
    spec, statistics = read_description(folder, SceneTrainSpec, _STATISTICS)
    network = build_network(spec, fetch=False)
    load_weights(network, folder, spec.loop, options.checkpoint)
    scoring = SceneScoring(network).eval()
    model = describe_classifier(spec, statistics)
    with scratch_folder() as scratch, scratching(scratch):
        graph = scratch / "plain.onnx"
        names = tuple(sensor.name for sensor in model.inputs)
        # Two footprints, because torch.export treats a size of 1 as fixed.
        examples = tuple(torch.zeros(2, *shape) for shape in _shapes(model))
        # One entry for `*images`, with the dimensions of each sensor.
        dynamic = (tuple({0: torch.export.Dim.DYNAMIC} for _ in examples),)
        write_graph(scoring, examples, graph, inputs=names, output=OUTPUT, dynamic=dynamic)
        if options.weights == "fp16":
            store_fp16(graph)
        parity = compare(scoring, graph, model)
        check_parity(parity)
        embed(graph, final := scratch / "model.onnx", model)
        written = write_bundle(
            bundle,
            model.model_copy(update={"weights": final}),
            architecture=spec.network.encoder,
            card=options.card or default_card(spec, model, parity),
        )
    return Exported(model=written, parity=parity, mib=written.weights.stat().st_size / 2**20)


def _shapes(model: ModelSpec) -> list[tuple[int, int, int]]:
    """Return the shape (C, side, side) of every input."""
    return [(len(item.bands), model.side(item), model.side(item)) for item in model.inputs]


def compare(scoring: nn.Module, path: Path, model: ModelSpec) -> float:
    """Return the greatest difference of scores from onnxruntime for several batches and missing sensors."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in (1, 3):
        rng = np.random.default_rng(batch)
        images = [rng.normal(0, 1, (batch, *shape)).astype(np.float32) for shape in _shapes(model)]
        for missing in (None, *range(len(images))) if len(images) > 1 else (None,):
            shown = [np.zeros_like(image) if at == missing else image for at, image in enumerate(images)]
            worst = max(worst, _difference(scoring, session, shown, model))
    return worst


def _difference(
    scoring: nn.Module,
    session: onnxruntime.InferenceSession,
    images: Sequence[np.ndarray],
    model: ModelSpec,
) -> float:
    with torch.inference_mode():
        expected = scoring(*(torch.from_numpy(image) for image in images)).numpy()
    names = [item.name for item in model.inputs]
    (actual,) = session.run(None, dict(zip(names, images, strict=True)))
    return float(np.abs(expected - actual).max())


def default_card(spec: SceneTrainSpec, model: ModelSpec, parity: float) -> str:
    """Return a model card from the config; limits and intended use are for the author to add."""
    sensors = "; ".join(
        f"{item.name}: {', '.join(band.name for band in item.bands)} ({item.units}, {item.resolution:g} m)"
        for item in model.inputs
    )
    classes = ", ".join(f"{item.value} {item.label}" for item in model.classes)
    return "\n".join(
        [
            f"# {model.name}",
            "",
            model.title or "A scene classifier.",
            "",
            "| | |",
            "|---|---|",
            f"| footprint | {model.footprint:g} m × {model.footprint:g} m |",
            f"| sensors | {sensors} |",
            f"| classes, several at once | {classes} |",
            f"| network | {spec.network.encoder} for each sensor, features concatenated |",
            f"| trained on | {spec.data.table} |",
            f"| licence | {model.licence} |",
            f"| parity | scores differ from torch by at most {parity:.1e} |",
            "",
            "Average precision on labelled sites: `geoseg evaluate maps`. Train it again: `geoseg train` "
            "with this:",
            "",
            "```json",
            json.dumps(
                spec.model_dump(
                    mode="json", exclude_defaults=True, exclude={"data": {"root"}, "published": True}
                ),
                indent=1,
            ),
            "```",
            "",
        ]
    )
