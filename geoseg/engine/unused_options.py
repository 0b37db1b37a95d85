"""Warn of options that were given and that nothing reads in a run.

What reads an option is stated on its field (`Option.read_with`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from geoseg.engine.recipe import Recipe
from geoseg.messages import warn
from geoseg.scenes.stac_documents import is_item_name
from geoseg.spec.band_names import plain_name
from geoseg.spec.option import RunPart
from geoseg.spec.request import EACH, Place, places, to_options

LOG = logging.getLogger(__name__)

BACKSCATTER = frozenset({"vv", "vh", "hh", "hv"})
"""Bands of radar."""


def parts_of(recipe: Recipe) -> frozenset[RunPart]:
    """Return the parts of a run that read options."""
    there = {
        RunPart.NETWORK: recipe.model is not None,
        RunPart.ANY_NETWORK: recipe.model is not None or any(map(_by_network, recipe.inputs)),
        RunPart.RADAR: has_radar(recipe.bands),
        # Only class maps have colours of their own.
        RunPart.IMAGES: recipe.extras.palette is None,
    }
    return frozenset(part for part in there if there[part])


def _by_network(scene: Mapping[str, JsonValue]) -> bool:
    """Return whether the clouds of a described scene are masked by a network."""
    quality = scene.get("quality")
    layers = quality.get("layers") if isinstance(quality, dict) else None
    return isinstance(layers, list) and any(isinstance(item, dict) and "network" in item for item in layers)


def has_radar(bands: Sequence[str]) -> bool:
    """Return whether bands, of any date, are those of radar."""
    return any(plain_name(band) in BACKSCATTER for band in bands)


def warn_of_unused(request: BaseModel, parts: Collection[RunPart]) -> None:
    """Warn of options of a request that are not as by default, and that nothing reads.

    Args:
        request: of a map, with its nested requests.
        parts: what the run has; see `parts_of`.
    """
    known = places(type(request))
    parts = {*parts, *([RunPart.ITEM] if _has_item(request) else [])}
    unread: dict[str, list[str]] = {}
    for place in known.values():
        default = place.field.get_default(call_default_factory=True)
        readers, other = place.option.read_with, place.option.replaced_by
        if not (readers or other) or all(value == default for value in _values(request, place)):
            continue
        if other and _is_given(request, known, other):
            unread.setdefault(f"`--{other}` takes its place", []).append(f"`--{place.name}`")
        elif readers and not any(
            reader in parts if isinstance(reader, RunPart) else _is_given(request, known, reader)
            for reader in readers
        ):
            unread.setdefault(_reason(readers), []).append(f"`--{place.name}`")
    for reason, names in unread.items():
        warn(LOG, "options-not-used", f"{', '.join(names)}: not used, because {reason}")


def _has_item(request: BaseModel) -> bool:
    """Return whether a scene of a request is a STAC item."""
    given = to_options(request)
    # The paths of the first scene are its own option.
    known = places(type(request)).items()
    scenes = [given[name] for name, place in known if place.scenes or place.paths[0][-1] == "paths"]
    texts = [text for value in scenes for text in (value if isinstance(value, list | tuple) else [value])]
    return any(is_item_name(str(text)) for text in texts)


def _reason(readers: Sequence[str | RunPart]) -> str:
    """Return why an option is not read, for messages."""
    options = [f"`--{reader.replace('=', ' ')}`" for reader in readers if isinstance(reader, str)]
    parts = [reader.value for reader in readers if isinstance(reader, RunPart)]
    return " and ".join([*parts, *([f"there is no {' or '.join(options)}"] if options else [])])


def _is_given(request: BaseModel, known: Mapping[str, Place], reader: str) -> bool:
    """Return whether an option has a value that reads others: that of `NAME=VALUE`, else any but none."""
    name, _, wanted = reader.partition("=")
    values = list(_values(request, known[name]))
    if wanted:
        return wanted in values
    return any(value not in (None, "none", (), {}) and value is not False for value in values)


def _values(request: BaseModel, place: Place) -> Iterator[Any]:
    """Yield the values of an option, one for each scene that shares it."""
    for path in place.paths:
        found: list[Any] = [request]
        for step in path:
            if step != EACH:
                found = [getattr(item, step) for item in found]
            else:
                found = [item for items in found for item in items]
        yield from found
