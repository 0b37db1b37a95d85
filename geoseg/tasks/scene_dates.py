"""The scenes of several dates that a network reads, on the grid of the first."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import MappingProxyType

from geoseg.atmosphere.cloud_mask import with_cloud_mask
from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.atmosphere.reflectance import for_model
from geoseg.engine.network_on_scene import clip
from geoseg.errors import UsageError
from geoseg.messages import note, replay
from geoseg.run_record import Progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.embeddings import check_not_embedding
from geoseg.scenes.further_layers import as_stack_layers
from geoseg.scenes.same_scene import check_dates
from geoseg.scenes.stack import Renamed, Stack, StackLayer
from geoseg.spec import ModelSpec, RunSpec, SceneSpec
from geoseg.spec.band_names import by_date, date_of, plain_name
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)


def prefixes_of(model: ModelSpec) -> tuple[str, ...]:
    """Return the prefix of each date of a network, in the order of its channels; the first may be empty."""
    return tuple(by_date(band.name for band in model.bands))


def open_scenes(
    scene: SceneSpec,
    run: RunSpec,
    model: ModelSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    layers: Collection[str] = (),
    dry_run: bool = False,
) -> list[Scene]:
    """Open the scene of each date, the earliest first where all dates are known; `stack` closes them.

    Each scene is masked, in the reflectance of the network's training, with the bands of its date.

    Args:
        scene: a path for each date, or the paths of the only one.
        run: area of interest, and what masks clouds.
        model: states the bands of each date.
        stack: closes the files.
        progress: is called with the progress.
        layers: bands that further rasters supply.
        dry_run: whether a cloud network is only noted.

    Raises:
        UsageError: there are more or fewer scenes than dates.
        SceneError: a scene cannot be read, or lacks a band.
    """
    prefixes = prefixes_of(model)
    requests = [scene]
    if len(prefixes) > 1:
        if len(scene.paths) != len(prefixes):
            raise UsageError(
                f"{model.name} reads {len(prefixes)} dates: name {len(prefixes)} scenes, each a file or "
                f"folder, not {len(scene.paths)}"
            )
        requests = [scene.model_copy(update={"paths": (path,)}) for path in scene.paths]
    opened = [stack.enter_context(open_scene(request, sensors())) for request in requests]
    for item in opened:
        names = {plain_name(band.name) for band in model.bands if band.name not in layers}
        check_not_embedding(item, names, f"the network {model.name}")
    check_dates(opened, f"{model.name} needs")
    scenes = [
        with_cloud_mask(item, request, run, stack, progress, dry_run=dry_run)
        for item, request in zip(opened, requests, strict=True)
    ]
    made: list[Scene] = []
    for prefix, item in zip(prefixes, in_order(scenes), strict=True):
        # The clouds of a scene are reported where the map is.
        report_masked(clip(item, run) if not made else item)
        own = [band.name for band in model.bands if band.name not in layers]
        bands = [plain_name(name) for name in own if date_of(name) == prefix]
        selected = for_model(item, model).select(bands)
        made.append(selected if made else clip(selected, run))
        replay(made[-1].messages, of=item.name if len(prefixes) > 1 else "")
    return made


def in_order(scenes: Sequence[Scene]) -> list[Scene]:
    """Return scenes by acquisition time; as given where a time is unknown."""
    times = [scene.time for scene in scenes]
    known = [time for time in times if time is not None]
    if len(known) < len(scenes) or known == sorted(known):
        return list(scenes)
    ordered = [scene for _, scene in sorted(zip(known, scenes, strict=True), key=lambda pair: pair[0])]
    note(LOG, f"dates in the order of their acquisition: {', '.join(scene.name for scene in ordered)}")
    return ordered


def stacked(
    model: ModelSpec, scenes: Sequence[Scene], beside: Mapping[str, Scene] = MappingProxyType({})
) -> Source:
    """Return the bands of all dates on the grid of the first, by the names of the network.

    Args:
        model: states the names.
        scenes: one of each date.
        beside: further rasters by the name of their band.

    Raises:
        SceneError: the grids cannot be aligned.
    """
    if len(scenes) == 1 and not beside:
        return scenes[0]
    prefixes = prefixes_of(model)
    layers = [
        StackLayer(source=scene, prefix=prefix)
        for scene, prefix in zip(scenes[1:], prefixes[1:], strict=True)
    ]
    names = (band.name for band in model.bands)
    first = f"{prefixes[0]}:" if prefixes[0] else ""
    layers += as_stack_layers(beside, scenes[0], prefixes[0])
    return Renamed(Stack(scenes[0], layers), {name: name.removeprefix(first) for name in names})


def times_of(model: ModelSpec, scenes: Iterable[Scene]) -> dict[str, datetime | None]:
    """Return the acquisition time of each date by its prefix."""
    return {prefix: scene.time for prefix, scene in zip(prefixes_of(model), scenes, strict=True)}
