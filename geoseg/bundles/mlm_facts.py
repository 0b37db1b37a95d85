"""Facts from an MLM item of another program, which lacks geoseg's keys for units and activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg.bundles.description import class_of, input_bands, read_item
from geoseg.bundles.mlm import PREFIX, first_problem
from geoseg.bundles.stated_facts import Facts
from geoseg.errors import ModelError
from geoseg.spec.layouts import channels_first

NAMED = ("mlm:pretrained_source", "mlm:framework", "mlm:accelerator", "mlm:batch_size_suggestion")


def mlm_facts(path: Path, table: Mapping[str, JsonValue]) -> Facts:
    """Return the facts of an MLM item of version 1.4 or a later 1.x.

    Raises:
        ModelError: the item is invalid, or of a network that classifies whole images.
    """
    item, own = read_item(path)
    if item.classifies:
        raise ModelError(f"{path}: is of a network that classifies whole images; geoseg runs it as a bundle")
    properties = item.properties
    given = properties.input[0]
    rest = [f"{key} {value!r}" for key, value in _properties(table).items() if key in NAMED]
    try:
        bands = input_bands(path, given)
    except ModelError as error:
        bands = ()
        rest.append(str(error).removeprefix(f"{path}: "))
    stated = given.value_scaling is not None
    _, channels, rows, _ = channels_first(given.input.shape, given.order)
    known: dict[str, JsonValue] = {
        key: own[key]
        for key in ("units", "scale", "clip", "activation", "threshold", "overlap")
        if key in own
    }
    rest += _processing(table)
    facts = Facts(
        origin=f"{path.name} (MLM)",
        bands=tuple(band.name for band in bands),
        channels=channels if channels > 0 else None,
        mean=tuple(band.mean for band in bands) if stated else (),
        std=tuple(band.std for band in bands) if stated else (),
        measured=stated and all(part.type == "z-score" for part in given.value_scaling or ()),
        classes=tuple(class_of(index, entry) for index, entry in enumerate(properties.output[0].classes)),
        tile=rows if rows > 0 else None,
        resolution=properties.gsd,
        licence=None if properties.licence == "unknown" else properties.licence,
        title=properties.title or None,
        architecture=properties.architecture,
        not_mapped=tuple(f"{path.name}: {text}" for text in rest),
    )
    return _with_own(path, facts, known)


def _with_own(path: Path, facts: Facts, own: Mapping[str, JsonValue]) -> Facts:
    """Add geoseg's keys of an item that has some of them."""
    try:
        # The adapter checks the types that the fields of the dataclass state.
        checked = TypeAdapter(Facts).validate_python({"origin": facts.origin, **own})
    except ValidationError as error:
        raise ModelError(f"{path}: properties.{PREFIX}* {first_problem(error)}") from error
    return replace(facts, **{key: getattr(checked, key) for key in own})


def _processing(table: Mapping[str, JsonValue]) -> list[str]:
    """Return texts on functions that other programs would run before or after the network."""
    found = []
    for key, name in (("mlm:input", "pre_processing_function"), ("mlm:output", "post_processing_function")):
        entries = _properties(table).get(key)
        for entry in entries if isinstance(entries, list) else []:
            text = entry.get(name) if isinstance(entry, dict) else None
            found += [f"{name} {text!r}"] if text else []
    return found


def _properties(table: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    properties = table.get("properties")
    return properties if isinstance(properties, dict) else {}
