"""Run a task with options given by name, as the command does."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from geoseg.api.arrays import Georeference, holds_array, is_xarray, paths_of
from geoseg.api.map import Map, MapFiles
from geoseg.engine.plan import Plan
from geoseg.errors import UsageError
from geoseg.run_record import Progress, RunRecord, no_progress
from geoseg.spec.request import EACH, Place, from_options, places

Request = TypeVar("Request", bound=BaseModel)

RASTERS = {"raster": "classes.tif", "scores": "scores.tif", "picture": "map.png"}
"""Outputs besides the polygons, and their temporary files."""


def make(
    kind: type[Request],
    work: Callable[[Request, Progress], RunRecord | Plan],
    inputs: Mapping[str, object],
    options: Mapping[str, object],
    *,
    progress: Progress | bool | None,
) -> Map:
    """Make a map.

    Args:
        kind: type of the request.
        work: makes the map of a request.
        inputs: scenes and rasters by option name.
        options: option values by name, with `_` for `-`, and fields of `Georeference` for arrays of numpy.
        progress: called with the progress; True: a bar on stderr.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        GeosegError: as the task states.
    """
    offered = {place.name for place in places(kind).values() if place.offered}
    files = {"output": "map.gpkg", **{name: file for name, file in RASTERS.items() if name in offered}}
    with prepared(kind, inputs, options, files) as (request, paths, folder), reporting(progress) as report:
        record = work(request, report)
    if not isinstance(record, RunRecord):
        raise TypeError(f"{kind.__name__} made a plan and no map")
    made = Map(
        record,
        files=MapFiles(
            paths["output"],
            classes=paths.get("raster"),
            scores=paths.get("scores"),
            picture=paths.get("picture"),
        ),
    )
    weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


@contextmanager
def prepared(
    kind: type[Request],
    inputs: Mapping[str, object],
    options: Mapping[str, object],
    outputs: Mapping[str, str],
) -> Iterator[tuple[Request, dict[str, Path], Path]]:
    """Yield the request of options by name, the paths of its outputs, and their temporary folder.

    Files of arrays are removed after the block, the folder only after an error.

    Args:
        kind: type of the request.
        inputs: scenes and rasters by option name.
        options: as in `make`.
        outputs: name of the temporary file of each output that the options do not name.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
    """
    known = {name.replace("-", "_"): item for name, item in places(kind).items()}
    stated = {item.name for item in fields(Georeference)} - set(known)
    check_names({*known, *stated}, options)
    told = {name: value for name, value in options.items() if name in stated and value is not None}
    if told and not any(holds_array(value) for value in (*inputs.values(), *options.values())):
        raise UsageError(f"{', '.join(f'{name}=' for name in told)}: for arrays only; a file states its own")
    place = Georeference(**told)  # type: ignore[arg-type]
    folder = Path(tempfile.mkdtemp(prefix="geoseg-"))
    try:
        given: dict[str, object] = {name: folder / file for name, file in outputs.items()}
        with tempfile.TemporaryDirectory(dir=folder) as arrays:
            given |= {
                known[name].name: paths_of(value, Path(arrays), place) for name, value in inputs.items()
            }
            for name, value in options.items():
                if value is not None and name not in stated:
                    given[known[name].name] = _value(known[name], value, Path(arrays), place)
            request = from_options(kind, given, lambda name: name.replace("-", "_"))
            yield request, {name: Path(str(given[name])) for name in outputs}, folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check_names(known: Collection[str], options: Collection[str]) -> None:
    """Check that all options exist.

    Raises:
        TypeError: one does not.
    """
    for name in options:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"options: {', '.join(sorted(known))}"
            raise TypeError(f"unknown option {name!r}; {hint}")


def _value(place: Place, value: object, folder: Path, georeference: Georeference) -> object:
    """Return an option value as text, paths or numbers: objects that hold data are written to files."""
    if place.scenes:
        several = EACH in place.paths[0]
        if several and isinstance(value, list | tuple):
            return [paths_of(item, folder, georeference) for item in value]
        return paths_of(value, folder, georeference)
    if hasattr(value, "to_file") and hasattr(value, "total_bounds"):
        return _write_polygons(value, folder)
    if isinstance(value, DatasetReader | WarpedVRT | np.ndarray) or is_xarray(value):
        return paths_of(value, folder, replace(georeference, bands=None, time=None))
    if isinstance(value, dict):
        return {str(key): _value(place, item, folder, georeference) for key, item in value.items()}
    return value


def _write_polygons(frame: Any, folder: Path) -> str:
    """Write a GeoDataFrame or GeoSeries to a GeoPackage."""
    path = folder / f"polygons{sum(1 for _ in folder.glob('polygons*')) + 1}.gpkg"
    frame.to_file(path, driver="GPKG")
    return str(path)


@contextmanager
def reporting(progress: Progress | bool | None) -> Iterator[Progress]:
    """Yield a callback of the progress; True: a bar on stderr, or in the notebook."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield no_progress
        return
    from rich.progress import Progress as Bar  # noqa: PLC0415 - only with a bar

    with Bar() as bar:
        task = bar.add_task("")

        def show(done: int, total: int, unit: str) -> None:
            bar.update(task, completed=done, total=total, description=unit)

        yield show
