"""Facts from an ESRI model definition (`.emd`).

Source: pro.arcgis.com, "Deep learning in ArcGIS Pro" and the tools that read model definitions, for the keys;
github.com/Esri/arcgis-python-api and raster-deep-learning for NormalizationStats: a band is scaled from its
minimum and maximum to 0..1, then less the scaled mean, by the scaled standard deviation, by `ExtractBands`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from geoseg.bundles.stated_facts import Facts
from geoseg.errors import ModelError
from geoseg.spec import ClassSpec
from geoseg.spec.palette import model_colour

OTHER_TYPES = ("detection", "instance", "objectclassification", "featureclassification", "superresolution")
"""Parts of a `ModelType` of networks that do not classify pixels, in lower case without spaces."""

NAMED = (
    "DataRange",
    "InferenceFunction",
    "ImageryType",
    "MinCellSize",
    "CellSize",
    "Threshold",
    "ModelPadding",
)
"""Keys that concern a map and that geoseg does not use."""


def emd_facts(path: Path, table: Mapping[str, JsonValue]) -> Facts:
    """Return the facts of a model definition.

    Raises:
        ModelError: it is not of a network that classifies pixels, or a key has another form.
    """
    kind = str(table.get("ModelType", "ImageClassification"))
    plain = kind.replace(" ", "").replace("_", "").lower()
    if any(word in plain for word in OTHER_TYPES):
        raise ModelError(f"{path}: ModelType is {kind}; geoseg runs networks that classify pixels")
    chosen = _integers(path, table, "ExtractBands")
    names = table.get("Bands")
    listed = [str(name) for name in names] if isinstance(names, list) else []
    bands = (
        tuple(listed[index].lower() for index in chosen)
        if listed and max(chosen, default=0) < len(listed)
        else ()
    )
    mean, std, lost = _statistics(path, table, chosen)
    size = table.get("ImageHeight")
    if size != table.get("ImageWidth", size):
        raise ModelError(
            f"{path}: tiles are {size} x {table.get('ImageWidth')} pixels; geoseg supports squares only"
        )
    rest = [f"{key} {table[key]!r}" for key in NAMED if key in table]
    if chosen and not bands:
        rest.append(f"ExtractBands {chosen} are positions without names of bands: state `--bands`")
    return Facts(
        origin=f"{path.name} (ESRI)",
        bands=bands,
        channels=len(chosen) or None,
        units="dn" if mean else None,
        scale=1.0 if mean else None,
        mean=mean,
        std=std,
        measured=True if mean else None,
        own_values=True,
        classes=_classes(path, table),
        tile=size if isinstance(size, int) else None,
        architecture=str(table["ModelName"]) if "ModelName" in table else None,
        not_mapped=tuple(f"{path.name}: {text}" for text in (*rest, *lost)),
    )


def _statistics(
    path: Path, table: Mapping[str, JsonValue], chosen: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...], list[str]]:
    """Return mean and standard deviation in stored values, and what of the statistics is not used."""
    stats = table.get("NormalizationStats")
    if not isinstance(stats, dict):
        return (
            (),
            (),
            ["no NormalizationStats; networks of RGB images of arcgis.learn use `--preset imagenet`"],
        )
    keys = ("band_min_values", "band_max_values", "scaled_mean_values", "scaled_std_values")
    lists = [_numbers(path, stats, key) for key in keys]
    low, high, mean, std = lists
    if not low or not high:
        return (), (), ["NormalizationStats lack band_min_values or band_max_values"]
    order = chosen or range(len(low))
    if max(order) >= min(len(low), len(high)):
        raise ModelError(
            f"{path}: ExtractBands {list(order)} exceed the {len(low)} bands of NormalizationStats"
        )
    normalised = table.get("DoNormalize") is not False
    if normalised and (len(mean) <= max(order) or len(std) <= max(order)):
        return (), (), ["NormalizationStats lack scaled_mean_values or scaled_std_values of a band"]
    spans = [high[index] - low[index] for index in order]
    if any(span <= 0 for span in spans):
        raise ModelError(f"{path}: NormalizationStats: band_max_values are not above band_min_values")
    centre = [mean[index] if normalised else 0.0 for index in order]
    width = [std[index] if normalised else 1.0 for index in order]
    if any(value <= 0 for value in width):
        raise ModelError(f"{path}: NormalizationStats: scaled_std_values are not above 0")
    return (
        tuple(low[index] + part * span for index, part, span in zip(order, centre, spans, strict=True)),
        tuple(part * span for part, span in zip(width, spans, strict=True)),
        [],
    )


def _classes(path: Path, table: Mapping[str, JsonValue]) -> tuple[ClassSpec, ...]:
    """Return the classes by value; definitions of arcgis.learn leave out the background, value 0."""
    listed = table.get("Classes", [])
    if not isinstance(listed, list):
        raise ModelError(f"{path}: Classes is not a list")
    found: dict[int, tuple[str, str]] = {}
    for position, entry in enumerate(listed):
        value = entry.get("Value") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(value, int) or not 0 <= value <= 254:
            raise ModelError(f"{path}: Classes: entry {position} has no Value from 0 to 254")
        found[value] = str(entry.get("Name", f"class {value}")), _colour(entry.get("Color"), position)
    return tuple(
        ClassSpec(value=value, label=found[value][0], colour=found[value][1]) for value in sorted(found)
    )


def _colour(value: JsonValue, position: int) -> str:
    if isinstance(value, list) and len(value) >= 3:
        parts = [part for part in value[:3] if isinstance(part, int | float) and 0 <= part <= 255]
        if len(parts) == 3:
            return "#" + "".join(f"{int(part):02x}" for part in parts)
    return model_colour(position)


def _numbers(path: Path, table: Mapping[str, JsonValue], key: str) -> list[float]:
    value = table.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ModelError(f"{path}: {key} is not a list of numbers")
    numbers = [float(item) for item in value if isinstance(item, int | float)]
    if len(numbers) != len(value) or not all(map(math.isfinite, numbers)):
        raise ModelError(f"{path}: {key} is not a list of finite numbers")
    return numbers


def _integers(path: Path, table: Mapping[str, JsonValue], key: str) -> list[int]:
    numbers = _numbers(path, table, key)
    if any(number < 0 or number != int(number) for number in numbers):
        raise ModelError(f"{path}: {key} is not a list of positions from 0")
    return [int(number) for number in numbers]
