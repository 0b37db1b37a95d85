"""The scenes of several dates that a network reads, on the grid of the first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType

from geoseg.atmosphere.cloud_mask import mask_dates
from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.atmosphere.reflectance import for_model
from geoseg.errors import UsageError
from geoseg.messages import held, note, replay, warn
from geoseg.run_record import Progress
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.embeddings import check_not_embedding, check_reads
from geoseg.scenes.further_layers import as_stack_layers
from geoseg.scenes.stack import Renamed, Stack, StackLayer
from geoseg.spec import ModelSpec, RunSpec, SceneSpec
from geoseg.spec.band_names import by_date, date_of, plain_name
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)


def prefixes_of(model: ModelSpec) -> tuple[str, ...]:
    """Return the prefix of each date of a network, in the order of its channels; the first may be empty."""
    return tuple(by_date(band.name for band in model.bands))


def open_dates(
    request: SceneSpec,
    dates: int,
    subject: str,
    run: RunSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    check: Callable[[Scene], None] | None = None,
    dry_run: bool = False,
) -> list[Scene]:
    """Open one scene, or one per date and path, the earliest first where all dates are known.

    Clouds are masked; scenes have all bands and are not cropped.

    Args:
        request: of all scenes.
        dates: number of scenes.
        subject: what reads the dates, for messages: `--dates 2`.
        run: runtime, device and memory of a cloud network.
        stack: closes the files.
        progress: is called with the progress.
        check: is called with each open scene before anything else is reported of it.
        dry_run: whether a cloud network is only noted.

    Raises:
        UsageError: there are more or fewer paths than dates.
        SceneError: a scene cannot be read, or is given for two dates.
    """
    requests = [request]
    if dates > 1:
        if len(request.paths) != dates:
            raise UsageError(
                f"{subject} needs {dates} scenes, one per date, each a file or folder, not "
                f"{len(request.paths)}"
            )
        requests = [request.model_copy(update={"paths": (path,)}) for path in request.paths]
    opened = [stack.enter_context(open_scene(own, sensors())) for own in requests]
    if check is not None:
        for scene in opened:
            check(scene)
    masked = mask_dates(opened, requests, f"{subject} needs", run, stack, progress, dry_run=dry_run)
    return in_order(masked)


def open_for_network(
    request: SceneSpec,
    run: RunSpec,
    model: ModelSpec,
    stack: ExitStack,
    progress: Progress,
    *,
    layers: Collection[str] = (),
    dry_run: bool = False,
) -> list[Scene]:
    """Open the scene of each date with its bands, in the reflectance of the network's training.

    The first is clipped to the mapped area.

    Args:
        request: a path for each date, or the paths of the only one.
        run: the mapped area, and what masks clouds.
        model: states the bands of each date.
        stack: closes the files.
        progress: is called with the progress.
        layers: bands that further rasters supply.
        dry_run: whether a cloud network is only noted.

    Raises:
        UsageError: there are more or fewer paths than dates.
        SceneError: a scene cannot be read, is given for two dates, or lacks a band.
    """
    prefixes = prefixes_of(model)
    own = [band.name for band in model.bands if band.name not in layers]

    names = {prefix: [plain_name(name) for name in own if date_of(name) == prefix] for prefix in prefixes}
    common = [name for name in names[prefixes[0]] if all(name in others for others in names.values())]

    def check(scene: Scene) -> None:
        check_not_embedding(scene, {plain_name(name) for name in own}, f"the network {model.name}")
        check_reads(model.features_of, model.name, scene)
        # Which date a scene is of is not known yet.
        with held():
            scene.select(common)

    scenes = open_dates(
        request, len(prefixes), model.name, run, stack, progress, check=check, dry_run=dry_run
    )
    made: list[Scene] = []
    for prefix, scene in zip(prefixes, scenes, strict=True):
        # The clouds of a scene are reported where the map is.
        report_masked(clip(scene, run) if not made else scene)
        selected = for_model(scene, model).select(names[prefix])
        made.append(selected if made else clip(selected, run))
        replay(made[-1].messages, of=scene.name if len(scenes) > 1 else "")
    return made


def in_order(scenes: Sequence[Scene]) -> list[Scene]:
    """Return scenes by acquisition time; as given, with a warning, where a time is unknown."""
    times = [scene.time for scene in scenes]
    known = [time for time in times if time is not None]
    if len(known) < len(scenes) and len(scenes) > 1:
        _warn_of_unknown(scenes)
        return list(scenes)
    if known == sorted(known):
        return list(scenes)
    ordered = [scene for _, scene in sorted(zip(known, scenes, strict=True), key=lambda pair: pair[0])]
    note(LOG, f"dates in the order of their acquisition: {', '.join(scene.name for scene in ordered)}")
    return ordered


def _warn_of_unknown(scenes: Sequence[Scene]) -> None:
    """Warn that dates are read in the order given, and of known dates that contradict it."""
    dated = [(scene.time, scene.name) for scene in scenes if scene.time is not None]
    for (first, one), (second, other) in pairwise(dated):
        if first > second:
            warn(
                LOG,
                "dates-out-of-order",
                f"{one} ({first:%Y-%m-%d}) is given before {other} ({second:%Y-%m-%d}), and is later: give "
                "the scenes from the earliest to the latest",
            )
    unknown = [scene.name for scene in scenes if scene.time is None]
    warn(
        LOG,
        "order-as-given",
        f"the acquisition date of {', '.join(unknown)} is not known: the dates are read in the order given, "
        f"the earliest first ({', '.join(scene.name for scene in scenes)}). Check that order",
    )


def acquired_over(scenes: Sequence[Scene]) -> str:
    """Return the time of the last date, after that of the first and `/` if there are several; ISO 8601."""
    first, last = (scene.time.isoformat() if scene.time else "" for scene in (scenes[0], scenes[-1]))
    return f"{first}/{last}" if len(scenes) > 1 and first else last


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
