"""STAC items whose assets are addresses, and `--offline`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.workflows.network_files import (
    FLOOD,
    SIDE,
    Geoseg,
    Server,
    _refused,
    index_of_tiles,
    item,
    scene,
    wms_file,
)
from tests.products.ground import write_raster


@pytest.mark.parametrize(
    "scheme", ["{}/B0.tif", "/vsicurl/{}/B0.tif", "s3://bucket/B0.tif", "/vsis3/bucket/B0.tif"]
)
def test_an_item_of_addresses(scheme: str, geoseg: Geoseg, server: Server, tmp_path: Path) -> None:
    hrefs = [scheme.format(server.address), scheme.format(server.address).replace("B0", "B1")]
    line = _refused(geoseg, server, "info", item(tmp_path / "item.json", *hrefs))
    assert "item.json names B0.tif, B1.tif at addresses" in line


def test_an_item_of_files_and_addresses(geoseg: Geoseg, server: Server, tmp_path: Path) -> None:
    """What is here is read, with a warning."""
    write_raster(tmp_path / "data" / "B03.tif", np.full((SIDE, SIDE), 1500, np.uint16))
    path = item(tmp_path / "item.json", "data/B03.tif", f"{server.address}/B08.tif")
    out, err = geoseg("info", path)
    assert "green" in out
    assert "B08.tif at addresses" in err
    assert not server.requests


@pytest.mark.parametrize("inside", [True, False])
def test_an_item_with_the_url_of_a_file(inside: bool, geoseg: Geoseg, server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "item" if inside else tmp_path
    (tmp_path / "item").mkdir()
    bands = [write_raster(folder / "data" / f"B{i}.tif", np.ones((SIDE, SIDE), np.uint16)) for i in range(2)]
    path = item(tmp_path / "item" / "item.json", *(f"file://{band}" for band in bands))
    if inside:
        geoseg("info", path)
    else:
        assert "outside its folder" in _refused(geoseg, server, "info", path)


@pytest.mark.parametrize("way", ["option", "variable"])
@pytest.mark.parametrize(
    "words",
    [
        ("info", "{}/a.tif"),
        ("info", "{}/item.json"),
        ("info", "{}/folder/"),
        ("info", "s3://bucket/a.tif"),
        ("info", "s3://bucket/folder/"),
        ("info", "/vsicurl/{}/a.tif"),
        ("info", "/vsizip//vsicurl/{}/a.zip/a.tif"),
        ("info", 'NETCDF:"{}/a.nc":x'),
        ("flood", "scene.tif", "--before", "{}/a.tif", *FLOOD),
        ("flood", "scene.tif", "--hand", "/vsis3/bucket/a.tif", *FLOOD),
    ],
)
def test_offline(
    words: tuple[str, ...],
    way: str,
    geoseg: Geoseg,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    scene(tmp_path)
    if way == "variable":
        monkeypatch.setenv("GEOSEG_OFFLINE", "1")
    filled = [word.format(server.address) for word in words]
    assert "offline" in _refused(geoseg, server, *filled, *(["--offline"] if way == "option" else []))


@pytest.mark.parametrize(
    "prefix", ["vrt://{}", "vrt://{}?bands=1", "GTI:{}", "DERIVED_SUBDATASET:AMPLITUDE:{}", "WMS:{}"]
)
def test_a_local_description_behind_a_prefix(
    prefix: str, geoseg: Geoseg, server: Server, tmp_path: Path
) -> None:
    for kind, make in {"service": wms_file, "index": index_of_tiles}.items():
        bad = make(tmp_path / f"{kind}.xml", server.address)
        _refused(geoseg, server, "info", prefix.format(bad))


def test_an_address_is_read(geoseg: Geoseg, server: Server) -> None:
    """The server that counts is reached if it is asked for: the other tests mean something."""
    geoseg("info", f"{server.address}/a.tif", code=3)
    assert server.requests
