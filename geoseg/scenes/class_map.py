"""Maps of classes: rasters whose values are codes, with what is known of their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from geoseg.errors import SceneError, UsageError
from geoseg.messages import Message, held
from geoseg.scenes.bands import Band, nodata_as_stored
from geoseg.scenes.files import find_product
from geoseg.scenes.lattice import overlap
from geoseg.scenes.legend import Legend, read_legend
from geoseg.scenes.mosaic import TileMosaic
from geoseg.scenes.paths import is_local
from geoseg.scenes.product import Product, time_in_name
from geoseg.scenes.quality_layers import Quality
from geoseg.scenes.quality_opening import open_mask
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.scene import Facts, Scene
from geoseg.scenes.tiles import MAY_OVERLAP
from geoseg.spec import LegendSpec, SceneSpec
from geoseg.spec.presets import quality_layers

CLASS = "class"
"""Name of the band of a map of classes."""

MOST_FILES, MOST_REMOTE = 64, 4
"""Files of a product, here or elsewhere, among which maps of classes are looked for."""

_BANDS = re.compile(r"(class(es|ification)?|labels?|map|land_?cover|lc_type1|lccs_class|discrete_?\w*)", re.I)
"""Descriptions of the band of classes among others."""
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassMap:
    """A map of classes that is open; `scene` closes it."""

    scene: Scene
    """One band, `CLASS`, of codes as they are stored; other grids see its nearest pixels."""
    legend: Legend
    """What the raster itself says of them."""
    described: bool = False
    """Whether its band is called a classification, a label or the like."""
    product: LegendSpec | None = None
    """The published product that it is of."""
    version: str = ""
    """Of the product's algorithm."""
    date: str = ""
    """Year or day, in ISO 8601; empty where no name tells it."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.scene.name

    @property
    def certain(self) -> bool:
        """Whether names, colours, the band's description or the product say that the values are classes."""
        return bool(self.legend.source) or self.described or self.product is not None


def open_class_map(request: SceneSpec, products: Mapping[str, LegendSpec], *, asked: bool) -> ClassMap | None:
    """Open a map of classes; None where the files are no such map.

    Args:
        request: a raster, or a folder or STAC item that holds one, or its tiles.
        products: classes of published maps by name.
        asked: whether the user says that the values are classes.

    Returns:
        The map. It is not `certain` where it only could be one: a single band of whole numbers.

    Raises:
        SceneReadError: a file is missing or no raster.
        SceneError: there are several maps of classes, or none where the user says so.
        UsageError: `--mask` is not understood, or bands are named.
    """
    with held():
        product = find_product(request.paths, quality_layers())
    most = MOST_FILES if all(is_local(asset.path) for asset in product.assets) else MOST_REMOTE
    found: list[ClassMap] = []
    if product.sensor is None and len(product.assets) <= most and not request.bands:
        found = _maps_in(product, products, asked)
    if not found:
        if asked and request.bands:
            raise UsageError(
                "--band is for scenes; --method classes compares rasters of one band (gdal_translate -b)"
            )
        if asked:
            raise SceneError(
                f"{product.name} is no raster of one band of whole numbers, which --method classes compares"
            )
        return None
    whole = found[0] if len(found) == 1 else _joined(found, product)
    masks = (open_mask(request.mask),) if request.mask else ()
    return replace(whole, scene=whole.scene.with_quality(Quality(layers=masks, dilate=request.mask_dilate)))


def _maps_in(product: Product, products: Mapping[str, LegendSpec], asked: bool) -> list[ClassMap]:
    """Open the maps of classes among a product's files; of several files, only what is certain counts."""
    found = []
    for asset in product.assets:
        raster = Raster(asset.path)
        item = _class_map(raster, product, products, asked)
        if item is not None and (item.certain or len(product.assets) == 1):
            found.append(item)
        else:
            raster.close()
    return found


def _joined(found: Sequence[ClassMap], product: Product) -> ClassMap:
    """Join the tiles of one map.

    Raises:
        SceneError: they are several maps.
    """
    first = found[0]
    grids = [item.scene.grid for item in found]
    alike = all(
        (item.product, item.version, item.date, item.legend.names)
        == (first.product, first.version, first.date, first.legend.names)
        for item in found
    )
    apart = all(overlap(one, other) <= MAY_OVERLAP for one, other in combinations(grids, 2))
    if not alike or not apart:
        for item in found:
            item.scene.close()
        names = ", ".join(base_name(item.scene.bands[0].raster.path) for item in found)
        raise SceneError(f"{product.name} holds several maps of classes ({names}): give those of one date")
    mosaic = TileMosaic([item.scene.bands for item in found])
    band = replace(first.scene.bands[0], raster=mosaic, index=1, nodata=mosaic.nodata[0])
    tiled = Message(logger=__name__, text=f"{len(found)} files tile the area and are read as one")
    facts = replace(first.scene.facts, name=product.name, messages=(tiled,))
    return replace(first, scene=Scene(facts, (band,)))


def _class_map(
    raster: Raster, product: Product, products: Mapping[str, LegendSpec], asked: bool
) -> ClassMap | None:
    """Take a raster for a map of classes; None where it is none."""
    index = _band_of_classes(raster)
    if index is None:
        return None
    dtype, own = raster.dtypes[index - 1], read_legend(raster.path, index)
    known, match = _product_of(raster, index, product, products)
    # Of several bands, or of decimals, only what says that it is a map of classes is taken for one.
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
        scene=Scene(Facts(name=product.name, time=product.time, centres={}), (band,)),
        legend=own,
        described=_called_classes(raster.descriptions[index - 1]),
        product=known,
        version=groups.get("version") or tags.get("product_version", ""),
        date=str(groups.get("year") or "") or _date_of(product, base_name(raster.path), tags),
    )


def _band_of_classes(raster: Raster) -> int | None:
    """Index of the band of classes: the only one, or the only one that is called so."""
    if raster.count == 1:
        return 1
    if raster.count == 2 and raster.alpha_candidate == 2:
        raster.trust_alpha(2)
        return 1
    called = [index for index, text in enumerate(raster.descriptions, start=1) if _called_classes(text)]
    return called[0] if len(called) == 1 else None


def _called_classes(description: str | None) -> bool:
    """Whether a band's description says that it holds classes."""
    return description is not None and _BANDS.fullmatch(description.strip()) is not None


def _product_of(
    raster: Raster, index: int, product: Product, products: Mapping[str, LegendSpec]
) -> tuple[LegendSpec | None, re.Match[str] | None]:
    """The published product that names or tags tell and the values fit."""
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
    """Return the values of a sample of a band, without its nodata value."""
    seen = set(raster.sample(index).tolist())
    return {value for value in seen if value != raster.nodata[index - 1] and value == value}  # noqa: PLR0124


def _date_of(product: Product, name: str, tags: Mapping[str, str]) -> str:
    """Year or day of a map, as tags or names tell it; empty where they do not."""
    told = tags.get("time_start", "")[:10]
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", told):
        return told[:4] if told.endswith("-01-01") else told
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
