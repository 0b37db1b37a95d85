"""Convert the weights of a published network to a bundle."""

from __future__ import annotations

from pathlib import Path

from geoseg.learn.train.bundle_export import (
    INPUT,
    OUTPUT,
    Exported,
    ExportOptions,
    check_bundle,
    write_network,
)
from geoseg.models.networks.published import build_published, load_published
from geoseg.models.networks.segmentation import Segmenter
from geoseg.spec import ModelBand, ModelSpec, PublishedSpec
from geoseg.spec.presets import encoders


def convert_published(
    spec: PublishedSpec, weights: Path, bundle: Path, *, overwrite: bool = False
) -> Exported:
    """Write a published network as a bundle.

    Args:
        spec: what is published.
        weights: the file of its authors.
        bundle: folder to write.
        overwrite: whether an existing bundle may be replaced.

    Raises:
        ModelError: the weights do not fit, or the scores of the graph differ from those of torch.
        OutputError: the bundle exists, or cannot be written.
    """
    check_bundle(bundle, overwrite=overwrite)
    body = build_published(spec)
    load_published(body, weights, spec)
    network = Segmenter(body, None, multiple=spec.tile).eval()
    model = describe_published(spec)
    return write_network(
        network,
        model,
        bundle,
        ExportOptions(),
        f"{spec.layout.rpartition('-')[2]} {spec.encoder}",
        lambda parity: _card(spec, model, parity, weights.name),
    )


def describe_published(spec: PublishedSpec) -> ModelSpec:
    """Return the description of a published network, with weights in model.onnx."""
    encoder = encoders()[spec.encoder]
    return ModelSpec(
        name=spec.name,
        title=spec.title,
        task=spec.task,
        bands=tuple(
            ModelBand(name=name, mean=band.mean, std=band.std)
            for name, band in zip(spec.channel_names, spec.bands * spec.dates, strict=True)
        ),
        units=spec.units,
        atmosphere=spec.atmosphere,
        scale=spec.scale,
        tile=spec.tile,
        overlap=spec.overlap,
        multiple=spec.tile,
        fixed_tile=True,
        resolution=spec.resolution,
        encoder=f"{encoder.name} ({encoder.licence}): {encoder.citation}",
        activation="none",
        classes=spec.classes,
        background=spec.background,
        weights=Path("model.onnx"),
        input_name=INPUT,
        output_name=OUTPUT,
        licence=spec.licence,
    )


def _card(spec: PublishedSpec, model: ModelSpec, parity: float, file: str) -> str:
    """Return the model card."""
    bands = ", ".join(band.name for band in model.bands)
    classes = ", ".join(f"{item.value} {item.label}" for item in spec.classes)
    reflectance = f"{spec.atmosphere or 'any'} {spec.units}"
    address = spec.weights.url.removeprefix("hub:").rpartition("/")[0]
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            f"{spec.title}. Converted from the weights of its authors; not trained or measured by geoseg.",
            "",
            "| | |",
            "|---|---|",
            f"| weights | {file} of https://huggingface.co/{address} |",
            f"| bands | {bands} ({reflectance}, {spec.resolution:g} m) |",
            f"| classes | {classes} |",
            f"| trained on | {spec.trained_on} |",
            f"| scores that its authors state | {spec.scores or 'none known here'} |",
            f"| licence | {spec.licence} |",
            f"| cite | {spec.citation} |",
            f"| parity | scores differ from torch by at most {parity:.1e} |",
            "",
            "Limits: it was trained on one kind of image; scores elsewhere are not known. Measure it: "
            "`geoseg evaluate maps`.",
            "",
        ]
    )
