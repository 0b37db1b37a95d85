"""Small inputs of every kind, a folder each: what the campaign damages."""

from __future__ import annotations

import csv
import shutil
import zipfile
from importlib.resources import files
from pathlib import Path

import geopandas
import numpy as np
import rasterio.shutil
import shapely

import geoseg
from geoseg.bundles.find import find_model
from tests import classifiers, classmaps, plumes, simulated, spectrometer
from tests.learn.fit import made_ground
from tests.products import classmaps as products
from tests.products import ground, landsat, netcdf, sentinel1, sentinel2, wind, zarr
from tests.products.ground import EAST, NORTH, Ground, lake, write_raster

SIDE = 60
"""Pixels of a side of most rasters."""

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
MODEL = "water-optical"


def _counts(seed: int, band: str, side: int = SIDE) -> np.ndarray:
    made = Ground(kinds=lake(side), seed=seed)
    return np.asarray((made.reflectance(band) * 10_000).round(), np.uint16)


def _stack(path: Path, seed: int = 0, side: int = SIDE, **options: object) -> Path:
    bands = np.stack([_counts(seed, band, side) for band in BANDS])
    return write_raster(path, bands, descriptions=BANDS, nodata=0, **options)  # type: ignore[arg-type]


def write_scene(folder: Path) -> None:
    """A scene, an earlier one, layers of terrain, options."""
    _stack(folder / "scene.tif", tiled=True, blockxsize=16, blockysize=16, compress="deflate")
    _stack(folder / "before.tif", seed=1)
    write_raster(folder / "hand.tif", np.ones((SIDE, SIDE), np.float32))
    write_raster(folder / "water.tif", (lake(SIDE) == ground.WATER).astype(np.uint8))
    (folder / "options.yaml").write_text(
        "min-area: 0\nclouds: none\nthreshold: 0.1\nbbox: [14.9, 49.0, 15.2, 49.8]\nband: {}\nthreads: 1\n"
    )


def write_polygons(folder: Path) -> None:
    """A scene, and an area in every vector format."""
    _stack(folder / "scene.tif")
    box = shapely.box(EAST + 50, NORTH - 10 * SIDE + 50, EAST + 10 * SIDE - 50, NORTH - 50)
    frame = geopandas.GeoDataFrame({"name": ["here"], "n": [3]}, geometry=[box], crs="EPSG:32633")
    for suffix in ("gpkg", "geojson", "fgb", "shp", "gml"):
        frame.to_file(folder / f"area.{suffix}")
    (folder / "area.csv").write_text(f'name,WKT\nhere,"{box.wkt}"\n')


def write_classes(folder: Path) -> None:
    """Class rasters of several formats."""
    values = lake(SIDE).astype(np.uint8)
    write_raster(folder / "classes.tif", values, tiled=True, blockxsize=16, blockysize=16)
    write_raster(folder / "classes.png", values, driver="PNG")
    products.envi(folder / "classes.img", values, {1: "water", 2: "forest"})
    products.with_qgis_style(folder / "styled.tif", values)
    products.with_dbf(folder / "table.tif", values)
    (folder / "classes.vrt").write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>{EAST}, 10, 0, {NORTH}, 0, -10</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">classes.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    later = values.copy()
    later[10:20, 10:20] = 3
    write_raster(folder / "later.tif", later)


DRIVERS = {
    "HFA": "img", "NITF": "ntf", "AAIGrid": "asc", "XYZ": "xyz", "BMP": "bmp", "GIF": "gif", "RST": "rst",
    "PNM": "pgm", "PCRaster": "map", "SAGA": "sdat", "JPEG": "jpg",
    "GPKG": "gpkg",
}  # fmt: skip
"""Formats of class rasters, each by a driver of its own, and their suffixes."""


def write_drivers(folder: Path) -> None:
    """A class raster in many formats."""
    source = write_raster(folder / "classes.tif", lake(SIDE).astype(np.uint8))
    for driver, suffix in DRIVERS.items():
        rasterio.shutil.copy(source, folder / f"{driver}.{suffix}", driver=driver)


def write_maps(folder: Path) -> None:
    """Maps that geoseg made, in every format."""
    classes = write_raster(folder / "classes.tif", lake(SIDE).astype(np.uint8))
    for suffix in ("gpkg", "fgb", "geojson", "pmtiles", "parquet"):
        geoseg.vectorize(classes, output=folder / f"map.{suffix}")
    scene = _stack(folder / "scene.tif")
    geoseg.flood(
        scene,
        output=folder / "flood.gpkg",
        raster=folder / "map.tif",
        method="classical",
        sensor="sentinel-2-l2a-harmonised",
    )


def write_labels(folder: Path) -> None:
    """A scene and labels."""
    made_ground.write_labels(folder / "labels.geojson", made_ground.points())
    made_ground.write_scene(folder / "scene.tif")
    points = geopandas.read_file(folder / "labels.geojson")
    points.drop(columns="geometry").assign(lon=points.geometry.x, lat=points.geometry.y).to_csv(
        folder / "labels.csv", index=False
    )


def write_scenes(folder: Path) -> None:
    """Scenes, their list, and the options of a batch."""
    write_scene(folder)
    (folder / "scenes.csv").write_text("scene,id\nin/scene.tif,a\nin/before.tif,b\n")


def write_model(folder: Path) -> None:
    """A scene and a network with its description."""
    _stack(folder / "scene.tif", side=128)
    shutil.copytree(str(files("geoseg.models").joinpath("zoo", MODEL)), folder / "model")


def write_bare(folder: Path) -> None:
    """A scene, and a network whose description stands in its own metadata, without a hash of the weights."""
    _stack(folder / "scene.tif", side=128)
    shutil.copy(find_model(MODEL).weights, folder / "net.onnx")


def write_safe(folder: Path) -> None:
    made = sentinel2.Sentinel2(ground=Ground(kinds=lake(60)), bands=BANDS)
    sentinel2.safe(folder, made, scl=np.full((30, 30), 4, np.uint8)).rename(folder / f"{made.name}.SAFE")
    with zipfile.ZipFile(folder / "product.zip", "w") as archive:
        root = folder / f"{made.name}.SAFE"
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            archive.write(file, str(file.relative_to(folder)))


def write_landsat(folder: Path) -> None:
    made = landsat.write_landsat(folder, Ground(kinds=lake(SIDE)), whole=False, stac=False)
    landsat.write_tar(made, folder / "product.tar")


def write_stac(folder: Path) -> None:
    sentinel2.earth_search(folder, sentinel2.Sentinel2(ground=Ground(kinds=lake(SIDE)), bands=BANDS))


def write_radar(folder: Path) -> None:
    sentinel1.stack(folder / "s1.tif", sentinel1.Sentinel1(ground=Ground(kinds=lake(SIDE))))


def write_arrays(folder: Path) -> None:
    """netCDF, HDF5 and Zarr."""
    bands = {band: _counts(0, band) for band in BANDS}
    netcdf.write_variables(folder / "scene.nc", bands)
    shutil.copy(folder / "scene.nc", folder / "scene.h5")
    zarr.write_store(folder / "two.zarr", bands, version=2)
    zarr.write_store(folder / "three.zarr", bands, version=3)


def write_plume(folder: Path) -> None:
    """Two dates of a plume, wind in both formats, facilities."""
    span = np.s_[100:200, 60:160]
    for name, seed, peak in (("after", 0, 8000.0), ("before", 1, 0.0)):
        bands = plumes.darken(plumes.ground(seed), plumes.plume(peak), 2.3)
        day = "20210706" if name == "after" else "20210626"
        cut = {band: values[span] for band, values in bands.items()}
        plumes.write(folder / name, cut, f"S2A_MSIL1C_{day}T065621")
    start = {"lats": np.arange(32.5, 31.0, -0.25), "lons": np.arange(56.0, 58.0, 0.25)}
    first = np.datetime64("2021-07-06T06") - np.datetime64("2023-05-06T10")
    hours = [first / np.timedelta64(1, "h") + later for later in (0, 1)]
    wind.write_nc(folder / "wind.nc", hours=hours, **start)  # type: ignore[arg-type]
    messages = [
        wind.Message(element=element, at=wind.constant(3), hour=float(hour), **start)  # type: ignore[arg-type]
        for hour in hours
        for element in ("u", "v")
    ]
    wind.write_grib(folder / "wind.grib2", messages)
    wind.write_zip(folder / "wind.zip", {"data.nc": folder / "wind.nc"})
    site = shapely.Point(57.02, 31.62).buffer(0.01)
    frame = geopandas.GeoDataFrame({"id": ["a"], "class": ["landfills"]}, geometry=[site], crs="EPSG:4326")
    frame.to_file(folder / "facilities.geojson")


def write_spectra(folder: Path) -> None:
    """Cubes of a spectrometer: ENVI in the frame of the detector, a granule of EMIT."""
    cube = spectrometer.simulate(24, 20, spectrometer.disc(24, 20, 12, 10, 3))
    place = "map info = {UTM, 1, 1, 300000, 4400000, 30, 30, 40, North, WGS-84}"
    spectrometer.write_envi(folder / "cube.bil", cube, extra=place)


def write_sites(folder: Path) -> None:
    """A classifier and a scene for it."""
    classifiers.mean_classifier(folder / "model")
    side = 90
    bands = np.full((1, side, side), 3000, np.uint16)
    classifiers.write_scene(folder / "scene.tif", bands, ["green"])


def write_points(folder: Path) -> None:
    """A finished map and interpreted points."""
    values = np.zeros((80, 80), np.uint8)
    values[:, 20:50] = 1
    values[:, 60:65] = 2
    classmaps.write_map(folder / "map.tif", values)
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(0, 80, (2, 40))
    x, y = 500_005 + 10 * cols, 4_999_995 - 10 * rows
    reference = values[rows, cols]
    frame = geopandas.GeoDataFrame(
        {"reference": reference.astype(int)}, geometry=shapely.points(x, y), crs="EPSG:32633"
    )
    degrees = frame.geometry.to_crs("EPSG:4326")
    with (folder / "points.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "lon", "lat", "reference"])
        writer.writerows(zip(range(40), degrees.x, degrees.y, reference, strict=True))
    frame.to_file(folder / "points.gpkg")
    frame.to_file(folder / "points.geojson")


def write_training(folder: Path) -> None:
    """A training config and its set of labels."""
    simulated.write_set(folder / "set", chips=4)
    (folder / "train.yaml").write_text(simulated.CONFIG.format(root="in/set"))
