"""What a file may name: files on this machine, in every way in which GDAL and its tools write them."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio.shutil
import shapely

from geoseg.errors import SceneError, SceneReadError
from geoseg.outputs.record import read_record
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.polygon_files import read_polygons
from geoseg.scenes.references import check_local
from geoseg.scenes.sqlite_files import check_tables
from tests.products.ground import EAST, NORTH, write_raster
from tests.products.netcdf import write_variables
from tests.products.server import serving

SIDE = 20


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "data" / "a.tif", np.full((SIDE, SIDE), 7, np.uint8))


def vrt(path: Path, name: str, relative: str = "0") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><GeoTransform>{EAST},10,0,{NORTH},0,-10'
        '</GeoTransform><Metadata><MDI key="source">https://example.org/a /vsicurl/</MDI></Metadata>'
        '<VRTRasterBand dataType="Byte" band="1"><Description>https://example.org</Description><SimpleSource>'
        f'<SourceFilename relativeToVRT="{relative}">{name}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


def first(path: Path | str) -> int:
    """The first pixel."""
    with open_dataset(str(path)) as dataset:
        return int(dataset.read(1)[0, 0])


def test_a_vrt_of_files(raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = vrt(tmp_path / "inner.vrt", str(raster))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(raster, "folder/a.tif")
        archive.write(vrt(tmp_path / "b.vrt", "folder/a.tif", "1"), "b.vrt")
    monkeypatch.chdir(tmp_path)
    for name, relative in {
        str(raster): "0",
        "data/a.tif": "0",
        "../data/a.tif": "1",
        "../inner.vrt": "1",
        str(inner): "1",
        f"/vsizip/{tmp_path}/a.zip/folder/a.tif": "0",
        f"/vsizip/{tmp_path}/a.zip/b.vrt": "0",
        f"GTIFF_DIR:1:{raster}": "0",
        f"vrt://{raster}?bands=1": "0",
    }.items():
        assert first(vrt(tmp_path / "vrts" / "c.vrt", name, relative)) == 7, name
    assert first(f"/vsizip/{tmp_path}/a.zip/b.vrt") == 7


def test_a_vrt_that_gdal_wrote(raster: Path, tmp_path: Path) -> None:
    with open_dataset(str(raster)) as dataset:
        rasterio.shutil.copy(dataset, tmp_path / "a.vrt", driver="VRT")
        with rasterio.vrt.WarpedVRT(dataset, crs="EPSG:4326") as warped:
            rasterio.shutil.copy(warped, tmp_path / "warped.vrt", driver="VRT")
    assert first(tmp_path / "a.vrt") == 7
    with open_dataset(str(tmp_path / "warped.vrt")) as dataset:
        assert dataset.read(1).max() == 7


def test_a_vrt_of_a_variable(tmp_path: Path) -> None:
    path = write_variables(tmp_path / "a.nc", {"green": np.full((SIDE, SIDE), 7, np.int16)})
    with open_dataset(str(vrt(tmp_path / "a.vrt", f'NETCDF:"{path}":green'))) as dataset:
        assert dataset.count == 1


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "link"])
@pytest.mark.parametrize("way", ["itself", "vrt"])
def test_pipes_and_devices(name: str, way: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    path = tmp_path / name
    named = {"itself": path, "vrt": vrt(tmp_path / "a.vrt", str(path))}
    with pytest.raises(SceneReadError, match="a pipe, a device or a socket"):
        first(named[way])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file:///etc/hostname", "not the path of a file"),
        ("/vsimem/a.tif", "not known to be a file"),
        ("/vsistdin/", "not known to be a file"),
        ("/vsicrypt/key=a,file=b", "not known to be a file"),
        ("PG:host=localhost", "not known to be a file"),
        ("MEM:::DATAPOINTER=1", "not known to be a file"),
        ("a.gti.fgb", "not a raster that a VRT may name"),
        ("a.json", "not a raster that a VRT may name"),
    ],
)
def test_a_vrt_of_other_names(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gti.fgb").write_bytes(b"fgb\3")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(SceneReadError, match=text):
        first(vrt(tmp_path / "a.vrt", name))


@pytest.mark.parametrize("name", ["/vsisparse/{}/a.xml", "/vsistdin/", "/vsicrypt/key=a,file={}/a.tif"])
def test_file_systems_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<VSISparseFile/>")
    with pytest.raises(SceneReadError, match="is not supported"):
        first(name.format(tmp_path))


@pytest.mark.parametrize(
    "text", ["<VRTDataset>", "<a>&b;</a><VRTDataset/>", '<!DOCTYPE a [<!ENTITY b "c">]><VRTDataset/>']
)
def test_a_damaged_vrt(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.vrt").write_text(text)
    with pytest.raises(SceneReadError, match="XML"):
        first(tmp_path / "a.vrt")


def test_a_vrt_of_itself(tmp_path: Path) -> None:
    path = vrt(tmp_path / "a.vrt", "a.vrt", "1")
    with open_dataset(str(path)) as dataset, pytest.raises(rasterio.errors.RasterioIOError):
        dataset.read(1)


def test_vrts_deep_inside_each_other(raster: Path, tmp_path: Path) -> None:
    path = raster
    for number in range(12):
        path = vrt(tmp_path / f"{number}.vrt", str(path))
    with pytest.raises(SceneReadError, match="VRTs name each other"):
        first(path)


@pytest.fixture
def address(raster: Path) -> Iterator[str]:
    with serving(raster.parent) as place:
        yield f"/vsicurl/http://{place}"


def test_a_vrt_at_an_address(raster: Path, address: str) -> None:
    """It may name files beside it, and other addresses, but nothing on this machine."""
    vrt(raster.parent / "beside.vrt", "a.tif", "1")
    vrt(raster.parent / "address.vrt", f"{address}/a.tif")
    vrt(raster.parent / "local.vrt", str(raster))
    shutil.copy(raster.parent / "local.vrt", raster.parent / "local.tif")
    assert first(f"{address}/beside.vrt") == 7
    assert first(f"{address}/address.vrt") == 7
    with pytest.raises(SceneReadError, match="a file on this machine"):
        first(f"{address}/local.vrt")
    # By its content, GDAL would take this for a VRT as well.
    with pytest.raises(rasterio.errors.RasterioIOError, match="not recognized"):
        first(f"{address}/local.tif")


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326")
    frame.to_file(tmp_path / "a.gpkg", layer="t")
    return tmp_path / "a.gpkg"


def _run(path: Path, *statements: str) -> None:
    file = sqlite3.connect(path)
    for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
        file.create_function(name, 1, lambda _: 0)
    for statement in statements:
        file.execute(statement)
    file.commit()
    file.close()


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) AS a FROM c"


@pytest.mark.parametrize(
    "statements",
    [
        (f"CREATE VIEW v AS {ENDLESS}",),
        ("ALTER TABLE gpkg_contents RENAME TO kept", f"CREATE VIEW gpkg_contents AS {ENDLESS}"),
        ("CREATE VIEW v AS SELECT gdal_get_pixel_value('/etc/hostname', 1, 'pixel', 1, 1) AS a FROM t",),
        ("ALTER TABLE t ADD COLUMN b TEXT GENERATED ALWAYS AS (hex(zeroblob(400000000))) VIRTUAL",),
    ],
)
def test_queries_of_a_geopackage(statements: tuple[str, ...], layer: Path) -> None:
    _run(layer, *statements)
    for read in (read_polygons, first):
        with pytest.raises(SceneReadError, match="does not run queries"):
            read(layer)


def test_queries_in_the_log_of_a_geopackage(layer: Path) -> None:
    """A write-ahead log beside the file belongs to it."""
    file = sqlite3.connect(layer)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA wal_autocheckpoint = 0")
    file.execute(f"CREATE VIEW v AS {ENDLESS}")
    file.commit()
    copy = layer.with_name("copy.gpkg")
    for suffix in ("", "-wal"):
        shutil.copy(f"{layer}{suffix}", f"{copy}{suffix}")
    file.close()
    for read in (check_tables, read_polygons):
        with pytest.raises(SceneReadError, match=f"{re.escape(str(copy))}.*v is a view"):
            read(copy)


def test_a_geopackage_with_a_log_is_read_with_it_and_stays_as_it_is(layer: Path) -> None:
    """GDAL moves the log of a program that was killed into the file, and SQLite writes beside it."""
    file = sqlite3.connect(layer)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA wal_autocheckpoint = 0")
    for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
        file.create_function(name, 1, lambda _: 0)
    file.execute("UPDATE t SET a = 77")
    file.commit()
    copy = layer.parent / "copy" / "copy.gpkg"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{layer}{suffix}", f"{copy}{suffix}")
    file.close()
    before = {path.name: path.read_bytes() for path in copy.parent.iterdir()}
    assert set(before) == {"copy.gpkg", "copy.gpkg-wal"}
    check_tables(copy)
    assert read_record(copy) is None
    assert len(read_polygons(copy)[0]) == 1
    with pytest.raises(SceneError, match="left out"):
        read_polygons(copy, {"a": ("77",)})
    assert {path.name: path.read_bytes() for path in copy.parent.iterdir()} == before


def test_a_geopackage_of_tables(layer: Path) -> None:
    before = sorted(layer.parent.iterdir())
    check_tables(layer)
    assert sorted(layer.parent.iterdir()) == before
    assert len(read_polygons(layer)[0]) == 1


WRITERS: dict[str, Callable[[geopandas.GeoDataFrame, Path], object]] = {
    ".geojson": lambda frame, path: frame.to_file(path),
    ".fgb": lambda frame, path: frame.to_file(path),
    ".shp": lambda frame, path: frame.to_file(path),
    ".kml": lambda frame, path: frame.to_file(path, driver="KML"),
    ".gml": lambda frame, path: frame.to_file(path, driver="GML"),
    ".tab": lambda frame, path: frame.to_file(path, driver="MapInfo File"),
    ".gdb": lambda frame, path: frame.to_file(path, driver="OpenFileGDB"),
    ".shz": lambda frame, path: frame.to_file(path, driver="ESRI Shapefile"),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_layers_of_the_known_formats(suffix: str, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"a": ["b"]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326")
    path = tmp_path / f"a{suffix}"
    WRITERS[suffix](frame, path)
    assert len(read_polygons(path)[0]) == 1
    if suffix in {".geojson", ".shp"}:
        outer = tmp_path / "b.vrt"
        outer.write_text(
            '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource relativeToVRT="1">'
            f"{path.name}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
        )
        assert len(read_polygons(outer)[0]) == 1
    if suffix == ".shp":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for part in tmp_path.glob("a.*"):
                if part.suffix != ".zip":
                    archive.write(part, part.name)
            archive.writestr("a.shp.xml", "<metadata/>")
        assert len(read_polygons(tmp_path / "a.zip")[0]) == 1


@pytest.mark.parametrize("text", ["<html/>", "text", "<GDAL_WMS/>", "<OGRVRTDataSource>", ""])
def test_other_files_are_no_layers(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(SceneReadError):
        read_polygons(tmp_path / "a.txt")


@pytest.mark.parametrize(("width", "refused"), [(3, False), (40, True)])
def test_vrts_that_name_each_other_many_times(tmp_path: Path, width: int, refused: bool) -> None:
    """The number of reads grows with the depth."""
    write_raster(tmp_path / "5.vrt", np.ones((4, 4), np.uint8))
    for level in range(5):
        source = f"<SourceFilename relativeToVRT='1'>{level + 1}.vrt</SourceFilename>"
        sources = f"<SimpleSource>{source}<SourceBand>1</SourceBand></SimpleSource>" * width
        band = f"<VRTRasterBand dataType='Byte' band='1'>{sources}</VRTRasterBand>"
        (tmp_path / f"{level}.vrt").write_text(
            f"<VRTDataset rasterXSize='4' rasterYSize='4'>{band}</VRTDataset>"
        )
    if refused:
        with pytest.raises(SceneReadError, match="times over"):
            check_local(str(tmp_path / "0.vrt"))
    else:
        check_local(str(tmp_path / "0.vrt"))
