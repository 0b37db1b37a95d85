"""Recognise the files and bands of a product that are quality layers, by name; they are not bands."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from posixpath import dirname

from geoseg.messages import warn
from geoseg.scenes import name_patterns
from geoseg.scenes.name_time import time_in_name
from geoseg.scenes.naming import Candidate
from geoseg.scenes.paths import Listing, is_local
from geoseg.scenes.product import Product, QualityFile
from geoseg.scenes.raster import base_name
from geoseg.spec import QualitySpec

LOG = logging.getLogger(__name__)

Kinds = Mapping[str, QualitySpec]

LEAST_SHARED = 2
"""Characters that a band file and a quality layer in its folder must share at the start of their names."""

MASKS = "MASKS"
"""Subfolder of the quality layers in products of MAJA (MUSCATE)."""


def kinds_by_name(name: str, kinds: Kinds) -> tuple[str, ...]:
    """Return the kinds of quality layer whose patterns match a file name, case-insensitively."""
    return _fitting(name, tuple((kind, tuple(spec.file_patterns)) for kind, spec in kinds.items()))


@lru_cache(maxsize=2**17)
def _fitting(name: str, patterns: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    """Return the kinds whose patterns match a name; kept, as scenes in one folder list the same names."""
    return tuple(
        kind for kind, own in patterns if any(name_patterns.search(pattern, name) for pattern in own)
    )


def kinds_by_label(labels: Iterable[str], kinds: Kinds) -> tuple[str, ...]:
    """Return the kinds of quality layer that the key of a STAC asset or the description of a band names."""
    words = {label.strip().lower() for label in labels}
    return tuple(kind for kind, spec in kinds.items() if words & {label.lower() for label in spec.labels})


def set_quality_aside(product: Product, kinds: Kinds, named: Collection[str] = ()) -> Product:
    """Return a product whose quality layers are moved from its assets to `quality`.

    Layers in the folders of files that were named one by one are included if their names start alike.

    Args:
        product: the files of a scene.
        kinds: all kinds of quality layer by name.
        named: paths that the user named as bands; they are bands under any name.
    """
    assets, quality = [], list(product.quality)
    for asset in product.assets:
        labels = asset.labels[0] if len(asset.labels) == 1 else ()
        fitting = kinds_by_name(base_name(asset.path), kinds) or kinds_by_label(labels, kinds)
        if fitting and asset.path not in named:
            quality.append(QualityFile(path=asset.path, kinds=fitting))
        else:
            assets.append(asset)
    if not assets:
        return product
    known = {item.path for item in quality}
    quality += [item for item in _beside([asset.path for asset in assets], kinds) if item.path not in known]
    return replace(product, assets=tuple(assets), quality=tuple(quality))


def set_bands_aside(
    candidates: Sequence[Candidate], kinds: Kinds
) -> tuple[list[Candidate], list[tuple[Candidate, tuple[str, ...]]]]:
    """Split the bands of stacks into bands of the scene and quality layers (with their kinds)."""
    bands: list[Candidate] = []
    quality: list[tuple[Candidate, tuple[str, ...]]] = []
    for item in candidates:
        fitting = kinds_by_label(item.labels, kinds)
        if fitting:
            quality.append((item, fitting))
        else:
            bands.append(item)
    return bands, quality


def quality_in(files: Listing, image: str, kinds: Kinds) -> tuple[QualityFile, ...]:
    """Return the quality layers of a granule of a SAFE product.

    Args:
        files: the product's files.
        image: the relative path of one of its images (`GRANULE/NAME/IMG_DATA/...`).
        kinds: all kinds of quality layer by name.
    """
    granule = re.split("IMG_DATA", image, maxsplit=1, flags=re.IGNORECASE)[0]
    return tuple(
        QualityFile(path=files.path(name), kinds=fitting)
        for name in files.names
        if name.startswith(granule) and (fitting := kinds_by_name(base_name(name), kinds))
    )


def quality_below(files: Listing, product: Product, kinds: Kinds) -> tuple[QualityFile, ...]:
    """Return the quality layers in subfolders of a product's folder, as MAJA's `MASKS`.

    Args:
        files: all files of the folder.
        product: its bands; where some lie in subfolders, no layers, because those beside them are found.
        kinds: all kinds of quality layer by name.
    """
    bands = [files.name(asset.path) for asset in product.assets]
    if any("/" in name for name in bands):
        return ()
    found = []
    for item in files.names:
        name = base_name(item)
        fitting = kinds_by_name(name, kinds) if "/" in item else ()
        fitting = tuple(kind for kind in fitting if any(_begins(band, name, kinds[kind]) for band in bands))
        if fitting:
            found.append(QualityFile(path=files.path(item), kinds=fitting))
    return tuple(found)


def quality_beside(files: Listing, name: str, kinds: Kinds) -> tuple[QualityFile, ...]:
    """Return the quality layers in the folder of one file of a product."""
    folder = dirname(name)
    return tuple(
        QualityFile(path=files.path(item), kinds=fitting)
        for item in files.names
        if dirname(item) == folder and (fitting := kinds_by_name(base_name(item), kinds))
    )


def _beside(paths: Sequence[str], kinds: Kinds) -> list[QualityFile]:
    """Return the quality layers in the folders of local files whose names start as those of the files.

    The name of a quality layer is that of a band except for its end: the text before the pattern must start
    the name of a band file.
    """
    layers: dict[str, tuple[int, QualityFile]] = {}
    order = {Path(path).name: at for at, path in reversed([*enumerate(paths)])}
    folders: dict[Path, list[str]] = {}
    for path in paths:
        place = Path(path)
        if is_local(path) and place.is_file():
            folders.setdefault(place.parent, []).append(place.name)
    for folder, names in folders.items():
        for item in sorted([*folder.iterdir(), *(folder / MASKS).glob("*")]):
            matches = {
                kind: [order[name] for name in names if _begins(name, item.name, kinds[kind])]
                for kind in kinds_by_name(item.name, kinds)
            }
            fitting = tuple(kind for kind, places in matches.items() if places)
            used = [name for name in names if any(_begins(name, item.name, kinds[kind]) for kind in fitting)]
            if fitting and len(used) == 1 and _is_of_another(used[0], item.name, [kinds[k] for k in fitting]):
                warn(
                    LOG,
                    "quality-not-used",
                    f"{item.name} is not used: its name does not show that it belongs to {used[0]}; if it "
                    f"does, name it {used[0].rpartition('.')[0]}_… as well, or give its codes with "
                    "`--mask FILE:VALUES`",
                )
                continue
            if fitting and item.is_file():
                first = min(min(matches[kind]) for kind in fitting)
                layers[str(item)] = first, QualityFile(path=str(item), kinds=fitting)
    # In the order of the files that they belong to: of overlapping tiles the first one is used.
    return [file for _, file in sorted(layers.values(), key=lambda item: item[0])]


def _is_of_another(name: str, layer: str, specs: Sequence[QualitySpec]) -> bool:
    """Return whether a layer may be of another scene than the only file given: `s2_scl.tif` of `s2_june.tif`.

    The start of its name has neither date nor tile, and what follows in the name of the file is no number of
    a band.
    """
    starts = [_start(layer, spec) for spec in specs if _begins(name, layer, spec)]
    start = max(starts, key=len).rstrip("._-")
    rest = name.removeprefix(start).rpartition(".")[0].strip("_-. ")
    return bool(rest) and not any(_IDENTITY.search(item) for item in starts) and not _BAND.match(rest)


_IDENTITY = re.compile(r"\d{4}|\d\d[A-Z]{3}(?![A-Z])")
"""Part of a name that one acquisition or tile has: a date, the path and row, or a tile."""
_BAND = re.compile(r"(sr_)?b(and)?_?\d{1,2}a?(?![a-z\d])", re.IGNORECASE)


def _begins(name: str, layer: str, spec: QualitySpec) -> bool:
    """Return whether a name starts with the text before the pattern in a layer's name (or group `stem`).

    Where both names have a date after that text, it must be the same.
    """
    dates = [time.date() for item in (name, layer) if (time := time_in_name(item))]
    if len(set(dates)) > 1:
        return False
    start = _start(layer, spec)
    # The separator belongs to the start of some patterns; a stack of bands ends before it.
    whole = name.rpartition(".")[0] == start.rstrip("._-")
    return len(start) >= LEAST_SHARED and (whole or name.startswith(start))


def _start(layer: str, spec: QualitySpec) -> str:
    """Return the text before the pattern in the name of a layer (or group `stem`), as its bands have it."""
    matches = (name_patterns.search(pattern, layer) for pattern in spec.file_patterns)
    starts = (match.groupdict().get("stem") or layer[: match.start()] for match in matches if match)
    start = max(starts, key=len, default="")
    return start if spec.band_names is None else start.replace(*spec.band_names)
