"""Each function makes the map of its command byte for byte, from whatever holds the pixels."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from geoseg.cli.app import app
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import xy
from typer.testing import CliRunner

import geoseg
from tests.api.pixels import CRS, TRANSFORM, reflectance
from tests.plumes import darken, ground, plume, write

rioxarray = pytest.importorskip("rioxarray", reason="rioxarray is not installed")

SIX = ("blue", "green", "red", "nir", "swir16", "swir22")
HARMONISED: dict[str, Any] = {"sensor": "sentinel-2-l2a-harmonised"}
FORMS = ("path", "dataset", "dataset in memory", "xarray", "data set of xarray", "array")
Given = Callable[[Path], object]
Command = Callable[..., dict[str, Path]]
ALL = ("output", "raster", "scores")
FILES = {
    "output": "map.gpkg",
    "raster": "map.tif",
    "scores": "scores.tif",
    "bundle": "lakes",
    "features": "features.tif",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rasters of one file each."""
    folder = tmp_path_factory.mktemp("files")
    before = reflectance()
    after = before.copy()
    after[:, 10:30, 10:30] = before[:, 48:68, 48:68]
    mask = (after[1:] < 0.1).astype(np.uint8)
    layers: dict[str, NDArray[Any]] = {
        "before": np.stack([before[0]] * 3 + [before[1]] * 3),
        "after": np.stack([after[0]] * 3 + [after[1]] * 3),
        "mask": mask,
    }
    layers["before"][:, :3, :3] = layers["after"][:, -4:, -9:] = np.nan
    layers["stored"] = (np.stack([after[0]] * 3 + [after[1]] * 3) * 10_000).round().astype(np.uint16)
    found: dict[str, Path] = {}
    for name, data in layers.items():
        found[name] = folder / f"{name}.tif"
        with rasterio.open(
            found[name], "w", driver="GTiff", height=96, width=96, count=len(data),
            dtype=data.dtype.name, crs=CRS, transform=TRANSFORM,
        ) as file:  # fmt: skip
            file.write(data)
            file.descriptions = SIX if len(data) == 6 else ("class",)
    gas = {"day": darken(ground(2), plume(), 2.15), "calm": ground(1)}
    for name, bands in gas.items():
        parts = sorted(Path(write(folder / name, bands)).glob("*.tif"))
        # Of another name than the product, whose satellite and time an array does not have.
        found[name] = folder / f"{name}.tif"
        with rasterio.open(parts[0]) as part:
            profile = {**part.profile, "count": len(parts)}
        with rasterio.open(found[name], "w", **profile) as file:
            for index, path in enumerate(parts, 1):
                with rasterio.open(path) as part:
                    file.write(part.read(1), index)
            file.descriptions = [path.stem.rsplit("_", 1)[1] for path in parts]
    return found


@pytest.fixture(params=FORMS)
def given(request: pytest.FixtureRequest) -> Iterator[Given]:
    """What a caller may have in place of a file."""
    with ExitStack() as stack:
        yield lambda path: form_of(path, request.param, stack)


def form_of(path: Path, form: str, stack: ExitStack) -> object:
    if form == "path":
        return path
    if form == "dataset":
        return stack.enter_context(rasterio.open(path))
    if form == "dataset in memory":
        return stack.enter_context(stack.enter_context(MemoryFile(path.read_bytes())).open())
    if form == "xarray":
        return rioxarray.open_rasterio(path)
    if form == "data set of xarray":
        array = rioxarray.open_rasterio(path)
        bands = array.assign_coords(band=list(np.atleast_1d(array.attrs["long_name"]))).drop_attrs()
        return bands.to_dataset("band").rio.write_crs(array.rio.crs)
    with rasterio.open(path) as file:
        return file.read()


def stated(value: object, path: Path) -> dict[str, Any]:
    """What is given beside an array of numpy, which does not state it."""
    if not isinstance(value, np.ndarray):
        return {}
    with rasterio.open(path) as file:
        known = {"transform": file.transform, "crs": file.crs, "nodata": file.nodata}
        return {**known, "bands": file.descriptions} if file.count > 1 else known


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run a command once for all forms of its inputs; returns its outputs by option."""
    known: dict[str, dict[str, Path]] = {}

    def run(*arguments: object, outputs: Sequence[str] = ALL, **options: object) -> dict[str, Path]:
        named = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        words = [*map(str, arguments), *named]
        if str(words) not in known:
            folder = tmp_path_factory.mktemp("command")
            made = {name: folder / FILES[name] for name in outputs}
            places = [
                f"--{'output' if name in {'bundle', 'features'} else name}={path}"
                for name, path in made.items()
            ]
            done = CliRunner().invoke(app, [*words, *places])
            assert done.exit_code == 0, done.output
            known[str(words)] = made
        return known[str(words)]

    return run


def rows(path: Path) -> list[Any]:
    """Every polygon of the main layer with all columns, as stored."""
    with closing(sqlite3.connect(path)) as file:
        (name,) = file.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").fetchone()
        return file.execute(f'SELECT * FROM "{name}"').fetchall()


def check_equal(made: geoseg.Map, expected: Mapping[str, Path]) -> None:
    """Check polygons, classes and scores of a map, as stored and as they are returned."""
    assert rows(made.files.polygons) == rows(expected["output"])
    assert len(made.polygons) == len(rows(expected["output"])) > 0
    same = geopandas.read_file(expected["output"], layer=0)
    assert isinstance(made.polygons, geopandas.GeoDataFrame)
    assert made.polygons.crs == same.crs
    assert made.polygons.equals(same)
    for name, path in (("raster", made.files.classes), ("scores", made.files.scores)):
        if name in expected:
            assert path is not None
            with rasterio.open(path) as one, rasterio.open(expected[name]) as other:
                assert one.read().tobytes() == other.read().tobytes()
                assert (one.crs, one.transform, one.nodata) == (other.crs, other.transform, other.nodata)
    if "raster" in expected:
        assert made.classes is not None
        with rasterio.open(expected["raster"]) as other:
            assert np.array_equal(made.classes, other.read(1))
            assert made.classes.rio.crs == other.crs


def test_water(files: dict[str, Path], given: Given, commanded: Command) -> None:
    expected = commanded("flood", files["after"], before=files["before"])
    after, before = given(files["after"]), given(files["before"])
    check_equal(geoseg.flood(after, before=before, **stated(after, files["after"])), expected)


def test_water_in_digital_numbers(files: dict[str, Path], given: Given, commanded: Command) -> None:
    expected = commanded("flood", files["stored"], **HARMONISED)
    scene = given(files["stored"])
    check_equal(geoseg.flood(scene, **HARMONISED, **stated(scene, files["stored"])), expected)


@pytest.mark.parametrize("method", ["mad", "cva"])
def test_change(files: dict[str, Path], given: Given, commanded: Command, method: str) -> None:
    options: dict[str, Any] = {
        "method": method,
        "date_before": "2023-05-01",
        "date_after": "2024-05-01",
    }
    expected = commanded("change", files["before"], files["after"], **options)
    before, after = given(files["before"]), given(files["after"])
    check_equal(geoseg.change(before, after, **options, **stated(after, files["after"])), expected)


def test_plumes(files: dict[str, Path], given: Given, commanded: Command) -> None:
    options: dict[str, Any] = {
        "sensor": "sentinel-2-l1c",
        "satellite": "sentinel-2a",
        "sun_zenith": 30,
        "view_zenith": 0,
        "wind": 3.5,
    }
    expected = commanded("methane", "plume", files["day"], reference=files["calm"], **options)
    day, calm = given(files["day"]), given(files["calm"])
    check_equal(geoseg.plumes(day, reference=[calm], **options, **stated(day, files["day"])), expected)


def test_a_network(files: dict[str, Path], given: Given, commanded: Command) -> None:
    expected = commanded("segment", files["stored"], model="water-optical", **HARMONISED)
    scene = given(files["stored"])
    made = geoseg.segment(scene, "water-optical", **HARMONISED, **stated(scene, files["stored"]))
    check_equal(made, expected)


def test_polygons_of_classes(files: dict[str, Path], given: Given, commanded: Command) -> None:
    expected = commanded(
        "vectorize", files["mask"], "--class", "1=lake:#2171b5", simplify=5, outputs=["output"]
    )
    mask = given(files["mask"])
    made = geoseg.vectorize(mask, {1: "lake:#2171b5"}, simplify=5, **stated(mask, files["mask"]))
    check_equal(made, expected)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points of two classes."""
    image = reflectance()[1]
    row, col = np.random.default_rng(5).integers(2, 90, (2, 60))
    path = tmp_path_factory.mktemp("labels") / "labels.gpkg"
    geopandas.GeoDataFrame(
        {"class": np.where(image[row, col] < 0.1, "lake", "land")},
        geometry=geopandas.points_from_xy(*xy(TRANSFORM, row, col)),
        crs=CRS,
    ).to_file(path)
    return path


def test_a_network_that_was_fitted(
    files: dict[str, Path], given: Given, commanded: Command, labels: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnx", reason="the extra `fit` is not installed")
    pytest.importorskip("threadpoolctl", reason="the extra `fit` is not installed")
    bundle = commanded("fit", labels, files["after"], place_size=150, outputs=["bundle"])["bundle"]
    expected = commanded("segment", files["before"], model=bundle)
    after, before = given(files["after"]), given(files["before"])
    table = geopandas.read_file(labels)
    geoseg.fit(table, after, tmp_path / "lakes", place_size=150, **stated(after, files["after"]))
    same = geoseg.load_model(tmp_path / "lakes")
    # A file has its name; a table is named by its argument.
    assert same.title == "land or lake, fitted to table-of-labels.gpkg"
    check_equal(geoseg.segment(before, same, **stated(before, files["before"])), expected)


def test_features(files: dict[str, Path], given: Given, commanded: Command) -> None:
    pytest.importorskip("timm", reason="the extra `train` is not installed")
    options: dict[str, Any] = {
        "encoder": "galileo-nano",
        "weights": "none",
        "patch": 8,
        "tile": 32,
        **HARMONISED,
    }
    path = commanded("embed", files["stored"], outputs=["features"], **options)["features"]
    scene = given(files["stored"])
    made = geoseg.embed(scene, **options, **stated(scene, files["stored"]))
    with rasterio.open(path) as file:
        assert np.array_equal(made, file.read(), equal_nan=True)
        assert made.rio.crs == file.crs
        assert made.rio.transform() == file.transform
