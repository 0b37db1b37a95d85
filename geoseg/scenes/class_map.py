"""Class maps: rasters whose values are class codes, with their legend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from geoseg.errors import SceneError, UsageError
from geoseg.files.doors import opening
from geoseg.messages import Message, held
from geoseg.scenes.bands import Band, nodata_as_stored
from geoseg.scenes.files import find_product
from geoseg.scenes.grid_alignment import overlap
from geoseg.scenes.legend import Legend, read_legend
from geoseg.scenes.mosaic import TileMosaic
from geoseg.scenes.name_time import time_in_name
from geoseg.scenes.paths import is_local
from geoseg.scenes.product import Product
from geoseg.scenes.quality_layers import Quality
from geoseg.scenes.quality_opening import open_mask
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.scene import Scene, SceneMetadata
from geoseg.scenes.tiles import MAY_OVERLAP
from geoseg.spec import LegendSpec, SceneSpec
from geoseg.spec.presets import quality_layers

CLASS = "class"
"""Name of the band of a class map."""

MOST_FILES, MOST_REMOTE = 64, 4
"""Largest number of files of a product, local and remote, in which class maps are searched for."""

_BANDS = re.compile(r"(class(es|ification)?|labels?|map|land_?cover|lc_type1|lccs_class|discrete_?\w*)", re.I)
"""Descriptions of a band of classes among other bands."""
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassMap:
    """An open class map; `scene` closes it."""

    scene: Scene
    """One band, `CLASS`, of stored codes; it is resampled by the nearest pixel."""
    legend: Legend
    """Legend in the files of the raster."""
    described: bool = False
    """Whether the description of the band is classification, label or the like."""
    product: LegendSpec | None = None
    """The published product; None: not known."""
    version: str = ""
    """Version of the product's algorithm."""
    date: str = ""
    """Year or day, in ISO 8601; empty: not known."""

    @property
    def name(self) -> str:
        """Name of the scene."""
        return self.scene.name

    @property
    def certain(self) -> bool:
        """Whether names, colours, the description of the band or the product show that values are classes."""
        return bool(self.legend.source) or self.described or self.product is not None


def open_class_map(request: SceneSpec, products: Mapping[str, LegendSpec], *, asked: bool) -> ClassMap | None:
    """Open a class map; None where the files are not a class map.

    Args:
        request: a raster, a folder or STAC item with one, or its tiles.
        products: legends of published maps by name.
        asked: whether the user requested the comparison of class maps.

    Returns:
        The map. A single band of integers is not `certain` to be a class map.

    Raises:
        SceneReadError: a file is missing or not a raster.
        SceneError: there are several class maps, or none though the user requested it.
        UsageError: `--mask` is not valid, or bands are named.
    """
    with opening(", ".join(request.paths)):
        with held():
            product = find_product(request.paths, quality_layers(), remote_assets=request.remote_assets)
        most = MOST_FILES if all(is_local(asset.path) for asset in product.assets) else MOST_REMOTE
        maps: list[ClassMap] = []
        if product.sensor is None and len(product.assets) <= most and not request.bands:
            maps = _maps_in(product, products, asked)
        if not maps:
            if asked and request.bands:
                raise UsageError(
                    "`--band` is for scenes; `--method classes` compares rasters of one band: extract it "
                    "with `gdal_translate -b`"
                )
            if asked:
                raise SceneError(
                    f"{product.name} is not a raster of one band of integers, which `--method classes` "
                    "requires"
                )
            return None
        class_map = maps[0] if len(maps) == 1 else _mosaic(maps, product)
        masks = (open_mask(request.mask),) if request.mask else ()
        quality = Quality(layers=masks, dilate=request.mask_dilate)
        return replace(class_map, scene=class_map.scene.with_quality(quality))


def _maps_in(product: Product, products: Mapping[str, LegendSpec], asked: bool) -> list[ClassMap]:
    """Open the class maps among the files of a product; of several files, only certain ones."""
    maps = []
    for asset in product.assets:
        raster = Raster(asset.path)
        item = _class_map(raster, product, products, asked)
        if item is not None and (item.certain or len(product.assets) == 1):
            maps.append(item)
        else:
            raster.close()
    return maps


def _mosaic(tiles: Sequence[ClassMap], product: Product) -> ClassMap:
    """Mosaic the tiles of one map.

    Raises:
        SceneError: they are not tiles of one map.
    """
    first = tiles[0]
    grids = [item.scene.grid for item in tiles]
    alike = all(
        (item.product, item.version, item.date, item.legend.names)
        == (first.product, first.version, first.date, first.legend.names)
        for item in tiles
    )
    apart = all(overlap(one, other) <= MAY_OVERLAP for one, other in combinations(grids, 2))
    if not alike or not apart:
        for item in tiles:
            item.scene.close()
        names = ", ".join(base_name(item.scene.bands[0].raster.path) for item in tiles)
        raise SceneError(f"{product.name} holds several class maps ({names}): give those of one date")
    mosaic = TileMosaic([item.scene.bands for item in tiles])
    band = replace(first.scene.bands[0], raster=mosaic, index=1, nodata=mosaic.nodata[0])
    tiled = Message(logger=__name__, text=f"{len(tiles)} files tile the area and are mosaicked")
    metadata = replace(first.scene.metadata, name=product.name, messages=(tiled,))
    return replace(first, scene=Scene(metadata, (band,)))


def _class_map(
    raster: Raster, product: Product, products: Mapping[str, LegendSpec], asked: bool
) -> ClassMap | None:
    """Return a raster as a class map; None where it is not one."""
    index = _band_of_classes(raster)
    if index is None:
        return None
    dtype, own = raster.dtypes[index - 1], read_legend(raster.path, index)
    known, match = _product_of(raster, index, product, products)
    # A raster of several bands or of floats is a class map only if its metadata or the user says so.
    if (raster.count > 2 or dtype.kind not in "iu") and not (asked or own.names or known):
        return None
    tags = raster.tags()
    groups = match.groupdict() if match else {}
    band = Band(
        name=CLASS,
        raster=raster,
        index=index,
        nodata=nodata_as_stored(raster.nodata[index - 1], dtype),
        resampling="nearest",
        origin="map of classes",
        scaling="codes",
    )
    return ClassMap(
        scene=Scene(SceneMetadata(name=product.name, time=product.time, centres={}), (band,)),
        legend=own,
        described=_called_classes(raster.descriptions[index - 1]),
        product=known,
        version=groups.get("version") or tags.get("product_version", ""),
        date=str(groups.get("year") or "") or _date_of(product, base_name(raster.path), tags),
    )


def _band_of_classes(raster: Raster) -> int | None:
    """Return the index of the band of classes: the only band, or the only band described as classes."""
    if raster.count == 1:
        return 1
    if raster.count == 2 and raster.alpha_candidate == 2:
        raster.trust_alpha(2)
        return 1
    called = [index for index, text in enumerate(raster.descriptions, start=1) if _called_classes(text)]
    return called[0] if len(called) == 1 else None


def _called_classes(description: str | None) -> bool:
    """Return whether the description of a band names classes."""
    return description is not None and _BANDS.fullmatch(description.strip()) is not None


def _product_of(
    raster: Raster, index: int, product: Product, products: Mapping[str, LegendSpec]
) -> tuple[LegendSpec | None, re.Match[str] | None]:
    """Return the published product that matches names or tags, and the values."""
    tags = raster.tags()
    described = raster.descriptions[index - 1] or ""
    texts = (base_name(raster.path), product.name, *product.hints, tags.get("title", ""), described)
    values: set[float] | None = None
    for legend in products.values():
        match = next((found for text in texts if (found := legend.match(text))), None)
        if match is None:
            continue
        values = sample_values(raster, index) if values is None else values
        classes = {item.value for item in legend.classes}
        codes = classes | {item.value for item in legend.unobserved}
        if values <= codes and values & classes:
            return legend, match
    return None, None


def sample_values(raster: Raster, index: int) -> set[float]:
    """Return the distinct values of a sample of a band, without nodata."""
    seen = set(raster.sample(index).tolist())
    return {value for value in seen if value != raster.nodata[index - 1] and value == value}  # noqa: PLR0124


def _date_of(product: Product, name: str, tags: Mapping[str, str]) -> str:
    """Return the year or day of a map from tags or names; empty: not known."""
    start = tags.get("time_start", "")[:10]
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", start):
        return start[:4] if start.endswith("-01-01") else start
    if product.time is not None:
        return product.time.date().isoformat()
    for text in dict.fromkeys((name, product.name)):
        time = time_in_name(text)
        if time is not None:
            return time.date().isoformat()
        years = set(_YEAR.findall(text))
        if len(years) == 1:
            return str(years.pop())
    return ""
