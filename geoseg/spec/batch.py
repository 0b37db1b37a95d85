"""The request for maps of many scenes: inputs, output folder, workers and what happens to failures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import Overwrite
from geoseg.spec.option import ENGINE, INPUT, OUTPUT, Option
from geoseg.spec.stac_search import StacSearchSpec

OptionValue = bool | int | float | str | list[str] | list[float] | list[list[float]] | dict[str, str]
"""Value of an option of a task, as on a command line, in a YAML file or in a cell of a table."""


def part(value: object) -> tuple[int, int]:
    """Parse `I/N`.

    Raises:
        ValueError: the value has another form, or I is not less than N.
    """
    parts = value.split("/") if isinstance(value, str) else value
    try:
        index, count = (int(part) for part in parts)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not I/N, such as 0/8") from None
    if not 0 <= index < count:
        raise ValueError(f"{value!r}: in I/N, I counts from 0 and must be less than N")
    return index, count


class BatchSpec(Spec):
    """A request for one map of each of many scenes."""

    inputs: Annotated[
        tuple[str, ...],
        Option(
            "The scenes: files, products, patterns ('*.tif'), folders, lists (.txt), tables (.csv), "
            "footprints with a column of paths (.gpkg, .geojson), STAC items and item collections (.json).",
            metavar="INPUTS...",
            argument=True,
        ),
    ] = ()
    search: Annotated[StacSearchSpec, Field(validate_default=True)] = StacSearchSpec()
    output: Annotated[
        str,
        Option(
            "Folder for all maps, the journal, the summary and the catalogue, also s3://BUCKET/FOLDER. Made "
            "if needed; give it again to continue an interrupted batch.",
            short="-o",
            metavar="FOLDER",
            panel=OUTPUT,
            common=True,
            missing="no output is given; add `-o FOLDER`",
        ),
    ]
    name: Annotated[
        str,
        Option(
            "Names of the maps, with {scene}, {index}, {date}, {folder} or {COLUMN} of the table. The suffix "
            "selects the format.",
            metavar="TEMPLATE",
            panel=OUTPUT,
            common=True,
        ),
    ] = "{scene}.gpkg"
    merge: Annotated[
        bool,
        Option(
            "Also write merged.gpkg: all polygons with the name of their scene. Where maps overlap, the one "
            "with the greatest observed share is used.",
            panel=OUTPUT,
            common=True,
        ),
    ] = False
    overwrite: Overwrite = False
    log: Annotated[
        Path | None,
        Option("Append one line per scene and warning to this file.", metavar="FILE", panel=OUTPUT),
    ] = None
    jobs: Annotated[
        int | None,
        Field(ge=1, le=1024),
        Option(
            "Number of worker processes on this machine.",
            metavar="N",
            panel=ENGINE,
            common=True,
            default="one per processor, as far as the memory allows",
        ),
    ] = None
    scheduler: Annotated[
        str | None,
        Option(
            "Run on a Dask cluster, one scene per task: address of its scheduler, or path of a scheduler "
            "file. All workers must see the same files.",
            metavar="ADDRESS",
            panel=ENGINE,
        ),
    ] = None
    threads: Annotated[
        int | None,
        Field(ge=1),
        Option(
            "Number of threads of all workers together; on a cluster, of each scene.",
            metavar="N",
            panel=ENGINE,
            default="all; 1 on a cluster",
        ),
    ] = None
    max_memory: Annotated[
        int | None,
        Field(ge=64),
        text.reads(text.memory_mib),
        Option(
            "Limit the memory of all processes together, 8GB or a number of MiB; on a cluster, of each "
            "scene. There are fewer workers if they do not fit.",
            metavar="SIZE",
            panel=ENGINE,
        ),
    ] = None
    """MiB."""
    retries: Annotated[
        int,
        Field(ge=0, le=100),
        Option(
            "Further attempts for scenes whose worker was killed, or that failed for another reason than "
            "wrong usage, a model that does not fit or a missing package.",
            metavar="N",
            panel=ENGINE,
        ),
    ] = 1
    fail_fast: Annotated[bool, Option("Stop at the first scene that fails for good.", panel=ENGINE)] = False
    checkpoint: Annotated[
        bool,
        Option(
            "Keep finished rows of each scene until its map is complete: a large scene that was interrupted "
            "continues from them.",
            panel=ENGINE,
        ),
    ] = False
    split: Annotated[
        int | None,
        Field(ge=2, le=1024),
        Option(
            "Share each scene among N tasks, for few large scenes: every task scores some rows, then one "
            "makes the map. The map is the same. For flood and segment.",
            metavar="N",
            panel=ENGINE,
        ),
    ] = None
    shard: Annotated[
        tuple[int, int] | None,
        text.reads(part),
        Option(
            "Map only part I of N of the scenes, for arrays of jobs; I counts from 0. A last run without "
            "--shard completes the catalogue.",
            metavar="I/N",
            panel=INPUT,
        ),
    ] = None
    options: dict[str, OptionValue] = {}
    """Options of the task by name, which every scene has unless a table overrides them."""
    origins: dict[str, str] = {}
    """File, line and name of each of `options` that a config file gave, for messages."""

    @field_validator("search")
    @classmethod
    def _has_scenes(cls, value: StacSearchSpec, info: ValidationInfo) -> StacSearchSpec:
        if value.stac is None and not info.data.get("inputs"):
            raise ValueError("no INPUTS are given; add scenes, a folder of scenes, a list, or `--stac URL`")
        return value

    @field_validator("name")
    @classmethod
    def _names_scenes(cls, value: str) -> str:
        return template(value)


def template(value: str) -> str:
    """Check that a template of names differs between scenes and stays in the folder; see `within_folder`.

    Raises:
        ValueError: it does not.
    """
    if not re.search(r"\{\w[\w-]*\}", value):
        raise ValueError(f"{value!r} has no {{scene}}, so that all scenes would have the same output")
    return within_folder(value)


def within_folder(value: str) -> str:
    """Check that a name or template of an output stays in the folder; return it in its shortest form.

    Raises:
        ValueError: it does not.
    """
    if Path(value).is_absolute() or ".." in Path(value).parts:
        raise ValueError(f"{value!r} leaves the output folder; name a path in it")
    return Path(value).as_posix()
