"""Find the files and the metadata of one product from the paths of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes import containers, enmap, landsat, planet, sentinel2
from geoseg.scenes.contents import contents_of
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
from geoseg.scenes.quality_files import Kinds, kinds_by_name, quality_below, quality_beside, quality_in
from geoseg.scenes.raster import base_name
from geoseg.scenes.raw_radar import is_raw_name, raw_error, refuse_raw
from geoseg.scenes.sentinel2_tile import tile_offset
from geoseg.scenes.stac import stac_product
from geoseg.scenes.stac_documents import is_item_name
from geoseg.scenes.subdatasets import subdataset_of


def find_product(paths: tuple[str, ...], kinds: Kinds, *, remote_assets: bool = False) -> Product:
    """Return the files of a scene and their metadata.

    Args:
        paths: paths and addresses as given by the user.
        kinds: all kinds of quality layer by name.
        remote_assets: whether STAC items on this machine may name assets at addresses.

    Raises:
        SceneReadError: a path does not exist or cannot be listed.
        SceneError: a folder has no raster, several scenes, or a product that must be processed first.
    """
    product = _merged([_product_of(gdal_path(path), kinds, remote_assets=remote_assets) for path in paths])
    for asset in product.assets:
        refuse_raw(asset.path)
    return product


def _merged(products: Sequence[Product]) -> Product:
    """Return several products as one; each file keeps the time of its product.

    Raises:
        SceneError: they are of several sensors.
    """
    first = products[0]
    if len(products) == 1:
        return first
    assets = {
        asset.path: replace(asset, time=asset.time or product.time)
        for product in products
        for asset in product.assets
    }
    sensors = {product.sensor: product.name for product in reversed(products) if product.sensor}
    if len(sensors) > 1:
        raise _several_sensors({name: sensor for sensor, name in sensors.items()})
    with_sensor = next((product for product in products if product.sensor), first)
    platforms = {product.platform for product in products if product.platform}
    return replace(
        with_sensor,
        name=_common_name([product.name for product in products]),
        assets=tuple(assets.values()),
        time=next((product.time for product in products if product.time), None),
        hints=tuple(dict.fromkeys(hint for product in products for hint in product.hints)),
        platform=platforms.pop() if len(platforms) == 1 else None,
        geometry=next((product.geometry for product in products if product.geometry), None),
        quality=tuple(dict.fromkeys(item for product in products for item in product.quality)),
        left_out=tuple(dict.fromkeys(item for product in products for item in product.left_out)),
    )


def _several_sensors(sensors: Mapping[str, str]) -> SceneError:
    """Return the error for products of several sensors, by name."""
    listed = ", ".join(f"{name} is {sensor}" for name, sensor in sensors.items())
    return SceneError(f"files of several sensors cannot be one scene: {listed}; give the files of one")


def _common_name(names: list[str]) -> str:
    """Return the common beginning of several names, else the first name with a count."""
    shared = names[0]
    for name in names[1:]:
        while not name.startswith(shared):
            shared = shared[:-1]
    shared = shared.rstrip("_-. B")
    return shared if len(shared) >= 4 else f"{names[0]} and {len(names) - 1} more"


def _product_of(path: str, kinds: Kinds, *, remote_assets: bool = False) -> Product:
    """Return the product of one path."""
    name = base_name(path)
    part = subdataset_of(path)
    if part is not None:
        # GDAL opens these parts without offset and date; the product's metadata have both.
        safe = part.driver.startswith("sentinel2")
        return _product_of(part.file, kinds) if safe else containers.subdataset_product(path, part)
    local = Path(path)
    if is_local(path) and landsat.MTL.search(name) and local.is_file():
        return _beside(listing(local.parent), name)
    if not is_local(path) and _describes(name):
        return _described(path, name, kinds)
    if is_item_name(path):
        item = stac_product(path, remote_assets=remote_assets)
        return _planet(_texts(local.parent), item) if is_local(path) else item
    if not is_local(path):
        return _remote(path, name, kinds)
    if not local.exists():
        raise SceneReadError(f"{path} does not exist; check the path")
    if local.is_dir():
        return containers.store_product(local) or _folder(listing(local), local.resolve().name, kinds)
    if sentinel2.METADATA.search(name) or name == "manifest.safe":
        return _folder(listing(local.parent), local.resolve().parent.name, kinds)
    if enmap.METADATA.search(name):
        files = listing(local.parent, deep=False)
        if enmap.is_metadata(files, name):
            return _enmap(files, name, kinds)
    if local.suffix.lower() == ".dim" and (data := local.with_suffix(".data")).is_dir():
        # SNAP writes a folder of ENVI files beside its metadata.
        return _folder(listing(data), data.name, kinds)
    if is_archive(local):
        return _folder(listing(local), local.name.split(".")[0], kinds)
    return _file(local, kinds)


def _describes(name: str) -> bool:
    """Return True for names of files with the metadata of the product in their folder."""
    patterns = (landsat.MTL, sentinel2.METADATA, enmap.METADATA)
    return any(pattern.search(name) for pattern in patterns)


def _described(path: str, name: str, kinds: Kinds) -> Product:
    """Return the product of a metadata file at an address.

    Raises:
        SceneReadError: its folder cannot be listed.
    """
    from geoseg.scenes.remote import remote_listing  # noqa: PLC0415 - for addresses only

    folder = path.rpartition("/")[0]
    files = remote_listing(folder)
    if files is None:
        raise SceneReadError(
            f"the server does not list {folder}, so that the files of the product of {name} are not known; "
            "give a STAC item, or the band files"
        )
    return _beside(files, name) if landsat.MTL.search(name) else _folder(files, base_name(folder), kinds)


def _remote(path: str, name: str, kinds: Kinds) -> Product:
    """Return the product at an address: a file, a store or a folder.

    Raises:
        SceneReadError: it is an archive, or cannot be reached.
    """
    from geoseg.scenes.remote import is_listed, may_be_folder, remote_listing  # noqa: PLC0415 - for addresses

    container = containers.container_product(path)
    if container is not None:
        return container
    if name.lower().endswith(ARCHIVES):
        raise SceneReadError(
            f"{path.removeprefix('/vsicurl/')} is an archive at an address; download it first"
        )
    if may_be_folder(path) and not is_listed(path) and contents_of(path) is None:
        raise SceneReadError(
            f"{path}: only folders at s3://, gs://, az:// and http(s):// can be listed; give the files"
        )
    files = remote_listing(path) if may_be_folder(path) else None
    return _folder(files, name, kinds) if files else Product(name=name, assets=(Asset(path=path),))


def _file(path: Path, kinds: Kinds) -> Product:
    """Return one raster file, with the metadata file of its folder whose name begins in the same way."""
    asset = Asset(path=str(path))
    container = containers.container_product(str(path))
    if container is not None:
        return container
    if enmap.IMAGE.search(path.name):
        files = listing(path.parent, deep=False)
        metadata = enmap.metadata_beside(files, path.name)
        if metadata is not None:
            return _enmap(files, metadata, kinds, path.name)
    files = _texts(path.parent)
    if landsat.band_label(path.name):
        for mtl in landsat.best_mtls(files.names):
            if path.name.startswith(landsat.MTL.sub("", mtl)):
                return replace(_landsat(files, mtl, (asset,)), name=path.stem)
    return _planet(files, Product(name=path.stem, assets=(asset,)))


def _enmap(files: Listing, metadata: str, kinds: Kinds, image: str | None = None) -> Product:
    """Return an EnMAP product with its quality layers."""
    product = enmap.enmap_product(files, metadata, image)
    quality = quality_beside(files, metadata, kinds)
    known = {base_name(item.path) for item in quality}
    left = tuple(item for item in product.left_out if item.name not in known)
    return replace(product, quality=quality, left_out=left)


def _texts(folder: Path) -> Listing:
    """Return the metadata files of a folder, without those of its subfolders."""
    names = (item.name for item in folder.iterdir() if item.suffix.lower() in {".txt", ".xml", ".json"})
    return Listing(
        root=str(folder),
        names=tuple(sorted(names)),
        text=lambda name: folder_text(folder, name),
    )


def _beside(files: Listing, mtl: str) -> Product:
    """Return the Landsat product of an MTL file."""
    prefix = landsat.MTL.sub("", mtl)
    names = [name for name in files.names if name.startswith(prefix) and "/" not in name]
    assets, left = _assets(files, names)
    if not assets:
        raise SceneError(f"there are no band files ({prefix}_B*.TIF) in the folder of {files.path(mtl)}")
    return replace(_landsat(files, mtl, assets), name=prefix.rstrip("_"), left_out=left)


def _folder(files: Listing, name: str, kinds: Kinds) -> Product:
    """Return the product in a folder or archive.

    Raises:
        SceneError: it has no raster, products of several sensors, or a raw Sentinel-1 product.
    """
    safes = [item for item in files.names if sentinel2.METADATA.search(item)]
    if safes:
        depth = min(item.count("/") for item in safes)
        product = _merged([_safe(files, item, kinds) for item in safes if item.count("/") == depth])
        for mtl in landsat.best_mtls(files.names):
            sensor = landsat.parse_mtl(files.text(mtl), files.path(mtl)).sensor
            raise _several_sensors({product.name: str(product.sensor), base_name(mtl): sensor})
        return product
    if is_raw_name(files.root) or any(is_raw_name(files.path(item)) for item in files.names):
        raise raw_error(files.root)
    described = [item for item in files.names if enmap.is_metadata(files, item)]
    if described:
        if len(described) > 1:
            raise SceneError(
                f"{files.root} has {len(described)} products ({', '.join(described[:3])}); give one of these "
                "files"
            )
        return _enmap(files, described[0], kinds)
    container = containers.contained(files)
    if container is not None:
        return container
    # Without METADATA.XML the EnMAP image may have wavelengths; its quality layers are not bands.
    images = [item for item in files.names if enmap.IMAGE.search(item)]
    assets, left = _assets(files, images or [item for item in files.names if "/" not in item])
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
        product = Product(name=name, assets=assets, hints=(name,), left_out=left, quality=polygons)
        product = replace(product, quality=(*polygons, *quality_below(files, product, kinds)))
        return _planet(files, product)
    product = _landsats(files, mtls, assets)
    return replace(product, name=name if len(mtls) == 1 else product.name, left_out=left)


def _safe(files: Listing, metadata: str, kinds: Kinds) -> Product:
    """Return a Sentinel-2 product with its quality layers."""
    product = sentinel2.safe_product(files, metadata)
    image = files.name(product.assets[0].path)
    return replace(product, quality=quality_in(files, image, kinds))


def _archives(files: Listing, left: Sequence[LeftOut], kinds: Kinds) -> Product:
    """Return the products of the archives in a folder without rasters, as orders are delivered.

    Raises:
        SceneError: there are no archives.
    """
    archives = [item for item in files.names if item.lower().endswith(ARCHIVES)]
    if archives and is_local(files.root):
        products = [
            _folder(listing(Path(files.path(item))), base_name(item).split(".")[0], kinds)
            for item in archives
        ]
        return _merged(products)
    pictures = f", only pictures such as {left[0].name}, which are not bands" if left else ""
    raise SceneError(f"{files.root} has no raster files{pictures}; give a folder of band files or a product")


def _assets(files: Listing, names: Sequence[str]) -> tuple[tuple[Asset, ...], tuple[LeftOut, ...]]:
    """Return the rasters among files, and the files that are left out.

    Pictures are left out, and so are HDF and netCDF files if there are rasters of another format.
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
    left += [LeftOut(name=base_name(name), why="product in another format, or metadata") for name in others]
    return tuple(asset for name in rasters for asset in containers.assets_of(files.path(name))), tuple(left)


def _landsats(files: Listing, mtls: Sequence[str], assets: tuple[Asset, ...]) -> Product:
    """Return the Landsat scenes of a folder: files belong to the MTL file whose name begins in the same way.

    Raises:
        SceneError: the scenes are of several dates or sensors.
    """
    prefixes = {mtl: landsat.MTL.sub("", base_name(mtl)) for mtl in mtls}
    by_mtl = {
        mtl: tuple(asset for asset in assets if base_name(asset.path).startswith(prefix))
        for mtl, prefix in prefixes.items()
    }
    if len(mtls) == 1:
        # Renamed files belong to the only MTL file.
        product = _landsat(files, mtls[0], by_mtl[mtls[0]] or assets)
        paths = {asset.path for asset in product.assets}
        return replace(
            product, assets=product.assets + tuple(item for item in assets if item.path not in paths)
        )
    products = [_landsat(files, mtl, by_mtl[mtl]) for mtl in mtls if by_mtl[mtl]]
    dates = {product.time.date() for product in products if product.time}
    if len(dates) > 1 or len({product.sensor for product in products}) > 1:
        raise SceneError(
            f"{files.root} has several scenes ({', '.join(map(base_name, mtls[:3]))}); give one MTL file"
        )
    paths = {asset.path for product in products for asset in product.assets}
    rest = tuple(asset for asset in assets if asset.path not in paths)
    return _merged([*products, Product(name=products[0].name, assets=rest)] if rest else products)


def _landsat(files: Listing, mtl: str, assets: tuple[Asset, ...]) -> Product:
    """Return Landsat band files with the metadata of their MTL file."""
    metadata = landsat.parse_mtl(files.text(mtl), files.path(mtl))
    labelled = []
    for asset in assets:
        label = landsat.band_label(base_name(asset.path))
        gain = metadata.gain(label) if label else None
        labelled.append(replace(asset, labels=((label,),), gains=(gain,)) if label else asset)
    return Product(
        name=landsat.MTL.sub("", base_name(mtl)),
        assets=tuple(labelled),
        sensor=landsat.sensor_of_files(metadata.sensor, [base_name(asset.path) for asset in assets]),
        sensor_reason=base_name(mtl),
        time=metadata.time,
        platform=metadata.platform,
        geometry=metadata.geometry,
    )


def _planet(files: Listing, product: Product) -> Product:
    """Return PlanetScope files with the metadata of their XML and JSON; other files unchanged."""
    assets, geometry = planet.with_metadata(product.assets, files.names, files.text)
    times = [asset.time for asset in assets if asset.time]
    return replace(
        product,
        assets=assets,
        time=product.time or min(times, default=None),
        geometry=product.geometry or geometry,
    )
