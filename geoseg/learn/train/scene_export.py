"""Export a trained scene classifier as a bundle."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from geoseg.learn.train.bundle_export import Exported, ExportOptions, check_bundle, write_network
from geoseg.learn.train.scene_module import build_network
from geoseg.learn.train.scene_spec import SceneStatistics, SceneTrainSpec, describe_classifier
from geoseg.learn.train.training_folder import load_weights, read_description
from geoseg.spec import ModelSpec

_STATISTICS = TypeAdapter(SceneStatistics)


def export_classifier(folder: Path, bundle: Path, options: ExportOptions | None = None) -> Exported:
    """Write the classifier of a training as a bundle.

    The graph has a variable batch and an input of normalised values for each sensor; its output is scores.

    The arguments and exceptions are those of `bundle_export.export`.
    """
    options = options or ExportOptions()
    check_bundle(bundle, overwrite=options.overwrite)
    spec, statistics = read_description(folder, SceneTrainSpec, _STATISTICS)
    network = build_network(spec, fetch=False)
    load_weights(network, folder, spec.loop, options.checkpoint)
    model = describe_classifier(spec, statistics)
    return write_network(
        network.eval(),
        model,
        bundle,
        options,
        spec.network.encoder,
        lambda parity: default_card(spec, model, parity),
    )


def default_card(spec: SceneTrainSpec, model: ModelSpec, parity: float) -> str:
    """Return a model card from the config; limits and intended use are for the author to add."""
    sensors = "; ".join(
        f"{item.name}: {', '.join(band.name for band in item.bands)} ({item.units}, {item.pixel_m:g} m)"
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
