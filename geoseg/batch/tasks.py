"""The tasks that a batch can run: a new mapping command is a line in `TASKS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from geoseg.errors import UsageError
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.spec.option import OUTPUT
from geoseg.spec.request import Place, places

SHARED = frozenset({"output", "overwrite", "threads", "max-memory", "checkpoint"})
"""Options that the batch sets for every scene."""

AUTO = "auto"
"""Value of an option for an earlier scene: it is found among the inputs."""


def is_auto(value: object) -> bool:
    """Return whether an option for an earlier scene, which may be a list of one, is `auto`."""
    return value == AUTO or (isinstance(value, list | tuple) and [*value] == [AUTO])


@dataclass(frozen=True)
class BatchTask:
    """A mapping command as a task of a batch."""

    name: str
    """As on the command line: `methane plume`."""
    spec: str
    """Module and name of the request model."""
    work: str
    """Module and name of the function that makes the map from a request and a progress callback."""
    layer: str
    """Polygon layer of its maps."""
    subject: str = "scene"
    """Option that holds the scene of an input."""
    earlier: str = ""
    """Option that may hold an earlier scene, which is found for `auto`; empty: there is none."""
    planned: bool = True
    """Whether the function takes `dry_run` and then returns a plan."""
    strips: bool = False
    """Whether workers can share a scene (`geoseg.engine.checkpoint.keeps_rows`)."""
    paired: bool = False
    """Whether every scene needs an earlier one, so that `auto` is the default."""

    @cached_property
    def request(self) -> type[BaseModel]:
        """The request model."""
        found: type[BaseModel] = _found(self.spec)
        return found

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """All options of the request by name."""
        return places(self.request)

    @cached_property
    def offered(self) -> Mapping[str, Place]:
        """Options of the task that the batch command has too."""
        found = {
            name: place
            for name, place in self.places.items()
            if name not in SHARED and name != self.subject and place.offered
        }
        for name in self.further_outputs:
            if name in found:
                option = found[name].option
                metavar = option.metavar.replace("OUT", "TEMPLATE")
                text = f"{option.help} A template of names, such as {{scene}}{_suffix(option.metavar)}."
                found[name] = replace(found[name], option=replace(option, metavar=metavar, help=text))
        if self.earlier:
            found[self.earlier] = self._with_auto(found[self.earlier])
        return MappingProxyType(found)

    @cached_property
    def further_outputs(self) -> tuple[str, ...]:
        """Options that name a further file of a map."""
        return tuple(
            name
            for name, place in self.places.items()
            if place.option.panel == OUTPUT and "OUT" in place.option.metavar and name != "output"
        )

    def run(self, request: BaseModel, progress: Progress = no_progress) -> RunRecord:
        """Make the map of one scene."""
        work: Callable[[Any, Progress], RunRecord] = _found(self.work)
        return work(request, progress)

    @property
    def module(self) -> str:
        """The module that makes the maps."""
        return self.work.partition(":")[0]

    def load(self) -> None:
        """Import the task, so that the first map does not pay for it."""
        _found(self.work)

    def plan(self, request: BaseModel) -> object:
        """Return the plan of the map of one scene; None: the task has none."""
        if not self.planned:
            return None
        work: Callable[..., object] = _found(self.work)
        return work(request, dry_run=True)

    def _with_auto(self, place: Place) -> Place:
        """Return the option of the earlier scene, which is an option also where it is an argument."""
        text = (
            "The earlier scene of all scenes; auto: the nearest earlier date among INPUTS of the same "
            "sensor, relative orbit and place, with the least cloud."
        )
        option = replace(
            place.option,
            help=text,
            argument=False,
            metavar="SCENE|auto",
            common=True,
            missing="",
            default="auto for change, else none",
        )
        return replace(place, option=option)


TASKS: Mapping[str, BatchTask] = MappingProxyType(
    {
        task.name: task
        for task in (
            BatchTask(
                "flood",
                "geoseg.spec.flood:FloodSpec",
                "geoseg.tasks.flood.flood_map:map_flood",
                "flood",
                earlier="before",
                strips=True,
            ),
            BatchTask(
                "change",
                "geoseg.spec.change:ChangeSpec",
                "geoseg.tasks.change.change_map:map_change",
                "change",
                subject="after",
                earlier="before",
                paired=True,
            ),
            BatchTask(
                "methane plume",
                "geoseg.spec.methane:PlumeSpec",
                "geoseg.tasks.methane.plume_map:map_plumes",
                "plume",
                earlier="reference",
            ),
            BatchTask(
                "methane facilities",
                "geoseg.spec.facilities:FacilitiesSpec",
                "geoseg.tasks.methane.facility_map:map_facilities",
                "facilities",
            ),
            BatchTask(
                "segment",
                "geoseg.spec.segment:SegmentSpec",
                "geoseg.tasks.segment.segmentation_map:map_segments",
                "segments",
                strips=True,
            ),
            BatchTask(
                "vectorize",
                "geoseg.spec.tools:VectorizeRequest",
                "geoseg.tasks.segment.vectorize_raster:vectorize_request",
                "segments",
                subject="mask",
                planned=False,
            ),
        )
    }
)


def task_of(name: str) -> BatchTask:
    """Return a task by its name.

    Raises:
        UsageError: there is no such task.
    """
    if name not in TASKS:
        raise UsageError(f"no task {name!r}; a batch runs {', '.join(TASKS)}")
    return TASKS[name]


def _found(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)


def _suffix(metavar: str) -> str:
    """Return the first suffix in a metavar such as `OUT.tif` or `OUT.sld|OUT.json`."""
    return metavar.removeprefix("OUT").partition("|")[0]
