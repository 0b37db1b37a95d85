"""Recognise the provider of a product by the names of its files, folders and collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from geoseg.scenes.paths import is_local
from geoseg.scenes.product import Product
from geoseg.scenes.raster import Raster
from geoseg.spec import ProviderSpec, SensorSpec


def names_of(raster: Raster, product: Product, folders: int = 2) -> tuple[str, ...]:
    """Return the names of a file, of its innermost `folders` folders, and of its product."""
    path = raster.path
    absolute = str(Path(path).resolve()) if is_local(path) else path
    return (*reversed(PurePosixPath(absolute).parts[-folders - 1 :]), product.name, *product.hints)


def provider_of(names: Sequence[str], sensor: SensorSpec) -> ProviderSpec | None:
    """Return the provider of the first name that fits a provider's pattern; None if none does."""
    for name in names:
        for item in sensor.providers:
            if re.search(item.pattern, name, re.IGNORECASE):
                return item
    return None
