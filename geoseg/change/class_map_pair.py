"""Change between two maps of classes: from what to what, by their codes."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.atmosphere.cloud_warnings import hidden_text
from geoseg.change.change_attributes import Told, extras
from geoseg.change.choose import CLASSES
from geoseg.change.class_legends import join_legends
from geoseg.change.date_order import warn_of_order
from geoseg.change.image_pair import AFTER, FAR_APART
from geoseg.change.transitions import Counter, Decided, Found, transitions_between
from geoseg.engine.network_on_scene import clip
from geoseg.engine.recipe import Recipe
from geoseg.errors import SceneError, UsageError
from geoseg.messages import note, replay, warn
from geoseg.outputs.styles import rgb
from geoseg.pixels import Pixels
from geoseg.scenes.class_map import CLASS, ClassMap, open_class_map, sample_values
from geoseg.scenes.class_positions import ClassPositions, count_codes
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import ChangeSpec
from geoseg.spec.presets import legends, task
from geoseg.spec.tables import transition_table

LOG = logging.getLogger(__name__)

TILE = 1024
"""Pixels of a tile: a comparison of codes needs little memory."""

UNUSED = ("layer", "threshold", "coregister", "smooth")
"""Options that say nothing of maps of classes."""

Maps = tuple[ClassMap, ClassMap]


def open_maps(spec: ChangeSpec, stack: ExitStack) -> Maps | None:
    """Open two maps of classes; None where the dates are scenes.

    Args:
        spec: the request.
        stack: closes the files.

    Raises:
        SceneReadError: a file is missing or no raster.
        SceneError: one date is a map of classes and the other is not.
        UsageError: a method or network is asked for, and both are maps of classes.
    """
    asked = spec.method == CLASSES
    dates = []
    for request in (spec.before, spec.after):
        found = open_class_map(request, legends(), asked=asked)
        if found is not None:
            stack.enter_context(found.scene)
        dates.append(found)
    certain = [item for item in dates if item is not None and (asked or item.certain)]
    there = [item for item in dates if item is not None]
    if not certain:
        return None
    if spec.model is not None or spec.method not in {"auto", CLASSES}:
        option = f"--model {spec.model}" if spec.model is not None else f"--method {spec.method}"
        if len(there) > 1:
            raise UsageError(
                f"{option} compares scenes, and {there[0].name} and {there[1].name} are maps of classes: "
                "leave it out"
            )
        return None
    if len(there) < 2:
        scene = (spec.after if dates[1] is None else spec.before).paths[0]
        raise SceneError(
            f"{certain[0].name} is a map of classes and {scene} is a scene: give two maps of classes (map "
            "the scene first, geoseg segment --model), or two scenes"
        )
    if len(certain) < 2:
        _check_doubtful(certain[0], next(item for item in there if item is not certain[0]))
    return there[0], there[1]


def maps_hint(spec: ChangeSpec) -> str:
    """What to add to an error about bands, where both dates could be maps of classes."""
    found = [open_class_map(request, legends(), asked=False) for request in (spec.before, spec.after)]
    for item in found:
        if item is not None:
            item.scene.close()
    return f"; if both are maps of classes, say --method {CLASSES}" if all(found) else ""


def _check_doubtful(sure: ClassMap, doubtful: ClassMap) -> None:
    """Let a raster of whole numbers without names pass for a map of classes that the other map knows.

    Raises:
        SceneError: it holds other values.
    """
    known = {*sure.legend.names, *sure.legend.colours}
    if sure.product is not None:
        known |= {item.value for item in sure.product.classes}
        known |= {item.value for item in sure.product.unobserved}
    band = doubtful.scene.bands[0]
    strange = sorted(sample_values(band.raster, band.index) - known - {0, 255})
    if strange:
        raise SceneError(
            f"{sure.name} is a map of classes; {doubtful.name} names no classes and holds values that "
            f"{sure.name} does not know, such as {strange[0]:g}: if it is a map of classes too, say "
            f"--method {CLASSES}"
        )
    note(LOG, f"{doubtful.name} holds whole numbers that {sure.name} knows as classes: taken for classes")


def by_maps(spec: ChangeSpec, maps: Maps) -> Recipe:
    """Compare two maps of classes, pixel by pixel, on the grid of the earlier one.

    Raises:
        SceneError: the maps have different legends, too many classes, or no observed pixel in common.
        UsageError: the transition table does not know their classes.
    """
    _tell_unused(spec)
    before = replace(maps[0], scene=clip(maps[0].scene, spec.run))
    # Nearest neighbour: the mean of two codes would be a third class.
    after = replace(maps[1], scene=maps[1].scene.onto(before.scene.grid))
    for item in (before.scene, after.scene):
        replay(item.metadata.messages)
        if item.quality.layers:
            note(LOG, hidden_text(item))
    _tell_sizes(maps)
    _tell_versions(maps)
    dates = spec.date_before or maps[0].date, spec.date_after or maps[1].date
    warn_of_order(dates)
    table = transition_table(spec.rules) if spec.rules is not None else None
    counts = count_codes(before.scene), count_codes(after.scene)
    if not all(item.pixels for item in counts):
        raise SceneError(
            f"{before.name} and {after.name} have no observed pixel in common: do they show one place?"
        )
    joint = join_legends((before, after), counts, table.classes if table else ())
    transitions = transitions_between(joint.classes, table, some=True)
    first = ClassPositions(before.scene, joint.positions[0])
    second = ClassPositions(maps[1].scene, joint.positions[1])
    source = Stack(first, [StackLayer(source=second, prefix=AFTER)])
    counter = Counter(source.grid, len(joint.classes) ** 2)
    told = Told(transitions=transitions, dates=dates, counter=counter)
    colours = np.array([rgb(item.colour) for item in joint.classes], np.float32) / np.float32(255)
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
        extras=replace(extras(spec, told), palette=colours),
        min_area=task("change").min_area,
        runtime={"method": CLASSES},
        inputs=(before.scene.describe(), maps[1].scene.describe()),
        sensor="",
        acquired=told.acquired,
    )


class Positions:
    """Passes the classes of both dates on as they are: a session whose scores are positions in a list."""

    planes, batch = 2, 1

    def __init__(self, of: str) -> None:
        """Take what is compared, for people."""
        self.description = f"{of} compared, pixel by pixel"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 2, H, W) positions, 0 where not observed."""
        return np.nan_to_num(batch)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FromPositions(Decided):
    """Decides where the planes are the positions of both classes: what differs has changed."""

    def find(self, scores: NDArray[np.float32]) -> Found:
        """Compare the dates."""
        first, second = scores.astype(np.int64)
        count = self.transitions.count
        changed = first != second
        return Found(
            codes=first * count + second,
            unchanged=first * (count + 1),
            change=changed.astype(np.float32),
            changed=changed,
        )


def _tell_unused(spec: ChangeSpec) -> None:
    """Warn of options that mean nothing here."""
    plain = type(spec).model_fields
    unused = [
        name for name in UNUSED if getattr(spec, name) != plain[name].get_default(call_default_factory=True)
    ]
    if spec.before.sensor is not None:
        unused.append("sensor")
    if unused:
        warn(
            LOG,
            "options-not-used",
            f"{', '.join(f'--{name}' for name in unused)}: not used between maps of classes",
        )


def _tell_sizes(maps: Maps) -> None:
    """Warn where one map is much coarser than the other."""
    first, second = (item.scene.grid.pixel_size_m[0] for item in maps)
    if max(first, second) > FAR_APART * min(first, second):
        warn(
            LOG,
            "pixel-sizes-differ",
            f"{maps[1].name} has pixels of {second:.3g} m, {maps[0].name} of {first:.3g} m: each pixel is "
            "compared with the nearest one, so that edges show as change. Bring the finer map to the coarser "
            "pixels first (gdalwarp -tr -r mode)",
        )


def _tell_versions(maps: Maps) -> None:
    """Warn where two maps of a product were made in different ways."""
    first, second = maps
    if first.product is None or first.product is not second.product or not first.product.versions_differ:
        return
    if first.version != second.version:
        warn(LOG, "product-versions-differ", f"{first.product.title}: {first.product.versions_differ}")
