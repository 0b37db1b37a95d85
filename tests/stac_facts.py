"""What the schemas of STAC extensions demand of the items that geoseg writes, as far as they can break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

Table = dict[str, Any]

AXES: Table = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"pattern": "^[a-z-_]+$"}}
STRUCTURE: Table = {
    "required": ["shape", "dim_order", "data_type"],
    "properties": {
        "shape": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": -1}},
        "dim_order": AXES,
        "data_type": {"enum": ["float16", "float32", "uint8", "int16", "uint16", "other"]},
    },
}
CLASSES: Table = {
    "type": "array",
    "uniqueItems": True,
    "items": {
        "required": ["value", "name", "description"],
        "properties": {
            "value": {"type": "integer"},
            "name": {"type": "string", "pattern": "^[0-9A-Za-z-_]+$"},
            "description": {"type": "string"},
            "color_hint": {"type": "string", "pattern": "^[0-9A-Fa-f]{6}$"},
        },
    },
}
SCALING: Table = {
    "required": ["type"],
    "properties": {
        "type": {
            "enum": ["min-max", "z-score", "clip", "clip-min", "clip-max", "offset", "scale", "processing"]
        }
    },
    "if": {"properties": {"type": {"const": "z-score"}}},
    "then": {"required": ["mean", "stddev"]},
}


def with_axis_of_bands(place: str) -> Table:
    """MLM: an array has the axis `bands` if and only if its bands are stated."""
    has = {"properties": {place: {"properties": {"dim_order": {"contains": {"const": "bands"}}}}}}
    none = {"properties": {place: {"properties": {"dim_order": {"not": {"contains": {"const": "bands"}}}}}}}
    stated = {"required": ["bands"], "properties": {"bands": {"type": "array", "minItems": 1}}}
    return {"if": stated, "then": has, "else": none}


MODEL: Table = {"required": ["roles"], "properties": {"roles": {"contains": {"const": "mlm:model"}}}}
MLM: Table = {
    "required": ["properties", "assets"],
    "properties": {
        "properties": {
            "required": ["mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output", "bands"],
            "not": {"anyOf": [{"required": [f"mlm:{name}"]} for name in ("artifact_type", "entrypoint")]},
            "properties": {
                "mlm:name": {"type": "string", "pattern": r"^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$"},
                "mlm:architecture": {"type": "string"},
                "mlm:tasks": {
                    "items": {
                        "enum": ["semantic-segmentation", "scene-classification", "similarity-search"],
                    }
                },
                "mlm:framework": {"type": "string", "minLength": 1},
                "mlm:input": {
                    "items": {
                        "required": ["name", "input"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "bands": {"items": {"type": "string", "minLength": 1}},
                            "input": STRUCTURE,
                            "value_scaling": {"minItems": 1, "items": SCALING},
                        },
                        **with_axis_of_bands("input"),
                    }
                },
                "mlm:output": {
                    "items": {
                        "required": ["name", "tasks", "result"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "result": STRUCTURE,
                            "classification:classes": CLASSES,
                        },
                        **with_axis_of_bands("result"),
                    }
                },
                "bands": {"type": "array", "minItems": 1, "items": {"required": ["name"]}},
            },
        },
        "assets": {
            "additionalProperties": {
                "if": MODEL,
                # `bands` because STAC 1.1 allows those in the properties only beside those of an asset.
                "then": {"required": ["mlm:artifact_type"], "properties": {"bands": {"minItems": 1}}},
                "else": {"not": {"required": ["mlm:artifact_type"]}},
                "not": {"anyOf": [{"required": [f"mlm:{name}"]} for name in ("name", "input", "output")]},
            },
            "not": {"additionalProperties": {"not": {**MODEL, "required": ["roles", "bands"]}}},
        },
    },
}
FILE: Table = {
    "properties": {
        "assets": {
            "additionalProperties": {
                "properties": {
                    "file:size": {"type": "integer", "minimum": 0},
                    "file:checksum": {"type": "string", "pattern": "^[a-f0-9]+$"},
                },
                "patternProperties": {"^file:(?!size|checksum)": False},
            }
        }
    }
}
CLASSIFICATION: Table = {
    "properties": {"properties": {"properties": {"classification:classes": CLASSES}}},
}
PROCESSING_FIELDS: Table = {
    "type": "object",
    "properties": {
        "processing:expression": {"required": ["format", "expression"]},
        "processing:lineage": {"type": "string"},
        "processing:level": {"type": "string"},
        "processing:facility": {"type": "string"},
        "processing:software": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "patternProperties": {"^processing:(?!expression|lineage|level|facility|software)": False},
}
PROCESSING: Table = {
    "properties": {
        "properties": {
            **PROCESSING_FIELDS,
            "anyOf": [{"required": [f"processing:{name}"]} for name in ("lineage", "level", "software")],
        },
        "assets": {"additionalProperties": PROCESSING_FIELDS},
    }
}
DEMANDS: Mapping[str, Table] = {
    "https://stac-extensions.github.io/mlm/v1.5.0/schema.json": MLM,
    "https://stac-extensions.github.io/file/v2.1.0/schema.json": FILE,
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json": CLASSIFICATION,
    "https://stac-extensions.github.io/processing/v1.1.0/schema.json": PROCESSING,
}
"""By the address that an item claims."""


def check_item(item: Mapping[str, Any]) -> None:
    """Check an item by the demands of all extensions that it claims.

    Raises:
        jsonschema.ValidationError: it does not meet one.
        KeyError: the demands of an extension are not known here.
    """
    for address in item["stac_extensions"]:
        jsonschema.validate(item, DEMANDS[address])
    claimed = {address.split("/")[3] for address in item["stac_extensions"]}
    used = {key.partition(":")[0] for key in item["properties"] if ":" in key} - {"geoseg"}
    assert used <= claimed, f"properties of extensions that are not claimed: {used - claimed}"
