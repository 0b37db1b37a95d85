"""The functions of the Python interface: one for each task."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from affine import Affine

from geoseg.api.array_names import ArrayFolder
from geoseg.api.arrays import REQUESTS
from geoseg.api.map import Map
from geoseg.api.option_words import errors_in_python, warnings_in_python
from geoseg.api.run import argument_of, lasting_folder, make, reporting, request_of
from geoseg.bundles.find import find_any
from geoseg.errors import UsageError
from geoseg.run_record import Progress
from geoseg.scenes import Scene
from geoseg.scenes import open_scene as _open
from geoseg.spec import ModelSpec, SceneSpec
from geoseg.spec.missing_files import naming_missing_files
from geoseg.spec.presets import sensors
from geoseg.spec.tools import InfoRequest

if TYPE_CHECKING:
    import xarray

    from geoseg.learn.fit.report import FitReport


def open_scene(
    scene: object,
    *,
    transform: Affine | Sequence[float] | None = None,
    crs: object = None,
    bands: Sequence[str] | str | None = None,
    nodata: float | None = None,
    time: datetime | str | None = None,
    **options: object,
) -> Scene:
    """Open a scene: named bands with units, mask and time on one grid; close it, or use it in `with`.

    `scene.read(window, bands)` takes a `geoseg.grid.Window(row=, col=, height=, width=)`, such as
    `scene.grid.window`, the whole, and returns `geoseg.pixels.Pixels`.

    Args:
        scene: a path (raster, folder, product, URL) or several, a `rasterio` dataset, an `xarray` array, or
            an array of numpy (height, width) or (bands, height, width).
        transform: of an array of numpy: affine transform from (column, row) to coordinates.
        crs: of an array of numpy.
        bands: band names of an array, such as green, nir, swir16, vv; a text is one name.
        nodata: value of an array's pixels that were not observed; NaN always is.
        time: acquisition time of an array, UTC.
        **options: options of `geoseg info` by name: sensor, band, sar_units, clouds, mask, mask_dilate.

    Raises:
        SceneReadError: a file is missing or damaged.
        BandError: bands cannot be named.
        SceneError: the files cannot be one scene.
        UsageError: an option is not valid.
    """
    stated = {"transform": transform, "crs": crs, "bands": bands, "nodata": nodata, "time": time}
    with errors_in_python(InfoRequest), lasting_folder() as folder:
        arrays = ArrayFolder(folder)
        with arrays.named():
            request = request_of(InfoRequest, {"scene": scene}, {**stated, **options}, arrays)
        with arrays.named(), naming_missing_files(request, argument_of):
            opened = _open(SceneSpec(**request.model_dump()), sensors())
    weakref.finalize(opened, rmtree, folder, ignore_errors=True)
    REQUESTS[opened] = request.paths
    return opened


def flood(
    scene: object,
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> Map:
    """Map surface water or flood, as `geoseg flood` does.

    Args:
        scene: as in `open_scene`, or a scene that it opened.
        progress: True: a progress bar; or called with (done, total, unit).
        **options: options of the command with `_` for `-`: before=, permanent_water=, method=, min_area=, …
            Scenes and rasters may be arrays, polygons a GeoDataFrame. For arrays of numpy also transform=,
            crs=, bands=, nodata= and time= of `open_scene`.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: an input cannot be read, or is not suitable.
        ModelError: the network does not fit the scene.
        OutputError: a file cannot be written.
    """
    from geoseg.spec import FloodSpec  # noqa: PLC0415
    from geoseg.tasks.flood.flood_map import map_flood  # noqa: PLC0415 - each task loads its own modules

    return make(FloodSpec, map_flood, {"scene": scene}, options, progress=progress)


def change(
    before: object,
    after: object,
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> Map:
    """Map the change between two dates, as `geoseg change` does.

    Args:
        before: the earlier scene or class raster, as in `flood`.
        after: the later one, on any grid.
        progress: as in `flood`.
        **options: as in `flood`, those of its command: method=, rules=, date_before=, date_after=, …

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: an input cannot be read, or is not suitable.
        ModelError: the network does not fit the scenes.
        OutputError: a file cannot be written.
    """
    from geoseg.spec import ChangeSpec  # noqa: PLC0415
    from geoseg.tasks.change.change_map import map_change  # noqa: PLC0415

    if options.get("time") is not None:
        raise UsageError("`time` is one date; give `date_before` and `date_after`")
    dates = {"before": before, "after": after}
    return make(ChangeSpec, map_change, dates, options, progress=progress)


def plumes(
    scene: object,
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> Map:
    """Map methane plumes with their source rates, as `geoseg methane plume` does.

    Args:
        scene: as in `flood`.
        progress: as in `flood`.
        **options: as in `flood`, those of its command: reference=, wind=, facilities=, satellite=, …

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: an input cannot be read, or is not suitable.
        ModelError: the network is not suitable.
        OutputError: a file cannot be written.
    """
    from geoseg.spec import PlumeSpec  # noqa: PLC0415
    from geoseg.tasks.methane.plume_map import map_plumes  # noqa: PLC0415

    return make(PlumeSpec, map_plumes, {"scene": scene}, options, progress=progress)


def segment(
    scene: object,
    model: str | Path | ModelSpec | None = None,
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> Map:
    """Map a scene with a segmentation network, as `geoseg segment` does.

    Args:
        scene: as in `flood`.
        model: name or folder of a bundle, an ONNX file, or what `load_model` returned; None: with like=.
        progress: as in `flood`.
        **options: as in `flood`, those of its command: tile=, overlap=, runtime=, precision=, …

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: an input cannot be read, or is not suitable.
        ModelError: the network does not fit the scene.
        OutputError: a file cannot be written.
    """
    from geoseg.spec import SegmentSpec  # noqa: PLC0415
    from geoseg.tasks.segment.segmentation_map import map_segments  # noqa: PLC0415

    if isinstance(model, ModelSpec):
        model = model.weights.parent if model.source == "bundle" else model.weights
    return make(
        SegmentSpec,
        map_segments,
        {"scene": scene},
        {"model": None if model is None else str(model), **options},
        progress=progress,
    )


def embed(
    scene: object,
    encoder: str = "galileo-nano",
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> xarray.DataArray:
    """Return the features of a pretrained encoder, as `geoseg embed` writes them.

    Args:
        scene: as in `flood`.
        encoder: name of the encoder (`geoseg models list --encoders`).
        progress: as in `flood`.
        **options: as in `flood`, those of its command: weights=, patch=, dates=, output=, …

    Returns:
        (band, y, x) float32, one pixel per patch, with CRS; NaN where nothing was observed.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: the scene cannot be read, or lacks the bands.
        ModelError: the weights are missing, or the encoder does not fit the scene.
        RuntimeMissingError: a package is missing.
        OutputError: a file cannot be written.
    """
    from geoseg.api.xarrays import read_floats, rioxarray  # noqa: PLC0415 - an extra
    from geoseg.spec import EmbedSpec  # noqa: PLC0415
    from geoseg.tasks.segment.embed import embed as write  # noqa: PLC0415

    rioxarray()
    given = {"encoder": encoder, **options}
    temporary = tempfile.TemporaryDirectory(prefix="geoseg-")
    with errors_in_python(EmbedSpec), temporary as name, reporting(progress) as report:
        arrays = ArrayFolder(Path(name))
        features = {"output": arrays.path / "features.tif"}
        with arrays.named():
            request = request_of(EmbedSpec, {"scene": scene}, given, arrays, features)
        with arrays.named(), naming_missing_files(request, argument_of):
            write(request, report)
        return read_floats(request.run.output, "feature")


def fit(
    labels: object,
    scenes: object,
    output: str | Path,
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> FitReport:
    """Fit a network to labelled points or polygons and write its bundle, as `geoseg fit` does.

    Args:
        labels: a vector file or .csv, or a GeoDataFrame, with a class column.
        scenes: one scene or several, each as in `flood`.
        output: folder of the bundle, for `segment` and `load_model`.
        progress: as in `flood`.
        **options: as in `flood`, those of its command: head=, encoder=, class_column=, suggest=, …

    Returns:
        Scores of each set of features, by leaving places out, and which one is used.

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: labels or scenes cannot be read, or are not suitable.
        RuntimeMissingError: a package is missing.
        OutputError: the bundle cannot be written.
    """
    from geoseg.learn.fit.fit_run import fit_network  # noqa: PLC0415 - an extra
    from geoseg.spec.fit import FitSpec  # noqa: PLC0415

    given = {"labels": labels, "output": output, **options}
    temporary = tempfile.TemporaryDirectory(prefix="geoseg-")
    with errors_in_python(FitSpec), temporary as folder, reporting(progress) as report:
        arrays = ArrayFolder(Path(folder))
        with arrays.named():
            request = request_of(FitSpec, {"scene": scenes}, given, arrays)
        with arrays.named(), naming_missing_files(request, argument_of):
            made = fit_network(request, report)
    warnings = warnings_in_python(arrays.warnings_in_words(made.warnings), FitSpec)
    return made.model_copy(update={"warnings": warnings})


def vectorize(
    mask: object,
    classes: Mapping[int, str] | None = None,
    *,
    progress: Progress | bool | None = None,
    **options: object,
) -> Map:
    """Convert a class raster to polygons, as `geoseg vectorize` does.

    Args:
        mask: path of a raster, a `rasterio` dataset, an `xarray` array, or an array of numpy (height, width)
            of integers 0..255; 0 and 255 get no polygons.
        classes: label by value, `LABEL` or `LABEL:#rrggbb`; None: those of the raster.
        progress: as in `flood`.
        **options: as in `flood`, those of its command: min_area=, simplify=, fill_holes=, dst_crs=, …

    Raises:
        TypeError: an option does not exist.
        UsageError: an option is not valid.
        SceneError: the raster cannot be read or does not hold classes.
        OutputError: a file cannot be written.
    """
    from geoseg.spec.tools import VectorizeRequest  # noqa: PLC0415
    from geoseg.tasks.segment.vectorize_raster import vectorize_request  # noqa: PLC0415

    if not (classes is None or isinstance(classes, Mapping)):
        raise UsageError(f"classes={classes!r}: give labels by value, such as {{1: 'water'}}")
    if classes is not None:
        options["class"] = [f"{value}={label}" for value, label in classes.items()]
    return make(VectorizeRequest, vectorize_request, {"mask": mask}, options, progress=progress)


def load_model(name: str | Path) -> ModelSpec:
    """Return what a model states of itself: bands, units, classes, licence, evidence.

    Args:
        name: name or folder of a bundle, or an ONNX file with a description in its metadata.

    Raises:
        ModelError: there is no such model, or its description is not valid.
    """
    return find_any(str(name))
