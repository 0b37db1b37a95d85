"""From the paths of a request to one product: which files, and what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes import containers, enmap, landsat, planet, sentinel2
from geoseg.scenes.paths import (
    ARCHIVES,
    CONTAINERS,
    PICTURES,
    Listing,
    folder_text,
    gdal_path,
    is_archive,
    is_local,
    listing,
    looks_like_raster,
)
from geoseg.scenes.product import Asset, LeftOut, Product, QualityFile
from geoseg.scenes.quality_files import Kinds, kinds_by_name, quality_beside, quality_in
from geoseg.scenes.raster import base_name
from geoseg.scenes.raw_radar import is_raw_name, raw_error, refuse_raw
from geoseg.scenes.remote import is_listed, may_be_folder, remote_listing
from geoseg.scenes.sentinel2_tile import tile_offset
from geoseg.scenes.stac import stac_product
from geoseg.scenes.subdatasets import contents_of, subdataset_of


def find_product(paths: tuple[str, ...], kinds: Kinds) -> Product:
    """Return the files of a scene and what their metadata say.

    Args:
        paths: as people write them.
        kinds: all kinds of quality layer by name.

    Raises:
        SceneReadError: a path does not exist or cannot be listed.
        SceneError: a folder holds no raster, several scenes, or a product that must be processed first.
    """
    product = _merged([_one(gdal_path(path), kinds) for path in paths])
    for asset in product.assets:
        refuse_raw(asset.path)
    return product


def _merged(found: Sequence[Product]) -> Product:
    """Return several products as one, each file with the time of its own.

    Raises:
        SceneError: they are of several sensors.
    """
    first = found[0]
    if len(found) == 1:
        return first
    assets = {
        asset.path: replace(asset, time=asset.time or product.time)
        for product in found
        for asset in product.assets
    }
    sensors = {product.sensor: product.name for product in reversed(found) if product.sensor}
    if len(sensors) > 1:
        told = ", ".join(f"{name} is {sensor}" for sensor, name in sensors.items())
        raise SceneError(f"files of several sensors make no one scene: {told}; give those of one")
    known = next((product for product in found if product.sensor), first)
    platforms = {product.platform for product in found if product.platform}
    return replace(
        known,
        name=_common_name([product.name for product in found]),
        assets=tuple(assets.values()),
        time=next((product.time for product in found if product.time), None),
        hints=tuple(dict.fromkeys(hint for product in found for hint in product.hints)),
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
    part = subdataset_of(path)
    if part is not None:
        # GDAL opens such a part without its offset and its date; the product's metadata say both.
        safe = part.driver.startswith("sentinel2")
        return _one(part.file, kinds) if safe else containers.subdataset_product(path, part)
    local = Path(path)
    if is_local(path) and landsat.MTL.search(name) and local.is_file():
        return _beside(listing(local.parent), name)
    if not is_local(path) and _describes(name):
        return _described(path, name, kinds)
    if path.lower().split("?")[0].endswith((".json", ".geojson")):
        item = stac_product(path)
        return _planet(_texts(local.parent), item) if is_local(path) else item
    if not is_local(path):
        return _remote(path, name, kinds)
    if not local.exists():
        raise SceneReadError(f"{path} does not exist; check the path")
    if local.is_dir() and containers.is_store(local):
        return containers.store_product(local)
    if local.is_dir():
        return _folder(listing(local), local.resolve().name, kinds)
    if sentinel2.METADATA.search(name) or name == "manifest.safe":
        return _folder(listing(local.parent), local.resolve().parent.name, kinds)
    if enmap.METADATA.search(name) and enmap.is_metadata(near := _around(local), name):
        return _enmap(near, name, kinds)
    if is_archive(local):
        return _folder(listing(local), local.name.split(".")[0], kinds)
    return _file(local, kinds)


def _describes(name: str) -> bool:
    """Whether a file describes the product in whose folder it lies, by its name."""
    patterns = (landsat.MTL, sentinel2.METADATA, enmap.METADATA)
    return any(pattern.search(name) for pattern in patterns)


def _described(path: str, name: str, kinds: Kinds) -> Product:
    """Return the product that a metadata file at an address describes.

    Raises:
        SceneReadError: what lies beside it cannot be listed.
    """
    folder = path.rpartition("/")[0]
    files = remote_listing(folder)
    if files is None:
        raise SceneReadError(
            f"{folder} is not listed by its server, so that the files beside {name} are not known; give a "
            "STAC item, or the band files"
        )
    return _beside(files, name) if landsat.MTL.search(name) else _folder(files, base_name(folder), kinds)


def _remote(path: str, name: str, kinds: Kinds) -> Product:
    """Return the product behind an address: a file, a store or a folder.

    Raises:
        SceneReadError: it is an archive, or cannot be reached.
    """
    container = containers.container_product(path)
    if container is not None:
        return container
    if name.lower().endswith(ARCHIVES):
        raise SceneReadError(f"{path.removeprefix('/vsicurl/')} is an archive at an address; fetch it first")
    if may_be_folder(path) and not is_listed(path) and contents_of(path) is None:
        raise SceneReadError(
            f"{path}: folders are listed of s3:// and http(s):// only; give the files themselves"
        )
    files = remote_listing(path) if may_be_folder(path) else None
    return _folder(files, name, kinds) if files else Product(name=name, assets=(Asset(path=path),))


def _file(path: Path, kinds: Kinds) -> Product:
    """Return one raster file, with the metadata file beside it that shares its name's beginning."""
    asset = Asset(path=str(path))
    container = containers.container_product(str(path))
    if container is not None:
        return container
    if enmap.IMAGE.search(path.name):
        near = _around(path)
        metadata = enmap.metadata_beside(near, path.name)
        if metadata is not None:
            return _enmap(near, metadata, kinds, path.name)
    files = _texts(path.parent)
    if landsat.band_label(path.name):
        for mtl in landsat.best_mtls(files.names):
            if path.name.startswith(landsat.MTL.sub("", mtl)):
                return replace(_landsat(files, mtl, (asset,)), name=path.stem)
    return _planet(files, Product(name=path.stem, assets=(asset,)))


def _around(path: Path) -> Listing:
    """Return the files of the folder that a file is in, not of those below."""
    return listing(path.parent, deep=False)


def _enmap(files: Listing, metadata: str, kinds: Kinds, image: str | None = None) -> Product:
    """Return an EnMAP product with its quality layers."""
    product = enmap.enmap_product(files, metadata, image)
    quality = quality_beside(files, metadata, kinds)
    known = {base_name(item.path) for item in quality}
    left = tuple(item for item in product.left_out if item.name not in known)
    return replace(product, quality=quality, left_out=left)


def _texts(folder: Path) -> Listing:
    """Return the metadata files of a folder, not of those below."""
    names = (item.name for item in folder.iterdir() if item.suffix.lower() in {".txt", ".xml", ".json"})
    return Listing(
        root=str(folder),
        names=tuple(sorted(names)),
        text=lambda name: folder_text(folder, name),
    )


def _beside(files: Listing, mtl: str) -> Product:
    """Return the Landsat bands that an MTL file was given for."""
    prefix = landsat.MTL.sub("", mtl)
    names = [name for name in files.names if name.startswith(prefix) and "/" not in name]
    assets, left = _assets(files, names)
    if not assets:
        raise SceneError(f"{files.path(mtl)} has no band files beside it ({prefix}_B*.TIF)")
    return replace(_landsat(files, mtl, assets), name=prefix.rstrip("_"), left_out=left)


def _folder(files: Listing, name: str, kinds: Kinds) -> Product:
    """Return what a folder or archive holds."""
    safes = [item for item in files.names if sentinel2.METADATA.search(item)]
    if safes:
        depth = min(item.count("/") for item in safes)
        return _merged([_safe(files, item, kinds) for item in safes if item.count("/") == depth])
    if is_raw_name(files.root) or any(is_raw_name(files.path(item)) for item in files.names):
        raise raw_error(files.root)
    described = [item for item in files.names if enmap.is_metadata(files, item)]
    if described:
        return _enmap(files, _one_of(described, files.root), kinds)
    container = containers.contained(files)
    if container is not None:
        return container
    # Without METADATA.XML the image may still carry wavelengths; its quality layers are no bands of it.
    own = [item for item in files.names if enmap.IMAGE.search(item)]
    own = own or [item for item in files.names if "/" not in item]
    assets, left = _assets(files, own)
    if not assets:
        assets, left = _assets(files, list(files.names))
    if not assets:
        return _archives(files, left, kinds)
    mtls = landsat.best_mtls(files.names)
    if not mtls:
        polygons = tuple(
            QualityFile(path=files.path(item), kinds=fitting)
            for item in files.names
            if item.lower().endswith(".gml") and (fitting := kinds_by_name(base_name(item), kinds))
        )
        if (facts := tile_offset(files)) is not None:
            assets = tuple(replace(asset, offset=facts) for asset in assets)
        found = Product(name=name, assets=assets, hints=(name,), left_out=left, quality=polygons)
        return _planet(files, found)
    product = _landsats(files, mtls, assets)
    return replace(product, name=name if len(mtls) == 1 else product.name, left_out=left)


def _one_of(metadata: list[str], root: str) -> str:
    """Return the only metadata file.

    Raises:
        SceneError: there are several, of one product each.
    """
    if len(metadata) > 1:
        few = ", ".join(metadata[:3])
        raise SceneError(f"{root} holds {len(metadata)} products ({few}); give one of these files")
    return metadata[0]


def _safe(files: Listing, metadata: str, kinds: Kinds) -> Product:
    """Return a Sentinel-2 product with its quality layers."""
    product = sentinel2.safe_product(files, metadata)
    image = files.name(product.assets[0].path)
    return replace(product, quality=quality_in(files, image, kinds))


def _archives(files: Listing, left: Sequence[LeftOut], kinds: Kinds) -> Product:
    """Return what the archives in a folder without rasters hold, as orders are delivered."""
    archives = [item for item in files.names if item.lower().endswith(ARCHIVES)]
    if archives and is_local(files.root):
        found = [
            _folder(listing(Path(files.path(item))), base_name(item).split(".")[0], kinds)
            for item in archives
        ]
        return _merged(found)
    pictures = f", only pictures such as {left[0].name}, which are no bands" if left else ""
    raise SceneError(
        f"{files.root} holds no raster files{pictures}; give a folder of band files or a product"
    )


def _assets(files: Listing, names: Sequence[str]) -> tuple[tuple[Asset, ...], tuple[LeftOut, ...]]:
    """Return the rasters among files, and what only looks like one.

    Pictures are no bands, nor are HDF and netCDF files beside rasters of another format.
    """
    siblings = frozenset(name.lower() for name in names)
    pictures = [name for name in names if name.lower().endswith(PICTURES)]
    rasters = [name for name in names if name not in set(pictures) and looks_like_raster(name, siblings)]
    others = [name for name in rasters if name.lower().endswith(CONTAINERS)]
    if len(others) < len(rasters):
        rasters = [name for name in rasters if name not in set(others)]
    else:
        others = []
    left = [LeftOut(name=base_name(name), why="picture") for name in pictures]
    left += [
        LeftOut(name=base_name(name), why="the product in another format, or its metadata") for name in others
    ]
    return tuple(asset for name in rasters for asset in containers.assets_of(files.path(name))), tuple(left)


def _landsats(files: Listing, mtls: Sequence[str], assets: tuple[Asset, ...]) -> Product:
    """Return the Landsat scenes of a folder: files go with the MTL file that their names begin like.

    Raises:
        SceneError: the scenes are of several dates or sensors.
    """
    own = {mtl: tuple(asset for asset in assets if _goes_with(asset, mtl)) for mtl in mtls}
    if len(mtls) == 1:
        # Files that were renamed keep the only MTL file there is.
        product = _landsat(files, mtls[0], own[mtls[0]] or assets)
        known = {asset.path for asset in product.assets}
        return replace(
            product, assets=product.assets + tuple(item for item in assets if item.path not in known)
        )
    found = [_landsat(files, mtl, own[mtl]) for mtl in mtls if own[mtl]]
    dates = {product.time.date() for product in found if product.time}
    if len(dates) > 1 or len({product.sensor for product in found}) > 1:
        raise SceneError(
            f"{files.root} holds several scenes ({', '.join(map(base_name, mtls[:3]))}); give one MTL file"
        )
    taken = {asset.path for product in found for asset in product.assets}
    rest = tuple(asset for asset in assets if asset.path not in taken)
    return _merged([*found, Product(name=found[0].name, assets=rest)] if rest else found)


def _goes_with(asset: Asset, mtl: str) -> bool:
    """Whether a file's name begins like that of an MTL file."""
    return base_name(asset.path).startswith(landsat.MTL.sub("", base_name(mtl)))


def _landsat(files: Listing, mtl: str, assets: tuple[Asset, ...]) -> Product:
    """Return Landsat band files with what their MTL file says."""
    metadata = landsat.parse_mtl(files.text(mtl), files.path(mtl))
    labelled = []
    for asset in assets:
        label = landsat.band_label(base_name(asset.path))
        gain = metadata.gain(label) if label else None
        labelled.append(replace(asset, labels=((label,),), gains=(gain,)) if label else asset)
    return Product(
        name=landsat.MTL.sub("", base_name(mtl)),
        assets=tuple(labelled),
        sensor=metadata.sensor,
        because=base_name(mtl),
        time=metadata.time,
        platform=metadata.platform,
        geometry=metadata.geometry,
    )


def _planet(files: Listing, product: Product) -> Product:
    """Return PlanetScope files with what XML and JSON beside them say; other files as they are."""
    assets, geometry = planet.with_metadata(product.assets, files.names, files.text)
    times = [asset.time for asset in assets if asset.time]
    return replace(
        product,
        assets=assets,
        time=product.time or min(times, default=None),
        geometry=product.geometry or geometry,
    )
