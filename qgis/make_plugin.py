"""Build the QGIS plugin: a zip that QGIS installs, with the options of the commands as they are now.

    python qgis/make_plugin.py [FILE.zip]

The plugin needs no geoseg to list its algorithms: `options.json`, made here from the request models, holds
what QGIS shows. Its algorithms run the program `geoseg` in an environment of its own.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from geoseg.cli.batch import declared_batch
from geoseg.cli.change import change
from geoseg.cli.command import Command
from geoseg.cli.completion import SUGGESTIONS
from geoseg.cli.embed import embed
from geoseg.cli.facilities import facilities
from geoseg.cli.fit import fit
from geoseg.cli.flood import flood
from geoseg.cli.plume import plume
from geoseg.cli.segment import segment
from geoseg.cli.vectorize import vectorize
from pydantic import BeforeValidator

import geoseg
from geoseg.spec.request import EACH, Place, bare_type, places

SOURCE = Path(__file__).with_name("geoseg_provider")
LAYERS = frozenset({"aoi", "mask", "permanent-water", "hand", "slope", "facilities", "zones"})
"""Options with a file that may be a layer of the project."""

FILES = {"labels": "labels", "inputs": "folder-input"}
"""How QGIS asks for arguments that are no scenes."""

LEFT_OUT = frozenset(
    [
        "overwrite",
        "bbox-crs",
        "batch-size",
        "checkpoint",
        "scheduler",
        "split",
        "shard",
        "log",
    ]
)
"""Options that QGIS answers itself, or that belong to servers."""


LABELS = {
    "after": "Later scene",
    "alpha": "Significance level of chi-square",
    "aoi": "Area of interest",
    "bbox": "Extent",
    "before": "Earlier scene",
    "dst-crs": "CRS of the polygons",
    "dtype": "Number format",
    "hand": "Height above nearest drainage (HAND)",
    "like": "Example place (X,Y), to map similar places",
    "mask-dilate": "Dilate the mask by",
    "max-hand": "Greatest height above drainage",
    "max-slope": "Greatest slope",
    "min-area": "Smallest area",
    "min-pixels": "Fewest pixels of a plume",
    "sar-units": "SAR units",
    "sigma": "Threshold in standard deviations",
    "stac": "STAC API or catalogue",
    "tta": "Test-time augmentation",
    "unsure": "Picture of where the network is unsure",
    "value": "Amounts per cell (NAME=RASTER)",
    "zones": "Zones, such as districts",
}
"""Labels of options whose names are no words for a dialogue."""

UNITS = {"M2": "m²", "M": "m", "PX": "px", "PIXELS": "px", "DEG": "degrees", "SHARE": "0 to 1", "P": "%"}
"""Units of numbers by the placeholder of the command line; others have none."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A command in the toolbox."""

    name: str
    title: str
    command: tuple[str, ...]
    declared: Command[Any]
    help: str
    layer: str = ""
    """Polygon layer of its maps; empty: the command writes none."""
    output: str = "vector-output"
    """How QGIS asks for the output."""
    group: str = "Maps"


def tasks() -> Iterator[Task]:
    """Yield the commands of the toolbox."""
    maps = (
        ("flood", "Flood and surface water", flood, ("flood",), "flood"),
        ("change", "Change between two dates", change, ("change",), "change"),
        ("plume", "Methane plumes", plume, ("methane", "plume"), "plume"),
        ("segment", "Segmentation by a network", segment, ("segment",), "segments"),
        ("vectorize", "Polygons of a class raster", vectorize, ("vectorize",), "segments"),
        (
            "facilities",
            "Facilities that may emit methane",
            facilities,
            ("methane", "facilities"),
            "facilities",
        ),
    )
    for name, title, declare, command, layer in maps:
        yield _task(name, title, declare, command=command, layer=layer)
    for name, title, declare, output in (
        ("fit", "Fit a network to labelled points", fit, "folder-output"),
        ("embed", "Features of a pretrained encoder", embed, "raster-output"),
    ):
        yield _task(name, title, declare, command=(name,), output=output, group="Networks")
    many = {
        "flood": "Flood and surface water",
        "change": "Change",
        "plume": "Methane plumes",
        "segment": "Segmentation",
        "vectorize": "Polygons of many class rasters",
        "facilities": "Facilities",
    }
    for name, _, _, command, layer in maps:
        words, title = " ".join(command), many[name]
        yield Task(
            name=f"batch{name}",
            title=title if "many" in title else f"{title} of many scenes",
            command=("batch", *command),
            declared=declared_batch(words),
            help=f"Runs geoseg batch {words}: one map for each scene of a folder, a summary and a "
            "catalogue. The same run continues one that was interrupted.",
            layer=layer,
            output="folder-output",
            group="Batch",
        )


def _task(name: str, title: str, declare: Callable[[], Command[Any]], **facts: Any) -> Task:
    """Return the task of a command with the help text of the command."""
    text = " ".join((declare.__doc__ or "").split())
    return Task(name=name, title=title, declared=declare(), help=text, **facts)


def description() -> dict[str, Any]:
    """Return what `options.json` holds."""
    return {
        "version": geoseg.__version__,
        "tasks": [
            {
                "name": task.name,
                "title": task.title,
                "group": task.group,
                "help": task.help,
                "command": task.command,
                "layer": task.layer,
                "options": [*_options(task)],
            }
            for task in tasks()
        ],
    }


def _options(task: Task) -> Iterator[dict[str, Any]]:
    """Yield the options of a command; those of the output last."""
    request, each = task.declared.request, task.declared.each or {}
    known = {**places(request), **{name: place for name, place in each.items() if name not in LEFT_OUT}}
    offered = [place for place in known.values() if place.offered and place.name not in LEFT_OUT]
    order = {"argument": 0, "common": 1, "advanced": 2, "output": 3}
    for place in sorted(offered, key=lambda place: order[_rank(place)]):
        kind, facts = _kind(place, task)
        yield {
            "name": place.name,
            "key": "INPUT" if place.name == "scene" else place.name.replace("-", "_").upper(),
            "label": _label(place, kind),
            "kind": kind,
            "help": place.option.help,
            "required": place.name == "output" or (place.field.is_required() and place.option.argument),
            "advanced": _rank(place) == "advanced",
            "argument": place.option.argument,
            "default": None,
            **facts,
        }


def _rank(place: Place) -> str:
    """Return where the dialogue shows an option."""
    if place.name == "output":
        return "output"
    if place.option.argument:
        return "argument"
    return "common" if place.option.common else "advanced"


def _label(place: Place, kind: str) -> str:
    """Return the name of an option as a label, with the unit of a number."""
    name = LABELS.get(place.name) or place.name.replace("-", " ").capitalize()
    unit = UNITS.get(place.option.metavar, "") if kind == "number" else ""
    return f"{name} ({unit})" if unit else name


def _kind(place: Place, task: Task) -> tuple[str, Mapping[str, Any]]:
    """Return how QGIS asks for an option, and further facts."""
    option, kind = place.option, bare_type(place.field.annotation)
    if place.name == "output":
        label = {"folder-output": "Folder", "raster-output": "Features"}.get(task.output, "Map")
        return task.output, {"label": label, "suffix": ".tif"}
    if option.argument and place.name in FILES:
        return FILES[place.name], {}
    if task.name == "fit" and place.name == "scene":
        return "scenes", {}
    if option.metavar == "SCENE|auto":
        return "scene", {"auto": "yes" if task.name == "batchchange" else "no"}
    if place.scenes or option.argument:
        return ("scenes" if EACH in place.paths[0] else "scene"), {}
    if option.metavar.startswith("TEMPLATE."):
        return "text", {}
    if option.metavar.startswith("OUT."):
        suffix = option.metavar.removeprefix("OUT").partition("|")[0]
        return ("raster-output" if suffix == ".tif" else "file-output"), {"suffix": suffix}
    if place.name == "bbox":
        return "extent", {}
    if option.metavar == "CRS":
        return "crs", {}
    if option.suggest == "models":
        return "model", {"choices": [*SUGGESTIONS["models"]()]}
    if option.suggest:
        return "choice", {
            "choices": [*dict.fromkeys(("auto", *SUGGESTIONS[option.suggest]()))],
            "default": "auto",
        }
    if kind is bool and place.field.default is None:
        return "switch", {"choices": ["auto", "yes", "no"], "default": "auto"}
    if kind is bool:
        return "boolean", {"default": bool(place.field.default)}
    if get_origin(kind) is Literal:
        return "choice", {"choices": [*get_args(kind)], "default": place.field.default}
    text = any(isinstance(item, BeforeValidator) for item in place.field.metadata)
    if kind in {int, float} and not text:
        return "number", {"whole": kind is int, "default": place.field.default}
    if place.name in LAYERS:
        return "layer", {}
    if kind is Path:
        return "file", {}
    if get_origin(kind) is dict or (get_args(kind)[1:] == (...,) and not text):
        return "lines", {}
    return "text", {}


def build(target: Path) -> Path:
    """Write the zip and return its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    metadata = re.sub(
        r"(?m)^version=.*$", f"version={geoseg.__version__}", (SOURCE / "metadata.txt").read_text()
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(SOURCE.iterdir()):
            if path.suffix in {".py", ".svg"}:
                file.write(path, f"{SOURCE.name}/{path.name}")
        file.writestr(f"{SOURCE.name}/metadata.txt", metadata)
        file.writestr(f"{SOURCE.name}/options.json", json.dumps(description(), indent=1))
        file.write(SOURCE.parents[1] / "LICENSE", f"{SOURCE.name}/LICENSE")
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist/geoseg_provider.zip")))  # noqa: T201
