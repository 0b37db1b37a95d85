"""PlanetScope orders as Planet delivers them: images, masks, XML and JSON of every scene.

File names and XML: Planet, Imagery Product Specifications; udm2: Usable Data Masks; folders: Orders API.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.products.ground import Ground, write_raster

ITEM = "20230614_181520_12_24af"
EIGHT = ("coastal", "blue", "green05", "green", "yellow", "red", "rededge071", "nir")
FOUR = ("blue", "green", "red", "nir")
NAMES = {"coastal": "coastal_blue", "green05": "green_i", "rededge071": "rededge"}
"""How Planet describes bands where it is not by their common name."""

_LIKE = {"green05": "green", "yellow": "green"}
UDM2 = ("clear", "snow", "shadow", "light_haze", "heavy_haze", "cloud", "confidence", "udm1")
SUN_ELEVATION = 61.5

Kind = Literal["sr", "harmonized", "radiance"]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scene that was written."""

    folder: Path
    image: Path
    bands: tuple[str, ...]
    coefficients: tuple[float, ...]
    """Of radiance, by band: reflectance at the top of the atmosphere = stored value * coefficient."""


def write_planetscope(
    order: Path,
    ground: Ground | None = None,
    *,
    item: str = ITEM,
    bands: Sequence[str] = EIGHT,
    kind: Kind = "sr",
    clip: bool = True,
    described: bool = True,
    item_type: str = "PSScene",
    udm2: NDArray[Any] | None = None,
    xml: bool = True,
    gap: NDArray[np.bool_] | None = None,
    transform: Affine | None = None,
    crs: str = "EPSG:32633",
) -> Scene:
    """Write a scene of 3 m pixels into an order, beside what is there.

    Args:
        order: the order's folder; files go to its folder `item_type`.
        ground: what is seen.
        item: what the scene is called.
        bands: common names; `FOUR` of older satellites or orders.
        kind: surface reflectance, harmonized or not, or radiance.
        clip: whether the order was clipped, as names say then.
        described: whether the image carries band names.
        item_type: name of the folder.
        udm2: (H, W) of the band `cloud`, 1 where cloud is; none by default.
        xml: whether the XML lies beside.
        gap: (H, W), True outside of the scene.
        transform: of the grid; None: the usual one.
        crs: of the grid.
    """
    ground = ground or Ground()
    folder, end = order / item_type, "_clip" if clip else ""
    eight = "_8b" if len(bands) == 8 else ""
    what = {"sr": f"AnalyticMS_SR{eight}", "harmonized": f"AnalyticMS_SR{eight}_harmonized"}
    image = folder / f"{item}_3B_{what.get(kind, f'AnalyticMS{eight}')}{end}.tif"
    options: dict[str, Any] = {"pixel": 3.0, "transform": transform, "crs": crs}
    shape = ground.kinds.shape
    hidden = np.zeros(shape, np.bool_) if gap is None else gap
    coefficients = tuple(2.0e-5 + 1e-6 * at for at in range(len(bands)))
    scales = coefficients if kind == "radiance" else (1e-4,) * len(bands)
    stored = [
        np.where(hidden, 0, np.maximum((ground.reflectance(_LIKE.get(band, band)) / scale).round(), 1))
        for band, scale in zip(bands, scales, strict=True)
    ]
    names = [NAMES.get(band, band) for band in bands] if described else []
    write_raster(image, np.stack(stored).astype(np.uint16), nodata=0, descriptions=names, **options)
    cloud = np.zeros(shape, np.uint8) if udm2 is None else udm2.astype(np.uint8)
    layers = np.zeros((8, *shape), np.uint8)
    layers[0], layers[5], layers[6] = (cloud == 0) & ~hidden, np.where(hidden, 0, cloud), 90
    layers[7] = hidden
    write_raster(folder / f"{item}_3B_udm2{end}.tif", layers, descriptions=UDM2, **options)
    write_raster(folder / f"{item}_3B_AnalyticMS_DN_udm{end}.tif", hidden.astype(np.uint8), **options)
    if xml:
        called = f"{item}_3B_AnalyticMS{eight}_metadata{end}.xml"
        (folder / called).write_text(_xml(coefficients))
    properties = {
        "acquired": f"{item[:4]}-{item[4:6]}-{item[6:8]}T{item[9:11]}:{item[11:13]}:{item[13:15]}.12Z",
        "sun_elevation": SUN_ELEVATION,
        "view_angle": 3.1,
        "satellite_id": item[-4:],
        "instrument": "PSB.SD",
    }
    metadata = {"id": item, "type": "Feature", "properties": properties}
    (folder / f"{item}_metadata.json").write_text(json.dumps(metadata))
    (order / "manifest.json").write_text(json.dumps({"name": "", "files": []}))
    return Scene(folder=folder, image=image, bands=tuple(bands), coefficients=coefficients)


def _xml(coefficients: Sequence[float]) -> str:
    bands = "".join(
        f"<ps:bandSpecificMetadata><ps:bandNumber>{band}</ps:bandNumber>"
        "<ps:radiometricScaleFactor>0.01</ps:radiometricScaleFactor>"
        f"<ps:reflectanceCoefficient>{value!r}</ps:reflectanceCoefficient></ps:bandSpecificMetadata>"
        for band, value in enumerate(coefficients, start=1)
    )
    return (
        '<?xml version="1.0"?><ps:EarthObservation xmlns:ps="http://schemas.planet.com/ps/v1"'
        ' xmlns:opt="http://earth.esa.int/opt"><opt:illuminationElevationAngle uom="deg">'
        f"{SUN_ELEVATION}</opt:illuminationElevationAngle>{bands}</ps:EarthObservation>"
    )


def planet_item(made: Scene, path: Path, *, udm2: bool = True) -> Path:
    """Write the STAC item that an order of format STAC holds, of local files."""
    stem = made.image.name.partition("_3B_")[0]
    bands = [{"name": NAMES.get(band, band), "common_name": _LIKE.get(band, band)} for band in made.bands]
    geotiff = "image/tiff; application=geotiff; profile=cloud-optimized"
    assets: dict[str, Any] = {
        f"{made.image.stem}_tif": {
            "href": f"./{made.image.name}",
            "type": geotiff,
            "roles": ["data", "reflectance"],
            "eo:bands": bands,
            "pl:asset_type": "ortho_analytic_8b_sr",
            "pl:bundle_type": "analytic_8b_sr_udm2",
        },
        f"{stem}_metadata_json": {
            "href": f"./{stem}_metadata.json",
            "type": "application/json",
            "roles": ["metadata"],
        },
    }
    if udm2:
        name = next(made.folder.glob(f"{stem}*udm2*.tif")).name
        assets[name.replace(".", "_")] = {
            "href": f"./{name}",
            "type": geotiff,
            "roles": ["data", "snow-ice", "cloud"],
            "eo:bands": [{"name": band} for band in UDM2],
            "pl:asset_type": "ortho_udm2",
        }
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": stem,
        "collection": "PSScene",
        "properties": {
            "datetime": "2023-06-14T18:15:20.12Z",
            "constellation": "planetscope",
            "platform": "24af",
        },
        "assets": assets,
    }
    path.write_text(json.dumps(item))
    return path
