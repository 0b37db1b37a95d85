"""A package of cloud networks made in code, and scenes of made ground that they tell clouds of."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from geoseg.spec import ClassSpec, CloudNetworkSpec, CloudSpec, ModelBand
from tests.products.ground import BARE, CLOUD, REFLECTANCE, VEGETATION, WATER, Ground, write_raster
from tests.third_party import write_network

PACKAGE = "geoseg_made_clouds"
FOUR = ("blue", "green", "red", "nir")
SIX = (*FOUR, "swir16", "swir22")
SHADOW = BARE
"""The kind of ground that the networks call cloud shadow."""

TOA, SURFACE = "sentinel-2-l1c-harmonised", "sentinel-2-l2a-harmonised"


def cloud_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> CloudSpec:
    """Install a package whose networks tell the kinds of made ground apart, and make it the one known.

    Of each level and number of bands one; those of the surface call nothing a shadow.
    """
    place = folder / PACKAGE
    networks = []
    for bands in (SIX, FOUR):
        for level in ("toa", "surface"):
            file = f"{len(bands)}-{level}.onnx"
            kinds: list[int | tuple[int, ...]] = [(WATER, VEGETATION), CLOUD, SHADOW]
            if level == "surface":
                # A plane that no ground is nearest to: that of a spectrum which stands in another one too.
                kinds = [(WATER, VEGETATION, BARE), CLOUD, BARE]
            path = write_network(place / file, kinds, bands=bands, tile=256)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            networks.append(
                CloudNetworkSpec(
                    file=file,
                    sha256=sha256,
                    atmosphere="toa" if level == "toa" else "surface",
                    bands=tuple(ModelBand(name=name) for name in bands),
                )
            )
    (place / "__init__.py").write_text("raise RuntimeError('the code of the package is not used')\n")
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop(PACKAGE, None)
    spec = CloudSpec(
        name="made",
        title="Made clouds",
        package=PACKAGE,
        distribution="geoseg-made-clouds",
        versions=">=1",
        extra="clouds",
        licence="CC0-1.0",
        citation="tests",
        quality="ukis-csmask",
        units="reflectance",
        pixel=30,
        least=64,
        tile=256,
        overlap=52,
        activation="softmax",
        classes=tuple(
            ClassSpec(value=value, label=label, colour="#000000")
            for value, label in enumerate(("clear", "cloud", "cloud shadow"))
        ),
        networks=tuple(networks),
    )
    monkeypatch.setattr("geoseg.atmosphere.cloud_network.cloud_networks", lambda: (spec,))
    return spec


def cloudy(side: int) -> NDArray[np.uint8]:
    """Kinds (side, side): a lake in vegetation, a cloud over its north, and the cloud's shadow."""
    kinds = np.full((side, side), VEGETATION, np.uint8)
    kinds[side // 3 : side // 3 * 2, side // 3 : side // 3 * 2] = WATER
    kinds[side // 6 : side // 2, side // 4 : side // 2] = CLOUD
    kinds[side // 2 : side // 2 + side // 8, side // 2 : side // 4 * 3] = SHADOW
    return kinds


def cloudy_scene(
    folder: Path,
    kinds: NDArray[np.uint8],
    *,
    pixel: float = 30.0,
    bands: tuple[str, ...] = SIX,
    name: str = "scene",
    seed: int = 0,
    crs: str | None = "EPSG:32633",
    transform: Affine | None = None,
) -> Path:
    """Write reflectance of kinds of ground as float32 with named bands."""
    ground = Ground(kinds=kinds, seed=seed)
    values = np.stack([ground.reflectance(band) for band in bands]).astype(np.float32)
    assert set(bands) <= set(REFLECTANCE)
    path = folder / f"{name}.tif"
    return write_raster(path, values, pixel=pixel, descriptions=bands, crs=crs, transform=transform)
