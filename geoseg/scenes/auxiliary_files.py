"""Which files and bands of a product are auxiliary (angles, heights, pictures), told by name: never bands."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath

from geoseg.errors import SceneError
from geoseg.scenes.naming import Candidate
from geoseg.scenes.product import LeftOut, Product
from geoseg.scenes.raster import base_name
from geoseg.spec import AuxiliarySpec

Layers = Mapping[str, AuxiliarySpec]

_PREFIXED = 3
"""Labels of at least so many characters count at the end of longer ones too: `20230506_WVP`."""


def what_by_name(name: str, layers: Layers) -> str | None:
    """Return what an auxiliary file holds by its name, without regard to case; None: it is none."""
    for spec in layers.values():
        for layer in spec.layers:
            if any(re.search(pattern, name, re.IGNORECASE) for pattern in layer.files):
                return layer.what
    return None


def what_by_label(labels: Iterable[str], layers: Layers) -> str | None:
    """Return what a STAC asset or a band of a stack holds, by key or description; None: no auxiliary."""
    for text in labels:
        for spec in layers.values():
            for layer in spec.layers:
                if any(_ends(label).search(text.strip()) for label in layer.labels):
                    return layer.what
    return None


@lru_cache(maxsize=256)
def _ends(label: str) -> re.Pattern[str]:
    """Return a pattern for a label, alone or after an underscore or a dot."""
    before = "(^|[_.])" if len(label) >= _PREFIXED else "^"
    return re.compile(f"{before}{re.escape(label)}$", re.IGNORECASE)


def set_auxiliary_aside(product: Product, layers: Layers, named: Collection[str] = ()) -> Product:
    """Return a product without its auxiliary files, which `left_out` lists then.

    Args:
        product: the files of a scene.
        layers: all auxiliary layers by provider.
        named: paths that the user calls bands, whatever their names say.

    Raises:
        SceneError: all of its files are auxiliary.
    """
    assets, left = [], []
    for asset in product.assets:
        name = base_name(asset.path)
        keys = [*(asset.labels[0] if len(asset.labels) == 1 else ()), asset.key]
        if asset.spare:
            # Exports of single bands: `TCI_R.tif`.
            keys.append(PurePosixPath(name).stem)
        what = what_by_name(name, layers) or what_by_label(filter(None, keys), layers)
        if what is not None and asset.path not in named:
            left.append(LeftOut(name=name, why=what))
        else:
            assets.append(asset)
    if left and not assets:
        told = ", ".join(f"{item.name} ({item.why})" for item in left[:3])
        raise SceneError(
            f"{product.name} holds no band, but {told}; give band files, or name bands with --band NAME=PATH"
        )
    return replace(product, assets=tuple(assets), left_out=(*product.left_out, *left))


def set_auxiliary_bands_aside(
    candidates: Sequence[Candidate], layers: Layers
) -> tuple[list[Candidate], list[LeftOut]]:
    """Split the bands of stacks into those to map from and auxiliary ones."""
    bands, left = [], []
    for item in candidates:
        what = what_by_label(item.labels, layers)
        if what is None:
            bands.append(item)
        else:
            label = item.labels[0] if item.labels else ""
            left.append(LeftOut(name=f"{item.where} ({label})" if label else item.where, why=what))
    return bands, left
