"""The checkpoint of a scene classifier becomes a bundle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import torch
from pydantic import TypeAdapter
from torch import nn

from geoseg.bundles.find import write_bundle
from geoseg.bundles.onnx_metadata import embed
from geoseg.errors import ModelError, OutputError
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.train.bundle_export import CLOSE, Exported, halve, write_graph
from geoseg.learn.train.scene_module import build_network
from geoseg.learn.train.scene_spec import SceneStatistics, SceneTrainSpec, describe_classifier
from geoseg.learn.train.stored import load_weights, read_description
from geoseg.spec import ClassifierSpec

_STATISTICS = TypeAdapter(SceneStatistics)


class SceneScoring(nn.Module):
    """A classifier with its sigmoid, so that whoever runs it reads scores."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network that gives logits."""
        super().__init__()
        self.network = network

    def forward(self, *images: torch.Tensor) -> torch.Tensor:
        """Return (N, K) scores."""
        return torch.sigmoid(self.network(*images))


def export_classifier(
    folder: Path,
    bundle: Path,
    *,
    checkpoint: Path | None = None,
    weights: Literal["fp32", "fp16"] = "fp32",
    card: str = "",
    overwrite: bool = False,
) -> Exported:
    """Write the classifier of a training as a bundle.

    The graph has a free batch and one input a sensor, takes normalised values and gives scores. It is
    compared with torch before anything is kept, with every sensor and with each one missing.

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
    spec, statistics = read_description(folder, SceneTrainSpec, _STATISTICS)
    network = build_network(spec, fetch=False)
    load_weights(network, folder, spec.loop, checkpoint)
    scoring = SceneScoring(network).eval()
    model = describe_classifier(spec, statistics)
    with scratch_folder() as scratch, scratching(scratch):
        plain = scratch / "plain.onnx"
        names = tuple(given.name for given in model.inputs)
        # Two footprints: a size of 1 would be taken for fixed.
        examples = tuple(torch.zeros(2, *shape) for shape in _shapes(model))
        # One entry for `*images`, which holds one a sensor.
        free = (tuple({0: torch.export.Dim.DYNAMIC} for _ in examples),)
        write_graph(scoring, examples, plain, inputs=names, free=free)
        if weights == "fp16":
            halve(plain)
        parity = compare(scoring, plain, model)
        if not parity <= CLOSE:
            raise ModelError(
                f"the exported graph differs from torch by {parity:.2g} in its scores (at most {CLOSE:g} "
                "is right); nothing was written"
            )
        final = scratch / "model.onnx"
        embed(plain, final, model)
        written = write_bundle(
            bundle,
            model.model_copy(update={"weights": final}),
            architecture=spec.network.encoder,
            card=card or default_card(spec, model, parity),
        )
    return Exported(model=written, parity=parity, mib=written.weights.stat().st_size / 2**20)


def _shapes(model: ClassifierSpec) -> list[tuple[int, int, int]]:
    """(C, side, side) of every input."""
    return [(len(given.bands), model.side(given), model.side(given)) for given in model.inputs]


def compare(scoring: nn.Module, path: Path, model: ClassifierSpec) -> float:
    """Return the greatest difference of scores from onnxruntime, over batches and missing sensors."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for batch in (1, 3):
        rng = np.random.default_rng(batch)
        images = [rng.normal(0, 1, (batch, *shape)).astype(np.float32) for shape in _shapes(model)]
        for missing in (None, *range(len(images))) if len(images) > 1 else (None,):
            given = [np.zeros_like(image) if at == missing else image for at, image in enumerate(images)]
            worst = max(worst, _difference(scoring, session, given, model))
    return worst


def _difference(
    scoring: nn.Module,
    session: onnxruntime.InferenceSession,
    images: Sequence[np.ndarray],
    model: ClassifierSpec,
) -> float:
    with torch.inference_mode():
        expected = scoring(*(torch.from_numpy(image) for image in images)).numpy()
    names = [given.name for given in model.inputs]
    (found,) = session.run(None, dict(zip(names, images, strict=True)))
    return float(np.abs(expected - found).max())


def default_card(spec: SceneTrainSpec, model: ClassifierSpec, parity: float) -> str:
    """Return a card with what the config knows; whoever ships the bundle adds what it is not for."""
    sensors = "; ".join(
        f"{given.name}: {', '.join(band.name for band in given.bands)} "
        f"({given.units}, {given.resolution:g} m)"
        for given in model.inputs
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
            f"| looks at | {model.footprint:g} m a side |",
            f"| sensors | {sensors} |",
            f"| classes, several at once | {classes} |",
            f"| network | {spec.network.encoder} a sensor, features side by side |",
            f"| trained on | {spec.data.table} |",
            f"| licence | {model.licence} |",
            f"| parity | scores differ from torch by at most {parity:.1e} |",
            "",
            "Average precision on labelled sites: `geoseg evaluate maps`. Retrain: `geoseg train` with this:",
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
