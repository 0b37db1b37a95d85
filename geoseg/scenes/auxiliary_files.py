"""Recognise auxiliary files and bands of a product (angles, heights, pictures) by name and set them aside."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath

from geoseg.errors import SceneError
from geoseg.scenes import name_patterns
from geoseg.scenes.naming import Candidate
from geoseg.scenes.product import LeftOut, Product
from geoseg.scenes.raster import base_name
from geoseg.spec import AuxiliarySpec

Layers = Mapping[str, AuxiliarySpec]

_PREFIXED = 3
"""Least length of labels that are recognised at the end of longer names too: `20230506_WVP`."""


def content_by_name(name: str, layers: Layers, beside: Collection[str] = ()) -> str | None:
    """Return the content of an auxiliary file by its name, without regard to case; None for other files.

    Args:
        name: the file's name.
        layers: all auxiliary layers by provider.
        beside: names of the product's files in lower case; one of them may replace this file.
    """
    for spec in layers.values():
        for layer in spec.layers:
            if not name_patterns.fits(name, layer.files):
                continue
            if layer.replaced_by is None or _other_name(name, layer.replaced_by) in beside:
                return layer.what
    return None


def _other_name(name: str, replaced: tuple[str, str]) -> str:
    """Return the name, in lower case, of the file that is read instead of another."""
    old, new = replaced
    return name.lower().replace(old.lower(), new.lower())


def content_by_label(labels: Iterable[str], layers: Layers) -> str | None:
    """Return the content of an auxiliary STAC asset or band by key or description; None for other bands."""
    for text in labels:
        end = text.strip()
        for spec in layers.values():
            for layer in spec.layers:
                if any(label.lower() in end.lower() and _ends(label).search(end) for label in layer.labels):
                    return layer.what
    return None


@lru_cache(maxsize=256)
def _ends(label: str) -> re.Pattern[str]:
    """Return a pattern for a label, alone or after an underscore or a dot."""
    before = "(^|[_.])" if len(label) >= _PREFIXED else "^"
    return re.compile(f"{before}{re.escape(label)}$", re.IGNORECASE)


def set_auxiliary_aside(product: Product, layers: Layers, named: Collection[str] = ()) -> Product:
    """Return a product without its auxiliary files, which are listed in `left_out`.

    Args:
        product: the files of a scene.
        layers: all auxiliary layers by provider.
        named: paths that `--band` names, which stay.

    Raises:
        SceneError: all of its files are auxiliary.
    """
    assets, left = [], []
    beside = {base_name(asset.path).lower() for asset in product.assets}
    for asset in product.assets:
        name = base_name(asset.path)
        keys = [*(asset.labels[0] if len(asset.labels) == 1 else ()), asset.key]
        if asset.optional:
            # Exports of single bands have names such as `TCI_R.tif`.
            keys.append(PurePosixPath(name).stem)
        content = content_by_name(name, layers, beside) or content_by_label(filter(None, keys), layers)
        if content is not None and asset.path not in named:
            left.append(LeftOut(name=name, why=content))
        else:
            assets.append(asset)
    if left and not assets:
        raise _no_bands(product.name, left)
    return replace(product, assets=tuple(assets), left_out=(*product.left_out, *left))


def set_auxiliary_bands_aside(
    candidates: Sequence[Candidate], layers: Layers, *, others: bool = False
) -> tuple[list[Candidate], list[LeftOut]]:
    """Split the bands of stacks into bands to map from and auxiliary bands.

    Stacked files often leave their names as labels of bands.

    Args:
        candidates: bands without a name.
        layers: all auxiliary layers by provider.
        others: whether the scene has other bands.

    Raises:
        SceneError: all bands are auxiliary.
    """
    bands: list[Candidate] = []
    left: list[LeftOut] = []
    for item in candidates:
        names = (content_by_name(f"{label.strip()}.tif", layers) for label in item.labels)
        content = content_by_label(item.labels, layers) or next(filter(None, names), None)
        if content is None:
            bands.append(item)
        else:
            label = item.labels[0] if item.labels else ""
            left.append(LeftOut(name=f"{item.where} ({label})" if label else item.where, why=content))
    if left and not bands and not others:
        raise _no_bands(candidates[0].file, left)
    return bands, left


def _no_bands(name: str, left: Sequence[LeftOut]) -> SceneError:
    """Return the error of a scene whose layers are all auxiliary."""
    listed = ", ".join(f"{item.name} ({item.why})" for item in left[:3])
    return SceneError(
        f"{name} has no bands, only {listed}; give band files, or name bands with `--band NAME=PATH`"
    )
