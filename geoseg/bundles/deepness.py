"""Networks made for the QGIS plugin Deepness: its metadata keys become a `ModelSpec`.

Source: the plugin's pages "Adding metadata to ONNX model" and "Model types", and what its model classes do:
images are 8-bit and divided by 255, then standardised; channels are taken by position; the output is clipped
to 0..1. Values are JSON, or Python literals in older files.
"""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

from pydantic import JsonValue, ValidationError

from geoseg.bundles.background import arrange, guessed_background
from geoseg.bundles.onnx_metadata import OnnxHeader, Port, first_problem
from geoseg.errors import ModelError
from geoseg.spec import ClassSpec, ModelBand, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST, Axis, channels_first
from geoseg.spec.palette import model_colour

ORDERS = {3: ("red", "green", "blue"), 4: ("red", "green", "blue", "nir")}
"""Bands by position, for the channel counts of which only one order is usual."""


def spec_from_deepness(path: Path, header: OnnxHeader) -> ModelSpec | None:
    """Return the description that Deepness's keys give; None where the file has none of them.

    Raises:
        ModelError: it is no segmentation network, or the keys do not say enough; the message says which.
    """
    said = {key: _value(text) for key, text in header.metadata.items()}
    if not {"model_type", "class_names", "names"} & said.keys():
        return None
    kind = str(said.get("model_type", "Segmentor")).capitalize()
    if kind != "Segmentor":
        raise ModelError(f"{path}: is a {kind} of Deepness; only Segmentor networks make maps here")
    if len(header.inputs) != 1:
        raise ModelError(f"{path}: has {len(header.inputs)} inputs; a Deepness network has one")
    order, result = _orders(header)
    shape = header.inputs[0].shape or ()
    batch, channels, rows, cols = (
        channels_first(shape, order) if len(shape) == 4 else (None, None, None, None)
    )
    if rows != cols:
        raise ModelError(f"{path}: its tiles are {rows} x {cols} pixels; only square ones are supported")
    tile = _tile(path, rows, said)
    listed = _classes(path, said, header.outputs[0], result)
    arranged = arrange(listed, guessed_background({entry.value: [entry.label] for entry in listed}))
    overlap = _number(path, said, "tiles_overlap", 10.0)
    resolution = _number(path, said, "resolution", math.nan)
    try:
        return ModelSpec(
            name=path.stem,
            title=f"{path.stem} (Deepness)",
            bands=_bands(path, channels, said),
            units="dn",
            scale=1 / 255,
            clip=(0.0, 1.0),
            statistics_known="standardization_mean" in said,
            tile=tile,
            # Even, and at most half a tile.
            overlap=2 * int(min(overlap, 50.0) * tile / 200),
            multiple=1 if rows else math.gcd(tile, 32),
            fixed_tile=rows is not None,
            fixed_batch=batch,
            resolution=None if math.isnan(resolution) else resolution / 100,
            activation="none",
            threshold=_number(path, said, "seg_thresh", 0.5),
            classes=arranged.classes,
            background=arranged.background,
            planes=arranged.planes,
            dim_order=order,
            output_dim_order=result,
            weights=path,
            source="deepness",
        )
    except ValidationError as error:
        problem = first_problem(error)
        raise ModelError(f"{path}: Deepness's keys do not describe a network: {problem}") from error


Order = tuple[Axis, Axis, Axis, Axis]


def _orders(header: OnnxHeader) -> tuple[Order, Order]:
    """Order of the axes of input and output; the keys do not say it, the graph's sizes do.

    Channels stand last where only the last axis has as many as images have; then rows of the output stand
    where rows of the input do, unless its sizes tell otherwise.
    """
    given = header.inputs[0].shape or ()
    last = len(given) == 4 and given[3] in ORDERS and given[1] not in ORDERS
    order = CHANNELS_LAST if last else CHANNELS_FIRST
    found = header.outputs[0].shape or ()
    rows = given[order.index("height")] if len(given) == 4 else None
    if not last or len(found) != 4:
        return order, CHANNELS_FIRST
    first = found[1] is not None and found[1] != rows and found[3] in {None, rows}
    return order, CHANNELS_FIRST if first else CHANNELS_LAST


def deepness_entries(spec: ModelSpec) -> dict[str, str]:
    """Return the keys under which Deepness looks for what a network needs.

    Deepness divides 8-bit pictures by 255. So that it sees what the network was trained on, a picture of
    reflectance must show 0..1 as 0..255; networks of dB, or normalised by the scene, load there but see
    other values than in geoseg.
    """
    names = {str(index): entry.label for index, entry in enumerate(spec.classes)}
    entries: dict[str, JsonValue] = {
        "model_type": "Segmentor",
        "class_names": {**names},
        "tile_size": spec.tile,
        "tiles_overlap": round(100 * spec.overlap / spec.tile),
        "seg_thresh": spec.threshold,
        "standardization_mean": [band.mean for band in spec.bands],
        "standardization_std": [band.std for band in spec.bands],
    }
    if spec.resolution is not None:
        entries["resolution"] = spec.resolution * 100
    return {key: json.dumps(value) for key, value in entries.items()}


def _value(text: str) -> JsonValue:
    """Decode a metadata value; text that is neither JSON nor a Python literal stays text."""
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except ValueError:
        pass
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(literal, dict):
        return {str(key): str(name) for key, name in literal.items()}
    return [str(name) for name in literal] if isinstance(literal, list | tuple) else str(literal)


def _number(path: Path, said: dict[str, JsonValue], key: str, default: float) -> float:
    value = said.get(key, default)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: its metadata {key!r} is {value!r}, not a number") from error


def _tile(path: Path, rows: int | None, said: dict[str, JsonValue]) -> int:
    """The graph's own size, else `tile_size` (which the plugin's page spells `tiles_size`)."""
    if rows:
        return rows
    size = _number(path, said, "tile_size", _number(path, said, "tiles_size", math.nan))
    if math.isnan(size):
        raise ModelError(f"{path}: neither its graph nor the metadata 'tile_size' says how large tiles are")
    return int(size)


def _bands(path: Path, channels: int | None, said: dict[str, JsonValue]) -> tuple[ModelBand, ...]:
    order = ORDERS.get(channels or 0)
    if order is None:
        raise ModelError(
            f"{path}: takes {channels or 'any number of'} channels, and Deepness's keys do not name bands; "
            "describe it in a model.json beside it"
        )
    mean, std = (_list(path, said, f"standardization_{name}", len(order)) for name in ("mean", "std"))
    return tuple(
        ModelBand(name=name, mean=mean[i] if mean else 0.0, std=std[i] if std else 1.0)
        for i, name in enumerate(order)
    )


def _list(path: Path, said: dict[str, JsonValue], key: str, length: int) -> list[float]:
    value = said.get(key)
    if value is None:
        return []
    try:
        numbers = [float(item) for item in value]  # type: ignore[union-attr, arg-type]
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: its metadata {key!r} is no list of numbers: {value!r}") from error
    if len(numbers) != length:
        raise ModelError(f"{path}: its metadata {key!r} has {len(numbers)} numbers for {length} channels")
    return numbers


def _classes(path: Path, said: dict[str, JsonValue], output: Port, order: Order) -> tuple[ClassSpec, ...]:
    """`class_names`, or `names` in older files: a table from class number to name, or a list."""
    names = said.get("class_names", said.get("names"))
    if isinstance(names, list):
        names = {str(index): name for index, name in enumerate(names)}
    if not isinstance(names, dict) or not names:
        raise ModelError(f"{path}: lacks Deepness's key 'class_names'; add it, or a model.json beside it")
    planes = output.shape[order.index("channel")] if output.shape and len(output.shape) == 4 else None
    if not all(key.isdigit() for key in names):
        raise ModelError(f"{path}: its metadata 'class_names' is not keyed by class number: {names}")
    labels = [str(names[key]) for key in sorted(names, key=int)]
    if sorted(int(key) for key in names) != list(range(len(labels))):
        raise ModelError(f"{path}: its metadata 'class_names' skips a class: {sorted(names, key=int)}")
    if len(labels) == 1 and planes in {1, None}:
        labels = ["background", *labels]
    return tuple(
        ClassSpec(value=index, label=label, colour=model_colour(index)) for index, label in enumerate(labels)
    )
