"""The work of one scene: options and names of outputs, ready to be sent to a worker."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, TypeAdapter, ValidationError

from geoseg.batch.entry import Entry
from geoseg.batch.naming import CHECKPOINTS, SEPARATOR, filled, is_own
from geoseg.batch.stamp import stamp_of
from geoseg.batch.tasks import SHARED, BatchTask, is_auto, task_of
from geoseg.batch.value_paths import with_paths
from geoseg.errors import UsageError
from geoseg.outputs import companions
from geoseg.scenes.product import iso_time
from geoseg.spec.batch import BatchSpec, OptionValue, template, within_folder
from geoseg.spec.request import Place, bare_type, from_options

RASTERS = ("raster", "scores")
"""Outputs that `--raster-styles` writes styles for."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One scene to map."""

    index: int
    """Of the scene in the batch, from 0."""
    scene: str
    task: str
    sources: tuple[str, ...]
    """Path or address of each file of the scene, as given."""
    options: Mapping[str, OptionValue]
    """All options of the task but those of the outputs and of the engine's limits; paths are absolute."""
    outputs: Mapping[str, str | tuple[str, ...]]
    """Path in the output folder by the option that names it; several of `style`."""
    earlier: str = ""
    """Which earlier scene was found, and why."""
    stamp: str = ""
    checkpoint: bool = False
    """Whether finished rows are kept until the map is complete."""
    date: str = ""
    """Acquisition time that a table states, ISO 8601; empty: none. The scene's own counts first."""
    alone: bool = False
    """Whether no other scene is mapped at the same time, so that it may use the memory of all workers."""
    part: tuple[int, int] | None = None
    """The part of the scene's rows that this job scores, and their number; None: the job makes the map."""

    @property
    def source(self) -> str:
        """The files of the scene, for messages."""
        return SEPARATOR.join(self.sources)

    @property
    def map_file(self) -> str:
        """The map itself, as a path in the output folder."""
        name = self.outputs["output"]
        return name if isinstance(name, str) else name[0]

    @property
    def files(self) -> Mapping[str, str]:
        """Role of each file of the map by its path in the output folder; the map itself first.

        Raises:
            UsageError: two files have one name.
        """
        named = [(self.map_file, "output")]
        named += [(path.as_posix(), "scene") for path in companions(Path(self.map_file))]
        for role, names in self.outputs.items():
            if role == "output":
                continue
            for name in (names,) if isinstance(names, str) else names:
                named.append((Path(name).as_posix(), role))
                if role in RASTERS and self.options.get("raster-styles"):
                    named.append((Path(name).with_suffix(".qml").as_posix(), f"{role}-style"))
        found: dict[str, str] = {}
        for name, role in named:
            if name in found:
                raise UsageError(
                    f"{self.scene}: {name} is a file of {_shown(found[name])} and of {_shown(role)}; name a "
                    "file for each"
                )
            found[name] = role
        return found

    def request(
        self,
        folder: Path,
        limits: Mapping[str, OptionValue],
        origins: Mapping[str, str] = MappingProxyType({}),
    ) -> BaseModel:
        """Return the validated request.

        Args:
            folder: of the outputs.
            limits: `threads` and `max-memory`, where the task has them.
            origins: places of options in a config file, for messages.

        Raises:
            UsageError: an option is invalid.
        """
        task = task_of(self.task)
        outputs: dict[str, OptionValue] = {
            role: str(folder / names) if isinstance(names, str) else [str(folder / name) for name in names]
            for role, names in self.outputs.items()
        }
        own = {name: value for name, value in limits.items() if name in task.places}
        options = {**self.options, **outputs, **own, "overwrite": True}
        if self.checkpoint and "checkpoint" in task.places:
            options["checkpoint"] = str(folder / CHECKPOINTS / self.scene)
        return from_options(
            task.request, options, lambda name: origins.get(name, f"{self.scene}: `--{name}`")
        )


def plan_jobs(
    spec: BatchSpec, task: BatchTask, entries: Sequence[Entry], reasons: Mapping[str, str], folder: Path
) -> list[Job]:
    """Return the job of each scene, with all options validated.

    Args:
        spec: of the batch.
        task: its task.
        entries: the scenes, paired.
        reasons: which earlier scene a scene has, by its name.
        folder: of the outputs.

    Raises:
        UsageError: an option is invalid, or two scenes have the same output.
        ModelError: the network does not exist.
    """
    jobs: list[Job] = []
    taken: dict[str, str] = {}
    drawn = any(role in entry.options for role in RASTERS for entry in entries)
    for index, entry in enumerate(entries):
        job = _job(spec, task, entry, index, reasons.get(entry.scene, ""))
        if drawn and "raster-styles" not in entry.options and not set(RASTERS) & set(job.outputs):
            # The switch of the batch is for those rows of the table that have a raster.
            own = {name: value for name, value in job.options.items() if name != "raster-styles"}
            job = replace(job, options=own)
        for file, role in job.files.items():
            if is_own(file):
                raise UsageError(
                    f"{job.scene}: {file} is a file of the batch itself; name the map otherwise, for example "
                    f"`--name '{{scene}}-map{Path(job.map_file).suffix}'`"
                )
            if file.casefold() in taken:
                template = f"`--name {spec.name}`" if role in {"output", "scene"} else _shown(role)
                raise UsageError(
                    f"{template}: {taken[file.casefold()]} and {job.scene} would both be {file}; add "
                    "{scene} or {index} to the template"
                )
            taken[file.casefold()] = job.scene
        shared = {name: text for name, text in spec.origins.items() if name not in entry.options}
        request = job.request(folder, {}, shared)
        jobs.append(replace(job, stamp=stamp_of(task, request, job.outputs)))
    return jobs


def _job(spec: BatchSpec, task: BatchTask, entry: Entry, index: int, reason: str) -> Job:
    given = {**spec.options, **entry.options}
    options = {name: _switched(task.places.get(name), value) for name, value in given.items()}
    if task.earlier and is_auto(options.get(task.earlier)):
        del options[task.earlier]
    outputs: dict[str, str | tuple[str, ...]] = {"output": filled(spec.name, entry, index + 1)}
    for role in task.further_outputs:
        if role in options:
            value = options.pop(role)
            shared = role not in entry.options
            where = spec.origins.get(role, f"`--{role}`") if shared else f"`--{role}`"
            texts = [_template(where, str(text), shared=shared) for text in _listed(value)]
            names = [filled(text, entry, index + 1) for text in texts]
            if not task.places[role].repeated and len(names) != 1:
                raise UsageError(f"`--{role}`: give one template of names, not {len(names)}")
            outputs[role] = tuple(names) if task.places[role].repeated else names[0]
    paths = list(entry.paths)
    if len(paths) > 1 and not task.places[task.subject].paths[0][-1] == "paths":
        raise UsageError(f"{entry.where or entry.scene}: {task.name} reads one file of a scene, not several")
    options[task.subject] = paths if len(paths) > 1 or task.subject == "scene" else paths[0]
    return Job(
        index=index,
        scene=entry.scene,
        task=task.name,
        sources=entry.paths,
        options={name: _absolute(task, name, value) for name, value in options.items() if name not in SHARED},
        outputs=outputs,
        earlier=reason,
        date=_table_date(entry),
        checkpoint=spec.checkpoint or spec.split is not None,
    )


def _table_date(entry: Entry) -> str:
    """Return the column `date` of a table; empty: there is none, or it is no date."""
    text = entry.columns.get("date", "")
    return text if iso_time(text) is not None else ""


def _switched(place: Place | None, value: OptionValue) -> OptionValue:
    """Return true or false for the text of a switch in a table; other values stay."""
    if isinstance(value, str) and place is not None and bare_type(place.field.annotation) is bool:
        with suppress(ValidationError):  # the request refuses it
            return TypeAdapter(bool).validate_python(value)
    return value


def _listed(value: OptionValue) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def _shown(role: str) -> str:
    """Return the option that makes a file of this role."""
    if role == "scene":
        return "the map"
    return (
        "`--raster-styles`" if role.endswith("-style") else "`--name`" if role == "output" else f"`--{role}`"
    )


def _template(where: str, text: str, *, shared: bool) -> str:
    """Check a template; one that is not shared by all scenes needs no part that differs between them."""
    try:
        return template(text) if shared else within_folder(text)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _absolute(task: BatchTask, name: str, value: OptionValue) -> OptionValue:
    """Return the value of an option with absolute paths: workers may have another current folder."""

    def absolute(text: str) -> str | None:
        if os.path.exists(text):
            return os.path.abspath(text)
        document, mark, item = text.partition(".json#")
        document += ".json"
        return f"{os.path.abspath(document)}#{item}" if mark and os.path.exists(document) else None

    return with_paths(task.places[name], value, absolute)
