"""From the paths of a request to one product: which files, and what stands beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes import emit, landsat, sentinel2
from geoseg.scenes.paths import Listing, gdal_path, is_archive, is_local, listing, looks_like_raster
from geoseg.scenes.product import Asset, Product, QualityFile
from geoseg.scenes.quality_files import Kinds, kinds_by_name, quality_in
from geoseg.scenes.raster import base_name
from geoseg.scenes.stac import stac_product


def find_product(paths: tuple[str, ...], kinds: Kinds) -> Product:
    """Return the files of a scene and what their metadata say.

    Args:
        paths: as people write them.
        kinds: all kinds of quality layer by name.

    Raises:
        SceneReadError: a path does not exist or cannot be listed.
        SceneError: a folder holds no raster, several scenes, or a product that must be processed first.
    """
    found = [_one(gdal_path(path), kinds) for path in paths]
    first = found[0]
    assets = {asset.path: asset for product in found for asset in product.assets}
    sensors = {product.sensor for product in found} - {None}
    if len(sensors) > 1:
        raise SceneError(
            f"files of several sensors ({', '.join(sorted(map(str, sensors)))}) make no one scene"
        )
    known = next((product for product in found if product.sensor), first)
    platforms = {product.platform for product in found if product.platform}
    return replace(
        known,
        name=first.name if len(found) == 1 else _common_name([product.name for product in found]),
        assets=tuple(assets.values()),
        time=next((product.time for product in found if product.time), None),
        notes=tuple(dict.fromkeys(note for product in found for note in product.notes)),
        warnings=tuple(dict.fromkeys(text for product in found for text in product.warnings)),
        platform=platforms.pop() if len(platforms) == 1 else None,
        geometry=next((product.geometry for product in found if product.geometry), None),
        quality=tuple(dict.fromkeys(item for product in found for item in product.quality)),
        left_out=tuple(dict.fromkeys(item for product in found for item in product.left_out)),
    )


def _common_name(names: list[str]) -> str:
    """Return what several files' names share, else the first with a count."""
    shared = names[0]
    for name in names[1:]:
        while not name.startswith(shared):
            shared = shared[:-1]
    shared = shared.rstrip("_-. B")
    return shared if len(shared) >= 4 else f"{names[0]} and {len(names) - 1} more"


def _one(path: str, kinds: Kinds) -> Product:
    """Return the product behind one path."""
    name = base_name(path)
    if path.lower().split("?")[0].endswith((".json", ".geojson")):
        return stac_product(path)
    local = Path(path)
    if not is_local(path) or not local.exists():
        if is_local(path) and ":" not in path:
            raise SceneReadError(f"{path} does not exist; check the path")
        return Product(name=name, assets=(Asset(path=path),))
    if local.is_dir():
        return _folder(listing(local), local.resolve().name, kinds)
    if sentinel2.METADATA.search(name) or name == "manifest.safe":
        return _folder(listing(local.parent), local.resolve().parent.name, kinds)
    if name.endswith("_MTL.txt"):
        return _beside(listing(local.parent), name)
    if is_archive(local):
        return _folder(listing(local), local.name.split(".")[0], kinds)
    return _file(local)


def _file(path: Path) -> Product:
    """Return one raster file, with the MTL file beside it that shares its name's beginning."""
    asset = Asset(path=str(path))
    if emit.is_granule(str(path)):
        return emit.product(str(path))
    for mtl in sorted(path.parent.glob("*_MTL.txt")):
        label = landsat.band_label(path.name)
        if label and path.name.startswith(mtl.name.removesuffix("MTL.txt")):
            text = mtl.read_text(encoding="utf-8", errors="replace")
            return _landsat(path.stem, (asset,), text, str(mtl))
    return Product(name=path.stem, assets=(asset,))


def _beside(files: Listing, mtl: str) -> Product:
    """Return the Landsat bands that an MTL file was given for."""
    prefix = mtl.removesuffix("MTL.txt")
    names = [name for name in files.names if name.startswith(prefix) and "/" not in name]
    assets = _assets(files, names)
    if not assets:
        raise SceneError(f"{files.path(mtl)} has no band files beside it ({prefix}B*.TIF)")
    return _landsat(prefix.rstrip("_"), assets, files.text(mtl), files.path(mtl))


def _folder(files: Listing, name: str, kinds: Kinds) -> Product:
    """Return what a folder or archive holds."""
    safes = [item for item in files.names if sentinel2.METADATA.search(item)]
    if safes:
        depth = min(item.count("/") for item in safes)
        top = [item for item in safes if item.count("/") == depth]
        if len(top) > 1:
            raise SceneError(f"{files.root} holds several products ({', '.join(top[:3])}); give one of them")
        product = sentinel2.safe_product(files, top[0])
        image = product.assets[0].path.removeprefix(f"{files.root}/")
        return replace(product, quality=quality_in(files, image, kinds))
    if any(base_name(item) == "manifest.safe" for item in files.names) and any(
        "measurement/" in item for item in files.names
    ):
        raise SceneError(
            f"{files.root} is a Sentinel-1 product that is neither calibrated nor on a map; "
            "make backscatter of it first (SNAP, pyroSAR or an RTC service) and give that GeoTIFF"
        )
    own = [item for item in files.names if "/" not in item]
    assets = _assets(files, own) or _assets(files, list(files.names))
    if not assets:
        raise SceneError(f"{files.root} holds no raster files; give a folder of band files or a product")
    mtls = [item for item in files.names if item.endswith("_MTL.txt")]
    if len(mtls) > 1:
        raise SceneError(f"{files.root} holds several scenes ({', '.join(mtls[:3])}); give one MTL file")
    if mtls:
        return _landsat(name, assets, files.text(mtls[0]), files.path(mtls[0]))
    polygons = tuple(
        QualityFile(path=files.path(item), kinds=fitting)
        for item in files.names
        if item.lower().endswith(".gml") and (fitting := kinds_by_name(base_name(item), kinds))
    )
    return Product(name=name, assets=assets, hints=(name,), quality=polygons)


def _assets(files: Listing, names: list[str]) -> tuple[Asset, ...]:
    """Return the rasters among files."""
    siblings = frozenset(name.lower() for name in names)
    return tuple(
        Asset(path=files.path(name), spare=True) for name in names if looks_like_raster(name, siblings)
    )


def _landsat(name: str, assets: tuple[Asset, ...], text: str, path: str) -> Product:
    """Return Landsat band files with what their MTL file says."""
    metadata = landsat.parse_mtl(text, path)
    labelled = []
    for asset in assets:
        label = landsat.band_label(base_name(asset.path))
        gain = metadata.gain(label) if label else None
        labelled.append(replace(asset, labels=((label,),), gains=(gain,)) if label else asset)
    return Product(
        name=name,
        assets=tuple(labelled),
        sensor=metadata.sensor,
        because=base_name(path),
        time=metadata.time,
        platform=metadata.platform,
        geometry=metadata.geometry,
    )
