"""STAC items of STAC 0.7 to 1.1: assets, their bands and their scaling."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.bounded import check_label
from geoseg.files.network import needs_network, plain, shown
from geoseg.files.store_path import SCHEMES
from geoseg.files.web import WEB
from geoseg.messages import warn
from geoseg.scenes import landsat
from geoseg.scenes.naming import CUBE
from geoseg.scenes.paths import fetch_text, is_local
from geoseg.scenes.platform import as_platform, platform_in
from geoseg.scenes.product import STAC_ITEM, Asset, Gain, Geometry, LeftOut, OffsetFacts, Product, baseline_in
from geoseg.scenes.raster import base_name
from geoseg.scenes.signed_addresses import HOST, sign
from geoseg.scenes.stac_documents import Table, absolute, array_of, read_item, table_of
from geoseg.spec.band_names import few_names

LOG = logging.getLogger(__name__)

_RASTER = ("image/tiff", "image/jp2", "application/vnd.nasa", "image/vnd.stac.geotiff")
_BASELINE = re.compile(r"0\d\.\d\d")
_BASELINES = (
    "s2:processing_baseline",
    "sentinel:processing_baseline",
    "processing:version",
    "s2:product_uri",
    "sentinel:product_id",
    "s2:datatake_id",
)
"""Properties with the processing baseline of Sentinel-2, alone or in a product's name."""
_OFFSET_REMOVED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_MOST_ASSETS = 5_000
"""Most assets of an item; a product has at most some hundred."""

_SCHEMES = frozenset({"", *WEB, *SCHEMES})
_PICTURES = {"visual", "overview", "thumbnail"}


def stac_product(name: str, *, remote_assets: bool = False) -> Product:
    """Read a STAC item from a local file or an address.

    Args:
        name: of the item, or `FILE#ID` of an item of a collection.
        remote_assets: whether an item on this machine may name assets at addresses.

    Raises:
        SceneReadError: the file cannot be read or is not JSON.
        SceneError: it is not a STAC item, or none of its assets is a raster with named bands.
    """
    item, path = read_item(name)
    properties = table_of(item.get("properties"))
    listed = [table_of(band) for band in array_of(properties.get("eo:bands"))]
    facts = _offset(properties)
    if len(table_of(item["assets"])) > _MOST_ASSETS:
        raise SceneReadError(f"{path}: has more than {_MOST_ASSETS:,} assets; give an item of one product")
    assets = tuple(replace(asset, offset=facts) for asset in _assets(table_of(item["assets"]), path, listed))
    assets, away = (assets, []) if remote_assets else _here(assets, path)
    if not assets:
        raise SceneError(
            f"{path}: no asset is a raster with named bands; give the rasters with `--band NAME=URL`"
        )
    table = table_of(item["assets"])
    left = tuple(LeftOut(name=key, why="picture") for key in table if _is_picture(key, table_of(table[key])))
    left += tuple(LeftOut(name=other, why="at an address") for other in away)
    label = str(item.get("id") or path)
    check_label(label, f"{path}: the id")
    collection = str(item.get("collection") or "")
    product = Product(
        name=label,
        assets=assets,
        time=_time(properties),
        hints=(label, collection),
        # A space station has several instruments: the item's name is more reliable than its platform.
        platform=platform_in(label)
        or as_platform(str(properties.get("platform") or properties.get("eo:platform") or "")),
        geometry=_geometry(properties),
        left_out=left,
    )
    signing = sign if _is_of_planetary_computer(item, path) else str
    remote = remote_assets or not is_local(path)
    product = _with_mtl(product, table, path, remote=remote, signing=signing)
    return replace(
        product, assets=tuple(replace(asset, path=signing(asset.path)) for asset in product.assets)
    )


def _is_of_planetary_computer(item: Table, path: str) -> bool:
    """Return whether an item is from the Planetary Computer, by its address or its links."""
    links = (str(table_of(link).get("href") or "") for link in array_of(item.get("links")))
    return any(urlsplit(name.removeprefix("/vsicurl/")).hostname == HOST for name in (path, *links))


def _here(assets: tuple[Asset, ...], item: str) -> tuple[tuple[Asset, ...], list[str]]:
    """Return the assets of an item on this machine that are files, and the names of those at addresses.

    Raises:
        SceneReadError: all of them are at addresses.
    """
    away = [base_name(asset.path) for asset in assets if is_local(item) and needs_network(asset.path)]
    if not away:
        return assets, []
    listed = few_names(away, 4)
    if len(away) == len(assets):
        raise SceneReadError(
            f"{item} names {listed} at addresses; a file on this machine does not make geoseg read from the "
            "network: give the item's own address, put the files into its folder, or add `--remote-assets`"
        )
    warn(
        LOG,
        "assets-at-addresses",
        f"{item} names {listed} at addresses, which are left out: give the item's own address, put the files "
        "into its folder, or add `--remote-assets`",
    )
    return tuple(asset for asset in assets if not needs_network(asset.path)), away


def _with_mtl(
    product: Product, assets: Table, item: str, *, remote: bool, signing: Callable[[str], str]
) -> Product:
    """Return a Landsat item with the metadata of its MTL file, if it is local or of level 1."""
    hrefs = [_href(table_of(asset)).split("?")[0] for asset in assets.values()]
    names = {base_name(href): _address(href, item) for href in hrefs}
    mtl = next((names[name] for name in landsat.best_mtls(names)), None)
    level_1 = re.match(r"L[A-Z]\d\d_L1", product.name) is not None
    here = mtl is not None and is_local(mtl)
    if mtl is None or not (here or (level_1 and remote)):
        return product
    try:
        text = fetch_text(signing(mtl))
    except SceneReadError:
        return product
    metadata = landsat.parse_mtl(text, mtl)
    labelled = (
        replace(asset, labels=((label,),), gains=(metadata.gain(label) or asset.gains[0],))
        if (label := landsat.band_label(base_name(asset.path)))
        else asset
        for asset in product.assets
    )
    return replace(
        product,
        assets=tuple(labelled),
        sensor=metadata.sensor,
        sensor_reason=base_name(mtl),
        time=metadata.time or product.time,
        geometry=metadata.geometry,
    )


def _is_picture(key: str, asset: Table) -> bool:
    """Return True for assets that are pictures: rendered images or quicklooks."""
    return bool({str(role) for role in array_of(asset.get("roles"))} & _PICTURES) or key in _PICTURES


def _offset(properties: Table) -> OffsetFacts | None:
    """Return the baseline and offset of a Sentinel-2 item; None if it states neither."""
    baseline, source, statement, offset_removed = None, "the STAC item", "", None
    for key in _BASELINES:
        text = str(properties.get(key) or "")
        found = float(text) if _BASELINE.fullmatch(text) else baseline_in(text)
        if found is not None:
            baseline, source = found, f"{key} of the STAC item"
            break
    for key in _OFFSET_REMOVED:
        if isinstance(properties.get(key), bool):
            offset_removed = properties[key] is True
            statement = f"{key} of the STAC item: the provider subtracted it"
            break
    if baseline is None and offset_removed is None:
        return None
    return OffsetFacts(baseline=baseline, source=source, offset_removed=offset_removed, statement=statement)


def _geometry(properties: Table) -> Geometry | None:
    """Return the angles of STAC's view extension; the off-nadir angle if there is no incidence angle."""
    # Before STAC 1.0 the angles were those of the electro-optical extension.
    elevation = _number(properties.get("view:sun_elevation", properties.get("eo:sun_elevation")))
    incidence = _number(properties.get("view:incidence_angle"))
    off_nadir = _number(properties.get("view:off_nadir", properties.get("eo:off_nadir")))
    view = off_nadir if incidence is None else incidence
    if elevation is None and view is None:
        return None
    return Geometry(
        sun_zenith=None if elevation is None else 90 - elevation,
        view_zeniths={} if view is None else {"": view},
        source="STAC item",
        view_note="" if incidence is not None else "angle at the satellite, slightly less than at the ground",
    )


def _number(value: JsonValue) -> float | None:
    """Return a finite number; None if the value is not one."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(str(value)) if number else None


def _assets(assets: Table, item: str, listed: list[Table]) -> Iterator[Asset]:
    """Yield the raster assets with named bands; assets may have indexes into `listed`, the item's bands."""
    for key, value in assets.items():
        asset = table_of(value)
        kind = str(asset.get("type") or "")
        href = _href(asset)
        twin = key.removesuffix("-jp2")
        if _is_picture(key, asset) or (twin != key and twin in assets):
            continue
        if not (kind.startswith(_RASTER) or href.lower().endswith((".tif", ".tiff", ".jp2"))):
            continue
        bands = [_band(band, listed) for band in array_of(asset.get("bands") or asset.get("eo:bands"))]
        values = [table_of(band) for band in array_of(asset.get("raster:bands"))]
        count = max(len(bands), len(values), 1)
        bands += [{}] * (count - len(bands))
        values += [{}] * (count - len(values))
        # Some catalogues use file names as keys: `SR_B1.TIF`.
        stem = re.sub(r"\.(tiff?|jp2)$", "", key, flags=re.IGNORECASE)
        labels = tuple(_labels(band, stem if count == 1 else None) for band in bands)
        tables = [{**asset, **band, **value} for band, value in zip(bands, values, strict=True)]
        yield Asset(
            path=_address(href, item),
            labels=labels,
            gains=tuple(_gain(table) for table in tables),
            units=tuple(str(table.get("unit") or "") for table in tables),
            wavelengths=_spectral(tables, "center_wavelength"),
            widths=_spectral(tables, "full_width_half_max"),
            optional=True,
            key=stem,
        )


def _href(asset: Table) -> str:
    """Return the address of an asset: the alternate one at S3 if the user pays for its requests.

    Of such catalogues (USGS Landsat) the other address asks for a login.
    Source: STAC alternate-assets extension.
    """
    href = str(asset.get("href") or "")
    other = str(table_of(table_of(asset.get("alternate")).get("s3")).get("href") or "")
    pays = bool(os.environ.get("AWS_REQUEST_PAYER")) and href.lower().startswith(("http://", "https://"))
    return other if pays and other.startswith("s3://") else href


def _spectral(bands: list[Table], name: str) -> tuple[float | None, ...]:
    """Return wavelengths or widths (µm) of the bands of an imaging spectrometer; empty for other assets."""
    found = tuple(_number(band.get(f"eo:{name}", band.get(name))) for band in bands)
    return found if len(found) >= CUBE and all(found) else ()


def _band(value: JsonValue, listed: list[Table]) -> Table:
    """Return the table of a band; before STAC 0.9 assets had indexes into the item's list of bands."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(listed):
        return listed[value]
    return table_of(value)


def _labels(band: Table, key: str | None) -> tuple[str, ...]:
    """Return the labels of a band: its name, its common name, the key of its asset."""
    found = (band.get("name"), band.get("eo:common_name") or band.get("common_name"), key)
    labels = tuple(dict.fromkeys(str(label) for label in found if label))
    for label in labels:
        check_label(label, "the name of a band of the STAC item")
    return labels


def _gain(values: Table) -> Gain | None:
    """Return scale, offset and nodata in the item; None for the default scale of 1 without offset."""

    def number(name: str) -> float | None:
        value = values.get(f"raster:{name}", values.get(name))
        try:
            return float(str(value)) if value is not None else None
        except ValueError:
            return None

    scale, offset, nodata = number("scale"), number("offset"), number("nodata")
    scale, offset = 1.0 if scale is None else scale, offset or 0.0
    kelvin = str(values.get("unit", values.get("raster:unit", ""))).lower() == "kelvin"
    if (scale, offset) == (1.0, 0.0) and not kelvin:
        return None
    return Gain(scale=scale, offset=offset, nodata=nodata, units="dn" if kelvin else None, source=STAC_ITEM)


def _address(href: str, item: str) -> str:
    """Return GDAL's path of an asset; a relative address is relative to the item.

    A file of the same name in the folder of a local item is used instead: items are delivered with files.

    Raises:
        SceneReadError: an item at an address names a file on this machine, or an item on this machine a
            `file://` address outside its folder.
    """
    if is_local(item):
        return _local_address(href, item)
    if ":" in href and not href.startswith("/vsi") and urlsplit(href).scheme.lower() not in _SCHEMES:
        path = href
    else:
        path = absolute(href, item)
    if not needs_network(path):
        raise SceneReadError(
            f"{shown(item)} names {plain(href)}, a file on this machine, which an item at an address may "
            "not do; download the item and check what it names"
        )
    return path


def _local_address(href: str, item: str) -> str:
    """Return the path of an asset of an item on this machine."""
    folder = Path(item).parent
    delivered = folder / base_name(href)
    if href and delivered.is_file():
        return str(delivered)
    if href.lower().startswith("file:"):
        path = Path(unquote(urlsplit(href).path))
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SceneReadError(
                f"{item} names {plain(href)}, a file:// address outside its folder; write its path instead"
            )
        return str(path)
    return absolute(href, item)


def _time(properties: Table) -> datetime | None:
    text = properties.get("datetime") or properties.get("start_datetime")
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
