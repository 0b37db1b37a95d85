"""Networks for the QGIS plugin Deepness: conversion of its metadata keys to a `ModelSpec`.

Source: the plugin's pages "Adding metadata to ONNX model" and "Model types", and its model classes: 8-bit
images are divided by 255, then standardised; channels are identified by position; the output is clipped to
0..1. Values are JSON, or Python literals in older files.
"""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

from pydantic import JsonValue, ValidationError

from geoseg.bundles.background import background_first, guessed_background
from geoseg.bundles.mlm import first_problem
from geoseg.bundles.onnx_metadata import GraphPort, OnnxHeader
from geoseg.bundles.stated_facts import Facts
from geoseg.errors import ModelError
from geoseg.messages import counted
from geoseg.spec import ClassSpec, ModelBand, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST, Axis, channels_first
from geoseg.spec.palette import model_colour

ORDERS = {3: ("red", "green", "blue"), 4: ("red", "green", "blue", "nir")}
"""Bands by position, for numbers of channels with one usual order."""


def spec_from_deepness(path: Path, header: OnnxHeader) -> ModelSpec | None:
    """Return the description from Deepness's keys; None if the file has none of them.

    Raises:
        ModelError: the file is not a segmentation network, or keys are missing or invalid.
    """
    metadata = {key: _value(text) for key, text in header.metadata.items()}
    if not {"model_type", "class_names", "names"} & metadata.keys():
        return None
    kind = str(metadata.get("model_type", "Segmentor")).capitalize()
    if kind != "Segmentor":
        raise ModelError(f"{path}: is a {kind} of Deepness; geoseg supports Segmentor networks only")
    if len(header.inputs) != 1:
        raise ModelError(f"{path}: has {len(header.inputs)} inputs; a Deepness network has one")
    order, result = _orders(header)
    shape = header.inputs[0].shape or ()
    batch, channels, rows, cols = (
        channels_first(shape, order) if len(shape) == 4 else (None, None, None, None)
    )
    if rows != cols:
        raise ModelError(f"{path}: tiles are {rows} x {cols} pixels; geoseg supports square tiles only")
    tile = _tile(path, rows, metadata)
    listed = _classes(path, metadata, header.outputs[0], result)
    classes, background, planes = background_first(
        listed, guessed_background({entry.value: [entry.label] for entry in listed})
    )
    overlap = _number(path, metadata, "tiles_overlap", 10.0)
    resolution = _number(path, metadata, "resolution", math.nan)
    try:
        return ModelSpec(
            name=path.stem,
            title=f"{path.stem} (Deepness)",
            bands=_bands(path, channels, metadata),
            units="dn",
            scale=1 / 255,
            clip=(0.0, 1.0),
            statistics_known="standardization_mean" in metadata,
            tile=tile,
            # Even, and at most half a tile.
            overlap=2 * int(min(overlap, 50.0) * tile / 200),
            multiple=1 if rows else math.gcd(tile, 32),
            fixed_tile=rows is not None,
            fixed_batch=batch,
            resolution=None if math.isnan(resolution) else resolution / 100,
            activation="none",
            threshold=_number(path, metadata, "seg_thresh", 0.5),
            classes=classes,
            background=background,
            planes=planes,
            dim_order=order,
            output_dim_order=result,
            weights=path,
            source="deepness",
        )
    except ValidationError as error:
        problem = first_problem(error)
        raise ModelError(f"{path}: Deepness's keys do not describe a network: {problem}") from error


def deepness_facts(path: Path, header: OnnxHeader) -> Facts | None:
    """Return what Deepness's keys state, in whole or in part; None if the file has none of them.

    Raises:
        ModelError: the file is not a segmentation network, or a key is invalid.
    """
    metadata = {key: _value(text) for key, text in header.metadata.items()}
    if not {"model_type", "class_names", "names", "standardization_mean", "tile_size"} & metadata.keys():
        return None
    kind = str(metadata.get("model_type", "Segmentor")).capitalize()
    if kind != "Segmentor":
        raise ModelError(f"{path}: is a {kind} of Deepness; geoseg supports Segmentor networks only")
    order, result = _orders(header)
    shape = header.inputs[0].shape or ()
    channels = shape[order.index("channel")] if len(shape) == 4 else None
    tile = _number(path, metadata, "tile_size", _number(path, metadata, "tiles_size", math.nan))
    resolution = _number(path, metadata, "resolution", math.nan)
    overlap = _number(path, metadata, "tiles_overlap", math.nan)
    known = not (math.isnan(tile) or math.isnan(overlap))
    mean, std = (
        tuple(_list(path, metadata, f"standardization_{name}", channels)) for name in ("mean", "std")
    )
    return Facts(
        origin="Deepness's keys",
        bands=ORDERS.get(channels or 0, ()),
        units="dn",
        scale=1 / 255,
        clip=(0.0, 1.0),
        mean=mean or (0.0,),
        std=std or (1.0,),
        measured=bool(mean),
        classes=_classes(path, metadata, header.outputs[0], result)
        if {"class_names", "names"} & metadata.keys()
        else (),
        threshold=_number(path, metadata, "seg_thresh", 0.5) if "seg_thresh" in metadata else None,
        tile=None if math.isnan(tile) else int(tile),
        overlap=2 * int(min(overlap, 50.0) * tile / 200) if known else None,
        resolution=None if math.isnan(resolution) else resolution / 100,
    )


Order = tuple[Axis, Axis, Axis, Axis]


def _orders(header: OnnxHeader) -> tuple[Order, Order]:
    """Return the order of the axes of input and output from the sizes in the graph; no key states it.

    Channels are the last axis if only that axis has a usual number of channels; the output then has the same
    order as the input, unless its sizes contradict.
    """
    given = header.inputs[0].shape or ()
    last = len(given) == 4 and given[3] in ORDERS and given[1] not in ORDERS
    order = CHANNELS_LAST if last else CHANNELS_FIRST
    scores = header.outputs[0].shape or ()
    rows = given[order.index("height")] if len(given) == 4 else None
    if not last or len(scores) != 4:
        return order, CHANNELS_FIRST
    first = scores[1] is not None and scores[1] != rows and scores[3] in {None, rows}
    return order, CHANNELS_FIRST if first else CHANNELS_LAST


def deepness_entries(spec: ModelSpec) -> dict[str, str]:
    """Return the metadata of a network for Deepness.

    Deepness divides 8-bit images by 255, so an image of reflectance must scale 0..1 to 0..255. Networks of
    dB, or with normalization by scene, load in Deepness but read other values than in geoseg. Deepness cannot
    supply channels of metadata: such a network has no entries.
    """
    if spec.metadata:
        return {}
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
    """Decode a metadata value; return text that is neither JSON nor a Python literal unchanged."""
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        pass
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(literal, dict):
        return {str(key): str(name) for key, name in literal.items()}
    return [str(name) for name in literal] if isinstance(literal, list | tuple) else str(literal)


def _number(path: Path, metadata: dict[str, JsonValue], key: str, default: float) -> float:
    value = metadata.get(key, default)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: metadata {key!r} is {value!r}, not a number") from error


def _tile(path: Path, rows: int | None, metadata: dict[str, JsonValue]) -> int:
    """Return the size in the graph, else `tile_size` (`tiles_size` in the documentation of the plugin)."""
    if rows:
        return rows
    size = _number(path, metadata, "tile_size", _number(path, metadata, "tiles_size", math.nan))
    if math.isnan(size):
        raise ModelError(f"{path}: neither the graph nor the metadata 'tile_size' states the size of tiles")
    return int(size)


def _bands(path: Path, channels: int | None, metadata: dict[str, JsonValue]) -> tuple[ModelBand, ...]:
    order = ORDERS.get(channels or 0)
    if order is None:
        raise ModelError(
            f"{path}: has {channels or 'any number of'} channels, and Deepness's keys do not name "
            "bands; describe the "
            "network in a model.json in the same folder"
        )
    mean, std = (_list(path, metadata, f"standardization_{name}", len(order)) for name in ("mean", "std"))
    return tuple(
        ModelBand(name=name, mean=mean[i] if mean else 0.0, std=std[i] if std else 1.0)
        for i, name in enumerate(order)
    )


def _list(path: Path, metadata: dict[str, JsonValue], key: str, length: int | None) -> list[float]:
    value = metadata.get(key)
    if value is None:
        return []
    try:
        numbers = [float(item) for item in value]  # type: ignore[union-attr, arg-type]
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: metadata {key!r} is not a list of numbers: {value!r}") from error
    if length is not None and len(numbers) != length:
        raise ModelError(
            f"{path}: metadata {key!r} has {counted(len(numbers), 'number')} for {counted(length, 'channel')}"
        )
    return numbers


def _classes(
    path: Path, metadata: dict[str, JsonValue], output: GraphPort, order: Order
) -> tuple[ClassSpec, ...]:
    """Read `class_names`, or `names` in older files: a table of names by class number, or a list."""
    names = metadata.get("class_names", metadata.get("names"))
    if isinstance(names, list):
        names = {str(index): name for index, name in enumerate(names)}
    if not isinstance(names, dict) or not names:
        raise ModelError(
            f"{path}: Deepness's key 'class_names' is missing; add it, or a model.json in the same folder"
        )
    planes = output.shape[order.index("channel")] if output.shape and len(output.shape) == 4 else None
    if not all(key.isdigit() for key in names):
        raise ModelError(f"{path}: the keys of the metadata 'class_names' are not class numbers: {names}")
    labels = [str(names[key]) for key in sorted(names, key=int)]
    if sorted(int(key) for key in names) != list(range(len(labels))):
        raise ModelError(f"{path}: metadata 'class_names' lacks a class number: {sorted(names, key=int)}")
    if len(labels) == 1 and planes in {1, None}:
        labels = ["background", *labels]
    return tuple(
        ClassSpec(value=index, label=label, colour=model_colour(index)) for index, label in enumerate(labels)
    )
