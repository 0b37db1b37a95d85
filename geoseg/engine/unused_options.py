"""Warn of options that were given and that nothing reads in a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from geoseg.engine.recipe import Recipe
from geoseg.messages import warn
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.spec.band_names import plain_name

LOG = logging.getLogger(__name__)

RADAR = frozenset({"vv", "vh", "hh", "hv"})

Options = Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What reads some options."""

    title: str
    """What is missing where they are not read, for messages."""
    options: tuple[str, ...]
    """Field names."""
    there: Callable[[Recipe, Options], bool]
    """Whether the run has it."""


READERS = (
    Reader(title="there is no `--hand`", options=("max_hand",), there=lambda _, own: bool(own.get("hand"))),
    Reader(
        title="there is no `--slope`", options=("max_slope",), there=lambda _, own: bool(own.get("slope"))
    ),
    Reader(title="there is no `--bbox`", options=("bbox_crs",), there=lambda _, own: bool(own.get("bbox"))),
    Reader(
        title="nothing is masked",
        options=("mask_dilate",),
        there=lambda _, own: bool(own.get("mask")) or own.get("clouds") != "none",
    ),
    Reader(
        title="the map is by a method, not by a network",
        options=("tta", "batch_size"),
        there=lambda recipe, _: recipe.model is not None,
    ),
    Reader(
        title="the map is not of radar",
        options=("speckle", "polarisation", "sar_units"),
        there=lambda recipe, _: any(plain_name(band) in RADAR for band in recipe.bands),
    ),
)

DEFAULTS: Mapping[str, object] = {
    name: field.default
    for kind in (RunSpec, SceneSpec, FloodSpec)
    for name, field in kind.model_fields.items()
}


def warn_of_unused(recipe: Recipe, command: Options) -> None:
    """Warn of options of a request that are not as by default, and that nothing reads.

    Args:
        recipe: of the map.
        command: the request as in the run record.
    """
    own: dict[str, JsonValue] = {}
    for table in (command, *(command.get(name) for name in ("run", "scene", "before"))):
        own |= table if isinstance(table, Mapping) else {}
    for reader in READERS:
        given = [name for name in reader.options if name in own and own[name] != DEFAULTS[name]]
        if given and not reader.there(recipe, own):
            listed = ", ".join(f"`--{name.replace('_', '-')}`" for name in given)
            warn(LOG, "options-not-used", f"{listed}: not used, because {reader.title}")
