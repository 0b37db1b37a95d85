"""No output of any command replaces a file that the command reads, whatever name leads to it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine

from tests import plumes, simulated
from tests.classifiers import mean_classifier, write_scene
from tests.products import wind as winds
from tests.products.ground import EAST, NORTH, Ground, lake, write_raster

Geoseg = Callable[..., tuple[str, str]]

BANDS = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "B12": "swir22"}
SENSOR = ("--sensor", "sentinel-2-l2a-harmonised", "--method", "classical")
SMALL = 60
"""Pixels of a side."""


def _counts(seed: int, band: str) -> np.ndarray:
    ground = Ground(kinds=lake(SMALL), seed=seed)
    return np.asarray((ground.reflectance(band) * 10_000).round(), np.uint16)


def _stack(path: Path, seed: int = 0) -> Path:
    bands = np.stack([_counts(seed, band) for band in BANDS.values()])
    return write_raster(path, bands, descriptions=tuple(BANDS.values()), nodata=0)


def _folder(path: Path, seed: int = 0) -> Path:
    for label, band in BANDS.items():
        write_raster(path / f"T33UXP_20230601T100031_{label}_10m.tif", _counts(seed, band), nodata=0)
    return path


def _vrt(path: Path, source: Path) -> Path:
    """A VRT of six bands that names its source relative to itself."""
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{band}"><Description>{name}</Description><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{source.name}</SourceFilename><SourceBand>{band}</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for band, name in enumerate(BANDS.values(), start=1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{SMALL}" rasterYSize="{SMALL}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>{EAST}, 10, 0, {NORTH}, 0, -10</GeoTransform>{bands}</VRTDataset>"
    )
    return path


def _stac(path: Path, folder: Path) -> Path:
    assets = {
        band: {
            "href": f"./{folder.name}/T33UXP_20230601T100031_{label}_10m.tif",
            "type": "image/tiff; application=geotiff",
            "eo:bands": [{"name": label, "common_name": band}],
        }
        for label, band in BANDS.items()
    }
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "S2A_33UXP_20230601_0_L2A", "assets": assets}
    path.write_text(json.dumps({**item, "properties": {"datetime": "2023-06-01T10:00:31Z"}}))
    return path


def _zip(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


def _area(path: Path) -> Path:
    box = shapely.box(EAST + 50, NORTH - 10 * SMALL + 50, EAST + 10 * SMALL - 50, NORTH - 50)
    frame = geopandas.GeoDataFrame({"name": ["here"]}, geometry=[box], crs="EPSG:32633")
    frame.to_file(path)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of every kind."""
    root = tmp_path_factory.mktemp("inputs")
    _stack(root / "scene.tif")
    _stack(root / "earlier.tif", seed=1)
    _folder(root / "bands")
    _vrt(root / "outer.vrt", _vrt(root / "inner.vrt", root / "scene.tif"))
    _stac(root / "item.json", root / "bands")
    _zip(root / "bands.zip", root / "bands")
    for suffix in ("gpkg", "geojson", "fgb", "shp"):
        _area(root / f"area.{suffix}")
    write_raster(root / "water.tif", lake(SMALL))
    write_raster(root / "hand.tif", np.ones((SMALL, SMALL), np.float32))
    (root / "options.yaml").write_text("min-area: 0\n")
    return root


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of them for one test."""
    return Path(shutil.copytree(made, tmp_path / "inputs"))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SCENES = {
    "scene.tif": ("scene.tif", "scene.tif"),
    "bands": ("bands", "bands/T33UXP_20230601T100031_B03_10m.tif"),
    "one band of a folder that is not used": ("bands", "bands/T33UXP_20230601T100031_B02_10m.tif"),
    "vrt": ("inner.vrt", "scene.tif"),
    "vrt itself": ("inner.vrt", "inner.vrt"),
    "vrt of a vrt": ("outer.vrt", "scene.tif"),
    "vrt within a vrt": ("outer.vrt", "inner.vrt"),
    "stac": ("item.json", "bands/T33UXP_20230601T100031_B11_10m.tif"),
    "stac itself": ("item.json", "item.json"),
    "zip": ("bands.zip", "bands.zip"),
    "vsizip": ("/vsizip/{}/bands.zip", "bands.zip"),
}
"""What is mapped, and the file of it that an output names."""

FURTHER = {
    "before": (("--before", "earlier.tif"), "earlier.tif"),
    "permanent water": (("--permanent-water", "water.tif"), "water.tif"),
    "polygons of permanent water": (("--permanent-water", "area.gpkg"), "area.gpkg"),
    "hand": (("--hand", "hand.tif"), "hand.tif"),
    "slope": (("--slope", "hand.tif"), "hand.tif"),
    "area": (("--aoi", "area.gpkg"), "area.gpkg"),
    "area in GeoJSON": (("--aoi", "area.geojson"), "area.geojson"),
    "area in FlatGeobuf": (("--aoi", "area.fgb"), "area.fgb"),
    "part of a shapefile": (("--aoi", "area.shp"), "area.dbf"),
    "config": (("--config", "options.yaml"), "options.yaml"),
}


def _refused(geoseg: Geoseg, place: Path, words: Sequence[object], option: str, target: Path) -> None:
    """Run with one output at a place that is an input; nothing may change.

    Another name of an input that is no GeoTIFF is given for a raster.
    """
    if option in {"--raster", "--columns"} and target.suffix != ".tif":
        target.with_name(f"{target.name}.tif").hardlink_to(target)
        target = target.with_name(f"{target.name}.tif")
    before = _files(place)
    main = [] if option == "-o" else ["-o", place / "new.gpkg"]
    _, err = geoseg(*words, *main, option, target, "--overwrite", code=6)
    (told,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert str(target) in told
    assert "is an input" in told
    assert _files(place) == before


@pytest.mark.parametrize("kind", SCENES)
def test_of_a_scene(kind: str, place: Path, geoseg: Geoseg) -> None:
    name, target = SCENES[kind]
    scene = name.format(place) if "{" in name else place / name
    _refused(geoseg, place, ("flood", scene, *SENSOR), "--raster", place / target)


@pytest.mark.parametrize("kind", FURTHER)
def test_of_what_lies_beside_a_scene(kind: str, place: Path, geoseg: Geoseg) -> None:
    (option, name), target = FURTHER[kind]
    words = ("flood", place / "scene.tif", *SENSOR, option, place / name)
    vector = Path(target).suffix in {".gpkg", ".geojson", ".fgb"}
    _refused(geoseg, place, words, "-o" if vector else "--raster", place / target)


@pytest.mark.parametrize("option", ["--raster", "--scores"])
@pytest.mark.parametrize("link", ["symbolic", "hard", "folder"])
def test_behind_links(link: str, option: str, place: Path, geoseg: Geoseg) -> None:
    target = place / "link.tif"
    if link == "folder":
        (place / "here").symlink_to(place)
        target = place / "here" / "scene.tif"
    elif link == "hard":
        os.link(place / "scene.tif", target)
    else:
        target.symlink_to("scene.tif")
    _refused(geoseg, place, ("flood", place / "scene.tif", *SENSOR), option, target)
    if link != "folder":
        # And the other way round: the link is read, the file is named.
        _refused(geoseg, place, ("flood", target, *SENSOR), option, place / "scene.tif")


@pytest.mark.parametrize(("option", "name"), [("--scores", "earlier.tif"), ("--raster", "hand.tif")])
def test_of_a_change(option: str, name: str, place: Path, geoseg: Geoseg) -> None:
    layers = ("--layer", f"dem={place / 'hand.tif'}", "--layer", f"after:dem={place / 'hand.tif'}")
    words = ("change", place / "earlier.tif", place / "scene.tif", *SENSOR[:2], *layers)
    _refused(geoseg, place, words, option, place / name)


@pytest.mark.parametrize("suffix", ["vrt", "tif", "dat"])
@pytest.mark.parametrize(
    "source", ["scene.tif", "GTIFF_DIR:1:{}/scene.tif", "/vsisubfile/0_99999999,{}/scene.tif"]
)
def test_of_the_sources_of_a_vrt(suffix: str, source: str, place: Path, geoseg: Geoseg) -> None:
    """Whatever the suffix of the VRT and of one within it, and however its source is named."""
    inner = _vrt(place / f"first.{suffix}", place / "scene.tif")
    if "{" in source:
        named = source.format(place)
        text = inner.read_text().replace('relativeToVRT="1">scene.tif', f'relativeToVRT="0">{named}')
        inner.write_text(text)
    outer = _vrt(place / "second.vrt", inner)
    for scene in (inner, outer):
        _refused(geoseg, place, ("flood", scene, *SENSOR), "--raster", place / "scene.tif")


def test_of_the_style_that_names_the_classes(place: Path, geoseg: Geoseg) -> None:
    entry = '<paletteEntry value="1" label="water"/>'
    (place / "water.qml").write_text(f"<qgis><rasterrenderer>{entry}</rasterrenderer></qgis>")
    os.link(place / "water.qml", place / "water.gpkg")
    _refused(geoseg, place, ("vectorize", place / "water.tif"), "-o", place / "water.gpkg")


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "README.md"])
def test_of_a_network(name: str, place: Path, geoseg: Geoseg) -> None:
    with_weights = Path(str(files("geoseg.models").joinpath("zoo", "water-optical")))
    bundle = Path(shutil.copytree(with_weights, place / "bundle"))
    words = ("segment", place / "scene.tif", *SENSOR[:2], "--model", bundle)
    _refused(geoseg, place, words, "--raster", bundle / name)


def test_of_a_class_raster(place: Path, geoseg: Geoseg) -> None:
    (place / "water.gpkg").symlink_to("water.tif")
    _refused(geoseg, place, ("vectorize", place / "water.tif"), "-o", place / "water.gpkg")


def test_maps_of_an_earlier_run_are_no_inputs(place: Path, geoseg: Geoseg) -> None:
    """Who keeps maps in the folder of the bands may make them anew."""
    folder = place / "bands"
    words = ("flood", folder, *SENSOR, "-o", folder / "map.gpkg", "--raster", folder / "map.tif")
    geoseg(*words)
    geoseg(*words, "--overwrite")
    # Unless one of them is read.
    again = ("flood", folder, *SENSOR, "--permanent-water", folder / "map.tif")
    _refused(geoseg, place, again, "--raster", folder / "map.tif")


@pytest.mark.parametrize(
    ("option", "target"),
    [
        ("-o", "area.gpkg"),
        ("--columns", "calm/S2A_MSIL1C_20210626T065621_B12.tif"),
        ("--raster", "wind.tif"),
        ("--columns", "day/S2A_MSIL1C_20210706T065621_B11.tif"),
    ],
)
def test_of_plumes(option: str, target: str, place: Path, geoseg: Geoseg) -> None:
    scene = plumes.write(place / "day", plumes.darken(plumes.ground(2), plumes.plume(), 2.15))
    calm = plumes.write(place / "calm", plumes.ground(1), "S2A_MSIL1C_20210626T065621")
    here = Affine(30_000, 0, plumes.EAST - 15_000, 0, -30_000, plumes.NORTH + 15_000)
    blowing = np.full((2, 3, 3), 3, np.float32)
    wind = write_raster(
        place / "wind.tif", blowing, crs="EPSG:32640", transform=here, descriptions=("u10", "v10")
    )
    words = ("methane", "plume", scene, "--reference", calm, "--wind", wind)
    _refused(geoseg, place, (*words, "--facilities", place / "area.gpkg"), option, place / target)


@pytest.mark.parametrize("kind", ["nc", "zip", "grib2"])
def test_of_wind(kind: str, place: Path, geoseg: Geoseg) -> None:
    scene = plumes.write(place / "day", plumes.darken(plumes.ground(2), plumes.plume(), 2.15))
    lats, lons = np.arange(32.5, 31.0, -0.25), np.arange(56.0, 58.0, 0.25)
    since = np.datetime64("2021-07-06T06") - np.datetime64(winds.START.replace(tzinfo=None))
    hours = [since / np.timedelta64(1, "h") + later for later in (0, 1)]
    winds.write_nc(place / "wind.nc", hours=hours, lats=lats, lons=lons)
    winds.write_zip(place / "wind.zip", {"data.nc": place / "wind.nc"})
    parts = [
        winds.Message(element=element, at=winds.constant(3), hour=hour, lats=lats, lons=lons)
        for hour in hours
        for element in ("u", "v")
    ]
    winds.write_grib(place / "wind.grib2", parts)
    words = ("methane", "plume", scene, "--method", "mbsp", "--wind", place / f"wind.{kind}")
    _refused(geoseg, place, words, "--columns", place / f"wind.{kind}")


@pytest.mark.parametrize(("option", "suffix"), [("--scores", ".tif"), ("--picture", ".png")])
def test_of_facilities(option: str, suffix: str, place: Path, geoseg: Geoseg) -> None:
    counts = np.full((1, 200, 220), 2000, np.uint16) + np.arange(220, dtype=np.uint16)
    write_scene(place / "green.tif", counts, ["green"])
    mean_classifier(place / "mean", gains=[1, 1, 0, 0, 0, 0])
    os.link(place / "green.tif", place / f"hard{suffix}")
    os.link(place / "mean" / "model.json", place / f"model{suffix}")
    words = ("methane", "facilities", place / "green.tif", *SENSOR[:2], "--model", place / "mean")
    _refused(geoseg, place, words, option, place / f"hard{suffix}")
    _refused(geoseg, place, words, option, place / f"model{suffix}")


def test_of_a_sample_and_its_map(place: Path, geoseg: Geoseg) -> None:
    (place / "points.gpkg").symlink_to("water.tif")
    words = ("evaluate", "sample", place / "water.tif", "-n", 20, "--overwrite", "-o")
    geoseg(*words, place / "points.gpkg", code=6)
    geoseg(*words, place / "report" / "area.csv", code=6)
    (place / "report").mkdir()
    geoseg(*words, place / "report" / "area.csv")
    sample = (place / "report" / "area.csv").read_text().replace(",,", ",1,")
    (place / "report" / "area.csv").write_text(sample)
    before = _files(place)
    judged = ("evaluate", "area", place / "water.tif", place / "report" / "area.csv", "--overwrite")
    _, err = geoseg(*judged, "-o", place / "report", code=6)
    assert "is an input" in err
    assert _files(place) == before


def test_of_the_set_of_an_evaluation(place: Path, geoseg: Geoseg) -> None:
    """The maps of an evaluation go to a folder in which images of the set lie."""
    simulated.write_set(place / "judged" / "maps" / "0", chips=4)
    images = place / "judged" / "maps" / "0"
    for image in sorted(images.glob("*/image/*.tif")):
        image.rename(images / image.name)
    (images / "label").mkdir()
    for label in sorted(images.glob("*/label/*.tif")):
        label.rename(images / "label" / label.name)
    config = simulated.CONFIG.format(root=images)
    config = config.replace("{region}/image/", "").replace("{region}/label/", "label/")
    (place / "train.yaml").write_text(config)
    before = _files(place)
    words = ("evaluate", "maps", place / "train.yaml", "--method", "mndwi", "--on", "all", "--overwrite")
    _, err = geoseg(*words, "-o", place / "judged", code=6)
    assert "is an input" in err
    assert _files(place) == before


def test_of_a_card(place: Path, geoseg: Geoseg, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (place / "README.md").write_text("# A card\n")
    before = _files(place)
    _, err = geoseg("export", place / "none", "-o", place, "--card", place / "none.md", code=2)
    assert "--card" in err
    assert _files(place) == before
