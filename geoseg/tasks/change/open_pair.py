"""Open the dates and layers of a request for a map of change."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack

import numpy as np

from geoseg.atmosphere.cloud_mask import mask_dates
from geoseg.engine.image_pair import AFTER, Pair
from geoseg.errors import BandError, SceneError
from geoseg.messages import note, replay, warn
from geoseg.run_record import Progress
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.embeddings import check_comparable
from geoseg.scenes.further_layers import open_layers
from geoseg.scenes.sensor_kind import family_of, kind_of
from geoseg.spec import ChangeSpec, Units
from geoseg.spec.presets import sensors
from geoseg.tasks.change.date_order import warn_of_order

LOG = logging.getLogger(__name__)

FAR_APART = 1.5
"""Ratio of pixel sizes from which one date shows detail that the other cannot show."""


def open_pair(
    spec: ChangeSpec,
    wanted: Collection[str],
    stack: ExitStack,
    progress: Progress,
    *,
    check: Callable[[Pair], None] | None = None,
    dry_run: bool = False,
) -> Pair:
    """Open two dates and the layers; `stack` closes them.

    Args:
        spec: the request.
        wanted: bands of a network; those that can be computed from heights, such as slope, are.
        stack: closes the files.
        progress: is called with the progress.
        check: is called with the dates, without layers, before their pixels are read.
        dry_run: whether a cloud network is only noted.

    Raises:
        SceneReadError: a file cannot be read.
        SceneError: the dates are of different kinds of sensor.
        BandError: they have no band in common.
    """
    requests = spec.before, spec.after
    opened = [stack.enter_context(open_scene(spec.before, sensors()))]
    try:
        opened.append(stack.enter_context(open_scene(spec.after, sensors())))
    except BandError as error:
        # Bands of the later scene have names of their own on the command line.
        raise BandError(re.sub(r"`--band (\w+)=", r"`--band after:\1=", str(error))) from error
    _check_kinds(*opened)
    _check_shared(*opened)
    if check is not None:
        check(Pair(before=opened[0], after=opened[1]))
    before, after = mask_dates(opened, requests, "change needs", spec.run, stack, progress, dry_run=dry_run)
    before = clip(before, spec.run)
    pair = Pair(
        before=before, after=after, beside=tuple(open_layers(spec.layer, wanted, (AFTER,), stack).items())
    )
    for item in (before, after):
        view = item.select(pair.shared)
        replay(view.messages, of=item.name)
    _compare_sizes(before, after)
    first, second = (units_at(item, pair.shared) for item in (pair.before, pair.after))
    if first != second:
        warn(
            LOG,
            "units-differ",
            f"the dates are in different units ({', '.join(sorted(first))} and {', '.join(sorted(second))}): "
            "they are compared after radiometric normalisation only. Name the sensor with `--sensor`",
        )
    warn_of_order(dates(spec, pair))
    return pair


def _check_kinds(before: Scene, after: Scene) -> None:
    """Raise SceneError where the dates are of different kinds of sensor, or vectors of different models."""
    kinds = kind_of(before), kind_of(after)
    if family_of(kinds[0]) != family_of(kinds[1]):
        raise SceneError(
            f"{before.name} is {kinds[0]} and {after.name} is {kinds[1]}: change needs two dates of one kind "
            "of sensor"
        )
    if kinds[0] == "embedding":
        check_comparable(before, after)


def _check_shared(before: Scene, after: Scene) -> None:
    """Raise BandError where the dates have no band in common."""
    if not Pair(before=before, after=after).shared:
        raise BandError(
            f"{before.name} has {', '.join(before.band_names)} and {after.name} has "
            f"{', '.join(after.band_names)}: no band is in both; name them with `--band` and `--sensor`"
        )


def _compare_sizes(before: Scene, after: Scene) -> None:
    """Report where one date is much coarser than the other."""
    sizes = before.grid.pixel_size_m[0], after.grid.pixel_size_m[0]
    if not np.isfinite(sizes).all():
        return
    if sizes[1] > FAR_APART * sizes[0]:
        warn(
            LOG,
            "pixel-sizes-differ",
            f"{after.name} has pixels of {sizes[1]:.3g} m, {before.name} of {sizes[0]:.3g} m: edges of the "
            "finer date show as change. Average it to the coarser pixels first (`gdalwarp -tr -r average`)",
        )
    elif sizes[0] > FAR_APART * sizes[1]:
        note(LOG, f"{after.name} is averaged to the pixels of {before.name} ({sizes[0]:.3g} m)")


def dates(spec: ChangeSpec, pair: Pair) -> tuple[str, str]:
    """Return the dates of both scenes as text, empty where unknown."""
    first, second = (item.time.isoformat() if item.time else "" for item in (pair.before, pair.after))
    return spec.date_before or first, spec.date_after or second


def units_of(pair: Pair, bands: Sequence[str]) -> set[Units]:
    """Return the units of bands on both dates."""
    return units_at(pair.before, bands) | units_at(pair.after, bands)


def units_at(scene: Scene, bands: Sequence[str]) -> set[Units]:
    """Return the units of bands of a date."""
    if not bands:
        return set()
    view = scene.select(bands)
    return {view.units(name) for name in bands}
