"""Conversion of bundle descriptions (`geoseg.bundles.mlm`) to `ModelSpec`; `description_text` writes them.

Items of other programs are read if `geoseg:units` and `geoseg:activation` are added: both cannot be guessed.
Other missing values come from the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg.bundles.background import background_first, guessed_background, stated_background
from geoseg.bundles.external_data import stated_hashes
from geoseg.bundles.mlm import (
    LICENCE,
    MODEL_ROLE,
    PREFIX,
    SEARCH,
    Class,
    Input,
    Item,
    ModelAsset,
    NamedBand,
    Output,
    Scaling,
    SegmentationExtras,
    first_problem,
)
from geoseg.bundles.program import stated_program
from geoseg.errors import ModelError
from geoseg.files.bounded import decoded
from geoseg.files.inputs import opened
from geoseg.messages import counted
from geoseg.spec import ClassSpec, ModelBand, ModelSpec, Spec
from geoseg.spec.layouts import CHANNELS_FIRST, Axis, channels_first
from geoseg.spec.palette import model_colour

AnyExtras = TypeVar("AnyExtras", bound=Spec)

LONGEST = 16 * 2**20
"""Most bytes of a description; a description of thousands of classes has a hundredth of it."""

SUPPORTED = frozenset({"segmentation", "semantic-segmentation", SEARCH})
"""Tasks in MLM of networks with one output plane per class, or per feature."""

_TABLE = TypeAdapter(dict[str, JsonValue])


def read_table(path: Path) -> dict[str, JsonValue]:
    """Read the JSON object of a `model.json`.

    Raises:
        ModelError: the file cannot be read, is not a JSON object, or is too long.
    """
    opened(path)
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise ModelError(f"{path}: is longer than {LONGEST // 2**20} MiB; not a description")
        return _TABLE.validate_json(decoded(text))
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path}: is not text in UTF-8 or UTF-16 ({error.reason}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ModelError(f"{path}: not a JSON object: {first_problem(error)}") from error


def read_item(path: Path) -> tuple[Item, dict[str, JsonValue]]:
    """Read a `model.json` and its properties with the prefix `geoseg:`.

    Raises:
        ModelError: the file cannot be read, or is not a description of a model.
    """
    table = read_table(path)
    try:
        properties = _TABLE.validate_python(table.get("properties", {}))
        own = {
            key.removeprefix(PREFIX): value
            for key, value in properties.items()
            if key.startswith(PREFIX) and key != LICENCE
        }
        return Item.model_validate(table), own
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error)}") from error


def read_extras(path: Path, own: dict[str, JsonValue], kind: type[AnyExtras], needed: str) -> AnyExtras:
    """Validate properties with the prefix `geoseg:`.

    Args:
        path: the `model.json`, for messages.
        own: the properties without the prefix.
        kind: type of the properties.
        needed: text about the required keys.

    Raises:
        ModelError: a key is missing or unknown, or has an invalid value.
    """
    try:
        return kind.model_validate(own)
    except ValidationError as error:
        text = f"properties.{PREFIX}* {first_problem(error)}; add {needed}"
        raise ModelError(f"{path}: {text}") from error


def model_asset(path: Path, item: Item) -> ModelAsset:
    """Return the asset with the ONNX file.

    Raises:
        ModelError: the item has no such asset.
    """
    models = [asset for asset in item.assets.values() if MODEL_ROLE in asset.roles]
    for asset in models:
        if asset.is_onnx:
            return asset
    hrefs = ", ".join(asset.href for asset in models) or "none"
    raise ModelError(f"{path}: no asset with the role {MODEL_ROLE} is an ONNX file (found: {hrefs})")


def to_spec(path: Path, weights: Path) -> ModelSpec:
    """Read the `model.json` of a segmentation network.

    Args:
        path: the `model.json`.
        weights: path of its ONNX file, which may not be downloaded yet.

    Raises:
        ModelError: the description is invalid, or geoseg does not support such a network.
    """
    item, own = read_item(path)
    properties, (result,) = item.properties, item.properties.output
    if not SUPPORTED & {*properties.tasks, *result.tasks}:
        raise ModelError(
            f"{path}: the task is {', '.join(properties.tasks)}; geoseg supports semantic-segmentation and "
            "scene-classification"
        )
    if len(properties.input) != 1:
        raise ModelError(
            f"{path}: properties.mlm:input has {len(properties.input)} inputs; geoseg passes one image"
        )
    (given,) = properties.input
    extras = read_extras(path, own, SegmentationExtras, f"{PREFIX}units and {PREFIX}activation")
    metadata = extras.metadata or ()
    bands = input_bands(path, given, len(metadata))
    batch, _, rows, cols = channels_first(given.input.shape, given.order)
    if rows != cols:
        raise ModelError(f"{path}: tiles are {rows} x {cols} pixels; geoseg supports square tiles only")
    if extras.fixed_tile is None and weights.is_file():
        batch, rows = _graph_sizes(weights, given.order)
    fixed = extras.fixed_tile if extras.fixed_tile is not None else rows > 0
    tile = extras.tile or (rows if rows > 0 else 512)
    stated = given.value_scaling is not None and all(part.type == "z-score" for part in given.value_scaling)
    classes, background, planes = background_first(
        [class_of(index, entry) for index, entry in enumerate(result.classes)],
        _background(path, result, extras),
    )
    program, program_sha256 = stated_program(item.assets)
    try:
        return ModelSpec(
            name=properties.name,
            title=properties.title,
            task=extras.task,
            bands=bands,
            units=extras.units,
            scale=extras.scale,
            clip=extras.clip,
            fill=extras.fill,
            statistics=extras.statistics,
            statistics_known=stated if extras.statistics_known is None else extras.statistics_known,
            tile=tile,
            overlap=min(64, tile // 4 * 2) if extras.overlap is None else extras.overlap,
            multiple=extras.multiple or (1 if fixed else gcd(tile, 32)),
            stride=_stride(extras.stride, rows, result),
            fixed_tile=fixed,
            fixed_batch=batch if batch > 0 else None,
            metadata=metadata,
            month=extras.month,
            encoder=extras.encoder or "",
            features_of=extras.features_of,
            resolution=extras.resolution if extras.resolution is not None else properties.gsd,
            atmosphere=extras.atmosphere,
            dim_order=given.order,
            output_dim_order=result_order(path, result),
            activation=extras.activation,
            temperature=extras.temperature,
            threshold=extras.threshold,
            training_scenes=extras.training_scenes,
            evidence=extras.evidence,
            classes=classes,
            background=background,
            nodata=next((entry.value for entry in result.classes if entry.nodata), None),
            planes=planes,
            weights=weights,
            sha256=model_asset(path, item).sha256,
            external=stated_hashes(item.assets),
            program=program,
            program_sha256=program_sha256,
            input_name=port_name(given.name),
            output_name=port_name(result.name),
            licence=properties.licence,
        )
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error)}") from error


def _background(path: Path, result: Output, extras: SegmentationExtras) -> int | None:
    """Return the value of the background: as the item states, else by names and values."""
    names = {entry.value: entry.names for entry in result.classes if not entry.nodata}
    if "background" in extras.model_fields_set:
        return stated_background(names, extras.background, f"{path}: properties.{PREFIX}background")
    return guessed_background(names)


def _stride(stated: int, side: int, result: Output) -> int:
    """Return the stated stride, or that of the fixed sizes of tile and output; -1: a size is not fixed."""
    shape = result.result.shape
    if stated > 1 or len(shape) != 4:
        return stated
    rows = channels_first(shape, result.result.order or CHANNELS_FIRST)[2]
    return side // rows if 0 < rows < side and side % rows == 0 else 1


def result_order(path: Path, result: Output) -> tuple[Axis, Axis, Axis, Axis]:
    """Return the order of an output's axes.

    Raises:
        ModelError: it has four axes that are not the axes of an image.
    """
    order = result.result.order
    if order is None and len(result.result.dim_order) == 4:
        raise ModelError(
            f"{path}: result.dim_order of output {result.name} is {list(result.result.dim_order)}; geoseg "
            "reads batch, then channel (or class), height and width in any order"
        )
    return order or CHANNELS_FIRST


def port_name(name: str) -> str:
    """Return the name of a port; empty for a name with a space, which is a text and not a name in a graph."""
    return "" if " " in name else name


def input_bands(path: Path, given: Input, metadata: int = 0) -> tuple[ModelBand, ...]:
    """Return the bands of an input by name, with their scaling.

    Args:
        path: of the description, for messages.
        given: the input.
        metadata: number of channels behind the bands.

    Raises:
        ModelError: they do not fit the channels of the input, or geoseg does not support their scaling.
    """
    for band in given.bands:
        if isinstance(band, NamedBand) and band.expression is not None:
            raise ModelError(f"{path}: band {band.name} is an expression; geoseg supports named bands only")
    names = [band if isinstance(band, str) else band.name for band in given.bands]
    channels = given.input.shape[given.order.index("channel")]
    if channels not in {-1, len(names) + metadata}:
        also = f" and {metadata} of metadata" if metadata else ""
        raise ModelError(
            f"{path}: the input has {counted(len(names), 'band')}{also}, but {counted(channels, 'channel')}"
        )
    scaling = given.value_scaling or (Scaling(type="z-score"),)
    if len(scaling) == 1:
        scaling = scaling * len(names)
    if len(scaling) != len(names):
        raise ModelError(
            f"{path}: the input has {counted(len(scaling), 'value_scaling object')}"
            f" for {counted(len(names), 'band')}"
        )
    return tuple(_band(path, name, part) for name, part in zip(names, scaling, strict=True))


def _band(path: Path, name: str, scaling: Scaling) -> ModelBand:
    if scaling.type == "z-score":
        return ModelBand(name=name, mean=scaling.mean, std=scaling.stddev)
    if scaling.type == "min-max" and scaling.maximum > scaling.minimum:
        return ModelBand(name=name, mean=scaling.minimum, std=scaling.maximum - scaling.minimum)
    raise ModelError(
        f"{path}: value_scaling {scaling.type!r} of band {name} is not supported; use z-score or min-max, "
        f"with {PREFIX}scale and {PREFIX}clip"
    )


def class_of(index: int, entry: Class) -> ClassSpec:
    """Return one class, with a colour of the palette if the item states none."""
    hint = entry.color_hint
    return ClassSpec(
        value=entry.value,
        label=entry.title or entry.name or entry.description or f"class {entry.value}",
        colour=f"#{hint.removeprefix('#').lower()}" if hint else model_colour(index),
    )


def _graph_sizes(weights: Path, order: Sequence[Axis]) -> tuple[int, int]:
    """Return batch and rows of the first input of a graph; -1 for a variable size."""
    from geoseg.bundles.onnx_metadata import read_header  # noqa: PLC0415 - for sizes without extras only

    shape = next((port.shape for port in read_header(weights).inputs), None)
    if shape is None or len(shape) != 4:
        return -1, -1
    batch, _, rows, _ = channels_first(shape, order)
    return batch or -1, rows or -1
