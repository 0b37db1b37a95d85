"""What the campaign damages: a file of a folder of inputs, and the command that reads it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from tests.learn.fit import made_ground
from tests.products import landsat, sentinel2
from tests.reliability import corpus


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A folder of inputs, the file that is damaged, and the command that reads it."""

    name: str
    kind: str
    """Of the file: for the counts."""
    command: tuple[str, ...]
    """Arguments of geoseg, with paths relative to a folder that holds `in/` and `out/`."""
    target: str
    """The file in `in/` that is damaged; a glob, of which each case picks one."""
    make: Callable[[Path], None]
    """Writes the inputs into a folder."""

    @property
    def folder(self) -> str:
        """Name of a folder for the inputs, the same for subjects that share them."""
        return self.make.__name__.removeprefix("write_")


OUT = "-o out/map.gpkg"
SENSOR = "--sensor sentinel-2-l2a-harmonised"
FLOOD = f"flood in/scene.tif {OUT} --method classical {SENSOR}"
SEGMENT = f"segment in/scene.tif {OUT} {SENSOR} --model"
PLUME = f"methane plume in/after --reference in/before {OUT} --view-zenith 5 --sun-zenith 20 --wind"
SITES = f"methane facilities in/scene.tif {OUT} --model in/model"
SAFE = f"{sentinel2.Sentinel2(bands=corpus.BANDS).name}.SAFE"
L8 = landsat.L8
MAPS = "evaluate maps in/train.yaml -o out/maps --method mndwi --on all"
CUBE = "--wind 3 --sun-zenith 30 --view-zenith 5 --satellite aviris"
BATCH = f"batch flood in/scenes.csv -o out/maps --method classical {SENSOR} --jobs 1 --min-area 0"
FIT = f"fit in/labels.csv in/scene.tif --sensor {made_ground.SENSOR} --clouds none -o out/bundle"
VECTORS = {
    "gpkg": "GeoPackage", "geojson": "GeoJSON", "fgb": "FlatGeobuf", "shp": "Shapefile", "csv": "CSV",
    "gml": "GML",
}  # fmt: skip


def _of(make: Callable[[Path], None], *rows: tuple[str, str, str, str]) -> list[Subject]:
    """Return the subjects of one folder of inputs from rows of name, kind, file and command."""
    return [
        Subject(name=name, kind=kind, target=target, command=tuple(shlex.split(command)), make=make)
        for name, kind, target, command in rows
    ]


SUBJECTS: tuple[Subject, ...] = (
    *_of(
        corpus.write_scene,
        ("flood", "GeoTIFF", "scene.tif", f"{FLOOD} --raster out/map.tif --picture out/map.png"),
        ("flood-before", "GeoTIFF", "before.tif", f"{FLOOD} --before in/before.tif"),
        ("flood-hand", "GeoTIFF", "hand.tif", f"{FLOOD} --hand in/hand.tif"),
        ("flood-water", "GeoTIFF", "water.tif", f"{FLOOD} --permanent-water in/water.tif"),
        ("flood-mask", "GeoTIFF", "water.tif", f"{FLOOD} --mask in/water.tif:1"),
        ("change", "GeoTIFF", "before.tif", f"change in/before.tif in/scene.tif {OUT} {SENSOR}"),
        ("info", "GeoTIFF", "scene.tif", "info in/scene.tif --json"),
        ("config", "YAML", "options.yaml", f"{FLOOD} --config in/options.yaml"),
        ("doctor", "YAML", "options.yaml", "doctor"),
        ("list", "YAML", "options.yaml", "models list"),
    ),
    *_of(
        corpus.write_polygons,
        *(
            (f"aoi-{end}", kind, f"area.{end}", f"{FLOOD} --aoi in/area.{end}")
            for end, kind in VECTORS.items()
        ),
        ("info-gpkg", "GeoPackage", "area.gpkg", "info in/area.gpkg"),
        ("info-geojson", "GeoJSON", "area.geojson", "info in/area.geojson"),
        ("aoi-parts", "Shapefile", "area.[dsp][bhr][fxj]", f"{FLOOD} --aoi in/area.shp"),
        ("permanent-gpkg", "GeoPackage", "area.gpkg", f"{FLOOD} --permanent-water in/area.gpkg"),
        ("mask-fgb", "FlatGeobuf", "area.fgb", f"{FLOOD} --mask in/area.fgb"),
    ),
    *_of(
        corpus.write_classes,
        ("vectorize", "GeoTIFF", "classes.tif", f"vectorize in/classes.tif {OUT} --class '1=water:#0000ff'"),
        ("vectorize-png", "PNG", "classes.png", "vectorize in/classes.png -o out/map.fgb"),
        ("vectorize-envi", "ENVI", "classes.*[gr]", f"vectorize in/classes.img {OUT}"),
        ("vectorize-vrt", "VRT", "classes.vrt", f"vectorize in/classes.vrt {OUT}"),
        ("vectorize-qml", "XML", "styled.qml", f"vectorize in/styled.tif {OUT}"),
        ("vectorize-vat", "Shapefile", "table.tif.vat.dbf", f"vectorize in/table.tif {OUT}"),
        (
            "change-classes",
            "GeoTIFF",
            "later.tif",
            f"change in/classes.tif in/later.tif {OUT} --method classes",
        ),
    ),
    *_of(
        corpus.write_model,
        ("segment", "GeoTIFF", "scene.tif", f"{SEGMENT} in/model"),
        ("segment-onnx", "ONNX", "model/model.onnx", f"{SEGMENT} in/model"),
        ("segment-json", "description", "model/model.json", f"{SEGMENT} in/model"),
        ("check-onnx", "ONNX", "model/model.onnx", "models check in/model"),
        ("check-json", "description", "model/model.json", "models check in/model"),
        ("show-json", "description", "model/model.json", "models show in/model"),
    ),
    *_of(
        corpus.write_bare,
        ("bare-onnxruntime", "ONNX", "net.onnx", f"{SEGMENT} in/net.onnx --runtime onnxruntime"),
        ("bare-openvino", "ONNX", "net.onnx", f"{SEGMENT} in/net.onnx --runtime openvino"),
        ("bare-check", "ONNX", "net.onnx", "models check in/net.onnx"),
    ),
    *_of(
        corpus.write_safe,
        ("safe-xml", "SAFE XML", "S2*/**/*.xml", f"flood in/{SAFE} {OUT} --method classical"),
        ("safe-jp2", "JP2", "S2*/**/*_B*.jp2", f"flood in/{SAFE} {OUT} --method classical"),
        ("safe-zip", "zip", "product.zip", "info in/product.zip"),
        ("safe-zip-flood", "zip", "product.zip", f"flood in/product.zip {OUT} --method classical"),
    ),
    *_of(
        corpus.write_landsat,
        ("landsat-mtl", "Landsat MTL", f"{L8}/*_MTL.*", f"flood in/{L8} {OUT} --method classical"),
        ("landsat-bands", "GeoTIFF", f"{L8}/*.TIF", f"flood in/{L8} {OUT} --method classical"),
        ("landsat-tar", "tar", "product.tar", f"flood in/product.tar {OUT} --method classical"),
    ),
    *_of(
        corpus.write_stac,
        ("stac", "STAC item", "item.json", f"flood in/item.json {OUT} --method classical"),
        ("stac-info", "STAC item", "item.json", "info in/item.json"),
    ),
    *_of(corpus.write_radar, ("radar", "GeoTIFF", "s1.tif", f"flood in/s1.tif {OUT}")),
    *_of(
        corpus.write_arrays,
        ("netcdf", "netCDF", "scene.nc", f"flood in/scene.nc {OUT} --method classical {SENSOR}"),
        ("hdf5", "HDF5", "scene.h5", "info in/scene.h5"),
        ("hdf5-flood", "HDF5", "scene.h5", f"flood in/scene.h5 {OUT} --method classical {SENSOR}"),
        ("zarr-2", "Zarr", "two.zarr/**/*", f"flood in/two.zarr {OUT} --method classical {SENSOR}"),
        ("zarr-3", "Zarr", "three.zarr/**/*", f"flood in/three.zarr {OUT} --method classical {SENSOR}"),
    ),
    *_of(
        corpus.write_plume,
        ("plume", "GeoTIFF", "after/*", f"{PLUME} 3"),
        ("plume-nc", "netCDF", "wind.nc", f"{PLUME} in/wind.nc"),
        ("plume-grib", "GRIB", "wind.grib2", f"{PLUME} in/wind.grib2"),
        ("plume-zip", "zip", "wind.zip", f"{PLUME} in/wind.zip"),
        ("plume-sites", "GeoJSON", "facilities.geojson", f"{PLUME} 3 --facilities in/facilities.geojson"),
    ),
    *_of(corpus.write_spectra, ("cube", "ENVI", "cube.*", f"methane plume in/cube.bil {OUT} {CUBE}")),
    *_of(
        corpus.write_sites,
        ("sites", "GeoTIFF", "scene.tif", SITES),
        ("sites-onnx", "ONNX", "model/model.onnx", SITES),
        ("sites-json", "description", "model/model.json", SITES),
    ),
    *_of(
        corpus.write_points,
        ("sample", "GeoTIFF", "map.tif", "evaluate sample in/map.tif -o out/points.gpkg -n 30"),
        *(
            (
                f"area-{end}",
                VECTORS[end],
                f"points.{end}",
                f"evaluate area in/map.tif in/points.{end} -o out/area",
            )
            for end in ("csv", "gpkg", "geojson")
        ),
    ),
    *_of(
        corpus.write_training,
        ("train", "YAML", "train.yaml", "train in/train.yaml -o out/run --dry-run"),
        ("train-set", "GeoTIFF", "set/**/*.tif", "train in/train.yaml -o out/run --dry-run"),
        ("maps", "YAML", "train.yaml", MAPS),
        ("maps-set", "GeoTIFF", "set/**/*.tif", MAPS),
    ),
    *_of(
        corpus.write_drivers,
        *(
            (f"vectorize-{driver}", "other raster", name, f"vectorize in/{name} {OUT}")
            for driver, suffix in corpus.DRIVERS.items()
            for name in (f"{driver}.{suffix}",)
        ),
    ),
    *_of(
        corpus.write_maps,
        *(
            (f"info-{end}", kind, f"map.{end}", f"info in/map.{end}")
            for end, kind in {
                **VECTORS,
                "pmtiles": "PMTiles",
                "parquet": "GeoParquet",
                "tif": "GeoTIFF",
            }.items()
            if end not in {"shp", "csv", "gml"}
        ),
    ),
    *_of(
        corpus.write_labels,
        ("fit", "CSV", "labels.csv", FIT),
        ("fit-scene", "GeoTIFF", "scene.tif", FIT),
    ),
    *_of(
        corpus.write_scenes,
        ("batch", "CSV", "scenes.csv", BATCH),
        ("batch-scene", "GeoTIFF", "[sb]*.tif", BATCH),
        ("batch-config", "YAML", "options.yaml", f"{BATCH} --config in/options.yaml"),
    ),
)


def write_corpus(folder: Path, makes: Collection[Callable[[Path], None]] = ()) -> None:
    """Write the inputs of all subjects, or those that some functions make, each into a folder of its name."""
    for make in makes or dict.fromkeys(subject.make for subject in SUBJECTS):
        place = folder / make.__name__.removeprefix("write_")
        place.mkdir(parents=True)
        make(place)
