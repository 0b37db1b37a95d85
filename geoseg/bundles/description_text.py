"""The text of a bundle description (`geoseg.bundles.mlm`) from a `ModelSpec`; `description` reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from geoseg.bundles.classifier import classifier_properties
from geoseg.bundles.external_data import external_assets
from geoseg.bundles.mlm import (
    EXTENSIONS,
    LICENCE,
    MODEL_ROLE,
    PREFIX,
    SEARCH,
    SHA256_MULTIHASH,
    SegmentationExtras,
)
from geoseg.bundles.program import program_asset
from geoseg.spec import ClassSpec, InputSpec, ModelSpec
from geoseg.spec.classifiers import SCENE_CLASSIFICATION
from geoseg.spec.layouts import as_ordered
from geoseg.spec.models import EMBEDDING

UNNAMED = "the only one"
"""MLM requires a name; a spec may leave the only input or first output of a graph unnamed."""

MLM_TASKS = {EMBEDDING: SEARCH, SCENE_CLASSIFICATION: SCENE_CLASSIFICATION}
"""Task in MLM of networks that are no segmentation networks."""


def from_spec(
    spec: ModelSpec,
    *,
    href: str,
    size: int,
    planes: int,
    architecture: str,
    data_sizes: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Return the `model.json` that describes a network.

    Args:
        spec: the model, with its `sha256`.
        href: address of the ONNX file relative to the `model.json`.
        size: size of the ONNX file in bytes.
        planes: K of the output; -1 if the graph does not state it.
        architecture: its name in the literature.
        data_sizes: size in bytes of each file with external data, where known.
    """
    tasks = [MLM_TASKS.get(spec.task, "semantic-segmentation")]
    listed = [*spec.classes]
    for plane, entry in zip(spec.planes, spec.classes, strict=False):
        listed[plane] = entry
    properties: dict[str, JsonValue] = {
        "mlm:tasks": [*tasks],
        "mlm:input": [_input(spec, given) for given in spec.inputs],
        "mlm:output": [
            {
                "name": spec.output_name or UNNAMED,
                "tasks": [*tasks],
                "result": _result(spec, planes),
                "classification:classes": [
                    {**from_class(entry), **({"nodata": True} if entry.value == spec.nodata else {})}
                    for entry in listed
                ],
            }
        ],
    }
    names = dict.fromkeys(band.name for given in spec.inputs for band in given.bands)
    properties["bands"] = [{"name": name} for name in names]
    properties |= classifier_properties(spec) if spec.classifies else _own_properties(spec)
    return item_text(spec, properties, href=href, size=size, architecture=architecture, data_sizes=data_sizes)


def _input(spec: ModelSpec, given: InputSpec) -> JsonValue:
    """Return an entry of `mlm:input`."""
    rows = spec.side(given) if spec.fixed_tile else -1
    return {
        "name": given.name or UNNAMED,
        "bands": [band.name for band in given.bands],
        "input": {
            "shape": [*as_ordered((spec.fixed_batch or -1, given.channels, rows, rows), given.dim_order)],
            # The name that MLM demands for the axis of an input that states its bands.
            "dim_order": ["bands" if axis == "channel" else axis for axis in given.dim_order],
            "data_type": "float32",
        },
        "value_scaling": [{"type": "z-score", "mean": band.mean, "stddev": band.std} for band in given.bands],
    }


def _result(spec: ModelSpec, planes: int) -> JsonValue:
    """Return the shape of the output: scores for each pixel or patch, or for the whole of a tile."""
    batch = spec.fixed_batch or -1
    if spec.classifies:
        return {
            "shape": [batch, len(spec.classes)],
            "dim_order": ["batch", "class"],
            "data_type": "float32",
        }
    rows = spec.tile // spec.stride if spec.fixed_tile else -1
    return {
        "shape": [*as_ordered((batch, planes, rows, rows), spec.output_dim_order)],
        "dim_order": [*spec.output_dim_order],
        "data_type": "float32",
    }


def _own_properties(spec: ModelSpec) -> dict[str, JsonValue]:
    """Return what MLM has no word for of a network with one input."""
    kept = json.loads(spec.model_dump_json(include=set(SegmentationExtras.model_fields)))
    return {
        **{
            PREFIX + key: value
            for key, value in kept.items()
            if value not in (None, "", [], {}) and (key, value) != ("stride", 1)
        },
        f"{PREFIX}background": spec.background if spec.has_background else None,
    }


def item_text(
    spec: ModelSpec,
    own: dict[str, JsonValue],
    *,
    href: str,
    size: int,
    architecture: str,
    data_sizes: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Return a STAC item with the properties that all types of networks have, and further ones.

    Args:
        spec: the model, with its `sha256`.
        own: further properties, `bands` among them.
        href: address of the ONNX file relative to the `model.json`.
        size: size of the ONNX file in bytes.
        architecture: its name in the literature.
        data_sizes: size in bytes of each file with external data, where known.
    """
    properties: dict[str, JsonValue] = {
        "title": spec.title,
        "datetime": None,
        "start_datetime": "1900-01-01T00:00:00Z",
        "end_datetime": "9999-12-31T23:59:59Z",
        "mlm:name": spec.name,
        "mlm:architecture": architecture,
        "mlm:framework": "ONNX",
        **own,
    }
    properties |= _licence(spec.licence)
    item: dict[str, JsonValue] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [*EXTENSIONS],
        "id": spec.name,
        "geometry": None,
        "properties": properties,
        "links": [],
        "assets": {
            "model": {
                "href": href,
                "type": "application/octet-stream",
                "roles": [MODEL_ROLE, "mlm:weights"],
                "mlm:artifact_type": "onnx",
                "file:checksum": SHA256_MULTIHASH + spec.sha256,
                "file:size": size,
                # MLM demands bands in the properties; STAC allows them there if an asset has some too.
                "bands": own["bands"],
            },
            **external_assets(spec, data_sizes),
            **program_asset(spec),
        },
    }
    return json.dumps(item, indent=2, ensure_ascii=False) + "\n"


def _licence(text: str) -> dict[str, JsonValue]:
    """Return a licence as STAC states it: an SPDX identifier, or `other` and geoseg's own property."""
    if text == "unknown":
        return {}
    if re.fullmatch(r"[A-Za-z0-9.+-]+", text):
        return {"license": text}
    return {"license": "other", LICENCE: text}


def from_class(entry: ClassSpec) -> dict[str, JsonValue]:
    """Return an entry of `classification:classes`."""
    slug = re.sub(r"[^0-9A-Za-z]+", "-", entry.label).strip("-").lower()
    return {
        "value": entry.value,
        "name": slug or f"class-{entry.value}",
        "title": entry.label,
        "description": entry.label,
        "color_hint": entry.colour[1:].upper(),
    }
