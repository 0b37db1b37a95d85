"""A server, and files that refer to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely

from tests.products.ground import EAST, NORTH, write_raster
from tests.products.server import requests

Geoseg = Callable[..., tuple[str, str]]
SIDE = 40


@dataclass(frozen=True)
class Server:
    address: str
    folder: Path

    @property
    def requests(self) -> list[str]:
        return requests(self.folder)


def wms(address: str) -> str:
    """The description of a service of tiles."""
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>'
        "<DataWindow><UpperLeftX>-20037508.34</UpperLeftX><UpperLeftY>20037508.34</UpperLeftY>"
        "<LowerRightX>20037508.34</LowerRightX><LowerRightY>-20037508.34</LowerRightY><TileLevel>2</TileLevel>"
        "<TileCountX>1</TileCountX><TileCountY>1</TileCountY></DataWindow><Projection>EPSG:3857</Projection>"
        "<BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY><BandsCount>3</BandsCount></GDAL_WMS>"
    )


def wms_file(path: Path, address: str) -> Path:
    path.write_text(wms(address))
    return path


def index_of_tiles(path: Path, address: str) -> Path:
    """GDAL's index of tiles (GTI), as XML that names a layer of places."""
    tiles = geopandas.GeoDataFrame(
        {"location": [f"/vsicurl/{address}/a.tif"]},
        geometry=[shapely.box(EAST, NORTH - 400, EAST + 400, NORTH)],
        crs="EPSG:32633",
    )
    tiles.to_file(path.with_suffix(".fgb"))
    path.write_text(
        f"<GDALTileIndexDataset><IndexDataset>{path.with_suffix('.fgb')}</IndexDataset><ResX>10</ResX>"
        "<ResY>10</ResY><BandCount>1</BandCount></GDALTileIndexDataset>"
    )
    return path


def scene(folder: Path) -> Path:
    bands = np.full((6, SIDE, SIDE), 1500, np.uint16) + np.arange(SIDE, dtype=np.uint16)
    names = ("blue", "green", "red", "nir", "swir16", "swir22")
    return write_raster(folder / "scene.tif", bands, descriptions=names)


FLOOD = ("--sensor", "sentinel-2-l2a", "--method", "classical", "-o", "map.gpkg")


def _refused(geoseg: Geoseg, server: Server, *words: object) -> str:
    """Run; the input is refused, and nothing was asked for."""
    _, err = geoseg(*words, code=3)
    assert not server.requests
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    return line


def item(path: Path, *hrefs: str) -> Path:
    """A STAC item whose assets are the green and the near-infrared band."""
    names = {"green": "B03", "nir": "B08"}
    assets = {
        name: {
            "href": href,
            "type": "image/tiff; application=geotiff",
            "eo:bands": [{"name": label, "common_name": name}],
        }
        for (name, label), href in zip(names.items(), hrefs, strict=True)
    }
    table = {"type": "Feature", "stac_version": "1.0.0", "id": "S2A_33UXP_20230601_0_L2A", "assets": assets}
    path.write_text(json.dumps({**table, "properties": {"datetime": "2023-06-01T10:00:31Z"}}))
    return path
