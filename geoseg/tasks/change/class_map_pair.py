"""Map change between two class maps by their codes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.atmosphere.cloud_warnings import masked_text
from geoseg.engine.image_pair import AFTER
from geoseg.engine.recipe import Recipe
from geoseg.errors import SceneError
from geoseg.messages import note, replay, warn
from geoseg.outputs.styles import rgb
from geoseg.pixels import Pixels
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.class_map import CLASS
from geoseg.scenes.class_positions import ClassPositions, count_codes
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import ChangeSpec
from geoseg.spec.presets import task
from geoseg.spec.tables import transition_table
from geoseg.tasks.change.change_attributes import ChangeAttributes, extras
from geoseg.tasks.change.choose import CLASSES
from geoseg.tasks.change.class_legends import join_legends
from geoseg.tasks.change.date_order import warn_of_order
from geoseg.tasks.change.open_class_maps import Maps
from geoseg.tasks.change.open_pair import FAR_APART
from geoseg.tasks.change.transitions import Counter, Decided, DecidedRows, transitions_between

LOG = logging.getLogger(__name__)

TILE = 1024
"""Pixels a side of a tile."""


def by_maps(spec: ChangeSpec, maps: Maps) -> Recipe:
    """Compare two class maps, pixel by pixel, on the grid of the earlier one.

    Raises:
        SceneError: the maps have different legends, too many classes, or no observed pixel in common.
        UsageError: the transition table has other classes.
    """
    before = replace(maps[0], scene=clip(maps[0].scene, spec.run))
    # Nearest neighbour: the mean of two codes would be a third class.
    after = replace(maps[1], scene=maps[1].scene.onto(before.scene.grid))
    for item in (before.scene, after.scene):
        replay(item.metadata.messages)
        if item.quality.layers:
            note(LOG, masked_text(item))
    _warn_of_pixel_sizes(maps)
    _warn_of_versions(maps)
    dates = spec.date_before or maps[0].date, spec.date_after or maps[1].date
    warn_of_order(dates)
    table = transition_table(spec.table) if spec.table is not None else None
    counts = count_codes(before.scene), count_codes(after.scene)
    if not all(item.pixels for item in counts):
        raise SceneError(
            f"{before.name} and {after.name} have no observed pixel in common: are they of the same place, "
            "and not masked?"
        )
    classes, positions = join_legends((before, after), counts, table.classes if table else ())
    transitions = transitions_between(classes, table, some=True)
    first = ClassPositions(before.scene, positions[0])
    second = ClassPositions(maps[1].scene, positions[1])
    source = Stack(first, [StackLayer(source=second, prefix=AFTER)])
    counter = Counter(source.grid, len(classes) ** 2)
    attributes = ChangeAttributes(transitions=transitions, dates=dates, counter=counter)
    colours = np.array([rgb(item.colour) for item in classes], np.float32) / np.float32(255)
    return Recipe(
        task="change",
        layer=task("change").layer,
        classes=transitions.specs,
        source=source,
        bands=(CLASS, f"{AFTER}:{CLASS}"),
        session=Positions(f"classes of {before.name} and {after.name}"),
        prepare=Pixels.physical,
        blend="crop",
        tile=TILE,
        overlap=0,
        decide=FromPositions(transitions=transitions, counter=counter),
        extras=replace(extras(spec, attributes), palette=colours),
        min_area=task("change").min_area,
        runtime={"method": CLASSES},
        inputs=(before.scene.describe(), maps[1].scene.describe()),
        sensor="",
        acquired=attributes.acquired,
    )


class Positions:
    """A session that returns the classes of both dates, as positions in the list of classes."""

    planes, batch = 2, 1

    def __init__(self, of: str) -> None:
        """Set the description; `of` names the compared maps."""
        self.description = f"{of} compared, pixel by pixel"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 2, H, W) positions, 0 where not observed."""
        return np.nan_to_num(batch)

    def close(self) -> None:
        """Do nothing: no resource is open."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FromPositions(Decided):
    """Decides change from the positions of both classes: a pixel changed where they differ."""

    def decide(self, scores: NDArray[np.float32]) -> DecidedRows:
        """Compare the classes of both dates."""
        first, second = scores.astype(np.int64)
        count = self.transitions.count
        changed = first != second
        return DecidedRows(
            codes=first * count + second,
            unchanged=first * (count + 1),
            change=changed.astype(np.float32),
            changed=changed,
        )


def _warn_of_pixel_sizes(maps: Maps) -> None:
    """Warn where one map is much coarser than the other."""
    first, second = (item.scene.grid.pixel_size_m[0] for item in maps)
    if max(first, second) > FAR_APART * min(first, second):
        warn(
            LOG,
            "pixel-sizes-differ",
            f"{maps[1].name} has pixels of {second:.3g} m, {maps[0].name} of {first:.3g} m: each pixel is "
            "compared with the nearest one, so that edges show as change. Bring the finer map to the coarser "
            "pixels first (`gdalwarp -tr -r mode`)",
        )


def _warn_of_versions(maps: Maps) -> None:
    """Warn where two maps are of different versions of a product."""
    first, second = maps
    if first.product is None or first.product is not second.product or not first.product.versions_differ:
        return
    if first.version != second.version:
        warn(LOG, "product-versions-differ", f"{first.product.title}: {first.product.versions_differ}")
