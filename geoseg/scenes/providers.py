"""Whose product a file is, by its own name, by those of its folders and of its collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from geoseg.scenes.paths import is_local
from geoseg.scenes.product import Product
from geoseg.scenes.raster import Raster
from geoseg.spec import ProviderSpec, SensorSpec


def names_of(raster: Raster, product: Product, folders: int = 2) -> tuple[str, ...]:
    """Return the names of a file, of so many folders from the innermost outwards, and of its product."""
    path = raster.path
    whole = str(Path(path).resolve()) if is_local(path) else path
    return (*reversed(PurePosixPath(whole).parts[-folders - 1 :]), product.name, *product.hints)


def provider_of(names: Sequence[str], sensor: SensorSpec) -> ProviderSpec | None:
    """Return the provider that the first telling name gives away, None where none does."""
    for name in names:
        for item in sensor.providers:
            if re.search(item.pattern, name, re.IGNORECASE):
                return item
    return None
