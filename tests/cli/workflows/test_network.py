"""A local input of any option does not make a run use the network, whatever it names; a server counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from tests.classifiers import mean_classifier
from tests.cli.workflows.network_files import (
    FLOOD,
    SIDE,
    Geoseg,
    Server,
    _refused,
    index_of_tiles,
    scene,
    wms,
    wms_file,
)
from tests.products.ground import EAST, NORTH, write_raster

HEAD = f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32633</SRS>'
PLACE = f"<GeoTransform>{EAST}, 10, 0, {NORTH}, 0, -10</GeoTransform>"


def vrt(path: Path, *names: str, element: str = "SimpleSource", more: str = "") -> Path:
    """A VRT of one band of sources; a name may have attributes before `|`."""
    sources = "".join(
        f"<{element}><SourceFilename {name.rpartition('|')[0]}>{name.rpartition('|')[2]}</SourceFilename>"
        f"<SourceBand>1</SourceBand></{element}>"
        for name in names
    )
    band = f'<VRTRasterBand dataType="Byte" band="1"><Description>B03</Description>{sources}</VRTRasterBand>'
    path.write_text(f"{HEAD}{PLACE}{more}{band}</VRTDataset>")
    return path


def overviews_elsewhere(path: Path, address: str) -> Path:
    """A raster with metadata beside it that name overviews at an address."""
    write_raster(path, np.ones((SIDE, SIDE), np.uint8))
    path.with_name(f"{path.name}.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/vsicurl/{address}/a.ovr</MDI>'
        "</Metadata></PAMDataset>"
    )
    return path


def nested(path: Path, address: str) -> Path:
    inner = vrt(path.with_name(f"inner-{path.name}"), f"/vsicurl/{address}/a.tif")
    return vrt(path, f'relativeToVRT="1"|{inner.name}')


def archived(path: Path, address: str) -> Path:
    """A VRT in a ZIP beside a VRT that names it there."""
    import zipfile  # noqa: PLC0415

    inner = vrt(path.with_name(f"inner-{path.name}"), f"/vsicurl/{address}/a.tif")
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.write(inner, "a.vrt")
    return vrt(path, f"/vsizip/{path.with_suffix('.zip')}/a.vrt")


def service_in_vrt(path: Path, address: str) -> Path:
    return vrt(path, f'relativeToVRT="1"|{wms_file(path.with_suffix(".xml"), address).name}')


def located(path: Path, address: str) -> Path:
    keys = "".join(f'<MDI key="{axis}_DATASET">/vsicurl/{address}/{axis}.tif</MDI>' for axis in "XY")
    return vrt(path, more=f'<Metadata domain="GEOLOCATION">{keys}</Metadata>')


def catalogue(path: Path, address: str) -> Path:
    """GDAL's reader of a STAC item as tiles (STACIT), behind a VRT."""
    item = {"type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": "a", "properties": {}}
    assets = {"B03": {"href": f"{address}/a.tif", "type": "image/tiff"}}
    path.with_suffix(".json").write_text(json.dumps({**item, "assets": assets}))
    return vrt(path, f'STACIT:"{path.with_suffix(".json")}":asset=B03')


def attribute(path: Path, address: str) -> Path:
    """GDAL takes an attribute for an element."""
    path.write_text(
        f'{HEAD}{PLACE}<VRTRasterBand dataType="Byte" band="1"><SimpleSource '
        f'SourceFilename="/vsicurl/{address}/a.tif"><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>'
        "</VRTDataset>"
    )
    return path


def late_text(path: Path, address: str) -> Path:
    """GDAL takes the text after a child for that of its parent."""
    return vrt(path, f"<x/>/vsicurl/{address}/a.tif".replace("|", ""))


RASTERS: dict[str, Callable[[Path, str], Path]] = {
    "vrt of curl": lambda path, address: vrt(path, f"/vsicurl/{address}/a.tif"),
    "service": wms_file,
    "overviews elsewhere": overviews_elsewhere,
    "vrt of http": lambda path, address: vrt(path, f"{address}/a.tif"),
    "vrt of s3": lambda path, _: vrt(path, "/vsis3/bucket/a.tif"),
    "vrt of streaming": lambda path, address: vrt(path, f"/vsicurl_streaming/{address}/a.tif"),
    "vrt of a zip": lambda path, address: vrt(path, f"/vsizip//vsicurl/{address}/a.zip/a.tif"),
    "vrt of a zip in braces": lambda path, address: vrt(path, f"/vsizip/{{/vsicurl/{address}/a.zip}}/a.tif"),
    "vrt of a part": lambda path, address: vrt(path, f'NETCDF:"{address}/a.nc":x'),
    "vrt of another name": lambda path, address: vrt(path, f"vrt:///vsicurl/{address}/a.tif"),
    "vrt of a url of a file": lambda path, _: vrt(path, "/vsicurl/file:///etc/hostname"),
    "vrt of a service": lambda path, address: vrt(path, f"WMS:{address}/wms"),
    "vrt of text": lambda path, address: vrt(path, wms(address).replace("<", "&lt;")),
    "vrt of a vrt": nested,
    "vrt of a vrt in a zip": archived,
    "vrt of a description": service_in_vrt,
    "vrt with a geolocation": located,
    "vrt of a catalogue": catalogue,
    "vrt of an index": lambda path, address: vrt(
        path, str(index_of_tiles(path.with_suffix(".xml"), address))
    ),
    "index of tiles": index_of_tiles,
    "name in an attribute": attribute,
    "name after a child": late_text,
    "kernel": lambda path, address: vrt(path, f"/vsicurl/{address}/a.tif", element="KernelFilteredSource"),
    "warped": lambda path, address: vrt(
        path,
        more=f"<GDALWarpOptions><SourceDataset>/vsicurl/{address}/a.tif</SourceDataset></GDALWarpOptions>",
    ),
    "python": lambda path, _: vrt(path, more="<PixelFunctionLanguage>Python</PixelFunctionLanguage>"),
}
"""Rasters on this machine that name something over the network, or run code."""


def area(path: Path) -> Path:
    box = shapely.box(EAST + 50, NORTH - 350, EAST + 350, NORTH - 50)
    geopandas.GeoDataFrame({"class": [1]}, geometry=[box], crs="EPSG:32633").to_file(path)
    return path


def ogr_vrt(path: Path, source: str, more: str = "") -> Path:
    path.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{source}</SrcDataSource>{more}</OGRVRTLayer>'
        "</OGRVRTDataSource>"
    )
    return path


def linked_crs(path: Path, address: str) -> Path:
    ring = [[EAST, NORTH], [EAST + 300, NORTH], [EAST + 300, NORTH - 300], [EAST, NORTH]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    crs = {"type": "link", "properties": {"href": f"{address}/crs", "type": "proj4"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


VECTORS: dict[str, Callable[[Path, str], Path]] = {
    "vrt of curl": lambda path, address: ogr_vrt(path, f"/vsicurl/{address}/a.geojson"),
    "service": lambda path, address: text(
        path, f"<OGRWFSDataSource><URL>{address}/wfs</URL></OGRWFSDataSource>"
    ),
    "vrt of http": lambda path, address: ogr_vrt(path, f"{address}/a.geojson"),
    "vrt of a database": lambda path, _: ogr_vrt(path, "PG:host=127.0.0.1"),
    "vrt with a query": lambda path, address: ogr_vrt(
        path,
        str(area(path.with_suffix(".fgb"))),
        f"<SrcSQL>SELECT * FROM '/vsicurl/{address}/a.fgb'.a</SrcSQL>",
    ),
    "second root": lambda path, address: text(
        path, "<kml/>" + ogr_vrt(path, f"/vsicurl/{address}/a.geojson").read_text()
    ),
    "pipeline": lambda path, address: text(
        path,
        json.dumps(
            {"type": "gdal_streamed_alg", "command_line": f"gdal vector filter /vsicurl/{address}/a x"}
        ),
    ),
}
"""Layers on this machine that name something over the network."""


def copied(path: Path) -> Path:
    """The same scene as another file, which is another date for all but a warning."""
    return Path(shutil.copy(path, path.with_name(f"second_{path.name}")))


RASTER_OPTIONS: dict[str, Callable[[Path, Path], tuple[object, ...]]] = {
    "scene": lambda _, bad: ("flood", bad, *FLOOD),
    "info": lambda _, bad: ("info", bad),
    "band": lambda good, bad: ("flood", good, "--band", f"green={bad}", *FLOOD),
    "before": lambda good, bad: ("flood", good, "--before", bad, *FLOOD),
    "permanent water": lambda good, bad: ("flood", good, "--permanent-water", bad, *FLOOD),
    "hand": lambda good, bad: ("flood", good, "--hand", bad, *FLOOD),
    "slope": lambda good, bad: ("flood", good, "--slope", bad, *FLOOD),
    "mask": lambda good, bad: ("flood", good, "--mask", f"{bad}:1", *FLOOD),
    "first date": lambda good, bad: ("change", bad, good, "-o", "map.gpkg"),
    "second date": lambda good, bad: ("change", good, bad, "-o", "map.gpkg"),
    "layer": lambda good, bad: ("change", good, copied(good), "--layer", f"dem={bad}", "-o", "map.gpkg"),
    "segments": lambda _, bad: ("segment", bad, "--model", "water-optical", "-o", "map.gpkg"),
    "class raster": lambda _, bad: ("vectorize", bad, "-o", "map.gpkg"),
    "sampled map": lambda _, bad: ("evaluate", "sample", bad, "-n", "5", "-o", "points.gpkg"),
    "wind": lambda good, bad: (
        "methane",
        "plume",
        good,
        "--reference",
        good,
        "--wind",
        bad,
        "-o",
        "map.gpkg",
    ),
    "reference": lambda good, bad: (
        *(
            "methane",
            "plume",
            good,
            "--satellite",
            "sentinel-2a",
            "--sensor",
            "sentinel-2-l1c",
            "--sun-zenith",
            "30",
            "--reference",
            bad,
            "-o",
            "map.gpkg",
        ),
    ),
    "facilities": lambda good, bad: (
        *(
            "methane",
            "facilities",
            bad,
            "--model",
            mean_classifier(good.parent / "mean").weights.parent,
            "-o",
            "map.gpkg",
        ),
    ),
}
VECTOR_OPTIONS: dict[str, Callable[[Path, Path], tuple[object, ...]]] = {
    "area": lambda good, bad: ("flood", good, "--aoi", bad, *FLOOD),
    "permanent water": lambda good, bad: ("flood", good, "--permanent-water", bad, *FLOOD),
    "points": lambda good, bad: ("evaluate", "area", good, bad, "-o", "report"),
}


@pytest.mark.parametrize("kind", RASTERS)
def test_a_scene(kind: str, geoseg: Geoseg, server: Server, tmp_path: Path) -> None:
    bad = RASTERS[kind](tmp_path / "bad.vrt", server.address)
    _refused(geoseg, server, "info", bad)


@pytest.mark.parametrize("option", RASTER_OPTIONS)
@pytest.mark.parametrize("kind", list(RASTERS)[:3])
def test_every_option_of_a_raster(
    option: str, kind: str, geoseg: Geoseg, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = RASTERS[kind](tmp_path / "bad.tif", server.address)
    words = RASTER_OPTIONS[option](scene(tmp_path), bad)
    assert "bad.tif" in _refused(geoseg, server, *words)


@pytest.mark.parametrize("option", VECTOR_OPTIONS)
@pytest.mark.parametrize("kind", VECTORS)
def test_every_option_of_a_layer(
    option: str, kind: str, geoseg: Geoseg, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = VECTORS[kind](tmp_path / "bad.vrt", server.address)
    assert "bad.vrt" in _refused(geoseg, server, *VECTOR_OPTIONS[option](scene(tmp_path), bad))


def test_a_crs_at_an_address(geoseg: Geoseg, server: Server, tmp_path: Path) -> None:
    """GDAL asks for it; without it, the longitudes of GeoJSON are assumed, and the area lies elsewhere."""
    bad = linked_crs(tmp_path / "area.geojson", server.address)
    words = ("flood", scene(tmp_path), "--aoi", bad, *FLOOD[:-1], tmp_path / "map.gpkg")
    _refused(geoseg, server, *words)
