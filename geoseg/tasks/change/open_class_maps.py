"""Open two class maps, where the dates are class maps and not scenes."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from geoseg.errors import SceneError, UsageError
from geoseg.messages import note
from geoseg.scenes.class_map import CLASS, ClassMap, open_class_map, sample_values
from geoseg.scenes.same_scene import check_files
from geoseg.spec import ChangeSpec
from geoseg.spec.presets import legends
from geoseg.tasks.change.choose import CLASSES

LOG = logging.getLogger(__name__)

Maps = tuple[ClassMap, ClassMap]


def open_class_maps(spec: ChangeSpec, stack: ExitStack) -> Maps | None:
    """Open two class maps; None: the dates are scenes.

    Args:
        spec: the request.
        stack: closes the files.

    Raises:
        SceneReadError: a file is missing or no raster.
        SceneError: one date is a class map and the other is a scene.
        UsageError: a method or network is given, and both are class maps.
    """
    asked = spec.method == CLASSES
    dates = []
    for request in (spec.before, spec.after):
        class_map = open_class_map(request, legends(), asked=asked)
        if class_map is not None:
            stack.enter_context(class_map.scene)
        dates.append(class_map)
    certain = [item for item in dates if item is not None and (asked or item.certain)]
    opened = [item for item in dates if item is not None]
    if not certain:
        return None
    if spec.model is not None or spec.method not in {"auto", CLASSES}:
        option = f"`--model {spec.model}`" if spec.model is not None else f"`--method {spec.method}`"
        if len(opened) > 1:
            raise UsageError(
                f"{option} compares scenes, and {opened[0].name} and {opened[1].name} are class maps: "
                "leave it out"
            )
        return None
    if len(opened) < 2:
        scene = (spec.after if dates[1] is None else spec.before).paths[0]
        raise SceneError(
            f"{certain[0].name} is a class map and {scene} is a scene: give two class maps (map "
            "the scene first, `geoseg segment --model`), or two scenes"
        )
    if len(certain) < 2:
        _check_doubtful(certain[0], next(item for item in opened if item is not certain[0]))
    check_files(opened[0].scene, opened[1].scene, (CLASS,), "change needs")
    return opened[0], opened[1]


def maps_hint(spec: ChangeSpec) -> str:
    """Return a hint for an error about bands, where both dates could be class maps."""
    dates = [open_class_map(request, legends(), asked=False) for request in (spec.before, spec.after)]
    for item in dates:
        if item is not None:
            item.scene.close()
    return f"; if both are class maps, give `--method {CLASSES}`" if all(dates) else ""


def _check_doubtful(sure: ClassMap, doubtful: ClassMap) -> None:
    """Check that a raster without class names has the codes of the other map.

    Raises:
        SceneError: it has other values.
    """
    known = {*sure.legend.names, *sure.legend.colours}
    if sure.product is not None:
        known |= {item.value for item in sure.product.classes}
        known |= {item.value for item in sure.product.unobserved}
    band = doubtful.scene.bands[0]
    strange = sorted(sample_values(band.raster, band.index) - known - {0, 255})
    if strange:
        raise SceneError(
            f"{sure.name} is a class map; {doubtful.name} names no classes and has values that "
            f"are no classes of {sure.name}, such as {strange[0]:g}: if it is a class map too, give "
            f"`--method {CLASSES}`"
        )
    note(LOG, f"{doubtful.name} is used as a class map: its values are classes of {sure.name}")
