"""`geoseg info`: describe a scene, a model or a map."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.files.store_path import StorePath, path_of
from geoseg.text_columns import align

from .command import Command
from .console import Verbosity, open_console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.run_record import RunRecord
    from geoseg.spec import SceneSpec
    from geoseg.spec.tools import InfoRequest

    from .options import Reporting

MAPS = {".gpkg", ".fgb", ".parquet", ".pmtiles", ".geojson", ".json"}
RASTERS = {".tif", ".tiff"}


NETWORKS = frozenset({".onnx", ".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".tflite", ".dlpk", ".emd"})
"""Suffixes that no raster has; files of HDF5, XML and plain bytes may be scenes."""


def info() -> Command[InfoRequest]:
    """Describe a scene, a model or a map as geoseg reads it."""
    from geoseg.spec.tools import InfoRequest

    return Command(request=InfoRequest, run=_run)


def _run(request: InfoRequest, reporting: Reporting) -> None:
    path, *more = request.paths
    if not more and _is_model(path):
        from .models import print_model

        print_model(path, reporting.as_json)
        return
    first = path_of(path)
    # A JSON file in a store is a STAC item.
    stored = isinstance(first, StorePath) and first.suffix.lower() in MAPS | RASTERS - {".json"}
    if not more and (stored or (first.suffix.lower() in MAPS | RASTERS and first.is_file())):
        record = _record(first)
        if record is not None:
            _print_record(record, reporting.as_json, reporting.verbosity)
            return
    _print_scene(request, reporting.as_json, reporting.verbosity)


def _is_model(path: str) -> bool:
    """Return whether a path is a network's file, the folder of a bundle, or the name of a bundle."""
    place = Path(path)
    if place.suffix.lower() in NETWORKS or (place / "model.json").is_file():
        return True
    if place.exists() or place.suffix or "/" in path or "\\" in path:
        return False
    from geoseg.bundles.find import list_models

    return any(model.name == path for model in list_models())


def _record(path: Path) -> RunRecord | None:
    """Return the run record of a map; None if the file has none: it is a scene or another file.

    Raises:
        SceneReadError: a GeoParquet file, which only maps are read from, has no run record.
    """
    if path.suffix.lower() in RASTERS and not _is_tagged(path):
        return None
    from geoseg.outputs.record import read_record

    record = read_record(path)
    if record is None and path.suffix.lower() == ".parquet":
        raise SceneReadError(
            f"{path}: contains no run record; it was not made by geoseg, or another program rewrote it"
        )
    return record


def _is_tagged(path: Path) -> bool:
    """Return whether a raster has the tag of a run record; without it, no reader of maps is imported."""
    import warnings

    from rasterio.errors import NotGeoreferencedWarning

    from geoseg.files.doors import opening
    from geoseg.run_record import RECORD_TAG
    from geoseg.scenes.datasets import open_dataset

    with opening(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_dataset(path.gdal_path if isinstance(path, StorePath) else str(path)) as file:
            return RECORD_TAG in file.tags()


def _print_record(record: RunRecord, as_json: bool, verbosity: Verbosity) -> None:
    if as_json:
        print_json(record)
        return
    from .show import facts_text, record_text

    messages = [("warning", item.text) for item in record.warnings] + [
        ("note", text) for text in record.notes
    ]
    text = f"{record.task} map\n\n" + record_text(record, detail=True)
    print_text(text + ("\n\n" + facts_text(messages) if messages and verbosity.level >= 0 else ""))


def _print_scene(request: SceneSpec, as_json: bool, verbosity: Verbosity) -> None:
    """Open a scene and print its description; of files that are no scene, that of the files.

    Raises:
        SceneError: the files can be described neither as a scene nor one by one; or `--band`, `--sensor` and
            the like say how they form a scene, and they do not.
    """
    from geoseg.messages import replay
    from geoseg.scenes import open_scene
    from geoseg.spec.presets import sensors

    with ExitStack() as stack:
        stack.enter_context(open_console(verbosity))
        try:
            scene = stack.enter_context(open_scene(request, sensors()))
        except SceneError as error:
            if request.model_fields_set - {"paths"} or not _print_files(request, error, as_json):
                raise
            return
        facts = scene.describe()
        facts["left_out"] = [{"name": item.name, "why": item.why} for item in scene.metadata.left_out]
        size = None if scene.grid.crs is None else scene.grid.pixel_size_m
        if as_json:
            notes = [message.text for message in scene.messages if not message.code]
            warnings = [
                {"code": message.code, "text": message.text} for message in scene.messages if message.code
            ]
            print_json({**facts, "notes": notes, "warnings": warnings})
            return
        replay(scene.messages)
    print_text(scene_text(facts, size))


def _print_files(request: SceneSpec, error: SceneError, as_json: bool) -> bool:
    """Print the description of files that are no scene; return whether there was anything to describe."""
    from geoseg.scenes.plain_files import describe_files

    from .plain_files import files_text, why_not

    files = describe_files(request.paths, error)
    if not files:
        return False
    if as_json:
        print_json(
            {**(files[0] if len(files) == 1 else {"files": files}), "not_a_scene": why_not(files, str(error))}
        )
    else:
        print_text(files_text(files, str(error)))
    return True


def scene_text(facts: Mapping[str, object], pixel_size_m: tuple[float, float] | None) -> str:
    """Return the description of a scene as text.

    Args:
        facts: as returned by `Scene.describe`, with `left_out`.
        pixel_size_m: height and width of a pixel in m.

    Raises:
        UsageError: the mapping is not a description of a scene.
    """
    from .show import facts_text, left_out_texts, quality_texts, value_text

    grid, bands = facts["grid"], facts["bands"]
    if not isinstance(grid, Mapping) or not isinstance(bands, list):
        raise UsageError("not a description of a scene")
    size = f"{grid['width']:,} x {grid['height']:,} pixels"
    if pixel_size_m is not None:
        size += f" of {pixel_size_m[1]:.3g} x {pixel_size_m[0]:.3g} m"
    rows: list[tuple[str, ...]] = [("band", "from", "units", "scale", "offset", "nodata", "named by")]
    for band in bands:
        stored = "" if band["stored_as"] == band["units"] else f" of {band['stored_as']}"
        units = f"{band['units']}{stored}"
        cells = [band[key] for key in ("name", "source", "scale", "offset", "nodata", "named_by")]
        cells.insert(2, units)
        rows.append(tuple(map(value_text, cells)))
    head = [
        ("scene", str(facts["name"])),
        ("sensor", value_text(facts["sensor"])),
        *([("platform", str(facts["platform"]))] if facts["platform"] else []),
        ("time", value_text(facts["time"])),
        ("grid", size),
        ("crs", value_text(grid["crs"])),
        *[("quality", text) for text in quality_texts(facts.get("quality"))],
    ]
    left = [
        (f"left out: {why}", names)
        for why, names in left_out_texts(facts.get("left_out"), str(facts["name"]))
    ]
    return facts_text(head) + "\n\n" + align(rows) + ("\n\n" + facts_text(left) if left else "")
