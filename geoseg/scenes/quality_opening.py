"""Open the quality layers of a scene: those of its product, bands of its stacks, and masks of the user."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.grid import Grid
from geoseg.messages import counted, warn
from geoseg.scenes.file_kinds import is_vector_kind
from geoseg.scenes.naming import Candidate
from geoseg.scenes.paths import fetch_text, gdal_path
from geoseg.scenes.product import QualityFile
from geoseg.scenes.quality_files import Kinds
from geoseg.scenes.quality_layers import PolygonLayer, QualityLayer, RasterLayer
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.readers import open_raster
from geoseg.spec import NOT_MAPPED, QualityFlag, QualitySpec

LOG = logging.getLogger(__name__)

Opened = tuple[QualitySpec, QualityLayer]


def open_quality(
    files: Sequence[QualityFile],
    candidates: Sequence[tuple[Candidate, tuple[str, ...]]],
    kinds: Kinds,
    names: Mapping[str, str],
) -> tuple[QualityLayer, ...]:
    """Open the quality layers of a scene; of several layers of one kind, the best is kept.

    Args:
        files: quality files of the product.
        candidates: bands of stacks that are quality layers, with their possible kinds.
        kinds: all kinds by name.
        names: common names of the bands by the names of the sensor (`B3`), in lower case.

    Raises:
        SceneReadError: a layer cannot be read.
    """
    opened: list[Opened] = []
    for file in files:
        polygons = [kinds[kind] for kind in file.kinds if kinds[kind].polygons]
        if polygons:
            opened.append((polygons[0], read_gml(file.path, polygons[0])))
            continue
        raster = open_raster(file.path)
        spec = _kind_of(raster, None, [kinds[kind] for kind in file.kinds])
        if spec is None:
            raster.close()
            continue
        opened.append((spec, _raster_layer(raster, spec, None, names)))
    for item, fitting in candidates:
        spec = _kind_of(item.raster, item.index, [kinds[kind] for kind in fitting])
        if spec is not None:
            opened.append((spec, _raster_layer(item.raster, spec, item.index, names)))
    return _best(opened, {item.raster for item, _ in candidates})


def without_clouds(layers: Sequence[QualityLayer], shared: Collection[Raster]) -> tuple[QualityLayer, ...]:
    """Return the layers that do not flag cloud or cloud shadow; close the others.

    Args:
        layers: all of a scene.
        shared: rasters that also hold bands of the scene; they stay open.
    """
    others = tuple(layer for layer in layers if not layer.conditions & {"cloud", "shadow"})
    for layer in set(layers) - set(others):
        if not isinstance(layer, RasterLayer) or layer.raster not in shared:
            layer.close()
    return others


_FILL = 255
"""Fill value of 8-bit layers, also stored in more bits, which does not tell their kind."""


def _kind_of(raster: Raster, index: int | None, fitting: Sequence[QualitySpec]) -> QualitySpec | None:
    """Return the kind of a layer, of those that its name allows; None: bands or values are of none."""
    count = raster.count if index is None else 1
    allowed = sorted((spec for spec in fitting if spec.bands <= count), key=lambda spec: -spec.least_highest)
    if index is None and count > 1:
        allowed = [spec for spec in allowed if spec.bands > 1 or _named_bands(raster, spec)]
    if not allowed:
        _warn_no_layer(raster, fitting, f"it has {counted(count, 'band')}")
        return None
    coded = any(spec.highest is not None for spec in allowed)
    if len(allowed) < 2 and not coded:
        return allowed[0]
    at = index or _labelled(raster, allowed[0]) or 1
    # A code that is rare, such as water, may decide between kinds.
    values = raster.sample(at, 512, 64) if len(allowed) > 1 and coded else raster.sample(at)
    values = values[np.isfinite(values)]
    filled = bool((values == _FILL).any()) or raster.nodata[at - 1] == _FILL
    unfilled = values[(values != _FILL) & (values != raster.nodata[at - 1])]
    if unfilled.size:
        values = unfilled
    elif coded:
        return allowed[-1]
    highest = float(values.max(initial=0))
    chosen = next((spec for spec in allowed if highest >= spec.least_highest), allowed[-1])
    if chosen.highest is not None and (highest > chosen.highest or bool((values % 1 != 0).any())):
        _warn_no_layer(
            raster, [chosen], f"its values ({values.min():.4g} to {highest:.4g}) are not its codes"
        )
        return None
    others = [spec for spec in allowed if spec is not chosen and highest <= (spec.highest or 0)]
    if chosen.highest is None or not others or filled:
        return chosen
    if raster.nodata[at - 1] == 0 and others[0].least_highest > chosen.least_highest:
        return others[0]
    codes = {int(value) for value in np.unique(values)}
    if _shadow_alone(chosen, codes) and not _shadow_alone(others[0], codes):
        chosen, others = others[0], [chosen]
    if max(codes, default=0) > 1:
        warn(
            LOG,
            "quality-codes-ambiguous",
            f"{base_name(raster.path)} is read as {chosen.title}; its values would also be those of "
            f"{others[0].title}, with other meanings: if it is that, use `--clouds none` and "
            f"`--mask {raster.path}:{_masked(others[0])}`",
        )
    return chosen


def _shadow_alone(spec: QualitySpec, codes: set[int]) -> bool:
    """Return whether codes would mean shadow without cloud, and nowhere the usual clear ground, 0."""
    meant = {code: flag.means for flag in spec.flags for code in flag.codes}
    found = {meant[code] for code in codes if code in meant}
    return 0 not in codes and "shadow" in found and "cloud" not in found


def _masked(spec: QualitySpec) -> str:
    """Return the codes of a kind that are not mapped, for `--mask`."""
    codes = {code for flag in spec.flags if flag.means in NOT_MAPPED for code in flag.codes}
    return ",".join(map(str, sorted(codes)))


def _named_bands(raster: Raster, spec: QualitySpec) -> bool:
    """Return whether a file of several bands has one that is described as a layer of a kind, or its flags."""
    return _labelled(raster, spec) is not None or any(flag.index > 1 for flag in spec.flags)


def _labelled(raster: Raster, spec: QualitySpec) -> int | None:
    """Return the first band of a file of several bands whose description is a label of a kind."""
    words = {label.lower() for label in spec.labels}
    texts = enumerate(raster.descriptions if raster.count > 1 else (), start=1)
    return next((at for at, text in texts if (text or "").strip().lower() in words), None)


def _warn_no_layer(raster: Raster, fitting: Sequence[QualitySpec], why: str) -> None:
    titles = " or ".join(dict.fromkeys(spec.title for spec in fitting))
    warn(
        LOG,
        "quality-not-used",
        f"{base_name(raster.path)} is named as a quality layer ({titles}), but {why}; it is not used",
    )


def _raster_layer(
    raster: Raster, spec: QualitySpec, index: int | None, names: Mapping[str, str]
) -> RasterLayer:
    """Return a layer with the bands of its flags: `index`, or found by description, else by index."""
    words = {_plain(text): at for at, text in enumerate(raster.descriptions, start=1) if text}
    indexes: dict[int, tuple[QualityFlag, ...]] = {}
    for flag in spec.flags:
        at = index or words.get(_plain(flag.band or "")) or _labelled(raster, spec) or flag.index
        if at <= raster.count:
            indexes[at] = (*indexes.get(at, ()), flag)
    return RasterLayer(raster=raster, spec=spec, indexes=indexes, names=names)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _best(opened: Sequence[Opened], stacks: Collection[Raster]) -> tuple[QualityLayer, ...]:
    """Keep the best layers: no superseded kind, and of one kind over one area the finest.

    Rasters of `stacks` also hold bands of the scene and stay open.
    """
    present = {spec.name for spec, _ in opened}
    best: list[Opened] = []
    for spec, layer in sorted(opened, key=lambda item: _pixel(item[1])):
        doubled = any(other is spec and _same_place(layer, known) for other, known in best)
        if not doubled and not present & set(spec.superseded_by):
            best.append((spec, layer))
        elif not isinstance(layer, RasterLayer) or layer.raster not in stacks:
            layer.close()
    return tuple(layer for _, layer in best)


def _pixel(layer: QualityLayer) -> float:
    """Return the area of a pixel in CRS units; of polygons 0."""
    return abs(layer.raster.grid.transform.determinant) if isinstance(layer, RasterLayer) else 0.0


def _same_place(one: QualityLayer, other: QualityLayer) -> bool:
    """Return whether two rasters cover the same area, at two pixel sizes or twice; tiles do not."""
    if not isinstance(one, RasterLayer) or not isinstance(other, RasterLayer) or one.raster is other.raster:
        return False
    import shapely  # noqa: PLC0415 - two rasters of one kind only

    boxes = [shapely.box(*_bounds(item.raster.grid)) for item in (one, other)]
    common = boxes[0].intersection(boxes[1]).area
    # Tiles may overlap considerably, but have one pixel size and extend beyond each other.
    alike = abs(_pixel(one) / _pixel(other) - 1) < 0.01
    return bool(common > 0.5 * min(box.area for box in boxes)) and not (
        alike and common < 0.999 * max(box.area for box in boxes)
    )


def _bounds(grid: Grid) -> tuple[float, float, float, float]:
    a, b, c, d, e, f = grid.transform[:6]
    xs = [c, c + a * grid.width, c + b * grid.height, c + a * grid.width + b * grid.height]
    ys = [f, f + d * grid.width, f + e * grid.height, f + d * grid.width + e * grid.height]
    return min(xs), min(ys), max(xs), max(ys)


def read_gml(path: str, spec: QualitySpec) -> PolygonLayer:
    """Read the polygons of a Sentinel-2 mask (GML) that have a `maskType` of the kind; without any: empty.

    Raises:
        SceneReadError: the file is not XML, or its coordinates are not numbers.
        SceneError: the CRS is not known.
    """
    import shapely  # noqa: PLC0415 - polygons only

    try:
        root = ElementTree.fromstring(fetch_text(path))  # noqa: S314 - expat bounds entity expansion
    except ElementTree.ParseError as error:
        raise SceneReadError(
            f"{path} is damaged: {error}; download it again or use `--clouds none`"
        ) from error
    shapes, systems = [], set()
    for feature in _elements(root, "MaskFeature"):
        kind = next((item.text or "" for item in _elements(feature, "maskType")), "")
        if kind.strip().upper() not in spec.polygons:
            continue
        for polygon in _elements(feature, "Polygon"):
            systems |= {item.get("srsName") for item in (polygon, feature, root)} - {None}
            rings = [_ring(item, path) for item in _elements(polygon, "posList")]
            shapes += [shapely.Polygon(rings[0], rings[1:])] if rings else []
    for envelope in _elements(root, "Envelope"):
        systems |= {envelope.get("srsName")} - {None}
    crs = _crs(sorted(map(str, systems)), path)
    made = shapely.make_valid(np.array(shapes, object))
    return PolygonLayer(title=spec.title, path=path, shapes=made, crs=crs, means=spec.flags[0].means)


def _elements(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """Return all elements of a name below an element, in any namespace."""
    return [item for item in root.iter() if item.tag.rpartition("}")[2] == tag]


def _ring(item: ElementTree.Element, path: str) -> list[tuple[float, float]]:
    """Return the corners of a ring: its numbers in pairs, or in threes by `srsDimension`."""
    step = int(item.get("srsDimension", "2"))
    try:
        numbers = [float(word) for word in (item.text or "").split()]
    except ValueError as error:
        raise SceneReadError(
            f"{path} is damaged: {error}; download it again or use `--clouds none`"
        ) from error
    return [(numbers[at], numbers[at + 1]) for at in range(0, len(numbers) - step + 1, step)]


def _crs(systems: Sequence[str], path: str) -> CRS | None:
    """Return the CRS of a mask from `srsName`; None: there is none."""
    code = next((match[1] for name in systems if (match := re.search(r"(\d{4,6})$", name))), None)
    if code is None:
        return None
    try:
        return CRS.from_epsg(int(code))
    except CRSError as error:
        raise SceneError(f"{path}: the CRS {systems[0]!r} is not known; use `--clouds none`") from error


def open_mask(text: str) -> QualityLayer:
    """Open the mask of `--mask FILE[:VALUES]`: a raster with values that are not mapped, or polygons.

    Without VALUES, pixels of 1 and more are masked, except the nodata value of the file. VALUES are integers
    and ranges: `3,8-11`.

    Raises:
        UsageError: VALUES are not valid.
        SceneReadError: the file is missing, or is neither a raster nor a vector file.
        SceneError: it holds no polygons, or its values are continuous.
    """
    match = re.fullmatch(r"(.+):([\d,\s-]+)", text)
    path, listed = (match[1], match[2]) if match and not Path(text).exists() else (text, "")
    codes = _codes(listed, text) if listed else ()
    try:
        raster = Raster(gdal_path(path))
    except SceneReadError:
        if codes or not is_vector_kind(path):
            raise
        from geoseg.scenes.polygon_files import read_polygons  # noqa: PLC0415 - polygons only

        shapes, crs = read_polygons(path)
        return PolygonLayer(title="--mask", path=path, shapes=shapes, crs=crs, means="masked")
    _check_codes(raster, path)
    if not codes:
        nodata = raster.nodata[0]
        unless = () if nodata is None or not float(nodata).is_integer() else (int(nodata),)
        flag = QualityFlag(means="masked", at_least=1, unless=unless)
    else:
        flag = QualityFlag(means="masked", codes=codes)
    spec = QualitySpec(name="mask", title="--mask", flags=(flag,), citation=base_name(path))
    return RasterLayer(raster=raster, spec=spec, indexes={1: spec.flags}, names={})


def _check_codes(raster: Raster, path: str) -> None:
    """Raise SceneError where most values of a mask have a fraction, as those of a scene or of scores have."""
    if not np.issubdtype(raster.dtypes[0], np.floating):
        return
    values = raster.sample(1)
    values = values[np.isfinite(values)]
    if np.count_nonzero(values != np.round(values)) > values.size / 2:
        raster.close()
        raise SceneError(
            f"`--mask {path}`: its values ({values.min():.3g} to {values.max():.3g}) are not codes of a "
            "mask, in which 1 and more is masked: give a raster of 0 and 1, or of integers with FILE:VALUES"
        )


def _codes(listed: str, text: str) -> tuple[int, ...]:
    """Return the integers of a list of integers and ranges."""
    codes: set[int] = set()
    for part in listed.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None:
            raise UsageError(f"`--mask {text}`: give values as integers and ranges, such as 3,8-11")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 65_535:
            raise UsageError(f"`--mask {text}`: {part.strip()} is not a range of values; give FIRST-LAST")
        codes |= set(range(first, last + 1))
    return tuple(sorted(codes))
