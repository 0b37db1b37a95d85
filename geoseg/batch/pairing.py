"""The earlier scene of each scene, found among the inputs by rule."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import shapely

from geoseg.batch.entry import Entry
from geoseg.batch.tasks import AUTO, BatchTask, is_auto
from geoseg.errors import GeosegError, SceneError, UsageError
from geoseg.messages import counted, note, warn
from geoseg.run_record import Progress, no_progress
from geoseg.scenes.product import iso_time
from geoseg.spec import SceneSpec
from geoseg.spec.batch import OptionValue
from geoseg.spec.request import from_options

LOG = logging.getLogger(__name__)

LEAST_OVERLAP = 0.5
"""Share of a scene that an earlier scene must cover."""
CLOUDY = 60.0
"""Percent of cloud above which an earlier scene is used only if there is no clearer one."""


@dataclass(frozen=True, kw_only=True)
class SceneFacts:
    """Time, place and origin of a scene."""

    time: datetime | None
    sensor: str
    orbit: str
    """Relative orbit, or path and row of Landsat; empty: not known."""
    cloud: float | None
    """Cloud cover in percent, as the product states it; None: not stated."""
    outline: shapely.Geometry | None
    """Outline of the grid in degrees of longitude and latitude; None: no CRS."""
    stated: bool = False
    """Whether a table states the time, and the scene does not."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Scenes with their earlier scenes, and those that have none."""

    entries: tuple[Entry, ...]
    unpaired: Mapping[str, str]
    """Why a scene has no earlier scene, by its name."""
    unread: Mapping[str, GeosegError]
    """Why a scene that needs an earlier one cannot be opened, by its name."""
    reasons: Mapping[str, str]
    """Which earlier scene a scene has and why, by its name."""


def with_earlier(
    entries: Sequence[Entry],
    task: BatchTask,
    shared: Mapping[str, OptionValue],
    progress: Progress = no_progress,
) -> Paired:
    """Give each scene whose earlier scene is `auto` the best one among the inputs.

    The earlier scene has the same sensor, the same relative orbit (where both are known) and covers at least
    half of the scene. Among these the nearest earlier date counts, clear ones first (`CLOUDY`), and of one
    date the scene with the least cloud.

    Args:
        entries: all scenes.
        task: of the batch.
        shared: options of all scenes: that of the earlier scene, and those that are needed to open scenes.
        progress: called for each scene that is opened.

    Raises:
        UsageError: no scene has a date, or an option of a scene is invalid.
    """
    default = shared.get(task.earlier, AUTO if task.paired else None)
    wanted = [bool(task.earlier) and is_auto(entry.options.get(task.earlier, default)) for entry in entries]
    if not any(wanted):
        return Paired(entries=tuple(entries), unpaired={}, unread={}, reasons={})
    facts: dict[str, SceneFacts | GeosegError] = {}
    for done, entry in enumerate(entries, start=1):
        facts[entry.scene] = _facts(entry, task, shared)
        progress(done, len(entries), "scenes opened to pair them")
    known = {name: own for name, own in facts.items() if isinstance(own, SceneFacts)}
    if known and all(own.time is None for own in known.values()):
        raise UsageError(
            f"`--{task.earlier} auto`: no scene has a date in its metadata or name; give a table with the "
            f"columns {task.subject} and date, or {task.subject} and {task.earlier}"
        )
    paths = {entry.scene: entry.paths for entry in entries}
    out, unpaired, unread, reasons = [], {}, {}, {}
    for entry, asked in zip(entries, wanted, strict=True):
        if not asked:
            out.append(entry)
            continue
        options = {name: value for name, value in entry.options.items() if name != task.earlier}
        own = facts[entry.scene]
        if isinstance(own, GeosegError):
            if task.paired:
                unread[entry.scene] = own
        elif (found := earlier_of(entry.scene, own, known)) is not None:
            options[task.earlier] = list(paths[found])
            options.update(_dates(task, entry, own, known[found]))
            reasons[entry.scene] = _reason(own, known[found], found)
        else:
            unpaired[entry.scene] = _why_none(own)
        out.append(replace(entry, options=options))
    _report(task, reasons, unpaired)
    return Paired(entries=tuple(out), unpaired=unpaired, unread=unread, reasons=reasons)


def earlier_of(scene: str, own: SceneFacts, others: Mapping[str, SceneFacts]) -> str | None:
    """Return the name of the best earlier scene; None if there is none."""
    ranked = []
    for name, other in others.items():
        if name == scene or own.time is None or other.time is None or other.time.date() >= own.time.date():
            continue
        if other.sensor != own.sensor or (own.orbit and other.orbit and own.orbit != other.orbit):
            continue
        if _overlap(own, other) < LEAST_OVERLAP:
            continue
        cloud = 0.0 if other.cloud is None else other.cloud
        days = (own.time.date() - other.time.date()).days
        ranked.append((cloud > CLOUDY, days, cloud, name))
    return min(ranked)[3] if ranked else None


def _overlap(own: SceneFacts, other: SceneFacts) -> float:
    """Return the share of a scene that another one covers, 0..1; 1 if both have no place."""
    if own.outline is None or other.outline is None:
        return float(own.outline is other.outline)
    return float(shapely.area(shapely.intersection(own.outline, other.outline)) / shapely.area(own.outline))


def _facts(entry: Entry, task: BatchTask, shared: Mapping[str, OptionValue]) -> SceneFacts | GeosegError:
    from geoseg.batch.scene_facts import read_facts  # noqa: PLC0415 - loads GDAL

    request = scene_request(entry, task, shared)
    try:
        facts = read_facts(request)
    except (SceneError, UsageError) as error:
        return error
    # A table may state what the scene does not.
    return facts if facts.time else replace(facts, time=_date(entry), stated=True)


def _dates(task: BatchTask, entry: Entry, own: SceneFacts, earlier: SceneFacts) -> Mapping[str, OptionValue]:
    """Return the dates of a pair as options of the task, where a table states one that a scene does not."""
    found = {"date-before": earlier, "date-after": own}
    return {
        name: facts.time.date().isoformat()
        for name, facts in found.items()
        if name in task.places and name not in entry.options and facts.stated and facts.time
    }


def _date(entry: Entry) -> datetime | None:
    """Return the column `date` of a table; None: there is none.

    Raises:
        UsageError: it is no date.
    """
    text = entry.columns.get("date", "")
    found = iso_time(text) if text else None
    if text and found is None:
        raise UsageError(f"{entry.where}: the date {text!r} is not one such as 2021-06-30")
    return found


def scene_request(entry: Entry, task: BatchTask, shared: Mapping[str, OptionValue]) -> SceneSpec:
    """Return the request by which the task opens a scene.

    Args:
        entry: the scene.
        task: of the batch.
        shared: options of all scenes.

    Raises:
        UsageError: an option is invalid.
    """
    field = task.places[task.subject].paths[0][0]
    # Options of the scene alone: a band, the sensor, the unit of backscatter.
    own = {name for name, place in task.places.items() if any(path[:1] == (field,) for path in place.paths)}
    given = {name: value for name, value in {**shared, **entry.options}.items() if name in own}
    places = [task.subject, task.earlier] if task.paired else [task.subject]
    options = {**given, **{name: list(entry.paths) for name in places}, "output": "none.gpkg"}
    request = from_options(task.request, options, lambda name: f"{entry.where or entry.scene}: `--{name}`")
    found: SceneSpec = getattr(request, field)
    return found


def _reason(own: SceneFacts, other: SceneFacts, name: str) -> str:
    days = (own.time.date() - other.time.date()).days if own.time and other.time else 0
    orbit = f", relative orbit {own.orbit}" if own.orbit and own.orbit == other.orbit else ""
    cloud = "" if other.cloud is None else f", {other.cloud:.0f} % cloud"
    return f"{name}: {counted(days, 'day')} earlier{orbit}{cloud}"


def _why_none(own: SceneFacts) -> str:
    if own.time is None:
        return "the scene has no date"
    return f"no earlier scene of {own.sensor or 'the same sensor'} covers its place"


def _report(task: BatchTask, reasons: Mapping[str, str], unpaired: Mapping[str, str]) -> None:
    """Say how many scenes have an earlier scene, and what happens to the others."""
    note(
        LOG,
        f"{counted(len(reasons), 'scene')}"
        f" with an earlier scene: same sensor and relative orbit, nearest earlier date, "
        "least cloud; the column earlier of summary.csv names it",
    )
    if unpaired:
        names = ", ".join(sorted(unpaired)[:3]) + (" …" if len(unpaired) > 3 else "")
        fate = "not mapped" if task.paired else f"mapped without `--{task.earlier}`"
        warn(
            LOG,
            "no-earlier-scene",
            f"{counted(len(unpaired), 'scene')} without an earlier scene, {fate}: {names}",
        )
